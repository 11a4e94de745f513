/** Whether and how people looked at decisions: M-HO. Pure. */
import { DWELL_EDGES_MS, percentileMs, REVIEW_EDGES_MS } from "../../ledger/tally-buckets.ts";
import { FAULT_OUTCOMES } from "../../ledger/tally.ts";
import { countsBy, isHuman, total, type ReviewKey } from "../aggregates.ts";
import { quantity, ratio, share, type Metric } from "../metric.ts";
import {
  DAY_MS,
  factOf,
  numberFact,
  recordsInScope,
  textFact,
  timeFact,
  type MetricInput,
} from "../metric-input.ts";

const REVIEWS = "reviews and corrections of decisions in scope";

export function oversightMetrics(input: MetricInput): Metric[] {
  const { sums, decisions } = input;
  const reviews = sums.reviews.filter(({ event }) => event !== "decision_flagged");
  const human = reviews.filter(isHuman);
  const reviewed = total(human, ({ first }) => first);
  const of = (basis: ReviewKey["basis"]): number => total(reviews, (row) => row.basis === basis);
  return [
    share("M-HO-01", reviewed, decisions, {
      name: "reviewed by a person",
      population: "decisions in scope (W)",
      recompute:
        "decisions with a correction_attached or review_recorded entry whose reviewer_kind is not service_account",
      detail: { reviewed, pending: decisions - reviewed },
    }),
    share("M-HO-02", of("authenticated"), total(reviews), {
      name: "reviews by authenticated natural persons",
      population: REVIEWS,
      recompute:
        "entries with reviewer_auth = authenticated and an actor other than anonymous, over all; corrections without a reviewer count as declared persons",
      detail: {
        declared: of("declared"),
        service_account: of("service_account"),
        corrections_without_reviewer: total(
          reviews,
          ({ event, named }) => event === "correction_attached" && !named,
        ),
      },
    }),
    reviewers(input, human),
    timeToReview(input, human, reviewed),
    overrides(input, human),
    share(
      "M-HO-06",
      total(sums.actions, ({ confirmers }) => confirmers >= 2),
      total(sums.actions),
      {
        name: "confirmed by two persons before the action",
        population: "action_recorded entries about decisions in scope",
        recompute:
          "actions with two distinct reviewer_ref of natural persons among earlier review_recorded entries with outcome confirm",
      },
    ),
    biasSignals(input),
    halts(input),
    competence(input, human),
  ];
}

type Rows = MetricInput["sums"]["reviews"];

function reviewers({ sums }: MetricInput, human: Rows): Metric {
  const named = sums.reviewers;
  const counts = countsBy(named, ({ reviewer }) => reviewer);
  const top = Math.max(0, ...counts.values());
  return quantity("M-HO-03", "count", counts.size, {
    name: "distinct reviewers",
    population: `${REVIEWS} that name a reviewer_ref`,
    recompute: "distinct facts.reviewer_ref",
    denominator: total(named),
    detail: {
      top_share: ratio(top, total(named)),
      self_review_share: ratio(
        total(human, ({ itself }) => itself),
        total(human),
      ),
    },
  });
}

function timeToReview({ context, decisions }: MetricInput, human: Rows, reviewed: number): Metric {
  const counts = new Map<number, number>();
  for (const { first, within, entries } of human)
    if (first && within !== undefined) counts.set(within, (counts.get(within) ?? 0) + entries);
  const p95 = percentileMs(counts, 0.95, REVIEW_EDGES_MS);
  const sla = numberFact(context, "review_sla_hours");
  const withinSla =
    sla === undefined || reviewed === 0 ? null : p95 !== null && p95 <= sla * 3_600_000;
  return quantity("M-HO-04", "ms", p95, {
    name: "time to the first review, 95th percentile of those reviewed",
    population:
      "decisions in scope reviewed by a person; those pending are censored and counted beside",
    recompute: `first review's recorded_at minus the decision's, in buckets up to ${REVIEW_EDGES_MS.map((ms) => ms / 60_000).join(", ")} minutes; the upper edge of the bucket`,
    denominator: reviewed,
    detail: {
      p50_ms: percentileMs(counts, 0.5, REVIEW_EDGES_MS),
      pending: decisions - reviewed,
      beyond_last_edge: counts.get(REVIEW_EDGES_MS.length) ?? 0,
      declared_hours: sla ?? null,
      within_sla: withinSla === null ? null : Number(withinSla),
    },
  });
}

