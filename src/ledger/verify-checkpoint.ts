/**
 * The signed checkpoint of a file against the keys the file names and the keys somebody trusts.
 * Pure but for WebCrypto.
 */
import { openCheckpoint, type Checkpoint, type CheckpointRefusal } from "./checkpoint.ts";
import type { Finding } from "./fault.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "./note.ts";
import { NO_KEY } from "./verdict.ts";

export interface CheckedCheckpoint {
  /** Undefined when no key's signature holds. */
  readonly checkpoint: Checkpoint | undefined;
  readonly findings: readonly Finding[];
  readonly unproven: readonly string[];
}

/**
 * @param named the file's `verifier_keys`: each must be a key of `origin`, and the checkpoint's
 *   signatures must all be theirs and hold, or a flipped bit in one would go unseen
 * @param trusted keys from outside the file; empty: the file vouches only for itself
 */
export async function checkFileCheckpoint(
  note: string,
  origin: string,
  named: readonly string[],
  trusted: readonly VerifierKey[],
): Promise<CheckedCheckpoint> {
  const findings: Finding[] = [];
  const keys: VerifierKey[] = [];
  // A ledger may come back to an old key, which then speaks for two ranges.
  for (const text of new Set(named)) {
    const key = parseVerifierKey(text);
    if (key === undefined || key.name !== origin) {
      findings.push(signatureFinding(`verifier_keys holds ${text}, which is no key of ${origin}`));
    } else keys.push(key);
  }
  const opened = await openCheckpoint(note, keys);
  if (!opened.ok)
    findings.push(
      signatureFinding(`the checkpoint does not hold by the file's own keys: ${reason(opened)}`),
    );
  else if (opened.checkpoint.origin !== origin) {
    findings.push(
      signatureFinding(`the checkpoint is of ${opened.checkpoint.origin}, the file of ${origin}`),
    );
  }
  if (opened.ok) {
    findings.push(
      ...opened.unverified.map(({ name, keyId }) =>
        signatureFinding(`verifier_keys does not name ${name}+${keyId}, which signed`),
      ),
    );
  }
  if (trusted.length === 0) {
    return { checkpoint: opened.ok ? opened.checkpoint : undefined, findings, unproven: [NO_KEY] };
  }
  const byTrusted = await openCheckpoint(note, trusted);
  if (!byTrusted.ok) {
    findings.push(
      signatureFinding(
        `no trusted key signed the checkpoint: ${reason(byTrusted)}; trusted: ${trusted.map(formatVerifierKey).join(", ")}`,
      ),
    );
  }
  const checkpoint = byTrusted.ok
    ? byTrusted.checkpoint
    : opened.ok
      ? opened.checkpoint
      : undefined;
  return { checkpoint, findings, unproven: [] };
}

export function reason(refusal: CheckpointRefusal): string {
  return "keyId" in refusal
    ? `${refusal.reason} (${refusal.name}+${refusal.keyId})`
    : refusal.reason;
}

export function signatureFinding(message: string): Finding {
  return { index: null, decisionId: null, fault: "signature_invalid", message };
}
