/**
 * What `/v1/integrity/verify` and the report say about the ledger, CONTRACT "Integrity" and
 * DESIGN §4. `valid` is true only when everything up to the head was checked, false only with
 * findings, and null when neither is known: unproven is not verified.
 */
import { checkAcknowledged, rootThen } from "../ledger/acknowledged.ts";
import { auditLedger, type AuditResult } from "../ledger/audit.ts";
import type { Finding } from "../ledger/fault.ts";
import { afterSlice, NEVER_VERIFIED } from "../ledger/verification-pass.ts";
import type { LedgerService, Services } from "./services.ts";

export interface IntegrityQuery {
  readonly serviceName?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface Integrity {
  readonly valid: boolean | null;
  /** Decisions in scope, not ledger entries. */
  readonly total: number;
  readonly broken_at: string | null;
  readonly message: string;
}

export interface IntegrityResult extends Integrity {
  readonly entries: number;
  readonly size: number;
  readonly root_hash: string | null;
  /** Fields erased from entries, each by an entry of its own. */
  readonly erased: number;
  readonly complete: boolean;
  readonly checked: { readonly from: number; readonly to: number };
  readonly next_cursor: string | null;
  readonly findings: readonly object[];
}

/** The old SDKs give up after 30 s; an answer that says how far it got is worth more than none. */
const TIME_BUDGET_MS = 15_000;
/** For what was appended since the last complete pass, where the whole did not fit the first budget. */
const TAIL_BUDGET_MS = 8_000;

export async function verifyIntegrity(
  ledger: LedgerService,
  services: Pick<Services, "now">,
  query: IntegrityQuery,
): Promise<IntegrityResult> {
  const [status, total] = await Promise.all([
    ledger.status(),
    ledger.reader.countDecisions({ serviceName: query.serviceName }),
  ]);
  const audit = (from: number, to: number | undefined, budgetMs: number): Promise<AuditResult> => {
    const deadline = services.now().getTime() + budgetMs;
    const mayContinue = () => services.now().getTime() < deadline;
    const { name, origin } = ledger;
    return auditLedger(ledger.audit, {
      ledger: name,
      origin,
      keys: status.keys,
      from,
      to,
      mayContinue,
    });
  };
  const asked = await audit(query.from ?? 0, query.to, TIME_BUDGET_MS);
  const rolledBack = await checkAcknowledged(status, asked.size, ledger.reader);
  const findings = [...(rolledBack === undefined ? [] : [rolledBack]), ...asked.findings];
  const whole = asked.checked.from === 0 && asked.checked.to === asked.size;
  let complete = whole;
  if (whole) await remember(ledger, services, { ...asked, findings });
  else if (findings.length === 0) {
    const tail = await sinceLastPass(ledger, asked, (from) =>
      audit(from, undefined, TAIL_BUDGET_MS),
    );
    findings.push(...(tail?.findings ?? []));
    complete = tail !== undefined && tail.checked.to === tail.size;
  }
  const valid = findings.length > 0 ? false : complete ? true : null;
  const { size, checked } = asked;
  return {
    valid,
    total,
    broken_at: findings.find(({ decisionId }) => decisionId !== null)?.decisionId ?? null,
    message: message(valid, total, size, checked, findings),
    entries: checked.to - checked.from,
    size,
    root_hash: asked.rootHash,
    erased: await ledger.reader.countErased(),
    complete,
    checked,
    next_cursor: checked.to < Math.min(query.to ?? size, size) ? String(checked.to) : null,
    findings: findings.map(({ decisionId, ...rest }) => ({ ...rest, decision_id: decisionId })),
  };
}

/** A complete check is a complete pass: `/health` and later calls know of it. */
async function remember(
  { operations }: LedgerService,
  services: Pick<Services, "now">,
  audit: AuditResult,
): Promise<void> {
  const before = (await operations.verification()) ?? NEVER_VERIFIED;
  const after = afterSlice(before, audit, services.now().toISOString());
  // The pass that runs by itself goes on where it was.
  await operations.recordVerification({ ...after, cursor: before.cursor });
}

/** The range since the last complete pass, if that was over this same history and nothing was found since. */
async function sinceLastPass(
  ledger: LedgerService,
  asked: AuditResult,
  audit: (from: number) => Promise<AuditResult>,
): Promise<AuditResult | undefined> {
  const { passed, findings } = (await ledger.operations.verification()) ?? NEVER_VERIFIED;
  if (passed === null || findings.length > 0) return undefined;
  if ((await rootThen(ledger.reader, passed.size)) !== passed.rootHash) return undefined;
  if (asked.checked.from <= passed.size && asked.checked.to === asked.size) return asked;
  return audit(passed.size);
}

function message(
  valid: boolean | null,
  total: number,
  size: number,
  checked: { from: number; to: number },
  findings: readonly Finding[],
): string {
  const [first] = findings;
  if (first !== undefined) {
    const where = first.index === null ? "" : ` at entry ${first.index}`;
    return `${first.fault}${where}: ${first.message}`;
  }
  if (valid === null)
    return `Entries ${checked.from} to ${checked.to} of ${size} were checked and hold; the rest was not checked`;
  if (size === 0) return "The ledger holds no entries, and none was ever acknowledged";
  return `All ${size} entries verified, ${total} decisions in scope`;
}
