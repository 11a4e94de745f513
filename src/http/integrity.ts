/**
 * What `/v1/integrity/verify` and the report say about the ledger, CONTRACT "Integrity" and
 * DESIGN §4. `valid` is true only when everything up to the head was checked, false only with
 * findings, and null when neither is known: unproven is not verified.
 */
import { auditLedger } from "../ledger/audit.ts";
import type { Finding } from "../ledger/fault.ts";
import { CorruptLedger } from "../ledger/ports.ts";
import { rootAt } from "../ledger/proof.ts";
import type { SequencerStatus } from "../ledger/sequencing.ts";
import { toHex } from "../lib/bytes.ts";
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
  readonly complete: boolean;
  readonly checked: { readonly from: number; readonly to: number };
  readonly next_cursor: string | null;
  readonly findings: readonly object[];
}

/** The old SDKs give up after 30 s; an answer that says how far it got is worth more than none. */
const TIME_BUDGET_MS = 15_000;

export async function verifyIntegrity(
  ledger: LedgerService,
  services: Pick<Services, "now">,
  query: IntegrityQuery,
): Promise<IntegrityResult> {
  const deadline = services.now().getTime() + TIME_BUDGET_MS;
  const [status, total] = await Promise.all([
    ledger.status(),
    ledger.reader.countDecisions({ serviceName: query.serviceName }),
  ]);
  const audit = await auditLedger(ledger.audit, {
    ledger: ledger.name,
    origin: ledger.origin,
    keys: status.keys,
    from: query.from ?? 0,
    to: query.to,
    mayContinue: () => services.now().getTime() < deadline,
  });
  const findings = [...audit.findings];
  const rolledBack = await refusalOrRollback(ledger, status, audit.size);
  if (rolledBack !== undefined) findings.unshift(rolledBack);
  const complete = audit.checked.from === 0 && audit.checked.to === audit.size;
  const valid = findings.length > 0 ? false : complete ? true : null;
  return {
    valid,
    total,
    broken_at: findings.find(({ decisionId }) => decisionId !== null)?.decisionId ?? null,
    message: message(valid, total, audit.size, audit.checked, findings),
    entries: audit.checked.to - audit.checked.from,
    size: audit.size,
    root_hash: audit.rootHash,
    complete,
    checked: audit.checked,
    next_cursor:
      audit.checked.to < Math.min(query.to ?? audit.size, audit.size)
        ? String(audit.checked.to)
        : null,
    findings: findings.map(({ decisionId, ...rest }) => ({ ...rest, decision_id: decisionId })),
  };
}

/** What the sequencer remembers against what the database holds now. */
async function refusalOrRollback(
  ledger: LedgerService,
  { refusal, acknowledged }: SequencerStatus,
  size: number,
): Promise<Finding | undefined> {
  if (refusal !== null) return finding(refusal.fault, refusal.detail);
  if (acknowledged === null) return undefined;
  if (size < acknowledged.size) {
    return finding(
      "rolled_back",
      `the database holds ${size} entries, ${acknowledged.size} were acknowledged`,
    );
  }
  const root = await rootThen(ledger, acknowledged.size);
  if (root === undefined || root === acknowledged.rootHash) return undefined;
  return finding(
    "rolled_back",
    `the first ${acknowledged.size} entries make root ${root}, ${acknowledged.rootHash} was acknowledged`,
  );
}

/** Undefined when the tree cannot be read, which the audit reports by itself. */
async function rootThen({ reader }: LedgerService, size: number): Promise<string | undefined> {
  try {
    return toHex(await rootAt(size, reader));
  } catch (error) {
    if (error instanceof CorruptLedger) return undefined;
    throw error;
  }
}

function finding(fault: Finding["fault"], message: string): Finding {
  return { index: null, decisionId: null, fault, message };
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
