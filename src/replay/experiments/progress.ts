/** How an experiment goes on and how it ends: state transitions, pure. */
import type { ExperimentRow, Spent } from "./port.ts";
import type { Settled } from "./run-item.ts";
import type { ExperimentState, Progress } from "./schema.ts";

export type Budgeted = Pick<ExperimentRow, "maxItems" | "maxCost">;

/** Whether one more item may begin. `wait`: only once those that run have told their cost. */
export type Room = "yes" | "wait" | "no";

/**
 * Money is only known afterwards: what runs is taken to cost as much as the dearest item so far, and
 * before the first price is known one item runs alone. An answer without a price ends a budget of
 * money, for nobody could keep it.
 */
export function roomFor({ maxItems, maxCost }: Budgeted, spent: Spent, running: number): Room {
  if (maxItems !== null && spent.items >= maxItems) return "no";
  if (maxCost === null) return "yes";
  if (spent.unpriced || spent.cost >= maxCost) return "no";
  if (running === 0) return "yes";
  if (spent.dearest === null) return "wait";
  return spent.cost + (running + 1) * spent.dearest <= maxCost ? "yes" : "wait";
}

/** What is used after an item: the same that storage would tell (RunnerRows.spent). */
export function afterItem(spent: Spent, { result, cost }: Settled): Spent {
  return {
    items: spent.items,
    cost: spent.cost + (cost ?? 0),
    dearest: cost === null ? spent.dearest : Math.max(cost, spent.dearest ?? 0),
    unpriced: spent.unpriced || result.unpriced,
  };
}

/** Once nothing is pending and nothing runs. @param state as it was while the items ran */
export function endOf(
  state: ExperimentState,
  { failed, skipped }: Pick<Progress, "failed" | "skipped">,
): ExperimentState {
  if (skipped > 0) return state === "cancelled" ? "cancelled" : "budget_exhausted";
  return failed > 0 ? "completed_with_errors" : "completed";
}
