/**
 * The report: one evaluation, shown as JSON, as a page and as OSCAL. Its shape comes first; the keys of
 * LoopGrid 0.1 are kept (CONTRACT "Report"). The same data make the same report, and `metrics` are the
 * same to the octet for the same `as_of`.
 * Pure.
 */
import { z } from "zod";
import { requirementsOf } from "./catalogue.ts";
import { configurationsOf } from "./configurations.ts";
import { evaluateRequirement, RequirementResult } from "./evaluate.ts";
import { exceptionsOf, ReportException } from "./exceptions.ts";
import { incidentsOf } from "./incidents.ts";
import { legacyMapping, legacySummary } from "./legacy-report.ts";
import { LEGAL_BASELINE } from "./legal-baseline.ts";
import { Metric } from "./metric.ts";
import { metricInput, recordsInScope, type MetricInput } from "./metric-input.ts";
import { metricsOf } from "./metrics.ts";
import { retentionClasses } from "./metrics/retention.ts";
import type { ReportData, SampledEntry } from "./report-data.ts";
import { LIMITATIONS, NON_CLAIMS, NOTICE } from "./statements.ts";
import { selectionsOf } from "./selections.ts";
import { THRESHOLD_SET } from "./thresholds.ts";
import { byMonth, byType, reviewDelays } from "./timeline.ts";
import { Applicability, EvidenceStatus, Framework } from "./vocabulary.ts";

const Article = z.object({
  status: z.enum(["compliant", "partial", "non_compliant"]).meta({
    description: "0.1's rule over counts, for old clients; no verdict.",
  }),
  status_basis: z.literal("loopgrid-0.1-rule"),
  description: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  evidence_status: EvidenceStatus,
  applicability: Applicability.nullable(),
  requirements: z.array(z.string()),
});

/** How an issued report is found in the ledger; the report's hash does not cover it. */
const Issued = z.object({
  header: z.string().meta({ description: "The report_issued entry's header, octet for octet." }),
  chain_hash: z.string(),
  receipt: z.record(z.string(), z.unknown()),
});

const Row = z.record(z.string(), z.unknown());

export const Report = z
  .object({
    report_type: z.string(),
    generated_at: z.string(),
    generator: z.string(),
    service_filter: z.string().nullable(),
    summary: Row,
    ledger_integrity: z.object({
      valid: z.boolean().nullable(),
      total: z.int(),
      broken_at: z.string().nullable(),
      message: z.string(),
      ledger_total: z.int(),
      head_index: z.int().nullable(),
      head_chain_hash: z.string().nullable(),
      root_hash: z.string().nullable(),
      complete: z.boolean(),
      erased_fields: z.int(),
      checkpoint: z.string().nullable(),
      verifier_keys: z.array(z.string()),
      last_verified: z.object({ size: z.int(), at: z.string() }).nullable(),
      cosigned_size: z.int().nullable(),
      findings: z.array(Row),
    }),
    eu_ai_act_mapping: z.object({
      article_12_record_keeping: Article,
      article_14_human_oversight: Article,
      article_9_risk_management: Article,
    }),
    schema_version: z.literal("1.0"),
    report_id: z.string().nullable().meta({ description: "Null in a preview: it was not issued." }),
    previous_report: z.object({ report_id: z.string(), hash: z.string() }).nullable(),
    notice: z.string(),
    ledger: z.object({ name: z.string(), origin: z.string() }),
    period: z.object({
      from: z.string().nullable(),
      to: z.string().nullable(),
      timezone: z.literal("UTC"),
      decision_type: z.string().nullable(),
    }),
    frameworks: z.array(Framework),
    as_of: z.int().nullable().meta({ description: "Index of the last entry that counts." }),
    as_of_recorded_at: z.string().nullable(),
    legal_baseline: z.record(z.string(), z.string()),
    declared_context: Row.nullable(),
    threshold_set: z.object({ id: z.string(), overrides: z.record(z.string(), z.number()) }),
    metrics: z.array(Metric),
    requirements: z.array(RequirementResult),
    status_counts: z.record(z.string(), z.int()),
    timeline: z.object({
      by_month: z.array(Row),
      by_type: z.array(Row),
      review_delays: z.array(Row),
      configurations: z.array(Row),
      incidents: z.array(Row),
      halts: z.array(Row),
      drills: z.array(Row),
      erasures: z.array(Row),
      retention_classes: z.array(Row),
      selections: z.array(Row),
    }),
    samples: z.object({ method: z.string(), size: z.int(), items: z.array(Row) }),
    exceptions: z.array(ReportException),
    limitations: z.array(z.string()),
    non_claims: z.array(z.string()),
    attestations: z.array(Row).meta({
      description: "Empty: who signs for a report signs it outside, over its hash.",
    }),
    issued: Issued.optional(),
    verification: z.object({
      canonicalisation: z.literal("RFC 8785"),
      report_hash: z.string().nullable(),
      how_to: z.string(),
    }),
  })
  .meta({ id: "ComplianceReport" });
