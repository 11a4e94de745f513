/**
 * Ed25519 verification, RFC 8032, with one verdict on every platform. Pure but for WebCrypto.
 * RFC 8032 leaves corner cases open and WebCrypto differs in one: workerd and Node 20 accept keys
 * and commitments R of low order, Node 24 refuses them (of the 914 CCTV vectors 208 pass, or 43).
 * What a server sealed must verify in every tool, so they are refused here, before WebCrypto. No
 * honest signer makes them, and under such a key one signature fits many messages.
 */
import { toHex } from "../lib/bytes.ts";

const POINT_BYTES = 32;

/** Every encoding of the 8 points of low order, without the sign bit, p and p + 1 included. */
const LOW_ORDER_POINTS: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** Whether `signature` is one over exactly `message`, by the owner of the 32 octets `publicKey`. */
export async function verifyEd25519(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (isLowOrder(publicKey) || isLowOrder(signature.subarray(0, POINT_BYTES))) return false;
  const { subtle } = crypto;
  // Copies, because WebCrypto's types ask for octets that no other thread can share.
  const octets = new Uint8Array(publicKey);
  const key = await subtle.importKey("raw", octets, "Ed25519", false, ["verify"]);
  return subtle.verify("Ed25519", key, new Uint8Array(signature), new Uint8Array(message));
}

function isLowOrder(point: Uint8Array): boolean {
  const unsigned = new Uint8Array(point);
  const last = POINT_BYTES - 1;
  unsigned[last] = (unsigned[last] ?? 0) & 0x7f; // the top bit is the sign of x
  return LOW_ORDER_POINTS.has(toHex(unsigned));
}
