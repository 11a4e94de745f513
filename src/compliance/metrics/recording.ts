/** What was recorded, how, and whether anything is missing: M-LOG, M-ID, M-INT. Pure. */
import { LATENCY_EDGES_MS, percentileMs } from "../../ledger/tally-buckets.ts";
import { total } from "../aggregates.ts";
import { quantity, ratio, share, type Metric } from "../metric.ts";
import type { MetricInput } from "../metric-input.ts";

const W = "decisions in scope (W)";

export function recordingMetrics(input: MetricInput): Metric[] {
  const { sums, decisions, data } = input;
  const has = (letter: string): number => total(sums.decisions, (row) => row.has.includes(letter));
  const count = (which: Parameters<typeof total<(typeof sums.decisions)[number]>>[1]): number =>
    total(sums.decisions, which);
  return [
    share(
      "M-LOG-01",
      count(({ capture_mode }) => capture_mode === "automatic"),
      decisions,
      {
        name: "captured automatically",
        population: W,
        recompute:
          "decision_recorded entries with facts.capture_mode = automatic, over all of them",
        detail: {
          manual: count(({ capture_mode }) => capture_mode === "manual"),
          import: count(({ capture_mode }) => capture_mode === "import"),
          not_stated: count(({ capture_mode }) => capture_mode === undefined),
        },
      },
    ),
    latency(input),
    gapsInLedger(input),
    lostRecords(input),
    share("M-LOG-05", has("u"), decisions, {
      name: "period of use recorded",
      population: W,
      recompute: "decision_recorded entries with facts.started_at and facts.ended_at",
    }),
    share(
      "M-ID-01",
      count(({ provider, model }) => Boolean(provider) && Boolean(model)),
      decisions,
      {
        name: "model provider and name known",
        population: W,
        recompute:
          "decision_recorded entries with facts.model_provider and facts.model_name, not empty",
      },
    ),
    share(
      "M-ID-02",
      count(({ model_version }) => model_version !== undefined && model_version !== "latest"),
      decisions,
      {
        name: "model version pinned",
        population: W,
        recompute: "decision_recorded entries with facts.model_version other than `latest`",
      },
    ),
    share("M-ID-03", has("p"), decisions, {
      name: "prompt recorded",
      population: W,
      recompute: "decision_recorded entries with commitments.prompt",
    }),
    share(
      "M-ID-04",
      count(({ system_version }) => system_version !== undefined),
      decisions,
      {
        name: "system version known",
        population: W,
        recompute: "decision_recorded entries with facts.system_version",
        detail: { with_tool_calls: has("t") },
      },
    ),
    integrity(input),
    quantity("M-INT-02", "ms", data.checkpoint === null ? null : 0, {
      name: "age of the newest signed checkpoint over the last entry",
      population: "the ledger",
      recompute: "the checkpoint whose size covers the last entry was committed with it",
    }),
  ];
}

function latency({ sums, decisions }: MetricInput): Metric {
  const counts = new Map<number, number>();
  for (const { bucket, entries } of sums.latencies)
    counts.set(bucket, (counts.get(bucket) ?? 0) + entries);
  const measured = total(sums.latencies);
  return quantity("M-LOG-02", "ms", percentileMs(counts, 0.95, LATENCY_EDGES_MS), {
    name: "recorded after it occurred, 95th percentile",
    population: "decisions in scope with occurred_at",
    recompute: `recorded_at - facts.occurred_at in buckets up to ${LATENCY_EDGES_MS.join(", ")} ms; the upper edge of the bucket`,
    denominator: measured,
    detail: {
      p50_ms: percentileMs(counts, 0.5, LATENCY_EDGES_MS),
      measured,
      measured_share: ratio(measured, decisions),
      before_it_occurred: counts.get(-1) ?? 0,
      beyond_last_edge: counts.get(LATENCY_EDGES_MS.length) ?? 0,
    },
  });
}

/** Indexes are dense by construction; that they are is counted all the same. */
function gapsInLedger({ sums, data }: MetricInput): Metric {
  const size = data.asOf === null ? 0 : data.asOf.index + 1;
  const counted = [...sums.kinds.values()].reduce((sum, entries) => sum + entries, 0);
  const days = [...new Set(sums.decisions.map(({ day = "" }) => day))].toSorted();
  const silences = days.slice(1).map((day, i) => Date.parse(day) - Date.parse(days[i] ?? day));
  return quantity("M-LOG-03", "count", size - counted, {
    name: "indexes without an entry",
    population: "all entries of the ledger",
    recompute: "indexes from 0 to the last one, minus entries",
    denominator: size,
    detail: {
      longest_silence_days: silences.length === 0 ? null : Math.max(...silences) / 86_400_000 - 1,
    },
  });
}

function lostRecords({ sums, decisions }: MetricInput): Metric {
  const { writers } = sums;
  const sum = (of: (writer: (typeof writers)[number]) => number): number =>
    writers.reduce((all, writer) => all + of(writer), 0);
  const numbered = total(sums.decisions, ({ has }) => has.includes("w"));
  const missing = sum((writer) => writer.missing);
  return quantity("M-LOG-04", "count", writers.length === 0 ? null : missing, {
    name: "records that writers numbered and the ledger does not hold",
    population: "writers that recorded for the scope, over all they recorded",
    recompute:
      "for each facts.writer_id: numbers from 1 to the largest facts.writer_seq that no entry has",
    denominator: sum((writer) => writer.last),
    detail: {
      writers: writers.length,
      doubled: sum((writer) => writer.doubled),
      numbered_share: ratio(numbered, decisions),
    },
  });
}

function integrity({ data }: MetricInput): Metric {
  const { valid } = data.integrity;
  const size = data.asOf === null ? 0 : data.asOf.index + 1;
  const about = {
    name: "entries whose hashes, commitments and signatures recompute",
    population: "all entries of the ledger up to the last one that counts, never a filtered subset",
    recompute: "loopgrid verify over an export of the ledger",
  };
  if (valid === true) return share("M-INT-01", size, size, about);
  const value = valid === false ? 0 : null;
  return quantity("M-INT-01", "ratio", value, { ...about, denominator: size });
}
