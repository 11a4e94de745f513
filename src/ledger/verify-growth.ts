/**
 * That a ledger only grew, DESIGN §1.4: an older checkpoint somebody kept against a file, or against
 * what a server signs now. Pure but for WebCrypto; the consistency proof comes in.
 */
import { equalBytes, toHex } from "../lib/bytes.ts";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { Finding } from "./fault.ts";
import type { Hash } from "./hash.ts";
import { verifyConsistency } from "./merkle.ts";
import type { VerifierKey } from "./note.ts";
import { reason, signatureFinding } from "./verify-checkpoint.ts";

/** Opens a kept checkpoint by the trusted keys; a finding when none of them signed it. */
export async function openKept(
  note: string,
  trusted: readonly VerifierKey[],
): Promise<{ checkpoint: Checkpoint } | { finding: Finding }> {
  const opened = await openCheckpoint(note, trusted);
  if (opened.ok) return { checkpoint: opened.checkpoint };
  return { finding: signatureFinding(`the kept checkpoint does not hold: ${reason(opened)}`) };
}

/** Two trees of which the smaller must be the beginning of the larger. */
export interface Growth {
  readonly older: { readonly size: number; readonly rootHash: Hash };
  readonly newer: { readonly size: number; readonly rootHash: Hash };
  readonly proof: readonly Hash[];
}

/** Undefined when the newer tree extends the older one. */
export function checkGrowth({ older, newer, proof }: Growth): Finding | undefined {
  const extended =
    older.size === newer.size
      ? equalBytes(older.rootHash, newer.rootHash)
      : verifyConsistency({
          from: older.size,
          to: newer.size,
          fromRoot: older.rootHash,
          toRoot: newer.rootHash,
          proof,
        });
  if (extended) return undefined;
  return {
    index: null,
    decisionId: null,
    fault: "rolled_back",
    message: `the tree of size ${newer.size} (root ${toHex(newer.rootHash)}) does not extend the one of size ${older.size} (root ${toHex(older.rootHash)}): history was rewritten`,
  };
}
