/**
 * Merkle tree arithmetic, RFC 9162 §2.1: growing a tree at its right edge, verifying proofs.
 * Pure and synchronous: no storage, no clock, no I/O. Indexes start at 0. Sizes are safe integers
 * and pass 2^32, where JavaScript's shifts wrap round; so they are halved by division.
 */
import { present } from "../lib/assert.ts";
import { equalBytes } from "../lib/bytes.ts";
import { HASH_BYTES, nodeHash, sha256, type Hash } from "./hash.ts";

/**
 * Roots of the perfect subtrees of leaves [0, size), largest first: one for each 1 in the binary
 * form of `size`. It is all a tree has to remember in order to grow.
 */
export type Edge = readonly Hash[];

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Hash;
  readonly proof: readonly Hash[];
  readonly rootHash: Hash;
}

export interface ConsistencyClaim {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Hash;
  readonly toRoot: Hash;
  readonly proof: readonly Hash[];
}

/** Whether `value` can be the size of a tree: a safe integer, not negative. */
export function isTreeSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * The edge of `size + 1` leaves: the new leaf, merged with each perfect subtree it completes.
 * `visit` is told of every node that is complete now, from the leaf (height 0) upwards.
 */
export function extendEdge(
  edge: Edge,
  size: number,
  leaf: Hash,
  visit?: (node: Hash, height: number) => void,
): Edge {
  const subtrees = [...edge];
  let node = leaf;
  let height = 0;
  visit?.(node, height);
  for (let rest = size; isOdd(rest); rest = half(rest)) {
    node = nodeHash(present(subtrees.pop(), `a subtree of a tree of size ${size}`), node);
    visit?.(node, ++height);
  }
  return [...subtrees, node];
}

/** The edge of a tree whose leaves are `hashes`. */
export function edgeOf(hashes: readonly Hash[]): Edge {
  return hashes.reduce<Edge>((edge, hash, size) => extendEdge(edge, size, hash), []);
}

/** The root hash over an edge, RFC 9162 §2.1.1; SHA-256 of nothing for the empty tree. */
export function rootOfEdge(edge: Edge): Hash {
  if (edge.length === 0) return sha256(new Uint8Array());
  return edge.reduceRight((right, left) => nodeHash(left, right));
}

/**
 * The root hash that an inclusion proof leads to, RFC 9162 §2.1.3.2; undefined when the proof has
 * not the shape of one for this index and size.
 */
export function rootFromInclusion(claim: Omit<InclusionClaim, "rootHash">): Hash | undefined {
  const { index, size, leafHash, proof } = claim;
  if (!isTreeSize(index) || !isTreeSize(size) || index >= size) return undefined;
  if (!areHashes([leafHash, ...proof])) return undefined;
  let node = index;
  let last = size - 1; // the rightmost node of the level that `node` is on
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0) return undefined; // the proof is longer than the tree is high
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      [node, last] = skipLonelyLevels(node, last);
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 ? hash : undefined;
}

/** Whether `proof` shows `leafHash` at `index` of the tree of `size` leaves under `rootHash`. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const root = rootFromInclusion(claim);
  return root !== undefined && equalBytes(root, claim.rootHash);
}

/**
 * Whether `proof` shows the tree of `from` leaves to be a prefix of the tree of `to` leaves,
 * RFC 9162 §2.1.4.2. Nothing can be proven about `from` = 0: every tree begins with the empty one.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { from, to, fromRoot, toRoot, proof } = claim;
  if (!isTreeSize(from) || !isTreeSize(to) || from === 0 || from > to) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  // The proof leaves out the old root where that is itself a node of the new tree.
  const [start, ...path] = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  if (start === undefined || !areHashes([start, ...path])) return false;
  const roots = rootsFromConsistency(from, to, start, path);
  return (
    roots !== undefined && equalBytes(roots.old, fromRoot) && equalBytes(roots.current, toRoot)
  );
}

function rootsFromConsistency(from: number, to: number, start: Hash, path: readonly Hash[]) {
  let node = from - 1;
  let last = to - 1;
  while (isOdd(node)) [node, last] = [half(node), half(last)]; // up to the subtree `start` stands for
  let [old, current] = [start, start];
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (isOdd(node) || node === last) {
      old = nodeHash(sibling, old);
      current = nodeHash(sibling, current);
      [node, last] = skipLonelyLevels(node, last);
    } else {
      current = nodeHash(current, sibling); // to the right of the old tree: only the new one has it
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 ? { old, current } : undefined;
}

/** A rightmost node without a sibling stands for itself on the levels above, until it has one. */
function skipLonelyLevels(node: number, last: number): [node: number, last: number] {
  while (node !== 0 && !isOdd(node)) [node, last] = [half(node), half(last)];
  return [node, last];
}

/**
 * A node hash is over two hashes without a mark between them. Were other lengths let through, the
 * boundary could be moved, and one node would have several readings.
 */
function areHashes(hashes: readonly Hash[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

/** For safe integers from 1: only a power of two leaves one subtree, that is, one binary 1. */
function isPowerOfTwo(value: number): boolean {
  while (value % 2 === 0) value /= 2;
  return value === 1;
}
