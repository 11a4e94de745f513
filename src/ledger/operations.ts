/** What the server remembers of its own work on a ledger: nothing relied on as evidence (DESIGN §3). */
import type { VerificationRecord } from "./verification-pass.ts";

/** How far a witness has followed the ledger. */
export interface WitnessRecord {
  /** The name in its verifier key. */
  readonly witness: string;
  /** The newest checkpoint it cosigned; 0 before the first. */
  readonly size: number;
  readonly succeededAt: string | null;
  readonly triedAt: string;
  /** Why the last try failed; null when it did not. */
  readonly error: string | null;
}

export interface LedgerOperations {
  verification(): Promise<VerificationRecord | undefined>;
  recordVerification(record: VerificationRecord): Promise<void>;
  witnesses(): Promise<readonly WitnessRecord[]>;
  /** The newest size that a witness signed, and the cosignature lines of all who signed it. */
  cosigned(): Promise<{ readonly size: number; readonly lines: readonly string[] } | undefined>;
}
