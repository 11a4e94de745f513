/**
 * One requirement against the metrics: named conditions over named numbers, and a status from them.
 * No score, no grade, no overall verdict. JSON, page and OSCAL all show what comes out here.
 * Pure.
 */
import { z } from "zod";
import type { Header } from "../ledger/schema.ts";
import { addMonths } from "../ledger/six-months.ts";
import { applicabilityAt } from "./applicability.ts";
import type { Metric } from "./metric.ts";
import { factOf, textFact, type MetricInput } from "./metric-input.ts";
import type { Predicate, Requirement } from "./requirement.ts";
import { Applicability, Basis, EvidenceStatus, Framework } from "./vocabulary.ts";

export const PredicateResult = z.object({
  metric: z.string(),
  of: z.string().meta({ description: "`value`, or a member of the metric's `detail`." }),
  op: z.enum(["covers", ">=", "<=", "==", "known"]),
  threshold: z.number().nullable(),
  observed: z.number().nullable(),
  result: z.enum(["met", "partly", "unmet", "not_measured"]),
  level: z.enum(["must", "may"]),
});
export type PredicateResult = z.infer<typeof PredicateResult>;

export const RequirementResult = z
  .object({
    id: z.string(),
    framework: Framework,
    citation: z.string(),
    duty_holder: z.string(),
    meaning: z.string(),
    applicability: Applicability,
    evidence_status: EvidenceStatus,
    basis: Basis,
    evidence: z.string(),
    predicates: z.array(PredicateResult),
    reasons: z.array(z.string()),
    gaps: z.array(z.string()),
    evidence_refs: z.array(z.string()),
    does_not_show: z.array(z.string()),
  })
  .meta({ id: "RequirementResult" });
export type RequirementResult = z.infer<typeof RequirementResult>;

/** @param now for applicability alone: what a law says depends on the day one asks */
export function evaluateRequirement(
  requirement: Requirement,
  metrics: ReadonlyMap<string, Metric>,
  input: MetricInput,
  now: Date,
): RequirementResult {
  const predicates = (requirement.predicates ?? []).map((predicate) =>
    evaluatePredicate(predicate, metrics, input),
  );
  const { status, reasons } = statusOf(requirement, predicates, metrics, input);
  const riskClass = textFact(input.context, "risk_class");
  return {
    id: requirement.id,
    framework: requirement.framework,
    citation: requirement.citation,
    duty_holder: requirement.duty_holder,
    meaning: requirement.meaning,
    applicability: applicabilityAt(requirement.regime, riskClass, now),
    evidence_status: status,
    basis: requirement.basis ?? "measured",
    evidence: requirement.evidence,
    predicates,
    reasons,
    // What does not apply lacks nothing.
    gaps: (status === "not_applicable" ? [] : predicates)
      .filter(({ result, level }) => result !== "met" && level === "must")
      .map((predicate) => gapOf(predicate, metrics.get(predicate.metric))),
    evidence_refs: refsOf(requirement, status, input),
    does_not_show: [...requirement.does_not_show],
  };
}

function evaluatePredicate(
  { metric: id, of = "value", op, threshold, level = "must" }: Predicate,
  metrics: ReadonlyMap<string, Metric>,
  { thresholds }: MetricInput,
): PredicateResult {
  const metric = metrics.get(id);
  const observed = (of === "value" ? metric?.value : metric?.detail[of]) ?? null;
  const limit =
    op === "covers"
      ? thresholds.coverage_present
      : typeof threshold === "string"
        ? thresholds[threshold]
        : (threshold ?? null);
  const result = gradeOf(observed, op, limit ?? 0, thresholds.coverage_partial);
  return { metric: id, of, op, threshold: limit, observed, result, level };
}

function gradeOf(
  observed: number | null,
  op: Predicate["op"],
  limit: number,
  partial: number,
): PredicateResult["result"] {
  if (observed === null) return "not_measured";
  switch (op) {
    case "known":
      return "met";
    case "covers":
      return observed >= limit ? "met" : observed >= partial ? "partly" : "unmet";
    case ">=":
      return observed >= limit ? "met" : "unmet";
    case "<=":
      return observed <= limit ? "met" : "unmet";
    case "==":
      return observed === limit ? "met" : "unmet";
  }
}

interface Judged {
  readonly status: EvidenceStatus;
  readonly reasons: string[];
}

function statusOf(
  requirement: Requirement,
  predicates: readonly PredicateResult[],
  metrics: ReadonlyMap<string, Metric>,
  input: MetricInput,
): Judged {
  const excluded = notApplicable(requirement, input);
  if (excluded !== undefined) return { status: "not_applicable", reasons: [excluded] };
  if (requirement.predicates === undefined)
    return { status: "outside_ledger_scope", reasons: referenceOf(requirement, input) };
  const population = requirement.population && metrics.get(requirement.population);
  if (population && (population.denominator ?? 0) === 0) return nothingToSee(requirement, input);
  const musts = predicates.filter(({ level }) => level === "must");
  const met = musts.filter(({ result }) => result === "met").length;
  const partly = musts.filter(({ result }) => result === "partly").length;
  const broken = musts.find(
    ({ metric, of, result }) => result === "unmet" && isDecisive(metric, of),
  );
  if (broken !== undefined)
    return {
      status: "evidence_missing",
      reasons: [DECISIVE[`${broken.metric}.${broken.of}`] ?? ""],
    };
  if (met + partly === 0) return { status: "evidence_missing", reasons: ["no_condition_holds"] };
  if (met < musts.length)
    return {
      status: "evidence_partial",
      reasons: ["some_conditions_do_not_hold", ...integrityCaps(input)],
    };
  const caps = capsOf(requirement, musts, metrics, input);
  return caps.length === 0
    ? { status: "evidence_present", reasons: ["every_condition_holds"] }
    : { status: "evidence_partial", reasons: caps };
}

