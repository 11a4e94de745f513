/**
 * A slow Merkle tree, written from the recursive definitions of RFC 9162 §2.1 alone and on Node's
 * SHA-256, so that it shares no line with what it checks.
 */
import { createHash } from "node:crypto";
import type { TileReader } from "../../src/ledger/proof.ts";

export type Bytes = Uint8Array;

export function sha256Of(...parts: readonly Bytes[]): Bytes {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** A leaf hash that differs for every number. */
export function numberedLeaf(number: number): Bytes {
  return sha256Of(Uint8Array.of(0), Buffer.from(`entry ${number}`));
}

/** The RFC's k: the largest power of two smaller than n. */
function split(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

/** MTH, PATH and SUBPROOF over given leaf hashes; each range is hashed once. */
export class ReferenceTree {
  readonly leaves: readonly Bytes[];
  readonly #roots = new Map<string, Bytes>();

  constructor(leaves: readonly Bytes[]) {
    this.leaves = leaves;
  }

  static numbered(size: number): ReferenceTree {
    return new ReferenceTree(Array.from({ length: size }, (_, i) => numberedLeaf(i)));
  }

  /** MTH(D[from:to]) */
  root(from: number, to: number): Bytes {
    const n = to - from;
    if (n === 0) return sha256Of();
    if (n === 1) return this.leaf(from);
    const key = `${from}-${to}`;
    const known = this.#roots.get(key);
    if (known !== undefined) return known;
    const middle = from + split(n);
    const root = sha256Of(Uint8Array.of(1), this.root(from, middle), this.root(middle, to));
    this.#roots.set(key, root);
    return root;
  }

  /** PATH(m, D[from:to]), m counted from `from` */
  path(m: number, from: number, to: number): Bytes[] {
    const n = to - from;
    if (n === 1) return [];
    const k = split(n);
    return m < k
      ? [...this.path(m, from, from + k), this.root(from + k, to)]
      : [...this.path(m - k, from + k, to), this.root(from, from + k)];
  }

  /** PROOF(m, D[0:n]) */
  consistency(m: number, n: number): Bytes[] {
    return this.#subproof(m, 0, n, true);
  }

  #subproof(m: number, from: number, to: number, b: boolean): Bytes[] {
    const n = to - from;
    if (m === n) return b ? [] : [this.root(from, to)];
    const k = split(n);
    return m <= k
      ? [...this.#subproof(m, from, from + k, b), this.root(from + k, to)]
      : [...this.#subproof(m - k, from + k, to, false), this.root(from, from + k)];
  }

  /** The hashes of a tile, by the definition in C2SP tlog-tiles. */
  tile(level: number, index: number, width: number): Bytes[] {
    return Array.from({ length: width }, (_, i) => {
      const first = (index * 256 + i) * 256 ** level;
      return this.root(first, first + 256 ** level);
    });
  }

  /** A port that serves these tiles and remembers what was asked of it. */
  reader(): TileReader & { readonly asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      tile: async (level, index, width) => {
        asked.push(`${level}/${index}/${width}`);
        return this.tile(level, index, width);
      },
    };
  }

  leaf(index: number): Bytes {
    const leaf = this.leaves[index];
    if (leaf === undefined) throw new RangeError(`no leaf ${index}`);
    return leaf;
  }
}

/** A tree of any size whose leaves are all the same: a range depends on its length alone. */
export class UniformTree extends ReferenceTree {
  readonly #byLength = new Map<number, Bytes>();

  constructor() {
    super([numberedLeaf(0)]);
  }

  override root(from: number, to: number): Bytes {
    const n = to - from;
    if (n <= 1) return n === 0 ? sha256Of() : this.leaf(0);
    const known = this.#byLength.get(n);
    if (known !== undefined) return known;
    const k = split(n);
    const root = sha256Of(Uint8Array.of(1), this.root(0, k), this.root(k, n));
    this.#byLength.set(n, root);
    return root;
  }
}

/** Perfect subtrees of D[0:size], largest first: one for each binary 1 of `size`. */
export function perfectRanges(size: number): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  let from = 0;
  for (let length = 2 ** 52; length >= 1; length /= 2) {
    if (from + length > size) continue;
    ranges.push([from, from + length]);
    from += length;
  }
  return ranges;
}

/** The same octets with one bit turned. */
export function flipBit(octets: Bytes, bit: number): Bytes {
  const flipped = new Uint8Array(octets);
  const at = Math.floor(bit / 8) % octets.length;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
  return flipped;
}
