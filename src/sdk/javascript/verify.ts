/**
 * Verification for applications: what `loopgrid verify` does, as functions that run in Node,
 * browsers and Workers, without the server and without a network.
 */
import { parseVerifierKey, type VerifierKey } from "../../ledger/note.ts";
import type { Verdict } from "../../ledger/verdict.ts";
import { verifyEvidence as checkEvidence } from "../../ledger/verify-evidence.ts";
import { ExportVerifier } from "../../ledger/verify-export.ts";
import { verifyNote, verifyProofFile } from "../../ledger/verify-note.ts";
import { HASH_BYTES, leafHash } from "../../ledger/hash.ts";
import { formatTlogProof } from "../../ledger/tlog-proof.ts";
import { fromHex } from "../../lib/bytes.ts";

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

/** What an append answers, as far as its receipt is about it. */
export interface Receipted {
  /** Of the entry; a decision's own. */
  readonly chain_hash: string;
  readonly receipt: {
    readonly index: number;
    readonly size: number;
    readonly root_hash: string;
    readonly checkpoint: string;
    readonly proof?: readonly string[] | undefined;
  };
}

/**
 * Verifies a receipt that was asked for with `receipt: "proof"`: the entry with this chain hash stands
 * at its index in a tree that a trusted key signed. What the entry says is for its evidence bundle to
 * show. @throws TypeError when a key is no verifier key
 */
export async function verifyReceipt(
  { chain_hash, receipt }: Receipted,
  options: TrustOptions,
): Promise<Verdict> {
  const { index, size, root_hash, checkpoint, proof } = receipt;
  const hashes = proof?.map(fromHex).filter((hash) => hash !== undefined);
  const leaf = fromHex(chain_hash);
  const isWhole =
    leaf?.length === HASH_BYTES && hashes?.every(({ length }) => length === HASH_BYTES);
  if (leaf === undefined || hashes === undefined || isWhole !== true) {
    const bare = await verifyCheckpoint(checkpoint, options);
    const unproven = [...bare.unproven, 'it holds no proof; ask for it with receipt: "proof"'];
    const status = bare.status === "tampered" ? "tampered" : "unproven";
    return { ...bare, format: RECEIPT, status, unproven };
  }
  const text = formatTlogProof({ index, proof: hashes, checkpoint });
  const verdict = await verifyProofFile(text, parseKeys(options), leaf);
  const isSame = verdict.size === size && verdict.rootHash === root_hash;
  if (isSame) return { ...verdict, format: RECEIPT };
  const message = "the receipt names another tree than its checkpoint";
  const finding = { index, decisionId: null, fault: "root_mismatch", message } as const;
  return {
    ...verdict,
    format: RECEIPT,
    status: "tampered",
    findings: [...verdict.findings, finding],
  };
}

const RECEIPT = "receipt";

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
