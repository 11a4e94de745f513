/**
 * Building proofs, RFC 9162 §2.1.3.1 and §2.1.4.1, out of stored tiles.
 * Pure but for the port: which ranges of leaves a proof covers is arithmetic, and each range is
 * folded from perfect subtrees that tiles hold. O(log size) tiles are read, each at most once.
 */
import { assert } from "../lib/assert.ts";
import type { Hash } from "./hash.ts";
import { edgeOf, isTreeSize, rootOfEdge } from "./merkle.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "./tiles.ts";

export interface TileReader {
  /**
   * The first `width` hashes of a tile, exactly that many. Asked only for tiles of the tree the
   * proof is about, which the ledger must have reached; it may have grown since. Rejects when a
   * hash cannot be read: a shorter answer would be a proof of something else.
   */
  readonly tile: (level: number, index: number, width: number) => Promise<readonly Hash[]>;
}

/** Leaves [from, to). */
type Range = readonly [from: number, to: number];

/** The inclusion proof of the leaf at `index` in the tree of `size` leaves, leaf's sibling first. */
export async function proveInclusion(
  index: number,
  size: number,
  reader: TileReader,
): Promise<Hash[]> {
  assert(isTreeSize(index) && isTreeSize(size) && index < size, `${index} is in a tree of ${size}`);
  return rangeRoots(inclusionRanges(index, [0, size]), size, reader);
}

/** The proof that the tree of `from` leaves, at least one, is a prefix of the tree of `to`. */
export async function proveConsistency(
  from: number,
  to: number,
  reader: TileReader,
): Promise<Hash[]> {
  assert(isTreeSize(from) && isTreeSize(to), `${from} and ${to} are sizes`);
  assert(0 < from && from <= to, `a tree of ${to} can be proven to extend one of ${from}`);
  return rangeRoots(consistencyRanges(from, [0, to], true), to, reader);
}

/** The root hash the tree had at `size`. */
export async function rootAt(size: number, reader: TileReader): Promise<Hash> {
  return rootOfEdge(await edgeAt(size, reader));
}

/** Roots of the perfect subtrees of the first `size` leaves, largest first. */
export async function edgeAt(size: number, reader: TileReader): Promise<Hash[]> {
  assert(isTreeSize(size), `${size} is a size`);
  return rangeRoots(perfectSubtrees([0, size]), size, reader);
}

/** PATH(index, D[from:to]), RFC 9162 §2.1.3.1, with each MTH(…) left as its range. */
function inclusionRanges(index: number, [from, to]: Range): Range[] {
  if (to - from === 1) return [];
  const middle = from + largestPowerBelow(to - from);
  return index < middle
    ? [...inclusionRanges(index, [from, middle]), [middle, to]]
    : [...inclusionRanges(index, [middle, to]), [from, middle]];
}

/** SUBPROOF(size, D[from:to], known), RFC 9162 §2.1.4.1; here `size` counts from leaf 0. */
function consistencyRanges(size: number, [from, to]: Range, known: boolean): Range[] {
  if (size === to) return known ? [] : [[from, to]]; // known: the verifier has this root already
  const middle = from + largestPowerBelow(to - from);
  return size <= middle
    ? [...consistencyRanges(size, [from, middle], known), [middle, to]]
    : [...consistencyRanges(size, [middle, to], false), [from, middle]];
}

/** Cuts a range that begins where a subtree does into perfect subtrees, largest first. */
function perfectSubtrees([from, to]: Range): Range[] {
  const ranges: Range[] = [];
  for (let start = from; start < to;) {
    const end = start + largestPowerBelow(to - start + 1);
    ranges.push([start, end]);
    start = end;
  }
  return ranges;
}

async function rangeRoots(
  ranges: readonly Range[],
  size: number,
  reader: TileReader,
): Promise<Hash[]> {
  const readTile = readOnce(size, reader);
  return Promise.all(
    ranges.map(async (range) => {
      const roots = perfectSubtrees(range).map((subtree) => subtreeRoot(subtree, readTile));
      return rootOfEdge(await Promise.all(roots));
    }),
  );
}

type ReadTile = (level: number, index: number) => Promise<readonly Hash[]>;

/** A perfect subtree lies inside one tile; its root is folded from that tile's hashes. */
async function subtreeRoot([from, to]: Range, readTile: ReadTile): Promise<Hash> {
  const level = Math.floor(Math.log2(to - from) / TILE_HEIGHT);
  const position = from / TILE_WIDTH ** level;
  const width = (to - from) / TILE_WIDTH ** level;
  const hashes = await readTile(level, Math.floor(position / TILE_WIDTH));
  const start = position % TILE_WIDTH;
  return rootOfEdge(edgeOf(hashes.slice(start, start + width)));
}

/** Reads tiles as wide as they were at `size`, so that any tlog-tiles mirror can serve them. */
function readOnce(size: number, reader: TileReader): ReadTile {
  const tiles = new Map<string, Promise<readonly Hash[]>>();
  async function read(level: number, index: number): Promise<readonly Hash[]> {
    const hashesOfLevel = Math.floor(size / TILE_WIDTH ** level);
    const width = Math.min(hashesOfLevel - index * TILE_WIDTH, TILE_WIDTH);
    const hashes = await reader.tile(level, index, width);
    assert(hashes.length === width, `tile ${level}/${index} was read ${width} wide`);
    return hashes;
  }
  return (level, index) => {
    const key = `${level}/${index}`;
    const tile = tiles.get(key) ?? read(level, index);
    tiles.set(key, tile);
    return tile;
  };
}

/** RFC 9162's k: the largest power of two smaller than `count`, which is at least 2. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}
