/** The exact two-sided McNemar test by integers alone: nothing is rounded before the end. */
export function mcnemarByIntegers(fixed: number, broken: number): number {
  const n = BigInt(fixed + broken);
  let term = 1n;
  let tail = 0n;
  for (let k = 0n; k <= BigInt(Math.min(fixed, broken)); k++) {
    tail += term;
    term = (term * (n - k)) / (k + 1n);
  }
  const scaled = (2n * tail * 10n ** 400n) / 2n ** n;
  return Math.min(1, Number(`${scaled}e-400`));
}
