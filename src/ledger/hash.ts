/**
 * The hashes of a ledger, DESIGN §3: chain hash, commitments, content hash, tree nodes.
 * Pure and synchronous: the sequencer builds a group without an await, so nothing can interleave.
 * Domain separation is RFC 9162's: 0x00 before a leaf, 0x01 before a node.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, toHex, utf8 } from "../lib/bytes.ts";

/** A SHA-256 digest: 32 octets. */
export type Hash = Uint8Array;

export const HASH_BYTES = 32;
/** `previous` of the entry at index 0. */
export const GENESIS = "0".repeat(64);

const LEAF_PREFIX = Uint8Array.of(0x00);
const NODE_PREFIX = Uint8Array.of(0x01);

export { sha256 };

/** RFC 9162 §2.1.1 leaf hash of the exact header octets; in hex it is the entry's `chain_hash`. */
export function leafHash(headerOctets: Uint8Array): Hash {
  return sha256(concatBytes(LEAF_PREFIX, headerOctets));
}

/** RFC 9162 §2.1.1 hash of an inner node. */
export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256(concatBytes(NODE_PREFIX, left, right));
}

/** Commitment to one content field: SHA-256(salt ‖ UTF-8(JCS([field, value]))), in hex. */
export function commitmentOf(salt: Uint8Array, field: string, canonicalValue: string): string {
  return toHex(sha256(concatBytes(salt, utf8(`[${JSON.stringify(field)},${canonicalValue}]`))));
}
