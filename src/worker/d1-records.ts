/** Entries by kind in D1. Contract: ledger/records-port.ts, LedgerRecords. */
import { decodeHeader } from "../ledger/entry.ts";
import type { KeptDecision, LedgerRecords } from "../ledger/records-port.ts";
import type { Header } from "../ledger/schema.ts";
import { mintId } from "../lib/ids.ts";
import { firstIdAt } from "./d1-decision-where.ts";

/** Each with the index that it is served by: SQLite keeps no statistics here and would walk. */
const SELECT_ABOUT_NOTHING = `
  SELECT entry_index FROM entry_ref INDEXED BY entry_ref_by_kind
  WHERE ledger = ?1 AND kind = ?2 AND decision_id IS NULL AND entry_index < ?3
  ORDER BY entry_index DESC LIMIT ?4`;
const SELECT_ABOUT_ANY = `
  SELECT entry_index FROM entry_ref INDEXED BY entry_ref_records
  WHERE ledger = ?1 AND kind = ?2 AND decision_id IS NOT NULL AND entry_index < ?3
    AND kind IN ('review_recorded', 'notice_recorded', 'explanation_recorded', 'action_recorded')
  ORDER BY entry_index DESC LIMIT ?4`;
const SELECT_ABOUT_ONE = `
  SELECT entry_index FROM entry_ref INDEXED BY entry_ref_by_decision
  WHERE ledger = ?1 AND decision_id = ?5 AND kind = ?2 AND entry_index < ?3
  ORDER BY entry_index DESC LIMIT ?4`;
const SELECT_HEADERS = `
  SELECT entry.header FROM entry_ref INDEXED BY entry_ref_by_kind
  CROSS JOIN entry ON entry.ledger = entry_ref.ledger AND entry.entry_index = entry_ref.entry_index
  WHERE entry_ref.ledger = ?1 AND kind = ?2 AND decision_id IS NULL AND entry_ref.entry_index < ?3
  ORDER BY entry_ref.entry_index DESC LIMIT ?4`;
const SELECT_WITH_CONTENT = `
  SELECT decision_id AS decisionId, service_name AS serviceName, decision_type AS decisionType,
         entry.header ->> '$.recorded_at' AS recordedAt
  FROM decision
  CROSS JOIN content ON content.ledger = decision.ledger AND content.entry_index = decision.entry_index
  CROSS JOIN entry ON entry.ledger = decision.ledger AND entry.entry_index = decision.entry_index
  WHERE decision.ledger = ?1 AND decision_id > ?2 AND decision_id < ?3 AND content.fields <> '{}'
  ORDER BY decision_id LIMIT ?4`;
/** CROSS JOIN: this order, or SQLite walks the whole ledger and looks each entry up in the list. */
const SELECT_HEADERS_AT = `
  SELECT entry.entry_index, entry.header, entry.chain_hash,
         EXISTS (SELECT 1 FROM erasure WHERE erasure.ledger = ?1 AND erasure.entry_index = entry.entry_index)
  FROM json_each(?2)
  CROSS JOIN entry ON entry.ledger = ?1 AND entry.entry_index = json_each.value`;
const SELECT_HELD = `
  SELECT wanted.value FROM json_each(?2) AS wanted
  WHERE (SELECT iif(json_valid(entry.header), entry.header ->> '$.facts.held', NULL)
         FROM entry_ref AS ref INDEXED BY entry_ref_by_decision
         CROSS JOIN entry ON entry.ledger = ref.ledger AND entry.entry_index = ref.entry_index
         WHERE ref.ledger = ?1 AND ref.decision_id IS NOT NULL AND ref.decision_id = wanted.value
           AND ref.kind = 'content_held' AND ref.entry_index < ?3
         ORDER BY ref.entry_index DESC LIMIT 1) = 1`;
const COUNT_BETWEEN = `
  SELECT count(*) AS decisions FROM decision INDEXED BY decision_by_service
  WHERE ledger = ?1 AND service_name = ?2 AND decision_id > ?3 AND (?4 IS NULL OR decision_id < ?4)`;

export function d1Records(db: D1Database, ledger: string): LedgerRecords {
  return {
    async indexes(kinds, decisionId, before, limit) {
      const statements = kinds.map(({ kind, aboutDecision }) =>
        decisionId === undefined
          ? db
              .prepare(aboutDecision ? SELECT_ABOUT_ANY : SELECT_ABOUT_NOTHING)
              .bind(ledger, kind, before, limit)
          : db.prepare(SELECT_ABOUT_ONE).bind(ledger, kind, before, limit, decisionId),
      );
      if (statements.length === 0) return [];
      const results = await db.batch<{ entry_index: number }>(statements);
      return results
        .flatMap(({ results }) => results.map(({ entry_index }) => entry_index))
        .toSorted((a, b) => b - a)
        .slice(0, limit);
    },
    async headers(kind, size, limit) {
      const rows = await db
        .prepare(SELECT_HEADERS)
        .bind(ledger, kind, size, limit)
        .raw<[header: string]>();
      return rows.flatMap(([text]) => decodeHeader(text) ?? []);
    },
    async withContent(beforeMs, after, limit) {
      const statement = db
        .prepare(SELECT_WITH_CONTENT)
        .bind(ledger, after, firstIdAt(beforeMs), limit);
      return (await statement.all<KeptDecision>()).results;
    },
    async headersAt(indexes) {
      const rows = await db
        .prepare(SELECT_HEADERS_AT)
        .bind(ledger, JSON.stringify(indexes))
        .raw<[index: number, header: string, chainHash: string, erased: number]>();
      return rows.flatMap(([index, text, chainHash, erased]) => {
        const header = decodeHeader(text);
        return header === undefined ? [] : [{ index, header, chainHash, isErased: erased === 1 }];
      });
    },
    async heldAt(decisionIds, size) {
      const wanted = JSON.stringify(decisionIds);
      const rows = await db.prepare(SELECT_HELD).bind(ledger, wanted, size).raw<[string]>();
      return new Set(rows.flat());
    },
    async decisionsBetween(serviceName, from, to) {
      const statement = db
        .prepare(COUNT_BETWEEN)
        .bind(ledger, serviceName, idAt(from), to === undefined ? null : idAt(to));
      return (await statement.first<number>("decisions")) ?? 0;
    },
  };
}

/** Ids sort as the ledger does (lib/ids.ts): this one sorts where a decision at the entry's place would. */
function idAt({ index, recorded_at }: Header): string {
  return mintId("dec_", Date.parse(recorded_at), index, new Uint8Array(6));
}
