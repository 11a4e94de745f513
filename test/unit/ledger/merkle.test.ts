import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../../src/lib/bytes.ts";
import { leafHash } from "../../../src/ledger/hash.ts";
import {
  edgeOf,
  extendEdge,
  rootFromInclusion,
  rootOfEdge,
  verifyConsistency,
  verifyInclusion,
  type ConsistencyClaim,
  type Edge,
  type InclusionClaim,
} from "../../../src/ledger/merkle.ts";
import {
  flipBit,
  perfectRanges,
  ReferenceTree,
  sha256Of,
  UniformTree,
} from "../../support/reference-tree.ts";

const SIZE_MAX = 3000;
const tree = ReferenceTree.numbered(SIZE_MAX);
const sizes = fc.oneof(
  fc.integer({ min: 1, max: SIZE_MAX }),
  fc.constantFrom(1, 2, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2048, 2304, SIZE_MAX),
);

/** The leaves and roots that certificate-transparency implementations have tested with since 2012. */
const CLASSIC_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
const CLASSIC_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
];

function inclusion(index: number, size: number): InclusionClaim {
  const proof = tree.path(index, 0, size);
  return { index, size, leafHash: tree.leaf(index), proof, rootHash: tree.root(0, size) };
}

function consistency(from: number, to: number): ConsistencyClaim {
  const proof = tree.consistency(from, to);
  return { from, to, fromRoot: tree.root(0, from), toRoot: tree.root(0, to), proof };
}

/** Every way to leave out, repeat, exchange or change one hash of a proof. */
function damaged(proof: readonly Uint8Array[], bit: number): Uint8Array[][] {
  const stranger = new Uint8Array(32).fill(7);
  const more = [
    [stranger, ...proof],
    [...proof, stranger],
  ];
  return proof.reduce<Uint8Array[][]>((all, hash, i) => {
    const withInstead = (...hashes: Uint8Array[]) => proof.toSpliced(i, 1, ...hashes);
    const next = proof[i + 1];
    const swapped = next === undefined ? [] : [proof.toSpliced(i, 2, next, hash)];
    const changes = [withInstead(), withInstead(hash, hash), withInstead(flipBit(hash, bit))];
    return [...all, ...changes, ...swapped];
  }, more);
}

const NO_SIZES = [NaN, -1, 0.5, 2.5, Infinity, -Infinity, 2 ** 53, 2 ** 64];

describe("growing a tree", () => {
  test("the classic leaves have the roots every implementation knows", () => {
    const hashes = CLASSIC_LEAVES.map((hex) => leafHash(fromHex(hex) ?? new Uint8Array()));
    const roots = CLASSIC_ROOTS.map((_, size) => toHex(rootOfEdge(edgeOf(hashes.slice(0, size)))));
    expect(roots).toEqual(CLASSIC_ROOTS);
  });

  test("the edge is the perfect subtrees, largest first, at every size", () => {
    let edge: Edge = [];
    for (let size = 0; size < 600; size++) {
      expect(edge).toEqual(perfectRanges(size).map(([from, to]) => tree.root(from, to)));
      expect(rootOfEdge(edge)).toEqual(tree.root(0, size));
      edge = extendEdge(edge, size, tree.leaf(size));
    }
  });

  test("each node is reported once, when it becomes complete", () => {
    const seen: Uint8Array[][] = [];
    tree.leaves
      .slice(0, 64)
      .reduce<Edge>(
        (edge, leaf, size) =>
          extendEdge(edge, size, leaf, (node, height) => (seen[height] ??= []).push(node)),
        [],
      );
    expect(seen).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((height) =>
        Array.from({ length: 64 / 2 ** height }, (_, i) =>
          tree.root(i * 2 ** height, (i + 1) * 2 ** height),
        ),
      ),
    );
  });

  test("an older edge stays as it was", () => {
    const edge = edgeOf(tree.leaves.slice(0, 3));
    const before = edge.map(toHex);
    extendEdge(edge, 3, tree.leaf(3));
    expect(edge.map(toHex)).toEqual(before);
  });

  test("an edge of another size is our mistake and does not pass", () => {
    expect(() => extendEdge([], 1, tree.leaf(1))).toThrow("subtree of a tree of size 1");
  });
});

describe("inclusion", () => {
  test("the RFC's proof verifies for every leaf of every small tree, and for that leaf only", () => {
    for (let size = 1; size <= 34; size++) {
      for (let index = 0; index < size; index++) {
        const claim = inclusion(index, size);
        const holds = Array.from({ length: size + 2 }, (_, i) =>
          verifyInclusion({ ...claim, index: i }),
        );
        expect(holds.indexOf(true)).toBe(index);
        expect(holds.lastIndexOf(true)).toBe(index);
      }
    }
  });

  test("no part of a proof can be changed", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(255), (size, at, bit) => {
        const claim = inclusion(at % size, size);
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leafHash: flipBit(claim.leafHash, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, rootHash: flipBit(claim.rootHash, bit) })).toBe(false);
        for (const proof of damaged(claim.proof, bit)) {
          expect(verifyInclusion({ ...claim, proof })).toBe(false);
        }
      }),
    );
  });

  test("a path of another length leads nowhere, whatever root is claimed", () => {
    const { rootHash, ...claim } = inclusion(5, 8);
    const longer = { ...claim, proof: [...claim.proof, tree.leaf(9)] };
    expect(rootFromInclusion(claim)).toEqual(rootHash);
    expect(rootFromInclusion(longer)).toBeUndefined();
    expect(rootFromInclusion({ ...claim, proof: claim.proof.slice(0, -1) })).toBeUndefined();
  });

  test("a node cannot pass for a leaf beside a shorter path", () => {
    const { proof, ...claim } = inclusion(2, 4);
    expect(verifyInclusion({ ...claim, leafHash: tree.root(2, 4), proof: proof.slice(1) })).toBe(
      false,
    );
  });

  test("the border between two hashes cannot be moved", () => {
    const claim = inclusion(0, 2);
    const [sibling = new Uint8Array()] = claim.proof;
    const shifted = new Uint8Array([...claim.leafHash, ...sibling.slice(0, 1)]);
    const moved = { ...claim, leafHash: shifted, proof: [sibling.slice(1)] };
    expect(rootFromInclusion(moved)).toBeUndefined();
  });

  test.each(NO_SIZES)(
    "%d is neither an index nor a size, and is refused without a throw",
    (number) => {
      const claim = inclusion(1, 4);
      expect(verifyInclusion({ ...claim, index: number })).toBe(false);
      expect(verifyInclusion({ ...claim, size: number })).toBe(false);
      expect(verifyInclusion({ ...claim, index: number, size: number })).toBe(false);
    },
  );

  test("nothing is in the empty tree", () => {
    const claim = { index: 0, size: 0, leafHash: tree.leaf(0), proof: [] };
    expect(verifyInclusion({ ...claim, rootHash: tree.root(0, 0) })).toBe(false);
  });
});

