/**
 * Octets and their text forms. Decoding is strict: one octet string has exactly one accepted
 * spelling, so a flipped character in a proof or an export can never go unseen (DESIGN §5).
 */
import { bytesToHex } from "@noble/hashes/utils.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 octets of a well-formed string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The string behind UTF-8 octets. Throws TypeError when they are not UTF-8. */
export function fromUtf8(octets: Uint8Array): string {
  return decoder.decode(octets);
}

/** Lower-case hex. */
export function toHex(octets: Uint8Array): string {
  return bytesToHex(octets);
}

/** Decodes lower-case hex; undefined for anything else, upper case included. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  const octets = new Uint8Array(text.length / 2);
  for (let i = 0; i < octets.length; i++)
    octets[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return octets;
}

/** Standard base64 with padding. */
export function toBase64(octets: Uint8Array): string {
  let binary = "";
  for (const octet of octets) binary += String.fromCharCode(octet);
  return btoa(binary);
}

/** Decodes standard padded base64; undefined unless `text` is exactly what `toBase64` writes. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const octets = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return toBase64(octets) === text ? octets : undefined; // stray bits behind the padding
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
