/**
 * House thresholds: no law names these numbers. They are versioned, printed beside every result and
 * can be overridden in the request, which the report then shows.
 */
import { z } from "zod";

export const THRESHOLD_SET = "loopgrid-2026.11";

export const THRESHOLDS = {
  coverage_present: { value: 0.99, meaning: "a share at or above it is full coverage" },
  coverage_partial: { value: 0.8, meaning: "a share at or above it, but below full, is partial" },
  sample_min: {
    value: 30,
    meaning: "below this many, counts are shown and no percentage is charted",
  },
  dwell_ms_min: {
    value: 10_000,
    meaning: "an approval faster than this is an automation-bias signal",
  },
  overrides_look_min: {
    value: 50,
    meaning: "a reviewer with this many reviews and no override is an automation-bias signal",
  },
  floor_months: {
    value: 6,
    meaning: "months that logs are kept at least (AI Act, Art. 19(1), 26(6))",
  },
  export_drill_days: { value: 90, meaning: "an export drill is recent for this many days" },
  request_days: {
    value: 30,
    meaning: "days to answer a request where no other period is declared",
  },
} as const;
export type ThresholdName = keyof typeof THRESHOLDS;

export type Thresholds = Readonly<Record<ThresholdName, number>>;

/** `coverage_present=0.95,request_days=20`; unknown names and values out of range are refused. */
export const ThresholdOverrides = z.string().transform((list, context) => {
  const overrides: Partial<Record<ThresholdName, number>> = {};
  for (const item of list.split(",")) {
    const [name = "", text = ""] = item.split("=");
    const known = THRESHOLD_NAMES.find((known) => known === name.trim());
    const value = Number(text);
    if (known === undefined || text.trim() === "" || !Number.isFinite(value) || value < 0) {
      context.addIssue({
        code: "custom",
        message: `must hold <name>=<number> with names of ${THRESHOLD_NAMES.join(", ")}`,
      });
      return z.NEVER;
    }
    if (known === "floor_months" && value < THRESHOLDS.floor_months.value) {
      context.addIssue({ code: "custom", message: "floor_months is the law's and cannot be less" });
      return z.NEVER;
    }
    if (isShare(known) && (value === 0 || value > 1)) {
      context.addIssue({ code: "custom", message: `${known} must be above 0 and at most 1` });
      return z.NEVER;
    }
    overrides[known] = value;
  }
  const { coverage_partial, coverage_present } = thresholdsWith(overrides);
  if (coverage_partial > coverage_present) {
    const message = "coverage_partial must be at most coverage_present";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  return overrides;
});

function isShare(name: ThresholdName): boolean {
  return name === "coverage_present" || name === "coverage_partial";
}

const THRESHOLD_NAMES = namesOf(THRESHOLDS);

function namesOf<Name extends string>(table: Readonly<Record<Name, unknown>>): Name[] {
  const names: Name[] = [];
  for (const name in table) names.push(name);
  return names;
}

export function thresholdsWith(overrides: Partial<Record<ThresholdName, number>>): Thresholds {
  const values: Partial<Record<ThresholdName, number>> = {};
  for (const name of THRESHOLD_NAMES) values[name] = overrides[name] ?? THRESHOLDS[name].value;
  return {
    coverage_present: THRESHOLDS.coverage_present.value,
    coverage_partial: THRESHOLDS.coverage_partial.value,
    sample_min: THRESHOLDS.sample_min.value,
    dwell_ms_min: THRESHOLDS.dwell_ms_min.value,
    overrides_look_min: THRESHOLDS.overrides_look_min.value,
    floor_months: THRESHOLDS.floor_months.value,
    export_drill_days: THRESHOLDS.export_drill_days.value,
    request_days: THRESHOLDS.request_days.value,
    ...values,
  };
}
