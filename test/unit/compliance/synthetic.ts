/** A report over tallies and records that a test writes down itself, through the real evaluation. */
import { buildReport, type Report } from "../../../src/compliance/report.ts";
import type { ListedKind, ReportData } from "../../../src/compliance/report-data.ts";
import { FRAMEWORKS } from "../../../src/compliance/vocabulary.ts";
import type { Header } from "../../../src/ledger/schema.ts";
import type { TallyRow } from "../../../src/ledger/tally.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

const FIRST = "2026-06-01T08:00:00.000Z";
export const LAST = "2026-06-30T08:00:00.000Z";
const SIZE = 100_000;

export function tally(name: string, key: JsonObject, entries = 1, index = 50_000): TallyRow {
  const at = { firstIndex: index, lastIndex: index + entries - 1 };
  return { tally: name, key: JSON.stringify(key), entries, ...at };
}

export const PLACE = { service: "s", type: "t", day: "2026-06-10" };

/** Decisions that are recorded as well as they can be, but for what is given. */
export function decisions(entries: number, more: JsonObject = {}, index?: number): TallyRow {
  const key = { ...PLACE, provider: "p", model: "m", capture_mode: "automatic", has: "w", ...more };
  return tally("decision", key, entries, index);
}

export function review(more: JsonObject = {}, entries = 1): TallyRow {
  return tally(
    "review",
    {
      ...PLACE,
      at: PLACE.day,
      event: "review_recorded",
      before: "decision_recorded",
      basis: "authenticated",
      outcome: "confirm",
      reviewer: "r",
      first: true,
      first_fault: false,
      itself: false,
      ...more,
    },
    entries,
  );
}

/** A writer that numbered every one of its records. */
export const WHOLE_WRITER = [
  tally("writer", { writer: "w", first: 1, last: 100 }, 100),
  tally("writer_service", { writer: "w", service: "s" }, 100),
];

export function record(kind: ListedKind, facts: JsonObject, index = 10): Header {
  return {
    v: 1,
    ledger: "default",
    index,
    kind,
    id: `id_${index}`,
    recorded_at: FIRST,
    actor: "a",
    facts,
    commitments: {},
    previous: "00".repeat(32),
  };
}

type Given = Partial<Omit<ReportData, "records">> & { readonly records?: readonly Header[] };

export function reportOf({ records = [], tallies = [], ...more }: Given): Report {
  const of = (kind: ListedKind): Header[] => records.filter((header) => header.kind === kind);
  const data: ReportData = {
    generatedAt: new Date(LAST),
    version: "0",
    ledger: "default",
    origin: "test",
    verifierKeys: [],
    scope: {
      serviceName: undefined,
      decisionType: undefined,
      fromDay: undefined,
      toDay: undefined,
    },
    frameworks: FRAMEWORKS,
    overrides: {},
    asOf: { index: SIZE - 1, recordedAt: LAST, chainHash: "00" },
    firstRecordedAt: FIRST,
    firstDecision: FIRST,
    lastDecision: LAST,
    tallies: [...tallies, tally("entry", { kind: "decision_recorded" }, SIZE, 0)],
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
    recordsCut: false,
    contextTexts: {},
    integrity: {
      valid: true,
      broken_at: null,
      message: "verified",
      size: SIZE,
      root_hash: null,
      erased: 0,
      complete: true,
      findings: [],
    },
    checkpoint: null,
    lastVerified: null,
    cosignedSize: null,
    held: new Set(),
    whileHalted: new Map(),
    pastRetention: null,
    samples: [],
    previous: null,
    ...more,
  };
  return buildReport(data);
}

export function requirementOf({ requirements }: Report, id: string) {
  const found = requirements.find((requirement) => requirement.id === id);
  if (found === undefined) throw new Error(`no requirement ${id}`);
  return found;
}

export function statusOf(report: Report, id: string): string {
  return requirementOf(report, id).evidence_status;
}

export function metricOf({ metrics }: Report, id: string) {
  const found = metrics.find((metric) => metric.id === id);
  if (found === undefined) throw new Error(`no metric ${id}`);
  return found;
}
