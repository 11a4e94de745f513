/**
 * Gathers what a report is computed from (compliance/report-data.ts): sums over tallies, records that
 * are few, and what verification says. Nothing here holds the ledger: what is read is bounded.
 */
import {
  aggregate,
  DAILY_TALLIES,
  DAYLESS_TALLIES,
  total,
  type Scope,
} from "../compliance/aggregates.ts";
import {
  LISTED_KINDS,
  type ListedKind,
  type ReportData,
  type SampledEntry,
} from "../compliance/report-data.ts";
import { drawnIndexes, SAMPLES } from "../compliance/samples.ts";
import { FRAMEWORKS } from "../compliance/vocabulary.ts";
import { parseCheckpoint } from "../ledger/checkpoint.ts";
import { factText } from "../ledger/facts.ts";
import { keysIn } from "../ledger/keys.ts";
import { parseNote } from "../ledger/note.ts";
import type { PlacedHeader } from "../ledger/records-port.ts";
import type { Header } from "../ledger/schema.ts";
import type { TallyRow } from "../ledger/tally.ts";
import { tallySums } from "../ledger/tally-port.ts";
import type { JsonObject } from "../lib/json.ts";
import { classesOf, isExpired, latestExpiry } from "../records/retention.ts";
import { invalid } from "./problem.ts";
import type { ReportQuery } from "./report-query.ts";
import { seenIntegrity } from "./report-integrity.ts";
import type { LedgerService, Services } from "./services.ts";
import { talliedRows } from "./tallied.ts";
import { VERSION } from "./version.ts";

/** Records of one kind, each of up to 64 KiB; incidents, changes and requests come by the hundred. */
const RECORDS_MAX = 1000;
/** Only the newest one counts. */
const NEWEST_ONLY: ReadonlySet<ListedKind> = new Set(["context_declared", "retention_policy_set"]);
const LINKED_MAX = 1000;
const HALTS_MAX = 100;
const PAST_RETENTION_LOOKED_MAX = 5000;

/** @throws Problem 422 on an index that is not there, 503 while the ledger is still being counted */
export async function reportData(
  ledger: LedgerService,
  services: Pick<Services, "now">,
  query: ReportQuery,
): Promise<ReportData> {
  const { records } = ledger;
  const head = await ledger.reader.head();
  const headSize = head?.size ?? 0;
  if (query.as_of !== undefined && query.as_of >= headSize)
    throw invalid([{ path: "as_of", message: `must be below the ledger's size, ${headSize}` }]);
  const size = query.as_of === undefined ? headSize : query.as_of + 1;
  const scope: Scope = {
    serviceName: query.service_name,
    decisionType: query.decision_type,
    fromDay: query.from,
    toDay: query.to,
  };
  const [tallied, listed, status, operations, integrity, ends] = await Promise.all([
    reportTallies(ledger, size, scope),
    listRecords(ledger, size),
    ledger.status(),
    operationsOf(ledger),
    seenIntegrity(ledger, services, headSize),
    records.headersAt(size === 0 ? [] : [0, size - 1]),
  ]);
  const { tallies } = tallied;
  const first = ends.find(({ index }) => index === 0);
  const last = ends.find(({ index }) => index === size - 1);
  const asOf = size === 0 ? null : placeOf(last, size - 1);
  const [boundaries, samples, held, whileHalted, pastRetention, checkpoint, contextTexts] =
    await Promise.all([
      boundariesOf(ledger, tallies, scope),
      samplesOf(ledger, scope, asOf?.chainHash ?? "", size),
      heldOf(ledger, listed.records.incident_recorded, size),
      whileHaltedOf(ledger, listed.records, last?.header),
      pastRetentionOf(ledger, scope, listed.records.retention_policy_set.at(-1), last?.header),
      checkpointOf(ledger, size),
      textsOf(ledger, listed.records.context_declared.at(-1)),
    ]);
  const previous = listed.records.report_issued.at(-1);
  return {
    generatedAt: services.now(),
    version: VERSION,
    ledger: ledger.name,
    origin: ledger.origin,
    verifierKeys: keysIn(status.keys),
    scope,
    frameworks: query.frameworks ?? FRAMEWORKS,
    overrides: query.thresholds ?? {},
    asOf,
    firstRecordedAt: first?.header.recorded_at ?? null,
    ...boundaries,
    tallies,
    records: listed.records,
    recordsCut: listed.cut || tallied.cut,
    contextTexts,
    integrity,
    checkpoint,
    ...operations,
    held,
    whileHalted,
    pastRetention,
    samples,
    previous:
      previous === undefined
        ? null
        : { report_id: previous.id, hash: factText(previous, "report_hash") ?? "" },
  };
}

