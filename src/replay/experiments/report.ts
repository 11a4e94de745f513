/**
 * An experiment's report, folded from its items one after the other: who was right, what was fixed
 * and broken, and what it cost. Simulated replays and items without a verdict are counted as
 * excluded, never in the statistics. Pure.
 */
import type { ItemRow } from "./port.ts";
import type { ItemResult } from "./item.ts";
import type { ExperimentReport, Pairs } from "./schema.ts";
import { mcnemarExact, quantile, wilsonInterval } from "./statistics.ts";

type Counts = { -readonly [member in keyof Pairs]: number };

const noPairs = (): Counts => ({ n: 0, both_right: 0, fixed: 0, broken: 0, both_wrong: 0 });

/** Nobody bills below a billionth; binary fractions end there. */
const money = (amount: number): number => Number(amount.toFixed(9));

export class ReportFold {
  readonly #pairs = noPairs();
  readonly #byScorer: (Counts & { readonly type: string })[];
  readonly #outcomes: Record<string, number> = {};
  readonly #fidelity: Record<string, number> = {};
  readonly #differences = { identical: 0, equivalent: 0, changed: 0 };
  readonly #truth = { correction: 0, assumed_original: 0, none: 0 };
  readonly #excluded = { failed: 0, skipped: 0, simulated: 0, unscored: 0 };
  readonly #regressions: string[] = [];
  readonly #fixes: string[] = [];
  readonly #latencies: number[] = [];
  readonly #originalLatencies: number[] = [];
  #latencyDeltas: number[] = [];
  readonly #compared = { n: 0, original: 0, replay: 0 };
  #cost = 0;
  #unpriced = 0;
  #currency: string | null = null;

  constructor(scorerTypes: readonly string[]) {
    this.#byScorer = scorerTypes.map((type) => ({ type, ...noPairs() }));
  }

  add({ decisionId, state, cost, result }: ItemRow): void {
    this.#cost += cost ?? 0;
    if (state === "skipped" || result === null) {
      this.#excluded.skipped++;
      return;
    }
    count(
      this.#outcomes,
      result.outcome ?? (result.execution_mode === "simulated" ? "simulated" : "unknown"),
    );
    if (result.execution_mode === "simulated") {
      this.#excluded.simulated++;
      return;
    }
    if (result.fidelity !== null) count(this.#fidelity, result.fidelity);
    if (state === "failed") {
      this.#excluded.failed++;
      return;
    }
    this.#addAnswer(result);
    this.#addVerdict(decisionId, result);
  }

  #addAnswer(result: ItemResult): void {
    const { cost, currency, original_cost, latency_ms, original_latency_ms } = result;
    if (result.unpriced) this.#unpriced++;
    this.#currency ??= currency;
    if (cost !== null && original_cost !== null) {
      this.#compared.n++;
      this.#compared.original += original_cost;
      this.#compared.replay += cost;
    }
    if (latency_ms !== null) this.#latencies.push(latency_ms);
    if (original_latency_ms !== null) this.#originalLatencies.push(original_latency_ms);
    if (latency_ms !== null && original_latency_ms !== null)
      this.#latencyDeltas.push(latency_ms - original_latency_ms);
    if (result.difference !== null) this.#differences[result.difference]++;
    this.#truth[result.ground_truth ?? "none"]++;
  }

  #addVerdict(decisionId: string, { original_right, replay_right, scores }: ItemResult): void {
    for (const [i, { original, replay }] of scores.entries()) {
      const counts = this.#byScorer[i];
      if (counts !== undefined && original !== null && replay !== null)
        addPair(counts, original, replay);
    }
    if (original_right === null || replay_right === null) {
      this.#excluded.unscored++;
      return;
    }
    addPair(this.#pairs, original_right, replay_right);
    if (original_right && !replay_right) this.#regressions.push(decisionId);
    if (!original_right && replay_right) this.#fixes.push(decisionId);
  }

  report(): ExperimentReport {
    const { n, both_right, fixed, broken } = this.#pairs;
    const [originalRight, replayRight] = [both_right + broken, both_right + fixed];
    const { n: compared, original, replay } = this.#compared;
    return {
      ...this.#pairs,
      original_rate: n === 0 ? null : originalRight / n,
      replay_rate: n === 0 ? null : replayRight / n,
      intervals: {
        original: wilsonInterval(originalRight, n),
        replay: wilsonInterval(replayRight, n),
      },
      mcnemar_p: n === 0 ? null : mcnemarExact(fixed, broken),
      cost: {
        replay: money(this.#cost),
        currency: this.#currency,
        unpriced: this.#unpriced,
        compared: {
          n: compared,
          original: money(original),
          replay: money(replay),
          delta: money(replay - original),
        },
      },
      latency_ms: {
        replay: latencyOf(this.#latencies),
        original: latencyOf(this.#originalLatencies),
        delta_p50: latencyOf(this.#latencyDeltas).p50,
      },
      ground_truth: { ...this.#truth },
      excluded: { ...this.#excluded },
      outcomes: { ...this.#outcomes },
      fidelity: { ...this.#fidelity },
      differences: { ...this.#differences },
      by_scorer: this.#byScorer.map((counts) => ({ ...counts })),
      regressions: [...this.#regressions],
      fixes: [...this.#fixes],
    };
  }
}

function addPair(counts: Counts, original: boolean, replay: boolean): void {
  counts.n++;
  if (original) counts[replay ? "both_right" : "broken"]++;
  else counts[replay ? "fixed" : "both_wrong"]++;
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function latencyOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  return { n: sorted.length, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) };
}
