/**
 * API keys: `lgk_<id>_<secret><checksum>`. The prefix and the CRC-32 let secret scanners and people
 * recognise a key and a typo; the secret is 256 random bits, so a plain SHA-256 is all that storage
 * needs (nothing can be guessed that slow hashing would protect).
 * Pure: time and randomness come in.
 */
import { toHex, utf8 } from "../lib/bytes.ts";
import { ID_RANDOM_BYTES, mintId } from "../lib/ids.ts";
import { sha256 } from "../ledger/hash.ts";

const KEY = /^lgk_([0-9a-f]{32})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_BYTES = 32;
/** 62^43 > 2^256 and 62^6 > 2^32. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const COUNTER_BYTES = 4;

/** What `mintApiKey` takes from `random`. */
export const API_KEY_RANDOM_BYTES = COUNTER_BYTES + ID_RANDOM_BYTES + SECRET_BYTES;

/** Where a key stands in a text, for redaction: also a mistyped one, and one cut short. */
export const KEY_PATTERN = /lgk_[0-9A-Za-z]+(?:_[0-9A-Za-z]*)?/g;

export const KEY_ID = /^key_[0-9a-f]{32}$/;

export interface MintedKey {
  /** Public: `actor` of the entries it makes. */
  readonly keyId: string;
  /** The credential itself, shown once. */
  readonly key: string;
}

/** @param random API_KEY_RANDOM_BYTES octets */
export function mintApiKey(nowMs: number, random: Uint8Array): MintedKey {
  const counter = new DataView(random.buffer, random.byteOffset).getUint32(0);
  const secretFrom = COUNTER_BYTES + ID_RANDOM_BYTES;
  const keyId = mintId("key_", nowMs, counter, random.subarray(COUNTER_BYTES, secretFrom));
  return { keyId, key: formatApiKey(keyId, random.subarray(secretFrom)) };
}

/** @param secret 32 octets */
export function formatApiKey(keyId: string, secret: Uint8Array): string {
  const digits = base62(BigInt(`0x${toHex(secret)}`), SECRET_LENGTH);
  const body = `lgk_${keyId.slice("key_".length)}_${digits}`;
  return body + checksum(body);
}

/** The id of a well-formed key with a right checksum; undefined for anything else. */
export function keyIdOf(credential: string): string | undefined {
  const [, id, secret, sum] = KEY.exec(credential) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return checksum(`lgk_${id}_${secret}`) === sum ? `key_${id}` : undefined;
}

/** What is stored of a credential. */
export function credentialHash(credential: string): Uint8Array {
  return sha256(utf8(credential));
}

/**
 * Whether two digests are equal, in a time that does not depend on where they differ. Both sides are
 * digests: how much of a wrong key is right cannot show, for one flipped bit changes all of it.
 */
export function equalDigests(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

function base62(value: bigint, length: number): string {
  let digits = "";
  for (let rest = value; digits.length < length; rest /= 62n)
    digits = BASE62.charAt(Number(rest % 62n)) + digits;
  return digits;
}

function checksum(text: string): string {
  return base62(BigInt(crc32(utf8(text))), CHECKSUM_LENGTH);
}

/** CRC-32 (ISO-HDLC), the one of zip and PNG. */
function crc32(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
