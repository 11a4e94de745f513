/** How an experiment goes on and ends. */
import { expect, test } from "vitest";
import { afterItem, endOf, roomFor } from "../../../../src/replay/experiments/progress.ts";
import { NOTHING_SPENT } from "../../../../src/replay/experiments/port.ts";
import { NO_RESULT } from "../../../../src/replay/experiments/item.ts";

const NO_BUDGET = { maxItems: null, maxCost: null };

test("without a budget there is always room", () => {
  expect(roomFor(NO_BUDGET, { items: 9_999, cost: 1e9, dearest: 1, unpriced: true }, 50)).toBe(
    "yes",
  );
});

test("a budget of items counts what was begun", () => {
  const budget = { maxItems: 3, maxCost: null };
  expect(roomFor(budget, { ...NOTHING_SPENT, items: 2 }, 1)).toBe("yes");
  expect(roomFor(budget, { ...NOTHING_SPENT, items: 3 }, 0)).toBe("no");
});

test("a budget of money begins with one item alone, then takes those that run for as dear as any", () => {
  const budget = { maxItems: null, maxCost: 1 };
  expect(roomFor(budget, NOTHING_SPENT, 0)).toBe("yes");
  expect(roomFor(budget, NOTHING_SPENT, 1)).toBe("wait");
  const spent = { items: 1, cost: 0.3, dearest: 0.3, unpriced: false };
  expect(roomFor(budget, spent, 1)).toBe("yes");
  expect(roomFor(budget, spent, 2)).toBe("wait");
  expect(roomFor(budget, { ...spent, cost: 1 }, 0)).toBe("no");
});

test("nobody keeps a budget of money over answers without a price", () => {
  const budget = { maxItems: null, maxCost: 1 };
  expect(roomFor(budget, { ...NOTHING_SPENT, unpriced: true }, 0)).toBe("no");
});

test("what an item took is added up, and an answer without a price is noticed", () => {
  const priced = { ...NO_RESULT, cost: 0.2 };
  const once = afterItem(NOTHING_SPENT, { state: "succeeded", result: priced, cost: 0.25 });
  expect(once).toEqual({ items: 0, cost: 0.25, dearest: 0.25, unpriced: false });
  const failed = afterItem(once, { state: "failed", result: NO_RESULT, cost: null });
  expect(failed).toEqual(once);
  const unpriced = { ...NO_RESULT, unpriced: true };
  expect(afterItem(once, { state: "succeeded", result: unpriced, cost: null }).unpriced).toBe(true);
});

test("the end is told from what failed and was skipped", () => {
  expect(endOf("running", { failed: 0, skipped: 0 })).toBe("completed");
  expect(endOf("running", { failed: 1, skipped: 0 })).toBe("completed_with_errors");
  expect(endOf("running", { failed: 1, skipped: 1 })).toBe("budget_exhausted");
  expect(endOf("cancelled", { failed: 1, skipped: 1 })).toBe("cancelled");
  // It was cancelled when everything had been begun: nothing was left out.
  expect(endOf("cancelled", { failed: 0, skipped: 0 })).toBe("completed");
});
