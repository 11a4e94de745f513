/**
 * What a report says of the whole ledger's integrity (compliance/report-data.ts, IntegritySeen). A
 * ledger too large to be verified for one report goes on from its last complete pass.
 */
import type { IntegritySeen } from "../compliance/report-data.ts";
import { NEVER_VERIFIED, type VerificationRecord } from "../ledger/verification-pass.ts";
import { verifyIntegrity, type IntegrityResult } from "./integrity.ts";
import type { LedgerService, Services } from "./services.ts";

/** Small enough to be verified anew for each report. */
const VERIFIED_ANEW_MAX = 20_000;

export async function seenIntegrity(
  ledger: LedgerService,
  services: Pick<Services, "now">,
  size: number,
): Promise<IntegritySeen> {
  const known = (await ledger.operations.verification()) ?? NEVER_VERIFIED;
  const from = size > VERIFIED_ANEW_MAX ? Math.min(known.passed?.size ?? 0, size) : 0;
  const result = await verifyIntegrity(ledger, services, { from });
  return { ...judged(result, known), size };
}

/**
 * Findings of a pass since lie before the place where this one went on, where it does not look: they
 * stand until a whole pass is clean.
 */
export function judged(
  result: Omit<IntegrityResult, "total" | "entries" | "next_cursor">,
  known: VerificationRecord,
): IntegritySeen {
  const { valid, broken_at, message, size, root_hash, erased, complete, findings } = result;
  const { checked } = result;
  const isWhole = checked.from === 0 && checked.to === size;
  const [first] = known.findings;
  if (valid !== false && !isWhole && first !== undefined)
    return {
      valid: false,
      broken_at: known.findings.find(({ decisionId }) => decisionId !== null)?.decisionId ?? null,
      message: `${first.fault}: ${first.message}; found before ${known.checkedAt}, and no whole pass was clean since`,
      size,
      root_hash,
      erased,
      complete: false,
      findings: known.findings.map(({ decisionId, ...rest }) => ({
        ...rest,
        decision_id: decisionId,
      })),
    };
  const said = valid === true && size > 0 ? verifiedMessage(result, known) : message;
  return { valid, broken_at, message: said, size, root_hash, erased, complete, findings };
}

/** Of the ledger, whatever the report's scope; and of a pass before, what that one verified. */
function verifiedMessage(
  { size, checked }: Pick<IntegrityResult, "size" | "checked">,
  { passed }: VerificationRecord,
): string {
  return checked.from === 0
    ? `All ${size} entries verified`
    : `Of ${size} entries, the first ${checked.from} were verified by the complete pass of ${passed?.at ?? "before"}, the rest now`;
}