/**
 * Narrowed to the scope before they are summed, each group with its own limit. Numbers of more
 * writers than can be held are not told: M-LOG-04 is unknown then.
 */
async function reportTallies(
  ledger: LedgerService,
  size: number,
  { serviceName, decisionType, fromDay, toDay }: Scope,
): Promise<{ readonly tallies: readonly TallyRow[]; readonly cut: boolean }> {
  // First and alone: it counts what was not counted yet, and the others need not again.
  const kinds = await talliedRows(ledger, size, { tallies: ["entry"] });
  const service = serviceName === undefined ? {} : { service: serviceName };
  const members = { ...service, ...(decisionType === undefined ? {} : { type: decisionType }) };
  const days = { fromDay, toDay };
  const [daily, dayless, serving, ranges] = await Promise.all([
    talliedRows(ledger, size, { tallies: DAILY_TALLIES, members, ...days }),
    talliedRows(ledger, size, { tallies: DAYLESS_TALLIES, members, ...days, anyDay: true }),
    tallySums(ledger.tallies, size, { tallies: ["writer_service"], members: service }),
    tallySums(ledger.tallies, size, { tallies: ["writer"] }),
  ]);
  const scoped = [...kinds, ...daily, ...dayless];
  if (serving.kind !== "sums" || ranges.kind !== "sums") return { tallies: scoped, cut: true };
  return { tallies: [...scoped, ...serving.rows, ...ranges.rows], cut: false };
}

/** A last entry whose header cannot be read is a finding of verification; the report still answers. */
function placeOf(last: PlacedHeader | undefined, index: number): NonNullable<ReportData["asOf"]> {
  return {
    index,
    recordedAt: last?.header.recorded_at ?? new Date(0).toISOString(),
    chainHash: last?.chainHash ?? "",
  };
}

async function listRecords(
  { records }: LedgerService,
  size: number,
): Promise<{ records: ReportData["records"]; cut: boolean }> {
  const read = async (kind: ListedKind) =>
    (await records.headers(kind, size, NEWEST_ONLY.has(kind) ? 1 : RECORDS_MAX + 1)).toReversed();
  const lists = await Promise.all(
    LISTED_KINDS.map(async (kind): Promise<[ListedKind, Header[]]> => [kind, await read(kind)]),
  );
  const found = new Map(lists);
  const of = (kind: ListedKind): Header[] => (found.get(kind) ?? []).slice(-RECORDS_MAX);
  return {
    records: {
      context_declared: of("context_declared"),
      retention_policy_set: of("retention_policy_set"),
      incident_recorded: of("incident_recorded"),
      incident_updated: of("incident_updated"),
      system_halted: of("system_halted"),
      system_resumed: of("system_resumed"),
      drill_recorded: of("drill_recorded"),
      change_recorded: of("change_recorded"),
      request_received: of("request_received"),
      request_answered: of("request_answered"),
      criterion_recorded: of("criterion_recorded"),
      analysis_recorded: of("analysis_recorded"),
      competence_recorded: of("competence_recorded"),
      selection_recorded: of("selection_recorded"),
      report_issued: of("report_issued"),
      experiment_started: of("experiment_started"),
      experiment_ended: of("experiment_ended"),
    },
    cut: lists.some(([, headers]) => headers.length > RECORDS_MAX),
  };
}

async function operationsOf({ operations }: LedgerService) {
  const [verification, cosigned] = await Promise.all([
    operations.verification(),
    operations.cosigned(),
  ]);
  const passed = verification?.passed ?? null;
  return {
    lastVerified: passed === null ? null : { size: passed.size, at: passed.at },
    cosignedSize: cosigned?.size ?? null,
  };
}

/** When the first and the last decision in scope were recorded, from where the tallies saw them. */
async function boundariesOf(
  { records }: LedgerService,
  tallies: readonly TallyRow[],
  scope: Scope,
) {
  const { decisions } = aggregate(tallies, scope);
  if (total(decisions) === 0) return { firstDecision: null, lastDecision: null };
  const first = Math.min(...decisions.map(({ firstIndex }) => firstIndex));
  const last = Math.max(...decisions.map(({ lastIndex }) => lastIndex));
  const placed = await records.headersAt([...new Set([first, last])]);
  const at = (wanted: number): string | null =>
    placed.find(({ index }) => index === wanted)?.header.recorded_at ?? null;
  return { firstDecision: at(first), lastDecision: at(last) };
}

