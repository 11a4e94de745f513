/**
 * Calendar months, for the only log retention period the AI Act names: "at least six months"
 * (Art. 19(1), 26(6)). 31 August and six months is the last day of February. Pure.
 */

export const FLOOR_MONTHS = 6;

/** The same day and time that many months later, or the month's last day where it is shorter. */
export function addMonths(instant: string, months: number): Date {
  const date = new Date(instant);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
  return date;
}

export function isWithinSixMonths(from: string, to: string): boolean {
  return Date.parse(to) < addMonths(from, FLOOR_MONTHS).getTime();
}
