/** Entries as stored, read by index in pages bounded by rows and octets. */
import type { EntryRow } from "../ledger/read.ts";

/** One page: far below an isolate's 128 MB even when every character takes two octets. */
const PAGE_BYTES_MAX = 8 * 1024 * 1024;

/** The first row always comes; the next ones while the octets before them stay within the page. */
const SELECT_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT entry.entry_index,
           sum(octet_length(header) + coalesce(octet_length(fields), 0)) OVER (ORDER BY entry.entry_index)
             - octet_length(header) - coalesce(octet_length(fields), 0) AS bytes_before
    FROM entry LEFT JOIN content
      ON content.ledger = entry.ledger AND content.entry_index = entry.entry_index
    WHERE entry.ledger = ?1 AND entry.entry_index >= ?2 AND entry.entry_index < ?3
    ORDER BY entry.entry_index LIMIT ?4
  )
  SELECT entry.entry_index AS "index", header, chain_hash AS chainHash,
         content_hash AS contentHash, fields
  FROM page
  JOIN entry ON entry.ledger = ?1 AND entry.entry_index = page.entry_index
  LEFT JOIN content ON content.ledger = ?1 AND content.entry_index = page.entry_index
  WHERE bytes_before < ?5
  ORDER BY page.entry_index`;

/** CROSS JOIN: this order, or SQLite walks the whole ledger and looks each entry up in the list. */
const SELECT_AT = `
  SELECT entry.entry_index AS "index", header, chain_hash AS chainHash,
         content_hash AS contentHash, fields
  FROM json_each(?2)
  CROSS JOIN entry ON entry.ledger = ?1 AND entry.entry_index = json_each.value
  LEFT JOIN content ON content.ledger = entry.ledger AND content.entry_index = entry.entry_index
  ORDER BY entry.entry_index`;

export async function selectEntries(
  db: D1Database,
  ledger: string,
  from: number,
  to: number,
  limit: number,
): Promise<EntryRow[]> {
  const { results } = await db
    .prepare(SELECT_PAGE)
    .bind(ledger, from, to, limit, PAGE_BYTES_MAX)
    .all<EntryRow>();
  return results;
}

export async function selectEntriesAt(
  db: D1Database,
  ledger: string,
  indexes: readonly number[],
): Promise<EntryRow[]> {
  const { results } = await db
    .prepare(SELECT_AT)
    .bind(ledger, JSON.stringify(indexes))
    .all<EntryRow>();
  return results;
}