describe("consistency", () => {
  test("the RFC's proof verifies for every pair of small sizes", () => {
    for (let to = 1; to <= 40; to++) {
      for (let from = 1; from <= to; from++)
        expect(verifyConsistency(consistency(from, to))).toBe(true);
    }
  });

  test("no part of a proof can be changed", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(255), (to, at, bit) => {
        const claim = consistency(1 + (at % to), to);
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, fromRoot: flipBit(claim.fromRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, toRoot: flipBit(claim.toRoot, bit) })).toBe(false);
        for (const proof of damaged(claim.proof, bit)) {
          expect(verifyConsistency({ ...claim, proof })).toBe(false);
        }
      }),
    );
  });

  test("a proof of another height does not hold, whatever roots are claimed", () => {
    expect(verifyConsistency({ ...consistency(4, 8), to: 16 })).toBe(false);
    expect(verifyConsistency({ ...consistency(4, 16), to: 8 })).toBe(false);
    expect(verifyConsistency({ ...consistency(3, 8), to: 16 })).toBe(false);
    const { fromRoot, toRoot, proof, ...sizes } = consistency(3, 8);
    const stranger = tree.leaf(9);
    const under = (root: Uint8Array) => sha256Of(Uint8Array.of(1), stranger, root);
    const longer = {
      fromRoot: under(fromRoot),
      toRoot: under(toRoot),
      proof: [...proof, stranger],
    };
    expect(verifyConsistency({ ...sizes, ...longer })).toBe(false);
  });

  test("a rewritten prefix has no proof", () => {
    const forged = new ReferenceTree(tree.leaves.slice(0, 100).toSpliced(3, 1, tree.leaf(2000)));
    for (let from = 4; from < 100; from++) {
      const claim = { ...consistency(from, 100), toRoot: forged.root(0, 100) };
      expect(verifyConsistency(claim)).toBe(false);
      expect(verifyConsistency({ ...claim, proof: forged.consistency(from, 100) })).toBe(false);
    }
  });

  test("the empty tree is not provable, and a tree does not shrink", () => {
    const empty = tree.root(0, 0);
    const claim = consistency(1, 8);
    expect(verifyConsistency({ ...claim, from: 0, fromRoot: empty })).toBe(false);
    expect(verifyConsistency({ from: 0, to: 0, fromRoot: empty, toRoot: empty, proof: [] })).toBe(
      false,
    );
    const { fromRoot, toRoot, proof } = consistency(3, 7);
    expect(verifyConsistency({ from: 7, to: 3, fromRoot: toRoot, toRoot: fromRoot, proof })).toBe(
      false,
    );
  });

  test("equal sizes need equal roots and no proof", () => {
    const claim = consistency(5, 5);
    expect(verifyConsistency({ ...claim, toRoot: tree.root(1, 6) })).toBe(false);
    expect(verifyConsistency({ ...claim, proof: [tree.leaf(0)] })).toBe(false);
  });

  test.each(NO_SIZES)("%d is not a size, and is refused without a throw", (number) => {
    const claim = consistency(3, 7);
    expect(verifyConsistency({ ...claim, from: number })).toBe(false);
    expect(verifyConsistency({ ...claim, to: number })).toBe(false);
    expect(verifyConsistency({ ...claim, from: number, to: number })).toBe(false);
  });
});

test("proofs of trees past 2^32 leaves verify", () => {
  const uniform = new UniformTree();
  for (const size of [2 ** 32 - 1, 2 ** 32 + 1, 2 ** 45 + 12345, Number.MAX_SAFE_INTEGER]) {
    const rootHash = uniform.root(0, size);
    for (const index of [0, 5, 2 ** 31, Math.floor(size / 3), size - 1]) {
      const claim = {
        index,
        size,
        leafHash: uniform.leaf(0),
        proof: uniform.path(index, 0, size),
        rootHash,
      };
      expect(verifyInclusion(claim)).toBe(true);
    }
    for (const from of [1, 256, 2 ** 31, Math.floor(size / 3), size - 1, size]) {
      const proof = uniform.consistency(from, size);
      const claim = { from, to: size, fromRoot: uniform.root(0, from), toRoot: rootHash, proof };
      expect(verifyConsistency(claim)).toBe(true);
    }
  }
});
