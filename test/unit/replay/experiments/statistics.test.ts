/** Intervals and the exact test against values computed otherwise: exact integers, published tables. */
import { assert, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { mcnemarByIntegers } from "../../../support/mcnemar.ts";
import {
  mcnemarExact,
  quantile,
  wilsonInterval,
} from "../../../../src/replay/experiments/statistics.ts";

test("the exact McNemar test equals integer arithmetic, for every small pair and for large ones", () => {
  for (let fixed = 0; fixed <= 40; fixed++) {
    for (let broken = 0; broken <= 40; broken++)
      expect(mcnemarExact(fixed, broken)).toBeCloseTo(mcnemarByIntegers(fixed, broken), 12);
  }
  expect(mcnemarExact(700, 650)).toBeCloseTo(mcnemarByIntegers(700, 650), 9);
  expect(mcnemarExact(5_000, 5_000)).toBe(1);
});

test("known values of the exact test", () => {
  expect(mcnemarExact(0, 0)).toBe(1);
  expect(mcnemarExact(5, 0)).toBeCloseTo(0.0625, 12);
  expect(mcnemarExact(8, 1)).toBeCloseTo(20 / 512, 12);
  // Beyond what a double's exponent reaches in one term.
  expect(mcnemarExact(10_000, 0)).toBe(0);
  expect(mcnemarExact(1_610, 0)).toBeGreaterThanOrEqual(0);
});

test("which side is called fixed does not matter to the test", () => {
  assert(
    property(nat(300), nat(300), (fixed, broken) => {
      const p = mcnemarExact(fixed, broken);
      expect(p).toBe(mcnemarExact(broken, fixed));
      expect(p).toBeGreaterThanOrEqual(0);
      expect(p).toBeLessThanOrEqual(1);
    }),
  );
});

test("Wilson intervals equal published ones", () => {
  // Newcombe 1998, method 3: 81/263, 15/148, 0/20, 1/29.
  const published = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [successes, n, low, high] of published) {
    const interval = wilsonInterval(successes, n);
    expect(interval?.low).toBeCloseTo(low, 4);
    expect(interval?.high).toBeCloseTo(high, 4);
  }
});

test("an interval holds its rate and stays within 0 and 1; of nothing there is none", () => {
  expect(wilsonInterval(0, 0)).toBeNull();
  assert(
    property(nat(2_000), nat(2_000), (a, b) => {
      const n = a + b + 1;
      const interval = wilsonInterval(a, n);
      expect(interval?.low).toBeLessThanOrEqual(a / n + 1e-12);
      expect(interval?.high).toBeGreaterThanOrEqual(a / n - 1e-12);
      expect(interval?.low).toBeGreaterThanOrEqual(0);
      expect(interval?.high).toBeLessThanOrEqual(1);
    }),
  );
});

test("a quantile is one of the values", () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([7], 0.95)).toBe(7);
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(quantile([1, 2, 3, 4], 0.95)).toBe(4);
});
