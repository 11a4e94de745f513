import * as fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { concatBytes } from "../../../src/lib/bytes.ts";
import {
  EMPTY_TREE,
  extendTree,
  parseTile,
  parseTilePath,
  partialWidth,
  partialWidths,
  restoreTree,
  rootOf,
  tilePath,
  type Tile,
  type Tree,
} from "../../../src/ledger/tiles.ts";
import { ReferenceTree, UniformTree } from "../../support/reference-tree.ts";

const counted = vi.hoisted(() => ({ nodeHashes: 0 }));
vi.mock(import("../../../src/ledger/hash.ts"), async (original) => {
  const actual = await original();
  return {
    ...actual,
    nodeHash: (left, right) => {
      counted.nodeHashes++;
      return actual.nodeHash(left, right);
    },
  };
});
beforeEach(() => {
  counted.nodeHashes = 0;
});

const tree = ReferenceTree.numbered(3000);

function grow(groups: readonly number[]): { tree: Tree; full: Tile[] } {
  let grown = EMPTY_TREE;
  const full: Tile[] = [];
  for (const count of groups) {
    const next = extendTree(grown, tree.leaves.slice(grown.size, grown.size + count));
    grown = next.tree;
    full.push(...next.full);
  }
  return { tree: grown, full };
}

function expectTile(tile: Tile, reference: ReferenceTree): void {
  const { level, index } = tile;
  const leaves = 256 ** (level + 1);
  expect(tile.hashes).toEqual(reference.tile(level, index, 256));
  expect(tile.rootHash).toEqual(reference.root(index * leaves, (index + 1) * leaves));
}

/** A tree of `size` equal leaves, without the work of growing it. */
function uniformTree(size: number, uniform: UniformTree): Tree {
  const partial = partialWidths(size).map(({ index, width }, level) =>
    uniform.tile(level, index, width),
  );
  return restoreTree(size, partial);
}

describe("growing a tree in tiles", () => {
  test("any grouping of the same leaves gives the same root, tiles and state", () => {
    const groups = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(groups, (counts) => {
        const kept = counts.filter(
          (_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b) <= 3000,
        );
        const grown = grow(kept);
        const { size } = grown.tree;
        expect(grown).toEqual(grow([size]));
        expect(rootOf(grown.tree)).toEqual(tree.root(0, size));
        expect(grown.full.map(({ level, index }) => `${level}/${index}`)).toEqual(
          Array.from({ length: Math.floor(size / 256) }, (_, i) => `0/${i}`),
        );
      }),
      { numRuns: 15 },
    );
  });

  test("tiles hold what tlog-tiles says, one is reported exactly when it fills", () => {
    for (const tile of grow([256, 1000, 1744]).full) expectTile(tile, tree);
    expect(grow([255]).full).toHaveLength(0);
    expect(grow([255, 1]).full).toHaveLength(1);
    expect(grow([256, 1]).full).toHaveLength(1);
  });

  test("the 65,536th leaf fills a tile on two levels, the lower one first", () => {
    const uniform = new UniformTree();
    const before = uniformTree(65_530, uniform);
    const { tree: after, full } = extendTree(before, Array<Uint8Array>(10).fill(uniform.leaf(0)));
    expect(full.map(({ level, index }) => [level, index])).toEqual([
      [0, 255],
      [1, 0],
    ]);
    for (const tile of full) expectTile(tile, uniform);
    expect(after.partial.map((hashes) => hashes.length)).toEqual([4, 0, 1]);
    expect(rootOf(after)).toEqual(uniform.root(0, 65_540));
  });

  test("tiles keep their number in a tree past 2^32 leaves", () => {
    const uniform = new UniformTree();
    const before = uniformTree(2 ** 48 - 1, uniform);
    const { tree: after, full } = extendTree(before, [uniform.leaf(0)]);
    expect(full.map(({ level, index }) => [level, index])).toEqual(
      [0, 1, 2, 3, 4, 5].map((level) => [level, 2 ** (40 - 8 * level) - 1]),
    );
    expect(rootOf(after)).toEqual(uniform.root(0, 2 ** 48));
  });

  test("the tree before stays as it was", () => {
    const { tree: before } = grow([200]);
    const copy = structuredClone(before);
    extendTree(before, tree.leaves.slice(200, 500));
    expect(before).toEqual(copy);
  });

  test("an append costs one node hash per leaf, and a lone one no more than the tree is high", () => {
    grow([1000]);
    expect(counted.nodeHashes).toBe(1000 - 6); // 1000 has six 1s in binary: six subtrees left
    const { tree: wide } = grow([2815]); // 255 wide on level 0
    counted.nodeHashes = 0;
    rootOf(extendTree(wide, [tree.leaf(2815)]).tree);
    expect(counted.nodeHashes).toBeLessThanOrEqual(12);
  });
});

