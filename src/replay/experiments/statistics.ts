/**
 * What an experiment's counts say, reference "providers-and-replay" §6.4: Wilson score intervals and
 * the exact McNemar test. Pure; no approximation that a small sample would break.
 */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Two-sided 95 %: the standard normal quantile of 0.975. */
const Z_95 = 1.959963984540054;

/** The Wilson score interval of a rate; null when nothing was counted. */
export function wilsonInterval(successes: number, n: number): Interval | null {
  if (n === 0) return null;
  const rate = successes / n;
  const z2 = Z_95 ** 2;
  const centre = rate + z2 / (2 * n);
  const spread = Z_95 * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n));
  const scale = 1 + z2 / n;
  return {
    low: Math.max(0, (centre - spread) / scale),
    high: Math.min(1, (centre + spread) / scale),
  };
}

/**
 * Exact two-sided McNemar test: how likely a split as uneven as `fixed` to `broken` is when neither
 * side is better. Only the pairs that differ count.
 * @returns a probability; 1 when no pair differs
 */
export function mcnemarExact(fixed: number, broken: number): number {
  const n = fixed + broken;
  const logs: number[] = [];
  let log = -n * Math.LN2; // of C(n, 0) / 2^n
  for (let k = 0; k <= Math.min(fixed, broken); k++) {
    logs.push(log);
    log += Math.log(n - k) - Math.log(k + 1);
  }
  const largest = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const tail = logs.reduce((sum, one) => sum + Math.exp(one - largest), 0) * Math.exp(largest);
  return Math.min(1, 2 * tail);
}

/** The value below which a share of the sorted values lies (nearest rank); null of nothing. */
export function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
