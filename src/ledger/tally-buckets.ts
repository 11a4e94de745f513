/**
 * Durations counted in buckets, so that a percentile over any range is a sum of counts: exact to the
 * bucket, the same for everybody who adds up. Pure.
 */

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const DAY = 24 * H;

/** Recorded after it occurred; a negative lag is clock skew and a bucket of its own. */
export const LATENCY_EDGES_MS = [
  100,
  250,
  500,
  S,
  2 * S,
  5 * S,
  10 * S,
  30 * S,
  MIN,
  5 * MIN,
  15 * MIN,
  H,
  6 * H,
  DAY,
] as const;

/** Reviewed after it was recorded. */
export const REVIEW_EDGES_MS = [
  MIN,
  5 * MIN,
  15 * MIN,
  H,
  4 * H,
  8 * H,
  DAY,
  2 * DAY,
  3 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  90 * DAY,
  180 * DAY,
  365 * DAY,
] as const;

/** Looked at before it was answered. */
export const DWELL_EDGES_MS = [2 * S, 5 * S, 10 * S, 30 * S, MIN, 5 * MIN, 15 * MIN, H] as const;

/** -1 below zero; else the first edge that is not below the duration; behind the last one, their number. */
export function bucketOf(durationMs: number, edges: readonly number[]): number {
  if (durationMs < 0) return -1;
  const at = edges.findIndex((edge) => durationMs <= edge);
  return at === -1 ? edges.length : at;
}
/** The upper edge of the bucket that holds this share of all; null beyond the last edge or without any. */
export function percentileMs(
  counts: ReadonlyMap<number, number>,
  share: number,
  edges: readonly number[],
): number | null {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let bucket = -1; bucket <= edges.length; bucket++) {
    seen += counts.get(bucket) ?? 0;
    if (total > 0 && seen >= share * total) return bucket === -1 ? 0 : (edges[bucket] ?? null);
  }
  return null;
}