function overrides(input: MetricInput, human: Rows): Metric {
  const faults = human.filter(({ outcome }) => FAULT_OUTCOMES.has(outcome));
  const drills = passedDrills(input, "override");
  const identified = total(faults, ({ basis }) => basis === "authenticated");
  const flags = total(input.sums.reviews, ({ event }) => event === "decision_flagged");
  const incidents = recordsInScope(input, "incident_recorded").length;
  return share("M-HO-05", total(faults), total(human), {
    name: "reviews that overrode, reversed or did not use the output",
    population: `${REVIEWS} by persons`,
    recompute:
      "correction_attached, and review_recorded with outcome override, reverse or not_used",
    detail: {
      by_authenticated: identified,
      drills,
      capability: total(faults) + drills,
      identified_capability: identified + drills,
      flags,
      findings: total(faults) + flags + incidents,
    },
  });
}

function passedDrills(input: MetricInput, drill: string): number {
  return recordsInScope(input, "drill_recorded").filter(
    ({ facts }) => facts["drill"] === drill && facts["result"] === "passed",
  ).length;
}

function biasSignals({ sums, thresholds }: MetricInput): Metric {
  const isHasty = (bucket: number): boolean =>
    bucket >= 0 && (DWELL_EDGES_MS[bucket] ?? Infinity) <= thresholds.dwell_ms_min;
  const all = countsBy(sums.reviewers, ({ reviewer }) => reviewer);
  const faults = countsBy(
    sums.reviewers.filter(({ fault }) => fault),
    ({ reviewer }) => reviewer,
  );
  const never = [...all].filter(
    ([reviewer, count]) => count >= thresholds.overrides_look_min && !faults.has(reviewer),
  );
  return share(
    "M-HO-07",
    total(sums.dwells, ({ bucket }) => isHasty(bucket)),
    total(sums.dwells),
    {
      name: "approvals in less than the threshold: a signal, not a finding",
      population: "review_recorded entries with outcome confirm and opened_at",
      recompute: `recorded_at - facts.opened_at of at most ${thresholds.dwell_ms_min} ms, by buckets up to ${DWELL_EDGES_MS.join(", ")} ms`,
      detail: { reviewers_without_override: never.length },
    },
  );
}

function halts(input: MetricInput): Metric {
  const halted = recordsInScope(input, "system_halted");
  const lags = halted.flatMap((header) => {
    const lag = Date.parse(header.recorded_at) - timeFact(header, "triggered_at");
    return Number.isNaN(lag) ? [] : [lag];
  });
  const counts = input.data.whileHalted;
  const whileHalted =
    counts === null ? null : halted.reduce((sum, { index }) => sum + (counts.get(index) ?? 0), 0);
  const drills = passedDrills(input, "halt");
  const events = halted.length + drills;
  return quantity("M-HO-08", "count", whileHalted, {
    name: "decisions recorded while halted",
    population: "decisions of a service between its system_halted and system_resumed entries",
    recompute: "decision_recorded entries of the service with an index between the two",
    denominator: halted.length,
    detail: {
      halts: halted.length,
      drills,
      halts_and_drills: events,
      slowest_trigger_to_halt_ms: lags.length === 0 ? null : Math.max(...lags),
      halted_and_quiet: events === 0 || whileHalted === null ? null : Number(whileHalted === 0),
    },
  });
}

function competence({ data, sums }: MetricInput, human: Rows): Metric {
  const records = data.records.competence_recorded;
  const isCompetent = (reviewer: string, day: string): boolean =>
    records.some((header) => {
      const until = factOf(header, "valid_until");
      return (
        factOf(header, "reviewer_ref") === reviewer &&
        timeFact(header, "valid_from") < Date.parse(day) + DAY_MS &&
        (until === undefined ||
          Date.parse(textFact(header, "valid_until") ?? "") >= Date.parse(day))
      );
    });
  const competent = total(sums.reviewers, ({ reviewer, at }) => isCompetent(reviewer, at));
  return share("M-HO-09", competent, total(human), {
    name: "reviews by persons with a competence record valid that day",
    population: `${REVIEWS} by persons`,
    recompute:
      "facts.reviewer_ref with a competence_recorded entry whose period holds the day of the review",
    basis: "declared",
    detail: { competence_records: records.length },
  });
}