export type Report = z.infer<typeof Report>;

/** More rows than a page can show are counted, not listed, and the report says so. */
const LISTED_MAX = 500;

export function buildReport(data: ReportData): Report {
  const input = metricInput(data);
  const metrics = metricsOf(input);
  const byId = new Map(metrics.map((metric) => [metric.id, metric]));
  const frameworks = [...new Set(data.frameworks)];
  const requirements = requirementsOf(new Set(frameworks)).map((requirement) =>
    evaluateRequirement(requirement, byId, input, data.generatedAt),
  );
  // The three nodes of 0.1 are of the AI Act, whatever frameworks were asked for.
  const aiAct = data.frameworks.includes("eu_ai_act")
    ? requirements
    : requirementsOf(new Set(["eu_ai_act"] as const)).map((requirement) =>
        evaluateRequirement(requirement, byId, input, data.generatedAt),
      );
  const { timeline, cut } = listedIn(timelineOf(input));
  return {
    report_type: "EU AI Act Compliance Assessment",
    generated_at: data.generatedAt.toISOString(),
    generator: `LoopGrid v${data.version}`,
    service_filter: data.scope.serviceName ?? null,
    summary: legacySummary(input),
    ledger_integrity: integrityOf(data, input.decisions),
    eu_ai_act_mapping: Report.shape.eu_ai_act_mapping.parse(legacyMapping(input, aiAct)),
    schema_version: "1.0",
    report_id: null,
    previous_report: data.previous,
    notice: NOTICE,
    ledger: { name: data.ledger, origin: data.origin },
    period: {
      from: data.scope.fromDay ?? null,
      to: data.scope.toDay ?? null,
      timezone: "UTC",
      decision_type: data.scope.decisionType ?? null,
    },
    frameworks,
    as_of: data.asOf?.index ?? null,
    as_of_recorded_at: data.asOf?.recordedAt ?? null,
    legal_baseline: { ...LEGAL_BASELINE },
    declared_context: contextOf(input),
    threshold_set: { id: THRESHOLD_SET, overrides: { ...data.overrides } },
    metrics,
    requirements,
    status_counts: statusCounts(requirements),
    timeline,
    samples: {
      method:
        "For i = 0, 1, 2 …: the first 6 octets of SHA-256(UTF-8(head_chain_hash ':' i)), as a number modulo the ledger's size, is an index; indexes drawn before and entries that are no decision in scope are passed over.",
      size: data.samples.length,
      items: data.samples.map(sampleOf),
    },
    exceptions: [...exceptionsOf(input, byId), ...cutException(cut)],
    limitations: [...LIMITATIONS],
    non_claims: [...NON_CLAIMS],
    attestations: [],
    verification: {
      canonicalisation: "RFC 8785",
      report_hash: null,
      how_to:
        "npx loopgrid-edge verify report.json --key <the ledger's public key, had from elsewhere>",
    },
  };
}

