/** The numbers behind the report as a time series, for people's own dashboards. Pure. */
import { z } from "zod";
import { aggregate, isHuman, type Aggregates, type Scope } from "./aggregates.ts";
import type { TallyRow } from "../ledger/tally.ts";

export const DIMENSIONS = ["service", "type", "provider", "model", "model_version"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const SeriesRow = z.object({
  period: z
    .string()
    .meta({ description: "Day (2026-11-22) or month (2026-11) of the decision, UTC." }),
  service: z.string().optional(),
  type: z.string().optional(),
  provider: z.string().optional(),
  model: z.string().optional(),
  model_version: z.string().optional(),
  decisions: z.int(),
  automatic: z.int().meta({ description: "Captured automatically." }),
  reviewed: z.int().meta({ description: "Reviewed by a person, at any time." }),
  found_wrong: z.int().meta({ description: "Of those reviewed." }),
  flags: z.int(),
  corrections: z.int(),
  reviews: z.int().meta({ description: "review_recorded entries of any outcome." }),
});
export type SeriesRow = z.infer<typeof SeriesRow>;

/** One spelling for JSON and CSV. */
export const SERIES_COLUMNS = [
  "period",
  ...DIMENSIONS,
  "decisions",
  "automatic",
  "reviewed",
  "found_wrong",
  "flags",
  "corrections",
  "reviews",
] as const satisfies readonly (keyof SeriesRow)[];

type Counts = Omit<SeriesRow, "period" | Dimension>;

const NONE: Counts = {
  decisions: 0,
  automatic: 0,
  reviewed: 0,
  found_wrong: 0,
  flags: 0,
  corrections: 0,
  reviews: 0,
};

export function seriesOf(
  tallies: readonly TallyRow[],
  scope: Scope,
  interval: "day" | "month",
  dimensions: readonly Dimension[],
): SeriesRow[] {
  const sums = aggregate(tallies, scope);
  const rows = new Map<string, SeriesRow>();
  const add = (row: Placed, more: Partial<Counts>): void => {
    const place = placeOf(row, interval, dimensions);
    const key = JSON.stringify(place);
    const known: Counts = rows.get(key) ?? NONE;
    rows.set(key, { ...place, ...plus(known, more) });
  };
  for (const row of sums.decisions)
    add(row, {
      decisions: row.entries,
      automatic: row.capture_mode === "automatic" ? row.entries : 0,
    });
  for (const row of sums.reviews) add(row, reviewCounts(row));
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

type Placed = Partial<Record<Dimension | "day", string>>;

function placeOf(row: Placed, interval: "day" | "month", dimensions: readonly Dimension[]) {
  const place: Partial<Record<Dimension, string>> = {};
  for (const dimension of dimensions) place[dimension] = row[dimension] ?? "";
  const { day = "" } = row;
  return { period: interval === "day" ? day : day.slice(0, 7), ...place };
}

function reviewCounts(row: Aggregates["reviews"][number]): Partial<Counts> {
  const { entries, event } = row;
  return {
    flags: event === "decision_flagged" ? entries : 0,
    corrections: event === "correction_attached" ? entries : 0,
    reviews: event === "review_recorded" ? entries : 0,
    reviewed: isHuman(row) && row.first ? entries : 0,
    found_wrong: row.first_fault ? entries : 0,
  };
}

function plus(counts: Counts, more: Partial<Counts>): Counts {
  return {
    decisions: counts.decisions + (more.decisions ?? 0),
    automatic: counts.automatic + (more.automatic ?? 0),
    reviewed: counts.reviewed + (more.reviewed ?? 0),
    found_wrong: counts.found_wrong + (more.found_wrong ?? 0),
    flags: counts.flags + (more.flags ?? 0),
    corrections: counts.corrections + (more.corrections ?? 0),
    reviews: counts.reviews + (more.reviews ?? 0),
  };
}
