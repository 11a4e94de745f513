/**
 * Talking to a witness, C2SP tlog-witness `add-checkpoint`: what is sent, and what its answer means.
 * Pure but for WebCrypto; the sending is the caller's.
 */
import { toBase64 } from "../lib/bytes.ts";
import { parseDecimal } from "./checkpoint.ts";
import type { Hash } from "./hash.ts";
import { formatNote, openNote, parseNote, type VerifierKey } from "./note.ts";

/** A witness signs what it saw grow: its key, of the cosignature type, and where it listens. */
export interface Witness {
  readonly key: VerifierKey;
  readonly url: string;
}

export type WitnessAnswer =
  /** It signed: the line to keep beside the checkpoint. */
  | { readonly kind: "cosigned"; readonly line: string }
  /** It holds another size than we thought: prove growth from that one. */
  | { readonly kind: "conflict"; readonly size: number }
  /** It saw a tree that ours does not extend, or could not follow the proof: for an operator. */
  | { readonly kind: "refused"; readonly detail: string };

/** A cosignature's text is small; more than this is not one. */
export const ANSWER_CHARACTERS_MAX = 64 * 1024;

/** Body of `POST <url>/add-checkpoint`. @param proof of consistency from `oldSize`; empty from 0 */
export function addCheckpointBody(oldSize: number, proof: readonly Hash[], note: string): string {
  return `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join("")}\n${note}`;
}

/** @param note the checkpoint that was sent, as signed by us */
export async function readAnswer(
  status: number,
  body: string,
  note: string,
  witness: VerifierKey,
): Promise<WitnessAnswer> {
  if (status === 200) return readCosignature(body, note, witness);
  const size = status === 409 ? parseDecimal(body.trim()) : undefined;
  if (size !== undefined) return { kind: "conflict", size };
  return { kind: "refused", detail: MEANINGS[status] ?? `answered ${status}` };
}

const MEANINGS: Readonly<Record<number, string>> = {
  400: "it found the old size larger than the new one",
  403: "it knows no key that signed the checkpoint",
  404: "it does not know this origin",
  422: "it found the checkpoint inconsistent with the one it signed before",
};

/** A line is kept only when it verifies over exactly what was sent. */
async function readCosignature(
  body: string,
  note: string,
  witness: VerifierKey,
): Promise<WitnessAnswer> {
  const text = parseNote(note)?.text;
  const cosigned =
    text === undefined || body.length > ANSWER_CHARACTERS_MAX
      ? undefined
      : parseNote(`${text}\n${body}`);
  if (text === undefined || cosigned === undefined)
    return { kind: "refused", detail: "its answer holds no cosignature lines" };
  const own = cosigned.signatures.filter(
    ({ name, keyId }) => name === witness.name && keyId === witness.keyId,
  );
  const [signature] = own;
  if (signature === undefined)
    return { kind: "refused", detail: "its answer is not signed by its key" };
  const opened = await openNote(formatNote(text, [signature]), [witness]);
  if (!opened.ok)
    return { kind: "refused", detail: `its cosignature does not hold (${opened.reason})` };
  return { kind: "cosigned", line: formatNote(text, [signature]).slice(text.length + 1) };
}

/** A checkpoint with its cosignatures: the note they all sign, their lines behind ours. */
export function withCosignatures(note: string, lines: readonly string[]): string {
  return note + lines.join("");
}
