/**
 * Verification for applications: what `loopgrid verify` does, as functions that run in Node,
 * browsers and Workers, without the server and without a network.
 */
import { parseVerifierKey, type VerifierKey } from "../../ledger/note.ts";
import type { Verdict } from "../../ledger/verdict.ts";
import { verifyEvidence as checkEvidence } from "../../ledger/verify-evidence.ts";
import { ExportVerifier } from "../../ledger/verify-export.ts";
import { verifyNote, verifyProofFile } from "../../ledger/verify-note.ts";
import { leafHash } from "../../ledger/hash.ts";

export { opens as verifyCommitment } from "./commit.ts";
export type { Verdict, VerdictStatus } from "../../ledger/verdict.ts";
export type { Fault, Finding } from "../../ledger/fault.ts";

export interface TrustOptions {
  /**
   * C2SP verifier keys you trust, had from somewhere else than the file. Without any a file vouches
   * only for itself, and the verdict is `unproven`.
   */
  readonly keys: readonly string[];
}

/**
 * Verifies a ledger export, line by line: pass its lines as they come, without their line feeds.
 * Holds one line in memory.
 * @throws TypeError when a key is no verifier key
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  options: TrustOptions,
): Promise<Verdict> {
  const verifier = new ExportVerifier(parseKeys(options));
  for await (const line of lines) verifier.line(line);
  return verifier.finish();
}

/** Verifies the evidence bundle of a decision. @throws TypeError when a key is no verifier key */
export async function verifyEvidence(text: string, options: TrustOptions): Promise<Verdict> {
  return checkEvidence(text, parseKeys(options));
}

/** Verifies a signed checkpoint of any C2SP log. @throws TypeError when a key is no verifier key */
export async function verifyCheckpoint(note: string, options: TrustOptions): Promise<Verdict> {
  return verifyNote(note, parseKeys(options));
}

/**
 * Verifies a C2SP tlog-proof@v1.
 * @param options.entry the entry's exact octets, where the proof does not carry them
 * @throws TypeError when a key is no verifier key
 */
export async function verifyTlogProof(
  proof: string,
  options: TrustOptions & { readonly entry?: Uint8Array },
): Promise<Verdict> {
  return verifyProofFile(proof, parseKeys(options), options.entry && leafHash(options.entry));
}

function parseKeys({ keys }: TrustOptions): VerifierKey[] {
  return keys.map((text) => {
    const key = parseVerifierKey(text);
    if (key === undefined) throw new TypeError(`${text} is not a C2SP verifier key`);
    return key;
  });
}
