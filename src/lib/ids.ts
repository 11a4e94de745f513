/**
 * Identifiers: a prefix and a UUIDv7 (RFC 9562 §5.7) in hex without dashes.
 *
 * Time-ordered on purpose: random ids cost a fifth of the append rate once an index is large
 * (DESIGN §2). The 32 bits after the milliseconds are a counter (RFC 9562 §6.2, method 1), so ids
 * minted with the entry's index sort exactly as the ledger does.
 * Pure: time, counter and randomness come in.
 */
import { toHex } from "./bytes.ts";

/** Octets of randomness one id takes: 42 bits are used. */
export const ID_RANDOM_BYTES = 6;

/**
 * @param prefix with its underscore, e.g. `dec_`
 * @param atMs Unix milliseconds, below 2^48
 * @param counter grows from one id to the next; its low 32 bits are used
 * @param random at least ID_RANDOM_BYTES octets
 */
export function mintId(prefix: string, atMs: number, counter: number, random: Uint8Array): string {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  const low32 = counter % 2 ** 32;
  view.setUint16(0, Math.floor(atMs / 2 ** 32));
  view.setUint32(2, atMs % 2 ** 32);
  view.setUint16(6, 0x7000 | Math.floor(low32 / 2 ** 20)); // version 7, counter bits 31..20
  view.setUint32(8, 0x80000000 | ((low32 % 2 ** 20) << 10)); // variant, counter bits 19..0, 10 bits free
  octets.set(random.subarray(0, 4), 12);
  view.setUint16(10, view.getUint16(10) | ((((random[4] ?? 0) << 8) | (random[5] ?? 0)) & 0x03ff));
  return prefix + toHex(octets);
}