async function samplesOf(
  { records }: LedgerService,
  scope: Scope,
  headHash: string,
  size: number,
): Promise<SampledEntry[]> {
  const drawn = size === 0 ? [] : drawnIndexes(headHash, size);
  const found: SampledEntry[] = [];
  // Most draws are decisions in scope, unless the scope is narrow: read a few first.
  for (let at = 0; at < drawn.length && found.length < SAMPLES; at += at === 0 ? 100 : 500) {
    const part = drawn.slice(at, at + (at === 0 ? 100 : 500));
    const placed = new Map((await records.headersAt(part)).map((row) => [row.index, row]));
    for (const index of part) {
      const row = placed.get(index);
      if (row !== undefined && isInScope(row.header, scope)) found.push(row);
    }
  }
  return found.slice(0, SAMPLES);
}

function isInScope({ kind, facts, recorded_at }: Header, scope: Scope): boolean {
  const day = recorded_at.slice(0, 10);
  return (
    kind === "decision_recorded" &&
    (scope.serviceName === undefined || facts["service_name"] === scope.serviceName) &&
    (scope.decisionType === undefined || facts["decision_type"] === scope.decisionType) &&
    (scope.fromDay === undefined || day >= scope.fromDay) &&
    (scope.toDay === undefined || day < scope.toDay)
  );
}

async function heldOf(
  { records }: LedgerService,
  incidents: readonly Header[],
  size: number,
): Promise<ReadonlySet<string>> {
  const linked = incidents.flatMap(({ facts }) => {
    const ids = facts["decision_ids"];
    return Array.isArray(ids) ? ids.map(String) : [];
  });
  return records.heldAt([...new Set(linked)].slice(0, LINKED_MAX), size);
}

/**
 * From each halt to its service's next resumption, or to the last entry that counts; a halt of what
 * is halted already begins nothing. Null where there are too many to count them all.
 */
async function whileHaltedOf(
  { records }: LedgerService,
  { system_halted, system_resumed }: ReportData["records"],
  last: Header | undefined,
): Promise<ReadonlyMap<number, number> | null> {
  const counts = new Map<number, number>();
  if (last === undefined) return counts;
  if (system_halted.length > HALTS_MAX) return null;
  const end: Header = { ...last, index: last.index + 1 };
  const haltedUntil = new Map<string, number>();
  for (const halt of system_halted) {
    const service = factText(halt, "service_name") ?? "";
    if (halt.index < (haltedUntil.get(service) ?? 0)) continue;
    const resumed = system_resumed.find(
      ({ index, facts }) => index > halt.index && facts["service_name"] === service,
    );
    haltedUntil.set(service, (resumed ?? end).index);
    counts.set(halt.index, await records.decisionsBetween(service, halt, resumed ?? end));
  }
  return counts;
}

/**
 * Ages are measured at the last entry that counts; what was erased since counts as erased, and what
 * is on hold may stay. Null where there are too many to look at all.
 */
async function pastRetentionOf(
  { records }: LedgerService,
  { serviceName, decisionType }: Scope,
  policy: Header | undefined,
  last: Header | undefined,
): Promise<number | null> {
  if (policy === undefined || last === undefined) return null;
  const classes = classesOf(policy);
  const at = new Date(last.recorded_at);
  const before = latestExpiry(classes, at).getTime();
  const kept = await records.withContent(before, "", PAST_RETENTION_LOOKED_MAX);
  if (kept.length === PAST_RETENTION_LOOKED_MAX) return null;
  const expired = kept.filter(
    (decision) =>
      (serviceName === undefined || decision.serviceName === serviceName) &&
      (decisionType === undefined || decision.decisionType === decisionType) &&
      isExpired(decision, classes, at),
  );
  const ids = expired.map(({ decisionId }) => decisionId);
  return ids.length - (await records.heldAt(ids, last.index + 1)).size;
}

/** The signed note that covers the last entry. */
async function checkpointOf({ reader }: LedgerService, size: number): Promise<string | null> {
  if (size === 0) return null;
  const [covering] = await reader.checkpointsAbove(size - 1, 1);
  const isSigned = parseCheckpoint(parseNote(covering?.note ?? "")?.text ?? "") !== undefined;
  return isSigned ? (covering?.note ?? null) : null;
}

async function textsOf(
  { reader }: LedgerService,
  context: Header | undefined,
): Promise<JsonObject> {
  if (context === undefined) return {};
  const [entry] = await reader.entriesAt([context.index]);
  const fields = Object.entries(entry?.content ?? {}).filter(([field]) => field !== "request");
  return Object.fromEntries(fields.map(([field, { value }]) => [field, value]));
}
