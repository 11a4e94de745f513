/**
 * What checking a file can say, DESIGN §5. Three words, never mixed up: verified (every claim was
 * recomputed and a trusted key signed it), tampered (something contradicts itself, with its place),
 * unproven (nothing contradicts, but a piece is missing: a key, the end of the file, an erasure).
 */
import type { Finding } from "./fault.ts";

export type VerdictStatus = "verified" | "tampered" | "unproven";

export interface Verdict {
  readonly status: VerdictStatus;
  /** What the file is: `loopgrid-ledger/1`, `loopgrid-evidence/1`, `tlog-proof@v1`, `note`. */
  readonly format: string;
  readonly origin: string | null;
  /** The signed tree the file was checked against. */
  readonly size: number | null;
  readonly rootHash: string | null;
  readonly entries: number;
  /** Fields that are gone, each explained by an erasure in the file. */
  readonly erased: number;
  readonly findings: readonly Finding[];
  /** Why it is unproven; empty when it is not. */
  readonly unproven: readonly string[];
  /** What a file of this kind cannot show even when it is verified. */
  readonly limits: readonly string[];
}

export const NO_KEY =
  "no key was given: the file vouches only for itself; pass the ledger's public key, had from somewhere else";

/** Tampered beats unproven: a contradiction stays one whatever else is missing. */
export function statusFrom(
  findings: readonly Finding[],
  unproven: readonly string[],
): VerdictStatus {
  if (findings.length > 0) return "tampered";
  return unproven.length > 0 ? "unproven" : "verified";
}
