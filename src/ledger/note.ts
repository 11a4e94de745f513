/**
 * Signed notes, C2SP signed-note, with Ed25519 signatures (type 0x01) and the timestamped Ed25519
 * cosignatures of witnesses (type 0x04, C2SP tlog-cosignature). No other algorithm is offered:
 * the specification advises against several at run time.
 * Pure but for WebCrypto. Reading is strict: one note has exactly one accepted spelling.
 */
import { assert } from "../lib/assert.ts";
import { concatBytes, fromBase64, fromHex, toBase64, toHex, utf8 } from "../lib/bytes.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { sha256 } from "./hash.ts";

export const ED25519 = 0x01;
export const ED25519_COSIGNATURE = 0x04;
/** Go's limit. The specification asks for any, so that a note cannot keep a verifier busy. */
const SIGNATURES_MAX = 100;
const PUBLIC_KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const TIMESTAMP_BYTES = 8;

export type SignatureType = typeof ED25519 | typeof ED25519_COSIGNATURE;

export interface NoteSignature {
  readonly name: string;
  /** 8 lower-case hex digits. With the name it tells which key signed, and with which algorithm. */
  readonly keyId: string;
  /** What follows the key id: 64 octets for Ed25519, 8 of time and 64 for a cosignature. */
  readonly signature: Uint8Array;
}

/** A note taken apart; nothing about it has been verified. */
export interface SignedNote {
  /** The signed text, with its final newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface VerifierKey {
  readonly name: string;
  readonly keyId: string;
  readonly type: SignatureType;
  readonly publicKey: Uint8Array;
}

export interface NoteSigner {
  readonly name: string;
  readonly publicKey: Uint8Array;
  /** The 64 octets of an Ed25519 signature over exactly `message`. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface VerifiedSignature {
  readonly key: VerifierKey;
  /** POSIX seconds at which a witness says it saw the text; only a cosignature has them. */
  readonly timestamp?: number;
}

export interface OpenNote {
  readonly ok: true;
  readonly text: string;
  /** One for each key, however often it signed: counting these counts signers. Never empty. */
  readonly verified: readonly VerifiedSignature[];
  /** By keys that were not given. They say nothing. */
  readonly unverified: readonly NoteSignature[];
}

export type NoteRefusal =
  | { readonly ok: false; readonly reason: "note_malformed" | "signature_missing" }
  | {
      readonly ok: false;
      readonly reason: "signature_invalid" | "key_ambiguous";
      readonly name: string;
      readonly keyId: string;
    };

export type OpenResult = OpenNote | NoteRefusal;

/** First 4 octets of SHA-256(name ‖ 0x0A ‖ type ‖ public key), in hex. */
export function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): string {
  const digest = sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey));
  return toHex(digest.subarray(0, KEY_ID_BYTES));
}

/** The key that verifies what `publicKey`'s owner signs under `name`. */
export function verifierKeyOf(
  name: string,
  publicKey: Uint8Array,
  type: SignatureType = ED25519,
): VerifierKey {
  assert(
    isKeyName(name) && publicKey.length === PUBLIC_KEY_BYTES,
    "a key has a name and 32 octets",
  );
  return { name, keyId: keyIdOf(name, type, publicKey), type, publicKey };
}

/** The text form of a key, `name+keyId+base64(type ‖ public key)`: a C2SP vkey. */
export function formatVerifierKey(key: VerifierKey): string {
  const encoded = toBase64(concatBytes(Uint8Array.of(key.type), key.publicKey));
  return `${key.name}+${key.keyId}+${encoded}`;
}

