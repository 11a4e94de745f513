/** The rules that a report stands on, each by itself: dates, intervals, months, words. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { applicabilityAt, isBaselineStale } from "../../../src/compliance/applicability.ts";
import { requirementsOf } from "../../../src/compliance/catalogue.ts";
import { wilson95 } from "../../../src/compliance/metric.ts";
import { drawnIndexes } from "../../../src/compliance/samples.ts";
import { ThresholdOverrides } from "../../../src/compliance/thresholds.ts";
import { FRAMEWORKS } from "../../../src/compliance/vocabulary.ts";
import { addMonths, isWithinSixMonths } from "../../../src/ledger/six-months.ts";
import { bucketOf, percentileMs } from "../../../src/ledger/tally-buckets.ts";
import { writerGaps } from "../../../src/ledger/tally-writers.ts";
import { overclaimsIn } from "../../support/overclaims.ts";

function high(riskClass: string, now: string): string {
  return applicabilityAt("ai_act_high_risk", riskClass, new Date(now)).state;
}

function contested(now: string, riskClass?: string): string {
  return applicabilityAt("ai_act_contested", riskClass, new Date(now)).state;
}

describe("applicability", () => {
  test("of Chapter III flips at 2027-12-02T00:00Z, for Annex I at 2028-08-02", () => {
    expect(high("annex_iii", "2027-12-01T23:59:59.999Z")).toBe("not_yet");
    expect(high("annex_iii", "2027-12-02T00:00:00.000Z")).toBe("in_application");
    expect(high("annex_i", "2028-08-01T23:59:59.999Z")).toBe("not_yet");
    expect(high("annex_i", "2028-08-02T00:00:00.000Z")).toBe("in_application");
  });

  test("of Articles 72, 73 and 86 is contested until what is high-risk is settled", () => {
    expect(contested("2026-08-01T23:59:59.999Z")).toBe("not_yet");
    expect(contested("2026-11-22T00:00:00.000Z")).toBe("formally_in_application_contested");
    expect(contested("2027-12-02T00:00:00.000Z")).toBe("in_application");
  });

  test("of these is settled for Annex I systems half a year and more later", () => {
    const contestedState = "formally_in_application_contested";
    expect(contested("2027-12-02T00:00:00.000Z", "annex_i")).toBe(contestedState);
    expect(contested("2028-08-01T23:59:59.999Z", "annex_i")).toBe(contestedState);
    expect(contested("2028-08-02T00:00:00.000Z", "annex_i")).toBe("in_application");
  });

  test("of a baseline ends: after it the report warns", () => {
    expect(isBaselineStale(new Date("2027-05-21T23:59:59.999Z"))).toBe(false);
    expect(isBaselineStale(new Date("2027-05-22T00:00:00.000Z"))).toBe(true);
  });
});

describe("six months", () => {
  test.each([
    ["2026-08-31T12:00:00.000Z", 6, "2027-02-28T12:00:00.000Z"],
    ["2027-08-31T12:00:00.000Z", 6, "2028-02-29T12:00:00.000Z"],
    ["2026-12-31T00:00:00.000Z", 2, "2027-02-28T00:00:00.000Z"],
    ["2026-03-15T00:00:00.000Z", 6, "2026-09-15T00:00:00.000Z"],
    ["2028-02-29T00:00:00.000Z", -6, "2027-08-29T00:00:00.000Z"],
  ])("of the calendar: %s and %i months are %s", (from, months, to) => {
    expect(addMonths(from, months).toISOString()).toBe(to);
  });

  test("are over at the very moment, and not before", () => {
    const from = "2026-08-31T12:00:00.000Z";
    expect(isWithinSixMonths(from, "2027-02-28T11:59:59.999Z")).toBe(true);
    expect(isWithinSixMonths(from, "2027-02-28T12:00:00.000Z")).toBe(false);
  });
});

describe("Wilson's interval", () => {
  // Reference values computed from the published formula to six places.
  test.each([
    [0, 10, [0, 0.277533]],
    [10, 10, [0.722467, 1]],
    [5, 10, [0.236593, 0.763407]],
    [1, 100, [0.001767, 0.05449]],
  ])("of %i in %i", (successes, trials, interval) => {
    const [low, high] = wilson95(successes, trials) ?? [];
    expect(low).toBeCloseTo(interval[0] ?? NaN, 5);
    expect(high).toBeCloseTo(interval[1] ?? NaN, 5);
  });

  test("of nothing is none", () => {
    expect(wilson95(0, 0)).toBeNull();
  });
});

describe("durations in buckets", () => {
  const edges = [10, 20, 30];

  test("are at their edge, between, before and behind", () => {
    expect([-1, 0, 10, 11, 30, 31].map((ms) => bucketOf(ms, edges))).toEqual([-1, 0, 0, 1, 2, 3]);
  });

  test("have percentiles that are edges, and none beyond the last one or of nothing", () => {
    const counts = new Map([
      [0, 50],
      [1, 45],
      [3, 5],
    ]);
    expect(percentileMs(counts, 0.5, edges)).toBe(10);
    expect(percentileMs(counts, 0.95, edges)).toBe(20);
    expect(percentileMs(counts, 0.99, edges)).toBeNull();
    expect(percentileMs(new Map(), 0.5, edges)).toBeNull();
  });
});

function row(first: number, last: number, entries: number): { key: string; entries: number } {
  return { key: JSON.stringify({ writer: "w", first, last }), entries };
}

test("numbers of a writer are counted once however their ranges overlap", () => {
  expect(writerGaps([row(8, 9, 2), row(2, 5, 4), row(4, 4, 1), row(3, 8, 7)])).toEqual([
    {
      writerId: "w",
      records: 14,
      first: 2,
      last: 9,
      missing: 1,
      doubled: 6,
      gaps: [{ first: 1, last: 1 }],
    },
  ]);
});

test("samples are drawn from the head's hash: the same again, others for another head", () => {
  const drawn = drawnIndexes("ab", 1000);
  expect(drawnIndexes("ab", 1000)).toEqual(drawn);
  expect(drawnIndexes("ac", 1000)).not.toEqual(drawn);
  expect(new Set(drawn).size).toBe(drawn.length);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1000);
  expect(drawnIndexes("ab", 3).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
});

describe("thresholds", () => {
  test("are overridden by name", () => {
    expect(ThresholdOverrides.parse("coverage_present=0.95, request_days=20")).toEqual({
      coverage_present: 0.95,
      request_days: 20,
    });
  });

  test.each(["nonsense=1", "coverage_present=", "coverage_present=x", "", "request_days=-1"])(
    "that are none of ours are refused: %j",
    (text) => {
      expect(ThresholdOverrides.safeParse(text).success).toBe(false);
    },
  );

  test.each(["coverage_present=0", "coverage_partial=1.01", "coverage_present=0.7"])(
    "that make no sense of a share are refused: %s",
    (text) => {
      expect(ThresholdOverrides.safeParse(text).success).toBe(false);
    },
  );

  test("do not go below the law's six months", () => {
    expect(ThresholdOverrides.safeParse("floor_months=5").success).toBe(false);
    expect(ThresholdOverrides.safeParse("floor_months=12").success).toBe(true);
  });
});

describe("the catalogue", () => {
  const requirements = requirementsOf(new Set(FRAMEWORKS));

  test("names each requirement once, and says of each what it does not show", () => {
    expect(new Set(requirements.map(({ id }) => id)).size).toBe(requirements.length);
    expect(requirements.filter(({ does_not_show }) => does_not_show.length === 0)).toEqual([]);
    expect(new Set(requirements.map(({ framework }) => framework))).toEqual(new Set(FRAMEWORKS));
  });

  test.each([
    "9-2c",
    "12-1",
    "13-3f",
    "14-4d",
    "15",
    "17",
    "18",
    "19-1",
    "20",
    "21-2",
    "26-6",
    "50-1",
    "72",
    "73",
    "86",
  ])("holds Article %s of the AI Act", (id) => {
    expect(requirements.map((item) => item.id)).toContain(`EUAIA-${id}`);
  });

  test("claims nothing", () => {
    expect(overclaimsIn(JSON.stringify(requirements))).toEqual([]);
  });
});

test.each(["README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "src/ledger/FORMAT.md"])(
  "%s claims nothing that a ledger cannot",
  (file) => {
    const text = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
    expect(overclaimsIn(text)).toEqual([]);
  },
);

test("the word test finds what it looks for", () => {
  expect(overclaimsIn("It is Certified, tamper-proof and legally binding.")).toHaveLength(3);
});
