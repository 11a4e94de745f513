/** Which entries a report shows as samples: drawn from the head's hash, so nobody picks them. Pure. */
import { sha256 } from "../ledger/hash.ts";
import { utf8 } from "../lib/bytes.ts";

export const SAMPLES = 25;
/** Where few entries are in scope, few samples are found: a report says how many it has. */
const DRAWS_MAX = 2000;

/** Distinct indexes below `size`, in the order they are drawn. */
export function drawnIndexes(headHash: string, size: number): number[] {
  const drawn = new Set<number>();
  for (let i = 0; i < DRAWS_MAX && drawn.size < size; i++) {
    const octets = sha256(utf8(`${headHash}:${i}`));
    let number = 0;
    for (const octet of octets.subarray(0, 6)) number = number * 256 + octet;
    drawn.add(number % size);
  }
  return [...drawn];
}
