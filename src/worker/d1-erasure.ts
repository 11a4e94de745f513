/** What erasure reads from D1: names of fields, holds, and the erasures themselves. No content. */
import type { ErasableEntry, ErasedField } from "../ledger/read.ts";

/**
 * Entries about a decision: the one that recorded it, and those that refer to it. The index by name,
 * and CROSS JOIN below: left alone, SQLite takes `ledger = ?` for a search that finds ten rows.
 */
const ABOUT = `
  SELECT entry_index, decision_id AS id, 'decision_recorded' AS kind FROM decision
  WHERE ledger = ?1 AND decision_id = ?2
  UNION ALL
  SELECT entry_index, id, kind FROM entry_ref INDEXED BY entry_ref_by_decision
  WHERE ledger = ?1 AND decision_id = ?2`;
const SELECT_ERASABLE = `
  SELECT about.entry_index AS "index", about.id, about.kind,
         (SELECT json_group_array(field.key) FROM json_each(content.fields) AS field) AS fields,
         (entry.header ->> '$.facts.execution_mode' = 'simulated'
           OR entry.header ->> '$.facts.output_changed' = 0) AS repeatsOutput
  FROM (${ABOUT}) AS about
  JOIN entry ON entry.ledger = ?1 AND entry.entry_index = about.entry_index
  JOIN content ON content.ledger = ?1 AND content.entry_index = about.entry_index
  ORDER BY about.entry_index`;
const SELECT_HOLD = `
  SELECT header ->> '$.facts.held' AS held FROM entry_ref JOIN entry USING (ledger, entry_index)
  WHERE ledger = ?1 AND entry_ref.decision_id = ?2 AND entry_ref.kind = 'content_held'
  ORDER BY entry_index DESC LIMIT 1`;
/** Erasures are rare: a look at every key is cheaper than an index that every append pays for. */
const SELECT_BATCH_REQUEST = `
  SELECT request.entry_index FROM request
  JOIN content ON content.ledger = request.ledger AND content.entry_index = request.entry_index
  WHERE request.ledger = ?1 AND request.entry_index <= ?2 AND request.entry_index + request.entries > ?2
    AND json_type(content.fields, '$.request') IS NOT NULL`;
const SELECT_ERASED_FIELDS = `
  SELECT about.id AS entryId, erasure.field FROM (${ABOUT}) AS about
  CROSS JOIN erasure ON erasure.ledger = ?1 AND erasure.entry_index = about.entry_index
  ORDER BY about.entry_index, erasure.field`;
const SELECT_EVIDENCE = `
  SELECT entry_index FROM (${ABOUT})
  UNION
  SELECT erasure.erased_by FROM (${ABOUT}) AS about
  CROSS JOIN erasure ON erasure.ledger = ?1 AND erasure.entry_index = about.entry_index
  ORDER BY 1`;
const SELECT_ERASURES_AFTER = `
  SELECT DISTINCT erased_by FROM erasure
  WHERE ledger = ?1 AND entry_index >= ?2 AND entry_index < ?3 AND erased_by >= ?3 AND erased_by < ?4
  ORDER BY erased_by`;

interface ErasableRow {
  readonly index: number;
  readonly id: string;
  readonly kind: string;
  readonly fields: string;
  readonly repeatsOutput: number | null;
}

export async function selectErasable(
  db: D1Database,
  ledger: string,
  decisionId: string,
): Promise<ErasableEntry[]> {
  const { results } = await db.prepare(SELECT_ERASABLE).bind(ledger, decisionId).all<ErasableRow>();
  return results.map(({ fields, repeatsOutput, ...row }) => ({
    ...row,
    fields: JSON.parse(fields),
    repeatsOutput: repeatsOutput === 1,
  }));
}

export async function selectHeld(
  db: D1Database,
  ledger: string,
  decisionId: string,
): Promise<boolean> {
  return (await db.prepare(SELECT_HOLD).bind(ledger, decisionId).first<number>("held")) === 1;
}

export async function selectBatchRequest(
  db: D1Database,
  ledger: string,
  index: number,
): Promise<number | undefined> {
  const first = await db
    .prepare(SELECT_BATCH_REQUEST)
    .bind(ledger, index)
    .first<number>("entry_index");
  return first ?? undefined;
}

export async function selectErasedFields(
  db: D1Database,
  ledger: string,
  decisionId: string,
): Promise<ErasedField[]> {
  const statement = db.prepare(SELECT_ERASED_FIELDS).bind(ledger, decisionId);
  return (await statement.all<ErasedField>()).results;
}

export async function selectEvidence(
  db: D1Database,
  ledger: string,
  decisionId: string,
): Promise<number[]> {
  return (await db.prepare(SELECT_EVIDENCE).bind(ledger, decisionId).raw<[number]>()).flat();
}

export async function selectErasuresAfter(
  db: D1Database,
  ledger: string,
  from: number,
  to: number,
  size: number,
): Promise<number[]> {
  return (
    await db.prepare(SELECT_ERASURES_AFTER).bind(ledger, from, to, size).raw<[number]>()
  ).flat();
}
