/** The report, against counts made by hand. */
import { expect, test } from "vitest";
import type { ItemRow } from "../../../../src/replay/experiments/port.ts";
import { ReportFold } from "../../../../src/replay/experiments/report.ts";
import { NO_RESULT, type ItemResult } from "../../../../src/replay/experiments/item.ts";

let position = 0;

function item(
  state: ItemRow["state"],
  result: Partial<ItemResult> | null,
  cost: number | null = null,
): ItemRow {
  const decisionId = `dec_${position}`;
  return {
    position: position++,
    decisionId,
    provider: "openai",
    state,
    replayId: `rep_${position}`,
    cost,
    result: result === null ? null : { ...NO_RESULT, ...result },
  };
}

function judged(original: boolean, replay: boolean, more: Partial<ItemResult> = {}): ItemRow {
  return item(
    "succeeded",
    {
      execution_mode: "live",
      outcome: "succeeded",
      ground_truth: "correction",
      original_right: original,
      replay_right: replay,
      scores: [{ type: "exact", original, replay }],
      difference: original === replay ? "identical" : "changed",
      fidelity: "exact",
      cost: 0.1,
      currency: "USD",
      latency_ms: 100,
      ...more,
    },
    0.1,
  );
}

test("every item is counted once, in the statistics or as excluded", () => {
  position = 0;
  const fold = new ReportFold(["exact"]);
  const items = [
    judged(true, true, { original_cost: 0.3, original_latency_ms: 300 }),
    judged(false, true),
    judged(false, true, { latency_ms: 200 }),
    judged(true, false),
    judged(false, false),
    item("failed", { execution_mode: "error", outcome: "rate_limited", fidelity: "exact" }),
    item("skipped", { reason: "budget" }),
    item("succeeded", { execution_mode: "simulated" }),
    item("succeeded", {
      execution_mode: "live",
      outcome: "succeeded",
      unpriced: true,
      currency: "USD",
    }),
  ];
  for (const one of items) fold.add(one);
  expect(fold.report()).toEqual({
    n: 5,
    both_right: 1,
    fixed: 2,
    broken: 1,
    both_wrong: 1,
    original_rate: 0.4,
    replay_rate: 0.6,
    intervals: {
      original: { low: expect.closeTo(0.1176, 4), high: expect.closeTo(0.7693, 4) },
      replay: { low: expect.closeTo(0.2307, 4), high: expect.closeTo(0.8824, 4) },
    },
    mcnemar_p: 1,
    cost: {
      replay: 0.5,
      currency: "USD",
      unpriced: 1,
      compared: { n: 1, original: 0.3, replay: 0.1, delta: -0.2 },
    },
    latency_ms: {
      replay: { n: 5, p50: 100, p95: 200 },
      original: { n: 1, p50: 300, p95: 300 },
      delta_p50: -200,
    },
    ground_truth: { correction: 5, assumed_original: 0, none: 1 },
    excluded: { failed: 1, skipped: 1, simulated: 1, unscored: 1 },
    outcomes: { succeeded: 6, rate_limited: 1, simulated: 1 },
    fidelity: { exact: 6 },
    differences: { identical: 2, equivalent: 0, changed: 3 },
    by_scorer: [{ type: "exact", n: 5, both_right: 1, fixed: 2, broken: 1, both_wrong: 1 }],
    regressions: ["dec_3"],
    fixes: ["dec_1", "dec_2"],
  });
});

test("of nothing there are no rates, and no test", () => {
  expect(new ReportFold([]).report()).toMatchObject({
    n: 0,
    original_rate: null,
    intervals: { original: null, replay: null },
    mcnemar_p: null,
    cost: { replay: 0, currency: null },
  });
});
