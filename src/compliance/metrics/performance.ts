/** Errors among what was reviewed, replays, configurations, monitoring: M-ACC, M-RPL, M-CHG, M-PMM. Pure. */
import type { JsonValue } from "../../lib/json.ts";
import { FAULT_OUTCOMES } from "../../ledger/tally.ts";
import { isHuman, total } from "../aggregates.ts";
import { configurationsOf } from "../configurations.ts";
import { quantity, rate, ratio, share, type Metric } from "../metric.ts";
import { recordsInScope, type MetricInput } from "../metric-input.ts";
import { byMonth } from "../timeline.ts";

export function performanceMetrics(input: MetricInput): Metric[] {
  return [accuracy(input), ...replays(input), ...changes(input), monitoring(input)];
}

/** Never without M-HO-01 beside it, and never "accuracy": nobody knows of what nobody looked at. */
function accuracy({ sums }: MetricInput): Metric {
  const human = sums.reviews.filter(isHuman);
  const reviewed = human.filter(({ first }) => first);
  const faults = human.filter(({ first_fault }) => first_fault);
  const ofTrigger = (trigger: string): number => total(reviewed, (row) => row.trigger === trigger);
  // A fault that another review found later is not what looking for this reason found.
  const faultsOf = (trigger: string): number =>
    total(reviewed, (row) => row.first_fault && row.trigger === trigger);
  return rate("M-ACC-01", total(faults), total(reviewed), {
    name: "found wrong among those reviewed by a person",
    population:
      "decisions in scope with a review by a person; why they were reviewed decides what the rate says",
    recompute: `decisions whose first fault is a correction or a review with outcome ${[...FAULT_OUTCOMES].join(", ")}, over decisions reviewed; by trigger: of the first review by a person, and whether that one found the fault`,
    detail: {
      random_sample: ofTrigger("random_sample"),
      random_sample_faults: faultsOf("random_sample"),
      complaint: ofTrigger("complaint"),
      complaint_faults: faultsOf("complaint"),
      rule: ofTrigger("rule"),
      rule_faults: faultsOf("rule"),
      trigger_not_stated: total(reviewed, ({ trigger }) => trigger === undefined),
    },
  });
}

function replays({ sums, data }: MetricInput): Metric[] {
  const of = (mode: string): number => total(sums.replays, (row) => row.mode === mode);
  const repeated = sums.replays.filter(
    ({ mode, status, unmodified }) => mode === "live" && status === "completed" && unmodified,
  );
  return [
    quantity("M-RPL-01", "count", total(sums.replays), {
      name: "replays",
      population: "replay_completed entries about decisions in scope",
      recompute: "by facts.execution_mode; a simulated replay is never a test",
      detail: { live: of("live"), simulated: of("simulated"), error: of("error") },
    }),
    experiments(data),
    rate(
      "M-RPL-03",
      total(repeated, ({ changed }) => changed === false),
      total(repeated),
      {
        name: "unmodified live replays with the recorded output",
        population: "completed live replays without overrides",
        recompute:
          "facts.output_changed = false; comparator: canonical JSON equality of the output",
      },
    ),
  ];
}

/**
 * An experiment's scorers and cases are recorded when it starts, before anything runs; the threshold is
 * a criterion of its own. Simulated ones never count.
 */
function experiments({ records }: MetricInput["data"]): Metric {
  const live = new Map(
    records.experiment_started
      .filter(({ facts }) => facts["mode"] === "live")
      .map((header) => [header.id, header]),
  );
  const ended = records.experiment_ended.flatMap(({ facts }) => {
    const started = live.get(textOf(facts["experiment_id"]));
    return started !== undefined && facts["state"] === "completed" ? [started] : [];
  });
  const first = records.criterion_recorded[0]?.index ?? Infinity;
  return share("M-RPL-02", ended.filter(({ index }) => index > first).length, ended.length, {
    name: "live experiments with a criterion recorded before they started",
    population: "completed live experiments of the ledger, of whatever service",
    recompute:
      "experiment_ended with state completed whose experiment_started has mode live; those with a larger index than the first criterion_recorded entry",
    detail: { criteria: records.criterion_recorded.length },
  });
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function changes(input: MetricInput): Metric[] {
  const configurations = configurationsOf(input);
  return [
    quantity("M-CHG-01", "count", configurations.length, {
      name: "configurations that recorded decisions",
      population: "decisions in scope",
      recompute:
        "distinct (service_name, model_provider, model_name, model_version, system_version) of decision_recorded entries",
      denominator: input.decisions,
    }),
    share(
      "M-CHG-02",
      configurations.filter(({ announced }) => announced).length,
      configurations.length,
      {
        name: "configurations with a change recorded before their first decision",
        population: "configurations",
        recompute:
          "a change_recorded entry of the service with a smaller index that has at least one model or system member, and whose such members are the configuration's",
      },
    ),
  ];
}

function monitoring(input: MetricInput): Metric {
  const months = byMonth(input);
  const active = months.filter(({ decisions }) => decisions > 0);
  const analyses = recordsInScope(input, "analysis_recorded");
  const of = (kind: string): number =>
    analyses.filter(({ facts }) => facts["analysis"] === kind).length;
  return share("M-PMM-01", active.length, months.length, {
    name: "months with decisions, of all months of the period",
    population:
      "calendar months of the period asked for; where it is open, from the first decision in scope to the last entry that counts",
    recompute: "months of recorded_at of decision_recorded entries",
    detail: {
      months_reviewed_share: ratio(
        active.filter(({ reviews }) => reviews > 0).length,
        active.length,
      ),
      analyses: analyses.length,
      post_market_analyses: of("post_market"),
      risk_reviews: of("risk_review"),
      access_reviews: of("access_log_review"),
    },
  });
}
