/**
 * The report of LoopGrid 0.1, CONTRACT "Report": its keys and its three status words, kept for old
 * clients and marked as 0.1's rule; they are never shown as a verdict. Pure.
 */
import type { EvidenceStatus } from "./vocabulary.ts";
import { countsBy, total } from "./aggregates.ts";
import type { RequirementResult } from "./evaluate.ts";
import type { MetricInput } from "./metric-input.ts";

/** These words are 0.1's rule over counts, not a verdict about the law. */
const STATUS_BASIS = "loopgrid-0.1-rule";

interface StatusCounts {
  readonly total: number;
  readonly recorded: number;
  readonly incorrect: number;
  readonly corrected: number;
}

/** The newest flag or correction decides: each one takes its decision from the status it had before. */
function statusCounts({ sums, decisions }: MetricInput): StatusCounts {
  const verdicts = sums.reviews.filter(({ event }) => event !== "review_recorded");
  const arrived = countsBy(verdicts, ({ event }) => event);
  const left = countsBy(verdicts, ({ before }) => before);
  const now = (kind: string): number => (arrived.get(kind) ?? 0) - (left.get(kind) ?? 0);
  return {
    total: decisions,
    recorded: decisions + now("decision_recorded"),
    incorrect: now("decision_flagged"),
    corrected: now("correction_attached"),
  };
}

export function legacySummary(input: MetricInput) {
  const counts = statusCounts(input);
  const { total: all, recorded, incorrect, corrected } = counts;
  if (all === 0) return { total: all };
  const { decisions } = input.sums;
  const distinct = (keyOf: (row: (typeof decisions)[number]) => string): number =>
    countsBy(decisions, keyOf).size;
  return {
    total: all,
    recorded,
    incorrect,
    corrected,
    correction_rate: percent(corrected, all),
    error_rate: percent(incorrect + corrected, all),
    unique_models: distinct(({ provider = "", model = "" }) => JSON.stringify([provider, model])),
    unique_services: distinct(({ service = "" }) => service),
    unique_decision_types: distinct(({ type = "" }) => type),
    first_decision: input.data.firstDecision,
    last_decision: input.data.lastDecision,
  };
}

const ARTICLE_12 = [
  "EUAIA-12-1",
  "EUAIA-12-2a",
  "EUAIA-12-2b",
  "EUAIA-12-2c",
  "EUAIA-12-3",
  "EUAIA-19-1",
];
const ARTICLE_14 = [
  "EUAIA-14-4a",
  "EUAIA-14-4b",
  "EUAIA-14-4c",
  "EUAIA-14-4d",
  "EUAIA-14-4e",
  "EUAIA-14-5",
];
const ARTICLE_9 = ["EUAIA-9-2c", "EUAIA-9-6"];

/** 0.1's three nodes, each with what is measured beside it. */
export function legacyMapping(input: MetricInput, results: readonly RequirementResult[]) {
  const { total: all, incorrect, corrected } = statusCounts(input);
  const { integrity, firstDecision, lastDecision } = input.data;
  const reviewed = incorrect + corrected;
  const verdicts = input.sums.reviews.filter(({ event }) => event !== "review_recorded");
  const byPeople = verdicts.filter(({ basis }) => basis !== "service_account");
  const replays = total(input.sums.replays);
  return {
    article_12_record_keeping: {
      status: all > 0 && integrity.valid === true ? "compliant" : "non_compliant",
      status_basis: STATUS_BASIS,
      description: "Automatic recording of events over the lifetime of the system",
      evidence: {
        total_decisions_logged: all,
        immutable_hash_chain: integrity.valid,
        chain_length: all,
        logging_period_start: firstDecision,
        logging_period_end: lastDecision,
      },
      ...evidenceOf(ARTICLE_12, results),
    },
    article_14_human_oversight: {
      // A service account is nobody who oversees; 0.1 knew of none.
      status: byPeople.length > 0 ? "compliant" : "partial",
      status_basis: STATUS_BASIS,
      description: "Human oversight: people can flag and correct decisions",
      evidence: {
        human_corrections: Math.min(
          corrected,
          total(byPeople, ({ event }) => event === "correction_attached"),
        ),
        flagged_for_review: incorrect,
        correction_rate: percent(corrected, all),
        human_in_the_loop: byPeople.length > 0,
      },
      ...evidenceOf(ARTICLE_14, results),
    },
    article_9_risk_management: {
      status: "partial",
      status_basis: STATUS_BASIS,
      description: "Risk management: errors are measured and past decisions can be replayed",
      evidence: {
        error_rate_tracked: reviewed > 0,
        error_rate_percent: percent(reviewed, all),
        replay_capability: all > 0,
        replays,
        systematic_improvement: corrected > 0,
      },
      ...evidenceOf(ARTICLE_9, results),
    },
  };
}

/** The headline of a node is the weakest of its requirements that were looked at. */
function evidenceOf(ids: readonly string[], results: readonly RequirementResult[]) {
  const own = results.filter(({ id }) => ids.includes(id));
  const order: readonly EvidenceStatus[] = [
    "evidence_missing",
    "evidence_partial",
    "evidence_present",
  ];
  const weakest = order.find((status) => own.some((result) => result.evidence_status === status));
  return {
    evidence_status: weakest ?? "not_assessed",
    applicability: own[0]?.applicability ?? null,
    requirements: own.map(({ id }) => id),
  };
}

/** In percent, one decimal. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((1000 * part) / whole) / 10;
}