function integrityOf(data: ReportData, total: number): Report["ledger_integrity"] {
  const { valid, broken_at, message, root_hash, erased, complete, findings, size } = data.integrity;
  return {
    valid,
    total,
    broken_at,
    message,
    ledger_total: size,
    head_index: data.asOf?.index ?? null,
    head_chain_hash: data.asOf?.chainHash ?? null,
    root_hash,
    complete,
    erased_fields: erased,
    checkpoint: data.checkpoint,
    verifier_keys: [...data.verifierKeys],
    last_verified: data.lastVerified,
    cosigned_size: data.cosignedSize,
    findings: findings.map((finding) => ({ ...finding })),
  };
}

function contextOf({ context, data }: MetricInput): Report["declared_context"] {
  if (context === undefined) return null;
  const { request_key: _, ...facts } = context.facts;
  return {
    ...facts,
    ...data.contextTexts,
    record_id: context.id,
    declared_at: context.recorded_at,
    actor: context.actor,
    index: context.index,
  };
}

function statusCounts(results: readonly RequirementResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { evidence_status } of results)
    counts[evidence_status] = (counts[evidence_status] ?? 0) + 1;
  return counts;
}

type Timeline = Report["timeline"];

/** The last rows of each list, and what was left out of which. */
function listedIn(whole: Timeline): { timeline: Timeline; cut: string[] } {
  const timeline = { ...whole };
  const cut: string[] = [];
  for (const list of TIMELINE_LISTS) {
    const rows = whole[list];
    if (rows.length > LISTED_MAX) cut.push(`${list.replaceAll("_", " ")} (${rows.length})`);
    timeline[list] = rows.slice(-LISTED_MAX);
  }
  return { timeline, cut };
}

const TIMELINE_LISTS = Report.shape.timeline.keyof().options;

function cutException(cut: readonly string[]): ReportException[] {
  if (cut.length === 0) return [];
  const message = `Only the last ${LISTED_MAX} rows are listed of ${cut.join(", ")}; all are counted.`;
  return [{ code: "lists_cut", severity: "warning", message, metric: null }];
}

function rowsOf(rows: readonly object[]): Record<string, unknown>[] {
  return rows.map((row) => ({ ...row }));
}

function timelineOf(input: MetricInput): Timeline {
  const told = (kind: "system_halted" | "system_resumed" | "drill_recorded") =>
    recordsInScope(input, kind).map(({ id, kind, recorded_at, index, facts }) => {
      const { request_key: _, ...rest } = facts;
      return { record_id: id, kind, recorded_at, index, ...rest };
    });
  const halts = [...told("system_halted"), ...told("system_resumed")];
  return {
    by_month: rowsOf(byMonth(input)),
    by_type: rowsOf(byType(input)),
    review_delays: rowsOf(reviewDelays(input)),
    configurations: rowsOf(configurationsOf(input)),
    incidents: rowsOf(incidentsOf(input)),
    halts: rowsOf(halts.toSorted((a, b) => a.index - b.index)),
    drills: rowsOf(told("drill_recorded")),
    erasures: rowsOf(erasuresOf(input)),
    retention_classes: rowsOf(retentionClasses(input)),
    selections: rowsOf(selectionsOf(input)),
  };
}

/** By day and reason; who and what it was about is content, and gone. */
function erasuresOf({ sums }: MetricInput): object[] {
  const rows = new Map<
    string,
    { day: string; reason_code: string; inside_floor: boolean | null; entries: number }
  >();
  for (const { at, reason = "", inside_floor = null, entries } of sums.erasures) {
    const key = `${at} ${reason} ${inside_floor}`;
    const known = rows.get(key);
    rows.set(key, {
      day: at,
      reason_code: reason,
      inside_floor,
      entries: (known?.entries ?? 0) + entries,
    });
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function sampleOf({ index, header, chainHash, isErased }: SampledEntry): Record<string, unknown> {
  const { facts } = header;
  return {
    index,
    decision_id: header.id,
    recorded_at: header.recorded_at,
    service_name: facts["service_name"] ?? null,
    decision_type: facts["decision_type"] ?? null,
    model_name: facts["model_name"] ?? null,
    model_version: facts["model_version"] ?? null,
    chain_hash: chainHash,
    committed: Object.keys(header.commitments).filter((field) => field !== "request"),
    payload: isErased ? "erased" : "withheld",
  };
}
