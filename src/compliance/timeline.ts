/** Series of a report: by month, by decision type. Pure. */
import { countsBy, isHuman, total } from "./aggregates.ts";
import { ratio, wilson95 } from "./metric.ts";
import { DAY_MS, type MetricInput } from "./metric-input.ts";

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

/**
 * Every month of the period that was asked for, silent ones too; where a bound is left open, from the
 * first decision in scope to the last entry that counts: a service that fell silent shows.
 */
export function byMonth({ sums, data, asOfMs }: MetricInput): MonthRow[] {
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
  const [first] = decisions.keys();
  if (first === undefined) return [];
  const { fromDay, toDay } = data.scope;
  const asOf = new Date(asOfMs).toISOString();
  // A period ends before toDay; of days after the last entry that counts nothing is known.
  const end = toDay === undefined ? asOf : dayBefore(toDay) < asOf ? dayBefore(toDay) : asOf;
  return monthsBetween(fromDay?.slice(0, 7) ?? first, end.slice(0, 7)).map((month) => {
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

function dayBefore(day: string): string {
  return new Date(Date.parse(day) - DAY_MS).toISOString().slice(0, 10);
}

function monthsBetween(first: string, last: string): string[] {
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
