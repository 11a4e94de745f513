/**
 * C2SP tlog-proof@v1: a text that shows offline that an entry is in a log, made of the index, the
 * inclusion proof and the signed checkpoint. It does not hold the entry, only fits its leaf hash.
 * Pure but for WebCrypto. Reading is strict: one proof has exactly one accepted spelling.
 */
import { assert } from "../lib/assert.ts";
import { fromBase64, toBase64 } from "../lib/bytes.ts";
import {
  openCheckpoint,
  parseDecimal,
  type CheckpointRefusal,
  type OpenCheckpoint,
} from "./checkpoint.ts";
import { HASH_BYTES, type Hash } from "./hash.ts";
import { verifyInclusion } from "./merkle.ts";
import type { VerifierKey } from "./note.ts";

const FIRST_LINE = "c2sp.org/tlog-proof@v1";
/** Extra, index, hashes, checkpoint. The first empty line ends the hashes; a note has more of them. */
const SYNTAX = /^(?:extra ([^\n]+)\n)?index ([^\n]+)\n((?:[^\n]+\n)*)\n([^]+)$/;

export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling up to the child of the root. */
  readonly proof: readonly Hash[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Whatever the application added. Nothing signs it: never trust it. */
  readonly extra?: Uint8Array;
}

export interface VerifiedTlogProof extends OpenCheckpoint {
  readonly index: number;
}

export type TlogProofRefusal =
  | CheckpointRefusal
  | { readonly ok: false; readonly reason: "proof_malformed" | "not_included" };

export function formatTlogProof({ index, proof, checkpoint, extra }: TlogProof): string {
  const extraLine = extra === undefined ? "" : `extra ${toBase64(extra)}\n`;
  const hashLines = proof.map((hash) => `${toBase64(hash)}\n`).join("");
  const text = `${FIRST_LINE}\n${extraLine}index ${index}\n${hashLines}\n${checkpoint}`;
  assert(parseTlogProof(text) !== undefined, "this index, these hashes and this extra are a proof");
  return text;
}

/** Reads a proof; undefined when its syntax is wrong. The checkpoint in it is not looked into. */
export function parseTlogProof(text: string): TlogProof | undefined {
  if (!text.startsWith(`${FIRST_LINE}\n`)) return undefined;
  const match = SYNTAX.exec(text.slice(FIRST_LINE.length + 1));
  if (match === null) return undefined;
  const [, extraBase64, digits = "", hashLines = "", checkpoint = ""] = match;
  const index = parseDecimal(digits);
  const proof = parseHashes(hashLines.split("\n").slice(0, -1));
  if (index === undefined || proof === undefined) return undefined;
  if (extraBase64 === undefined) return { index, proof, checkpoint };
  const extra = fromBase64(extraBase64);
  return extra && { index, proof, checkpoint, extra };
}

/**
 * Verifies that a trusted log signed a tree with `leafHash` at the index the proof states. Which
 * log, which index and which witnesses count is for the caller to compare.
 */
export async function verifyTlogProof(
  text: string,
  leafHash: Hash,
  verifiers: readonly VerifierKey[],
): Promise<VerifiedTlogProof | TlogProofRefusal> {
  const parsed = parseTlogProof(text);
  if (parsed === undefined) return { ok: false, reason: "proof_malformed" };
  const { index, proof } = parsed;
  const opened = await openCheckpoint(parsed.checkpoint, verifiers);
  if (!opened.ok) return opened;
  const { size, rootHash } = opened.checkpoint;
  const included = verifyInclusion({ index, size, leafHash, proof, rootHash });
  return included ? { ...opened, index } : { ok: false, reason: "not_included" };
}

function parseHashes(lines: readonly string[]): Hash[] | undefined {
  const hashes: Hash[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_BYTES) return undefined;
    hashes.push(hash);
  }
  return hashes;
}
