import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgeAt, proveConsistency, proveInclusion, rootAt } from "../../../src/ledger/proof.ts";
import { perfectRanges, ReferenceTree, UniformTree } from "../../support/reference-tree.ts";

const SIZE_MAX = 3000;
const tree = ReferenceTree.numbered(SIZE_MAX);
const sizes = fc.oneof(
  fc.integer({ min: 1, max: SIZE_MAX }),
  fc.constantFrom(1, 2, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2048, 2304, SIZE_MAX),
);
const HUGE_SIZES = [65_535, 65_536, 65_537, 2 ** 24 + 300, 2 ** 32 + 1, 2 ** 45 + 12_345];

/** No tile twice, each as wide as it was at `size`, and no more of them than a path needs. */
function expectFrugal(asked: readonly string[], size: number): void {
  const tiles = asked.map((tile) => tile.split("/").map(Number));
  expect(new Set(tiles.map(([level, index]) => `${level}/${index}`)).size).toBe(asked.length);
  for (const [level = 0, index = 0, width = 0] of tiles) {
    expect(width).toBe(Math.min(256, Math.floor(size / 256 ** level) - index * 256));
  }
  // A level has at most the tile on the path and the one at the right edge.
  const levels = Math.max(1, Math.ceil(Math.log2(size) / 8) + 1);
  expect(asked.length).toBeLessThanOrEqual(2 * levels);
}

describe("proofs from tiles", () => {
  test("are the RFC's for every leaf and every older size", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (size, at) => {
        const index = at % size;
        const reader = tree.reader();
        expect(await proveInclusion(index, size, reader)).toEqual(tree.path(index, 0, size));
        expectFrugal(reader.asked, size);
        const another = tree.reader();
        const from = index + 1;
        expect(await proveConsistency(from, size, another)).toEqual(tree.consistency(from, size));
        expectFrugal(another.asked, size);
      }),
    );
  });

  test("are the RFC's on both sides of the first tile border", async () => {
    const reader = tree.reader();
    for (const size of [255, 256, 257, 511, 512, 513]) {
      for (const index of [0, 1, 127, 128, 253, 254, 255, 256, 257, 510, 511, 512]) {
        if (index >= size) continue;
        expect(await proveInclusion(index, size, reader)).toEqual(tree.path(index, 0, size));
        const proof = tree.consistency(index + 1, size);
        expect(await proveConsistency(index + 1, size, reader)).toEqual(proof);
      }
    }
  });

  test.each(HUGE_SIZES)("take few reads in a tree of %d leaves", async (size) => {
    const uniform = new UniformTree();
    for (const index of [0, 255, 256, Math.floor(size / 3), size - 2, size - 1]) {
      const reader = uniform.reader();
      expect(await proveInclusion(index, size, reader)).toEqual(uniform.path(index, 0, size));
      expectFrugal(reader.asked, size);
      const another = uniform.reader();
      const proof = uniform.consistency(index + 1, size);
      expect(await proveConsistency(index + 1, size, another)).toEqual(proof);
      expectFrugal(another.asked, size);
    }
    expect(await rootAt(size, uniform.reader())).toEqual(uniform.root(0, size));
  });

  test("root and edge are those the tree had at any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.constant(0), sizes), async (size) => {
        const reader = tree.reader();
        expect(await rootAt(size, reader)).toEqual(tree.root(0, size));
        const edge = perfectRanges(size).map(([from, to]) => tree.root(from, to));
        expect(await edgeAt(size, reader)).toEqual(edge);
      }),
    );
  });
});

describe("refusals", () => {
  test("a proof of something that is not in the tree is never built", async () => {
    const reader = tree.reader();
    for (const [index, size] of [
      [0, 0],
      [5, 5],
      [6, 5],
      [-1, 5],
      [NaN, 5],
      [1.5, 5],
      [0, NaN],
      [0, 2 ** 53],
    ] as const) {
      await expect(proveInclusion(index, size, reader)).rejects.toThrow("Assertion failed");
    }
    for (const [from, to] of [
      [0, 0],
      [0, 5],
      [6, 5],
      [-1, 5],
      [NaN, 5],
      [1.5, 5],
      [1, Infinity],
    ] as const) {
      await expect(proveConsistency(from, to, reader)).rejects.toThrow("Assertion failed");
    }
    await expect(rootAt(-1, reader)).rejects.toThrow("Assertion failed");
    expect(reader.asked).toEqual([]);
  });

  test("a tile that is too narrow or too wide fails the proof instead of bending it", async () => {
    const short = { tile: async () => tree.leaves.slice(0, 9) };
    const long = { tile: async () => tree.leaves.slice(0, 11) };
    await expect(proveInclusion(3, 10, short)).rejects.toThrow("tile 0/0 was read 10 wide");
    await expect(proveInclusion(3, 10, long)).rejects.toThrow("tile 0/0 was read 10 wide");
  });

  test("a tile that cannot be read fails the proof", async () => {
    const broken = { tile: () => Promise.reject(new Error("no such row")) };
    await expect(proveConsistency(3, 700, broken)).rejects.toThrow("no such row");
  });
});
