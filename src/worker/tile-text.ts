/** Tile hashes as one D1 cell: lower-case hex, joined, so that one tile has one spelling. */
import { fromHex, toHex } from "../lib/bytes.ts";
import { HASH_BYTES, type Hash } from "../ledger/hash.ts";
import { CorruptLedger } from "../ledger/ports.ts";

export function joinHashes(hashes: readonly Hash[]): string {
  return hashes.map(toHex).join("");
}

export function splitHashes(joined: string): Hash[] {
  const octets = decodeHash(joined);
  return Array.from({ length: octets.length / HASH_BYTES }, (_, i) =>
    octets.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

/** @throws CorruptLedger when the cell is not lower-case hex of whole hashes */
export function decodeHash(hex: string): Hash {
  const octets = fromHex(hex);
  if (octets === undefined || octets.length % HASH_BYTES !== 0)
    throw new CorruptLedger("a hash is not hex");
  return octets;
}
