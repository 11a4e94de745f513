/** Ed25519 note signers from fixed seeds, so that a failing test fails alike every time. */
import { concatBytes, fromHex, utf8 } from "../../src/lib/bytes.ts";
import {
  ED25519_COSIGNATURE,
  keyIdOf,
  verifierKeyOf,
  type NoteSignature,
  type NoteSigner,
  type VerifierKey,
} from "../../src/ledger/note.ts";

export interface TestSigner extends NoteSigner {
  /** What verifies its note signatures. */
  readonly key: VerifierKey;
  /** What verifies its cosignatures. */
  readonly cosignerKey: VerifierKey;
  /** A line of C2SP tlog-cosignature over `text`. */
  cosign(text: string, timestamp: number | bigint): Promise<NoteSignature>;
}

/** RFC 8410: what comes before the seed in a PKCS#8 Ed25519 key. */
const PKCS8_PREFIX = "302e020100300506032b657004220420";

export async function testSigner(name: string, seed: number | Uint8Array): Promise<TestSigner> {
  const octets = typeof seed === "number" ? new Uint8Array(32).fill(seed) : seed;
  const pkcs8 = concatBytes(fromHex(PKCS8_PREFIX) ?? new Uint8Array(), octets);
  const { subtle } = globalThis.crypto;
  const privateKey = await subtle.importKey("pkcs8", new Uint8Array(pkcs8), "Ed25519", true, [
    "sign",
  ]);
  const { x = "" } = await subtle.exportKey("jwk", privateKey);
  const publicKey = new Uint8Array(Buffer.from(x, "base64url"));
  const sign = async (message: Uint8Array) =>
    new Uint8Array(await subtle.sign("Ed25519", privateKey, new Uint8Array(message)));
  return {
    name,
    publicKey,
    sign,
    key: verifierKeyOf(name, publicKey),
    cosignerKey: verifierKeyOf(name, publicKey, ED25519_COSIGNATURE),
    cosign: async (text, timestamp) => {
      const time = new Uint8Array(8);
      new DataView(time.buffer).setBigUint64(0, BigInt(timestamp));
      const signature = await sign(utf8(`cosignature/v1\ntime ${timestamp}\n${text}`));
      const keyId = keyIdOf(name, ED25519_COSIGNATURE, publicKey);
      return { name, keyId, signature: concatBytes(time, signature) };
    },
  };
}
