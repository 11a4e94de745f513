/** Series of a report: by month, by decision type. Pure. */
import { countsBy, isHuman, total } from "./aggregates.ts";
import { ratio, wilson95 } from "./metric.ts";
import type { MetricInput } from "./metric-input.ts";

export interface MonthRow {
  readonly month: string;
  /** Recorded in the month. */
  readonly decisions: number;
  /** Of these, reviewed by a person at any time. */
  readonly reviewed: number;
  /** Of these, found wrong. */
  readonly faults: number;
  readonly fault_rate: number | null;
  readonly ci95: [number, number] | null;
  /** Reviews written in the month, of whatever decisions. */
  readonly reviews: number;
}

function monthOf({ day = "" }: { readonly day?: string }): string {
  return day.slice(0, 7);
}

/** Every month from the first decision to the last one, silent ones too. */
export function byMonth({ sums }: MetricInput): MonthRow[] {
  const human = sums.reviews.filter(isHuman);
  const decisions = countsBy(sums.decisions, monthOf);
  const reviewed = countsBy(
    human.filter(({ first }) => first),
    monthOf,
  );
  const faults = countsBy(
    human.filter(({ first_fault }) => first_fault),
    monthOf,
  );
  const reviews = countsBy(human, ({ at }) => at.slice(0, 7));
  const months = [...decisions.keys()];
  return monthsBetween(months[0], months.at(-1)).map((month) => {
    const [looked, wrong] = [reviewed.get(month) ?? 0, faults.get(month) ?? 0];
    return {
      month,
      decisions: decisions.get(month) ?? 0,
      reviewed: looked,
      faults: wrong,
      fault_rate: ratio(wrong, looked),
      ci95: wilson95(wrong, looked),
      reviews: reviews.get(month) ?? 0,
    };
  });
}

function monthsBetween(first: string | undefined, last: string | undefined): string[] {
  if (first === undefined || last === undefined) return [];
  const months: string[] = [];
  const at = new Date(`${first}-01T00:00:00Z`);
  while (at.toISOString().slice(0, 7) <= last) {
    months.push(at.toISOString().slice(0, 7));
    at.setUTCMonth(at.getUTCMonth() + 1);
  }
  return months;
}

export interface TypeRow {
  readonly service: string;
  readonly type: string;
  readonly decisions: number;
  readonly reviewed: number;
  readonly reviews: number;
  readonly overrides: number;
}

export function byType({ sums }: MetricInput): TypeRow[] {
  const names = countsBy(sums.decisions, ({ service = "", type = "" }) =>
    JSON.stringify([service, type]),
  );
  return [...names].map(([name, decisions]) => {
    const [service = "", type = ""]: string[] = JSON.parse(name);
    const human = sums.reviews.filter(
      (row) => row.service === service && row.type === type && isHuman(row),
    );
    return {
      service,
      type,
      decisions,
      reviewed: total(human, ({ first }) => first),
      reviews: total(human),
      overrides: total(human, ({ outcome }) => outcome !== "confirm" && outcome !== "escalate"),
    };
  });
}

export interface ReviewDelayRow {
  readonly bucket: number;
  readonly decisions: number;
}

/** Time to the first review, by bucket. */
export function reviewDelays({ sums }: MetricInput): ReviewDelayRow[] {
  const first = sums.reviews.filter((row) => isHuman(row) && row.first && row.within !== undefined);
  return [...countsBy(first, ({ within = 0 }) => String(within))]
    .map(([bucket, decisions]) => ({ bucket: Number(bucket), decisions }))
    .toSorted((a, b) => a.bucket - b.bucket);
}
