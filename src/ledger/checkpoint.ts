/**
 * Checkpoints, C2SP tlog-checkpoint: what a log signs about its tree, as the text of a signed note.
 * Pure but for WebCrypto. DESIGN §3: the origin of a ledger is the name of the key that signs it.
 */
import { assert } from "../lib/assert.ts";
import { fromBase64, toBase64 } from "../lib/bytes.ts";
import { HASH_BYTES, type Hash } from "./hash.ts";
import { isTreeSize } from "./merkle.ts";
import { ED25519, openNote, type NoteRefusal, type OpenNote, type VerifierKey } from "./note.ts";

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly rootHash: Hash;
  /** Lines of other meaning. We write none, C2SP advises against them, others may. */
  readonly extensions: readonly string[];
}

export interface OpenCheckpoint extends OpenNote {
  readonly checkpoint: Checkpoint;
}

export type CheckpointRefusal =
  | NoteRefusal
  | { readonly ok: false; readonly reason: "checkpoint_malformed" }
  | { readonly ok: false; readonly reason: "origin_unsigned"; readonly origin: string };

/** The text of a checkpoint, ready to be signed. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, rootHash, extensions } = checkpoint;
  const text = [origin, size, toBase64(rootHash), ...extensions]
    .map((line) => `${line}\n`)
    .join("");
  const parsed = parseCheckpoint(text);
  // An origin or an extension with a line break in it would be read back as something else.
  const same = parsed?.origin === origin && parsed.extensions.length === extensions.length;
  assert(same, "a checkpoint can carry this origin, size, root hash and these extensions");
  return text;
}

/** Reads the text of a checkpoint; undefined when it is not one, spelled exactly as C2SP says. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith("\n")) return undefined;
  const [origin, digits, root, ...extensions] = text.slice(0, -1).split("\n");
  if (!origin || digits === undefined || root === undefined) return undefined;
  const size = parseDecimal(digits);
  const rootHash = fromBase64(root);
  if (size === undefined || rootHash?.length !== HASH_BYTES) return undefined;
  if (extensions.includes("")) return undefined;
  return { origin, size, rootHash, extensions };
}

/**
 * Verifies a signed checkpoint by the keys that are trusted. One of those that hold must be the
 * log's own, named as the origin: a witness alone, or the key of another log, does not speak for it.
 */
export async function openCheckpoint(
  note: string,
  verifiers: readonly VerifierKey[],
): Promise<OpenCheckpoint | CheckpointRefusal> {
  const opened = await openNote(note, verifiers);
  if (!opened.ok) return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === undefined) return { ok: false, reason: "checkpoint_malformed" };
  const { origin } = checkpoint;
  const signed = opened.verified.some(({ key }) => key.name === origin && key.type === ED25519);
  return signed ? { ...opened, checkpoint } : { ok: false, reason: "origin_unsigned", origin };
}

/** A size or an index in a C2SP text: ASCII digits, no zeros in front, not past 2^53 - 1. */
export function parseDecimal(digits: string): number | undefined {
  const value = /^(?:0|[1-9]\d*)$/.test(digits) ? Number(digits) : NaN;
  return isTreeSize(value) ? value : undefined;
}
