/** Signed notes and tlog-proofs of any C2SP log, as verdicts. Pure but for WebCrypto. */
import { toHex } from "../lib/bytes.ts";
import { openCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import type { Finding } from "./fault.ts";
import { leafHash, type Hash } from "./hash.ts";
import { parseNote, type VerifierKey } from "./note.ts";
import { parseTlogProof, verifyTlogProof } from "./tlog-proof.ts";
import { NO_KEY, statusFrom, type Verdict } from "./verdict.ts";
import { reason, signatureFinding } from "./verify-checkpoint.ts";

const UNREADABLE = "the file is no signed note in the form C2SP gives it";

/** A checkpoint by itself: who signed which tree. */
export async function verifyNote(text: string, trusted: readonly VerifierKey[]): Promise<Verdict> {
  const note = parseNote(text);
  const checkpoint = note && parseCheckpoint(note.text);
  if (note === undefined || checkpoint === undefined) return verdict("note", [], [UNREADABLE]);
  const about = {
    origin: checkpoint.origin,
    size: checkpoint.size,
    rootHash: toHex(checkpoint.rootHash),
  };
  if (trusted.length === 0) return verdict("note", [], [NO_KEY], about);
  const opened = await openCheckpoint(text, trusted);
  const findings = opened.ok
    ? []
    : [signatureFinding(`no trusted key signed it: ${reason(opened)}`)];
  return verdict("note", findings, [], about);
}

/**
 * @param leaf of the entry the proof is about, where the caller has it; our own proofs carry the
 *   entry in their extra line, which nothing signs but which must hash to the proven leaf
 */
export async function verifyProofFile(
  text: string,
  trusted: readonly VerifierKey[],
  leaf: Hash | undefined,
): Promise<Verdict> {
  const proof = parseTlogProof(text);
  if (proof === undefined)
    return verdict("tlog-proof@v1", [], ["the file is no tlog-proof in the form C2SP gives it"]);
  const checkpoint = parseCheckpoint(parseNote(proof.checkpoint)?.text ?? "");
  if (checkpoint === undefined)
    return verdict("tlog-proof@v1", [], ["the proof holds no checkpoint"]);
  const about = {
    origin: checkpoint.origin,
    size: checkpoint.size,
    rootHash: toHex(checkpoint.rootHash),
  };
  if (trusted.length === 0) return verdict("tlog-proof@v1", [], [NO_KEY], about);
  const opened = await openCheckpoint(proof.checkpoint, trusted);
  if (!opened.ok) {
    return verdict(
      "tlog-proof@v1",
      [signatureFinding(`no trusted key signed the checkpoint: ${reason(opened)}`)],
      [],
      about,
    );
  }
  const proven = leaf ?? (proof.extra && leafHash(proof.extra));
  if (proven === undefined) {
    const missing =
      "the signature holds; the proof does not carry its entry, give it to check that it is included";
    return verdict("tlog-proof@v1", [], [missing], about);
  }
  const checked = await verifyTlogProof(text, proven, trusted);
  if (checked.ok) return { ...verdict("tlog-proof@v1", [], [], about), entries: 1 };
  const finding: Finding = {
    index: proof.index,
    decisionId: null,
    fault: "root_mismatch",
    message: `the entry with leaf hash ${toHex(proven)} is not in the signed tree at index ${proof.index}`,
  };
  return verdict("tlog-proof@v1", [finding], [], about);
}

function verdict(
  format: string,
  findings: readonly Finding[],
  unproven: readonly string[],
  about: Pick<Verdict, "origin" | "size" | "rootHash"> = {
    origin: null,
    size: null,
    rootHash: null,
  },
): Verdict {
  return {
    status: statusFrom(findings, unproven),
    format,
    ...about,
    entries: 0,
    erased: 0,
    findings,
    unproven,
    limits: [],
  };
}
