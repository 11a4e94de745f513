/** Many rows in few bound parameters. */

/**
 * A bound parameter holds 2,000,000 octets in production; a character is three octets of UTF-8 at
 * most (an escaped quote is two of one). A larger row travels as parameters of its own.
 */
export const PARAMETER_CHARACTERS_MAX = 600_000;

/** Packs rows into JSON arrays, each short enough for one parameter. */
export function parameters(rows: readonly string[]): string[] {
  const packed: string[] = [];
  let from = 0;
  let characters = 0;
  for (const [i, row] of rows.entries()) {
    if (i > from && characters + row.length > PARAMETER_CHARACTERS_MAX) {
      packed.push(`[${rows.slice(from, i).join(",")}]`);
      from = i;
      characters = 0;
    }
    characters += row.length + 1;
  }
  if (from < rows.length) packed.push(`[${rows.slice(from).join(",")}]`);
  return packed;
}