/** Zero tolerance: what better numbers elsewhere do not make up for. */
const DECISIVE: Readonly<Record<string, string>> = {
  "M-RET-03.under_floor": "pruned_under_the_floor",
  "M-INC-02.overdue": "incident_clock_overdue",
};

function isDecisive(metric: string, of: string): boolean {
  return `${metric}.${of}` in DECISIVE;
}

function nothingToSee({ id }: Requirement, { context, asOfMs }: MetricInput): Judged {
  const goLive = Date.parse(textFact(context, "go_live_at") ?? "");
  if (id === "EUAIA-12-1" && goLive <= asOfMs)
    return { status: "evidence_missing", reasons: ["nothing_recorded_after_declared_go_live"] };
  return { status: "not_assessed", reasons: ["nothing_in_this_period: no record is not no event"] };
}

/** Why evidence that is otherwise whole is not. */
function capsOf(
  requirement: Requirement,
  musts: readonly PredicateResult[],
  metrics: ReadonlyMap<string, Metric>,
  input: MetricInput,
): string[] {
  const { data, asOfMs } = input;
  const { horizon_months } = requirement;
  const caps = integrityCaps(input);
  if (requirement.max !== undefined) caps.push("a_ledger_alone_cannot_show_more");
  const isMeasured = ({ metric }: PredicateResult) => metrics.get(metric)?.basis === "measured";
  if (requirement.basis !== undefined && requirement.basis !== "measured")
    caps.push(`only_${requirement.basis}`);
  else if (!musts.some(isMeasured)) caps.push("only_declared");
  caps.push(...fewOf(requirement, metrics, input));
  const reached =
    horizon_months === undefined ||
    (data.firstRecordedAt !== null &&
      addMonths(data.firstRecordedAt, horizon_months).getTime() <= asOfMs);
  if (!reached) {
    const days = metrics.get("M-RET-02")?.value ?? 0;
    caps.push(`horizon_not_reached: the ledger is ${days} days old`);
  }
  return caps;
}

/** Said of every status that is not whole, whatever else it lacks. */
function integrityCaps({ data }: MetricInput): string[] {
  const { valid } = data.integrity;
  if (valid === true) return [];
  return [valid === false ? "integrity_failed" : "integrity_not_fully_checked"];
}

/** One decision, one request or one incident makes every share whole. */
function fewOf(
  { population }: Requirement,
  metrics: ReadonlyMap<string, Metric>,
  { thresholds }: MetricInput,
): string[] {
  const n = population === undefined ? undefined : metrics.get(population)?.denominator;
  if (n === undefined || n === null || n >= thresholds.sample_min) return [];
  return population === "M-LOG-01"
    ? [`few_decisions: n = ${n}`]
    : [`few_in_the_population: n = ${n} of ${population}`];
}

/** What the operator declared, or left undeclared, about a requirement that few have. */
function notApplicable(
  { id, condition }: Requirement,
  { context }: MetricInput,
): string | undefined {
  const list = factOf(context, "not_applicable");
  for (const item of Array.isArray(list) ? list : []) {
    if (typeof item !== "object" || item === null || Array.isArray(item)) continue;
    if (item["requirement"] === id)
      return `declared_not_applicable: ${JSON.stringify(item["reason_code"] ?? "")}${declaredBy(context)}`;
  }
  if (condition === undefined) return undefined;
  const declared = factOf(context, condition);
  if (declared === true) return undefined;
  if (condition === "biometric_rbi") return "not_declared: remote biometric identification";
  return declared === false
    ? `declared_not_applicable: ${condition} is false${declaredBy(context)}`
    : undefined;
}

/** Who took a requirement out of the report, and when: a reader should not have to search. */
function declaredBy(context: Header | undefined): string {
  return context === undefined
    ? ""
    : `, by ${context.actor} at ${context.recorded_at}, entry ${context.index}`;
}

function referenceOf({ reference }: Requirement, { context }: MetricInput): string[] {
  const value = reference === undefined ? undefined : textFact(context, reference);
  return value === undefined
    ? ["not_in_a_ledger"]
    : ["not_in_a_ledger", `declared_reference: ${value}`];
}

function refsOf(
  requirement: Requirement,
  status: EvidenceStatus,
  { data, context }: MetricInput,
): string[] {
  const { reference } = requirement;
  const declared = reference === undefined ? undefined : textFact(context, reference);
  return [
    ...(data.asOf === null ? [] : [`entries:0-${data.asOf.index}`]),
    ...(declared !== undefined || requirement.basis !== undefined || status === "not_applicable"
      ? context === undefined
        ? []
        : [`record:${context.id}`]
      : []),
  ];
}

function gapOf(
  { metric, of, op, threshold, observed, result }: PredicateResult,
  found: Metric | undefined,
): string {
  const what = `${metric} ${found?.name ?? ""}${of === "value" ? "" : `, ${of.replaceAll("_", " ")}`}`;
  if (result === "not_measured") return `${what}: not measured`;
  const wanted = op === "covers" ? `at least ${threshold}` : `${op} ${threshold}`;
  return `${what}: ${observed}, wanted ${wanted}`;
}
