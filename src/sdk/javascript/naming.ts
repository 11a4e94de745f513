/** Arguments are camel case, the wire is snake case. Only the outermost names: what is inside is data. */

/** Members that are undefined are not there. */
export function onTheWire(params: object): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params))
    if (value !== undefined) named[snakeCase(name)] = value;
  return named;
}

export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type QueryValue = string | number | boolean | null | undefined;

/** The same for a query. */
export function queryOf(params: Readonly<Record<string, QueryValue>>): Record<string, QueryValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [snakeCase(name), value]),
  );
}