describe("restoring a tree", () => {
  test("from its unfinished tiles it is the tree that was grown", () => {
    for (const size of [0, 1, 255, 256, 257, 511, 512, 1000, 2999]) {
      const { tree: grown } = grow([size]);
      expect(restoreTree(size, grown.partial)).toEqual(grown);
    }
  });

  test("tiles of another size are our mistake and do not pass", () => {
    const { tree: grown } = grow([300]);
    expect(() => restoreTree(301, grown.partial)).toThrow("level 0");
    expect(() => restoreTree(300, grown.partial.slice(0, 1))).toThrow("level 1");
    expect(() => restoreTree(300, [...grown.partial, [tree.leaf(0)]])).toThrow("level 2");
    expect(() => restoreTree(NaN, [])).toThrow("size of a tree");
  });

  test("partialWidths tells where the unfinished tiles are", () => {
    expect(partialWidths(0)).toEqual([]);
    expect(partialWidths(255)).toEqual([{ index: 0, width: 255 }]);
    expect(partialWidths(70_000)).toEqual([
      { index: 273, width: 112 },
      { index: 1, width: 17 },
      { index: 0, width: 1 },
    ]);
    expect(partialWidth(6, Number.MAX_SAFE_INTEGER)).toBe(31);
    expect(partialWidth(7, Number.MAX_SAFE_INTEGER)).toBe(0);
  });
});

describe("tile octets", () => {
  test("are 32 for each hash, 1 to 256 of them", () => {
    const hashes = tree.leaves.slice(0, 256);
    expect(parseTile(concatBytes(...hashes))).toEqual(hashes);
    expect(parseTile(concatBytes(...hashes.slice(0, 3)))).toEqual(hashes.slice(0, 3));
    expect(parseTile(new Uint8Array())).toBeUndefined();
    expect(parseTile(new Uint8Array(33))).toBeUndefined();
    expect(parseTile(new Uint8Array(257 * 32))).toBeUndefined();
  });
});

describe("tile paths", () => {
  const known = [
    ["tile/0/000", { level: 0, index: 0, width: 256 }],
    ["tile/0/005.p/17", { level: 0, index: 5, width: 17 }],
    ["tile/1/999", { level: 1, index: 999, width: 256 }],
    ["tile/1/x001/000", { level: 1, index: 1000, width: 256 }],
    ["tile/0/x001/x234/067", { level: 0, index: 1_234_067, width: 256 }],
    ["tile/63/x123/x456/789.p/255", { level: 63, index: 123_456_789, width: 255 }],
    ["tile/entries/x001/234.p/1", { level: "entries", index: 1234, width: 1 }],
  ] as const;

  test.each(known)("%s is read and written alike", (path, { level, index, width }) => {
    expect(tilePath(level, index, width)).toBe(path);
    expect(parseTilePath(path)).toEqual({ level, index, width });
  });

  test("every tile has a path, and a path one tile", () => {
    const levels = fc.oneof(fc.nat(63), fc.constant("entries" as const));
    const widths = fc.integer({ min: 1, max: 256 });
    fc.assert(
      fc.property(levels, fc.maxSafeNat(), widths, (level, index, width) => {
        expect(parseTilePath(tilePath(level, index, width))).toEqual({ level, index, width });
      }),
    );
  });

  test.each([
    "",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/x000/001", // zeros in front
    "tile/0/x00/001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/0/x001/",
    "tile/00/001",
    "tile/01/001",
    "tile/-1/001",
    "tile/64/001",
    "tile/100/001",
    "tile/0/001.p/0",
    "tile/0/001.p/01",
    "tile/0/001.p/256", // the full tile has no width in its path
    "tile/0/001.p/257",
    "tile/0/001.p/",
    "tile/0/001.P/1",
    "tile/0/001.p/1/",
    "tile/0/x009/x007/x199/x254/x740/992", // 2^53
    "tile/0/x999/x999/x999/x999/x999/x999/999",
    "/tile/0/001",
    "tile/0/001\n",
    "tile/0/001 ",
    "tile/0/٠٠١", // digits of another script
    "tile/data/001",
    "tile/Entries/001",
    "tile//001",
    "tile/0/../001",
    "tile/8/0/001",
  ])("%j is not a path", (path) => {
    expect(parseTilePath(path)).toBeUndefined();
  });

  test("a tile that cannot exist has no path", () => {
    expect(() => tilePath(64, 0)).toThrow("Assertion failed");
    expect(() => tilePath(0, -1)).toThrow("Assertion failed");
    expect(() => tilePath(0, 1.5)).toThrow("Assertion failed");
    expect(() => tilePath(0, 0, 0)).toThrow("Assertion failed");
    expect(() => tilePath(0, 0, 257)).toThrow("Assertion failed");
  });
});
