/** Following an experiment from outside, and making its report again by hand from its items. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ExperimentItem } from "../../src/replay/experiments/item.ts";
import type { Experiment } from "../../src/replay/experiments/schema.ts";
import type { Api } from "./api.ts";

const ENDED_MS_MAX = 60_000;
const POLL_MS = 50;

/** The experiment with its report. @throws when it does not end */
export async function ended(api: Pick<Api, "get">, experimentId: string): Promise<Experiment> {
  const deadline = Date.now() + ENDED_MS_MAX;
  for (;;) {
    const { body } = await api.get<Experiment>(`/v1/experiments/${experimentId}`);
    if (body.report !== null) return body;
    if (Date.now() > deadline) throw new Error(`it does not end: ${JSON.stringify(body)}`);
    await sleep(POLL_MS);
  }
}

export async function itemsOf(url: string, experimentId: string): Promise<ExperimentItem[]> {
  const response = await fetch(`${url}/v1/experiments/${experimentId}/items`);
  const text = await response.text();
  return text
    .trimEnd()
    .split("\n")
    .map((line): ExperimentItem => JSON.parse(line));
}

/** The counts of a report, from its items alone. */
export function recount(items: readonly ExperimentItem[]) {
  const judged = items.filter(
    ({ original_right, replay_right }) => original_right !== null && replay_right !== null,
  );
  const pairs = (original: boolean, replay: boolean) =>
    judged.filter((item) => item.original_right === original && item.replay_right === replay);
  const [n, bothRight, fixed] = [judged.length, pairs(true, true).length, pairs(false, true)];
  const broken = pairs(true, false);
  const cost = items.reduce((sum, item) => sum + (item.cost ?? 0), 0);
  return {
    n,
    both_right: bothRight,
    fixed: fixed.length,
    broken: broken.length,
    both_wrong: pairs(false, false).length,
    original_rate: n === 0 ? null : (bothRight + broken.length) / n,
    replay_rate: n === 0 ? null : (bothRight + fixed.length) / n,
    regressions: broken.map(({ decision_id }) => decision_id),
    fixes: fixed.map(({ decision_id }) => decision_id),
    cost: { replay: Number(cost.toFixed(9)) },
    excluded: {
      failed: items.filter(({ state }) => state === "failed").length,
      skipped: items.filter(({ state }) => state === "skipped").length,
      simulated: items.filter(({ execution_mode }) => execution_mode === "simulated").length,
    },
  };
}
