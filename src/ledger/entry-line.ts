/** Entry lines, DESIGN §5: one entry as RFC 8785 JSON, its header an exact JSON string. Pure. */
import type { EntryRow } from "./read.ts";

/** Keys in canonical order; `fields` is canonical as stored. JSON.stringify escapes a string as RFC 8785 does. */
export function entryLine(row: EntryRow): string {
  return `{"chain_hash":${JSON.stringify(row.chainHash)},"content":${row.fields ?? "{}"},"header":${JSON.stringify(row.header)}}`;
}
