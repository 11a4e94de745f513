/** Tile hashes as one D1 cell: lower-case hex, joined, so that one tile has one spelling. */
import { present } from "../lib/assert.ts";
import { fromHex, toHex } from "../lib/bytes.ts";
import { HASH_BYTES, type Hash } from "../ledger/hash.ts";

export function joinHashes(hashes: readonly Hash[]): string {
  return hashes.map(toHex).join("");
}

export function splitHashes(joined: string): Hash[] {
  const octets = decodeHash(joined);
  return Array.from({ length: octets.length / HASH_BYTES }, (_, i) =>
    octets.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

export function decodeHash(hex: string): Hash {
  return present(fromHex(hex), "lower-case hex");
}
