/** From stored text to a parsed entry. Pure. Our own rows that do not parse are corrupt: see verify.ts. */
import { present } from "../lib/assert.ts";
import type { StoredEntry } from "./decision.ts";
import { decodeHeader, type SaltedValue } from "./entry.ts";
import type { EntryRow } from "./read.ts";

/** @throws Error when the row is corrupt; verification says where and how, readers just stop. */
export function parseEntryRow(row: Omit<EntryRow, "index">): StoredEntry {
  const content: Readonly<Record<string, SaltedValue>> = JSON.parse(row.fields ?? "{}");
  return {
    header: present(decodeHeader(row.header), "a version 1 header"),
    chainHash: row.chainHash,
    contentHash: row.contentHash,
    content,
  };
}
