/**
 * Tiles, C2SP tlog-tiles: how a tree is cut into immutable pieces of 256 hashes.
 * Tile `index` of level l holds the roots of the subtrees of 256^l leaves, from number index·256 on.
 * Pure: grows a tree in memory and reports the tiles that became full; storing them is the caller's.
 */
import { assert } from "../lib/assert.ts";
import { HASH_BYTES, type Hash } from "./hash.ts";
import { edgeOf, extendEdge, isTreeSize, rootOfEdge, type Edge } from "./merkle.ts";

export const TILE_WIDTH = 256;
/** A tile spans 8 levels of the binary tree. */
export const TILE_HEIGHT = 8;
/** C2SP: a level is "between 0 and 63". A tree of safe size has only 0 to 6. */
const LEVEL_MAX = 63;
const SAFE_LEVELS = 7;

/** A full tile: 256 hashes, and the root over them, which is one hash of the level above. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly hashes: readonly Hash[];
  readonly rootHash: Hash;
}

/** Per level, from 0 up, the hashes of the tile that is not full yet: 0 to 255 of them. */
export type TileEdge = readonly (readonly Hash[])[];

/** A growing tree: the roots of its perfect subtrees, and its tiles that are not full yet. */
export interface Tree {
  readonly size: number;
  readonly edge: Edge;
  readonly partial: TileEdge;
}

/** What a tile path names: hashes of a level, or the entries bundle that lies under level 0. */
export interface TileName {
  readonly level: number | "entries";
  readonly index: number;
  /** 256, or fewer for a partial tile. */
  readonly width: number;
}

export const EMPTY_TREE: Tree = { size: 0, edge: [], partial: [] };

/**
 * Appends leaves. `full` are the tiles this filled, a tile before the one above it. Costs one node
 * hash per leaf, amortised: the root of a tile is a node that the append computes anyway.
 */
export function extendTree(
  tree: Tree,
  leaves: readonly Hash[],
): { readonly tree: Tree; readonly full: readonly Tile[] } {
  const partial = tree.partial.map((hashes) => [...hashes]);
  const full: Tile[] = [];
  let edge = tree.edge;
  leaves.forEach((leaf, offset) => {
    const size = tree.size + offset;
    edge = extendEdge(edge, size, leaf, (node, height) => {
      if (height % TILE_HEIGHT !== 0) return; // inside a tile
      const level = height / TILE_HEIGHT;
      if (level > 0) {
        const index = Math.floor(size / TILE_WIDTH ** level);
        full.push({ level: level - 1, index, hashes: partial[level - 1] ?? [], rootHash: node });
        partial[level - 1] = [];
      }
      (partial[level] ??= []).push(node);
    });
  });
  return { tree: { size: tree.size + leaves.length, edge, partial }, full };
}

/**
 * The tree of `size` leaves whose unfinished tiles are `partial`. Throws when their widths are
 * not those of this size; whether the hashes are the right ones, only the root hash can tell.
 */
export function restoreTree(size: number, partial: TileEdge): Tree {
  assert(isTreeSize(size), `${size} is the size of a tree`);
  for (let level = 0; level < Math.max(partial.length, SAFE_LEVELS); level++) {
    const width = partial[level]?.length ?? 0;
    assert(
      width === partialWidth(level, size),
      `the tile on level ${level} is as wide as ${size} says`,
    );
  }
  // Upper levels hold the larger subtrees, and an edge lists the largest first.
  return { size, edge: partial.toReversed().flatMap(edgeOf), partial };
}

/** The RFC 9162 root hash of the whole tree. */
export function rootOf(tree: Tree): Hash {
  return rootOfEdge(tree.edge);
}

/** The width of the unfinished tile of `level` in a tree of `size`; 0 when there is none. */
export function partialWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;
}

/** Where the unfinished tiles of a tree of `size` are, per level that has hashes, from 0 up. */
export function partialWidths(
  size: number,
): readonly { readonly index: number; readonly width: number }[] {
  const tiles = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    tiles.push({ index, width: partialWidth(level, size) });
  }
  return tiles;
}

/** The hashes in the octets of a tile, 32 each; undefined when the octets do not divide so. */
export function parseTile(octets: Uint8Array): readonly Hash[] | undefined {
  const width = octets.length / HASH_BYTES;
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) return undefined;
  return Array.from({ length: width }, (_, i) =>
    octets.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

/** The path of a tile below the prefix of its log: `tile/0/x001/x234/067.p/8` is 8 wide. */
export function tilePath(
  level: number | "entries",
  index: number,
  width: number = TILE_WIDTH,
): string {
  assert(isTileName({ level, index, width }), `tile ${level}/${index} can be ${width} wide`);
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.replace(/\d{3}(?=\d)/g, "x$&/");
  return `tile/${level}/${groups}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** The tile a path names; undefined unless `text` is exactly what `tilePath` writes for it. */
export function parseTilePath(text: string): TileName | undefined {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const [, level = "", groups = "", width = String(TILE_WIDTH)] = match;
  const name: TileName = {
    level: level === "entries" ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, "")),
    width: Number(width),
  };
  // Zeros in front and a spelled-out full width read the same but are other paths: one tile, one
  // path, or caches and mirrors would hold it twice.
  if (!isTileName(name) || tilePath(name.level, name.index, name.width) !== text) return undefined;
  return name;
}

function isTileName({ level, index, width }: TileName): boolean {
  const levelExists =
    level === "entries" || (Number.isInteger(level) && level >= 0 && level <= LEVEL_MAX);
  const widthExists = Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH;
  return levelExists && widthExists && isTreeSize(index);
}