/** Reads a vkey; undefined when it is malformed, of another algorithm, or its key id is not its own. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const [, name = "", keyId = "", encoded = ""] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/.exec(text) ?? [];
  const octets = fromBase64(encoded);
  if (!isKeyName(name) || octets?.length !== 1 + PUBLIC_KEY_BYTES) return undefined;
  const [type] = octets;
  if (type !== ED25519 && type !== ED25519_COSIGNATURE) return undefined;
  const key = verifierKeyOf(name, octets.slice(1), type);
  return key.keyId === keyId ? key : undefined;
}

/** Throws for a text, a name or a key id that would be read back as something else. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, keyId, signature }) => {
    const id = fromHex(keyId);
    assert(
      isKeyName(name) && id?.length === KEY_ID_BYTES,
      "a signature has a key name and a key id",
    );
    return `— ${name} ${toBase64(concatBytes(id, signature))}\n`;
  });
  const note = `${text}\n${lines.join("")}`;
  assert(parseNote(note)?.text === text, "a note can carry this text and these signatures");
  return note;
}

/** Takes a note apart; undefined when its syntax is wrong in any way. */
export function parseNote(text: string): SignedNote | undefined {
  // oxlint-disable-next-line no-control-regex -- the specification refuses exactly these
  if (!text.isWellFormed() || /[\0-\x09\x0b-\x1f]/.test(text)) return undefined;
  const blank = text.lastIndexOf("\n\n"); // the last one: the signed text may have empty lines
  if (blank === -1 || !text.endsWith("\n")) return undefined;
  const lines = text.slice(blank + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === undefined) return undefined;
    signatures.push(signature);
  }
  return { text: text.slice(0, blank + 1), signatures };
}

/**
 * Verifies a note by the keys that are trusted. Signatures by other keys are set aside; one by a
 * trusted key that does not hold refuses the whole note, whatever else signed it.
 */
export async function openNote(
  text: string,
  verifiers: readonly VerifierKey[],
): Promise<OpenResult> {
  const note = parseNote(text);
  if (note === undefined) return { ok: false, reason: "note_malformed" };
  const verified = new Map<VerifierKey, VerifiedSignature>();
  const unverified = new Map<string, NoteSignature>();
  for (const signature of note.signatures) {
    const { name, keyId } = signature;
    const [key, second] = verifiers.filter((v) => v.name === name && v.keyId === keyId);
    if (second !== undefined) return { ok: false, reason: "key_ambiguous", name, keyId };
    if (key === undefined) {
      unverified.set(`${name}+${keyId}+${toHex(signature.signature)}`, signature);
      continue;
    }
    const outcome = await verifySignature(note.text, signature.signature, key);
    if (outcome === undefined) return { ok: false, reason: "signature_invalid", name, keyId };
    verified.set(key, outcome);
  }
  if (verified.size === 0) return { ok: false, reason: "signature_missing" };
  return {
    ok: true,
    text: note.text,
    verified: [...verified.values()],
    unverified: [...unverified.values()],
  };
}

/** A note over `text`, one signature line for each signer. During a key rotation there are two. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  const message = utf8(text);
  const signatures = signers.map(async (signer) => ({
    name: signer.name,
    keyId: keyIdOf(signer.name, ED25519, signer.publicKey),
    signature: await signer.sign(message),
  }));
  return formatNote(text, await Promise.all(signatures));
}

async function verifySignature(
  text: string,
  signature: Uint8Array,
  key: VerifierKey,
): Promise<VerifiedSignature | undefined> {
  if (key.type === ED25519) {
    return (await verifyEd25519(key.publicKey, signature, utf8(text))) ? { key } : undefined;
  }
  const timestamp = Number(`0x${toHex(signature.subarray(0, TIMESTAMP_BYTES))}`);
  if (!Number.isSafeInteger(timestamp)) return undefined; // rounded: not the time that was signed
  const message = utf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
  const cosignature = signature.subarray(TIMESTAMP_BYTES);
  const holds = await verifyEd25519(key.publicKey, cosignature, message);
  return holds ? { key, timestamp } : undefined;
}

function parseSignatureLine(line: string): NoteSignature | undefined {
  const [, name = "", encoded = ""] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const octets = fromBase64(encoded);
  if (!isKeyName(name) || octets === undefined || octets.length <= KEY_ID_BYTES) return undefined;
  return {
    name,
    keyId: toHex(octets.subarray(0, KEY_ID_BYTES)),
    signature: octets.slice(KEY_ID_BYTES),
  };
}

/** "MUST be non-empty and MUST NOT contain any Unicode spaces or plus." */
function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\p{White_Space}+]+$/u.test(name);
}
