/** Checks our own mistakes. Bad input never gets here: it is answered with a 4xx at the door. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${message}`);
}

/** The value, which must be there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null)
    throw new Error(`Assertion failed: ${what} is missing`);
  return value;
}
