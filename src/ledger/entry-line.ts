/** Entry lines, DESIGN §5: one entry as RFC 8785 JSON, its header an exact JSON string. Pure. */
import { toHex } from "../lib/bytes.ts";
import type { Hash } from "./hash.ts";
import type { EntryRow } from "./read.ts";

/** Keys in canonical order; `fields` is canonical as stored. JSON.stringify escapes a string as RFC 8785 does. */
export function entryLine(row: EntryRow): string {
  return `{${members(row)}}`;
}

/** An entry with its place and its inclusion proof. */
export function provenEntryLine(row: EntryRow, proof: readonly Hash[]): string {
  return `{${members(row)},"index":${row.index},"proof":${JSON.stringify(proof.map(toHex))}}`;
}

function members({ chainHash, fields, header }: EntryRow): string {
  return `"chain_hash":${JSON.stringify(chainHash)},"content":${fields ?? "{}"},"header":${JSON.stringify(header)}`;
}
