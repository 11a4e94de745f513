/**
 * Verification that runs by itself, in slices: where a pass goes on, when it is complete, what it
 * leaves behind. It appends nothing. Pure: the record comes in and goes out.
 */
import type { AuditResult } from "./audit.ts";
import type { Finding } from "./fault.ts";

export interface VerificationRecord {
  /** Where the present pass goes on. */
  readonly cursor: number;
  /** What the last pass that found something found; empty once a whole pass was clean. */
  readonly findings: readonly Finding[];
  readonly checkedAt: string;
  /** The last complete pass without a finding. */
  readonly passed: { readonly size: number; readonly rootHash: string; readonly at: string } | null;
}

export const NEVER_VERIFIED: VerificationRecord = {
  cursor: 0,
  findings: [],
  checkedAt: "",
  passed: null,
};

/**
 * The record after one slice. A finding ends its pass, and stays until a whole pass has found
 * nothing: a later slice that is clean says nothing about the one that was not.
 */
export function afterSlice(
  before: VerificationRecord,
  { checked, size, rootHash, findings }: AuditResult,
  now: string,
): VerificationRecord {
  const { passed } = before;
  if (findings.length > 0) {
    return { cursor: 0, findings: findings.slice(0, FINDINGS_MAX), checkedAt: now, passed };
  }
  if (checked.to < size || rootHash === null) {
    return { cursor: checked.to, findings: before.findings, checkedAt: now, passed };
  }
  return { cursor: 0, findings: [], checkedAt: now, passed: { size, rootHash, at: now } };
}

/** Kept: the first tells what happened. */
const FINDINGS_MAX = 20;
