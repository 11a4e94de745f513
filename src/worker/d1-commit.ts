/**
 * One commit as one D1 transaction: guard, entries, contents, projections, tiles, checkpoint, head.
 * Rows travel as JSON in a bound parameter, because one statement for the group costs a fraction of
 * one for each row, and a statement takes 100 parameters at most.
 */
import { fromUtf8, toHex } from "../lib/bytes.ts";
import type { PlacedEntry } from "../ledger/append.ts";
import type { Commit, DecisionCondition } from "../ledger/ports.ts";
import { erasedTargets, factText } from "../ledger/facts.ts";
import { PARAMETER_CHARACTERS_MAX, parameters } from "./d1-parameters.ts";
import { joinHashes } from "./tile-text.ts";

const GUARD = `
  INSERT INTO head_guard (head_is_expected)
  SELECT NULL WHERE NOT EXISTS (SELECT 1 FROM head WHERE ledger = ?1 AND size = ?2 AND chain_hash = ?3)`;
const GUARD_EMPTY = `
  INSERT INTO head_guard (head_is_expected)
  SELECT NULL WHERE EXISTS (SELECT 1 FROM head WHERE ledger = ?1)`;
/** `condition` rows: [position, decision id, size, kind or null]. */
export const BROKEN_CONDITION = `
  entry_ref.decision_id = condition.value ->> 1 AND entry_ref.entry_index >= condition.value ->> 2
  AND (condition.value ->> 3 IS NULL OR entry_ref.kind = condition.value ->> 3)`;
const GUARD_CONDITIONS = `
  INSERT INTO head_guard (head_is_expected)
  SELECT NULL FROM json_each(?2) AS condition
  CROSS JOIN entry_ref ON entry_ref.ledger = ?1 AND ${BROKEN_CONDITION}`;
const INSERT_ENTRIES = `
  INSERT INTO entry (ledger, entry_index, header, chain_hash)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)`;
const INSERT_CONTENTS = `
  INSERT INTO content (ledger, entry_index, content_hash, fields)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)`;
const INSERT_CONTENT = `
  INSERT INTO content (ledger, entry_index, content_hash, fields) VALUES (?1, ?2, ?3, ?4)`;
const INSERT_DECISIONS = `
  INSERT INTO decision (ledger, decision_id, entry_index, service_name, decision_type, model_provider, model_name)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?2)`;
const COUNT_RECORDED = `
  INSERT INTO decision_counter (ledger, service_name, decision_type, model_provider, model_name, status, decisions)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, 'recorded', value ->> 4 FROM json_each(?2) WHERE true
  ON CONFLICT DO UPDATE SET decisions = decisions + excluded.decisions`;
/** Before and after the review of decisions: leaves one status, enters another. ?3 is -1 or 1. */
const COUNT_REVIEWED = `
  INSERT INTO decision_counter (ledger, service_name, decision_type, model_provider, model_name, status, decisions)
  SELECT ledger, service_name, decision_type, coalesce(model_provider, ''), coalesce(model_name, ''), status, ?3 * count(*)
  FROM decision WHERE ledger = ?1 AND decision_id IN (SELECT value ->> 0 FROM json_each(?2))
  GROUP BY service_name, decision_type, coalesce(model_provider, ''), coalesce(model_name, ''), status
  ON CONFLICT DO UPDATE SET decisions = decisions + excluded.decisions`;
/**
 * Materialized, the ledger's name included: with `decision.ledger = ?1` SQLite walks the whole ledger
 * and searches the reviews for each decision, 2 s for 500 flags among 7,000 decisions.
 */
const REVIEW_DECISIONS = `
  WITH review AS MATERIALIZED (
    SELECT ?1 AS ledger, value ->> 0 AS decision_id, value ->> 1 AS flag_index, value ->> 2 AS correction_index
    FROM json_each(?2)
  )
  UPDATE decision SET flag_index = coalesce(review.flag_index, decision.flag_index),
                      correction_index = coalesce(review.correction_index, decision.correction_index)
  FROM review
  WHERE decision.ledger = review.ledger AND decision.decision_id = review.decision_id`;
const INSERT_ERASURES = `
  INSERT INTO erasure (ledger, entry_index, field, erased_by)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)`;
/** Only whole members go, what stays is copied as the text it is. The hash goes with any field it covers. */
const ERASE_CONTENTS = `
  UPDATE content SET content_hash = iif(EXISTS (
      SELECT 1 FROM erasure WHERE erasure.ledger = content.ledger AND erasure.entry_index = content.entry_index
        AND erasure.field IN ('input', 'model', 'prompt', 'tool_calls', 'output', 'metadata')), NULL, content_hash),
    fields = (
    SELECT '{' || coalesce(group_concat(json_quote(field.key) || ':' || field.value, ',' ORDER BY field.key), '') || '}'
    FROM json_each(content.fields) AS field
    WHERE NOT EXISTS (SELECT 1 FROM erasure WHERE erasure.ledger = content.ledger
                      AND erasure.entry_index = content.entry_index AND erasure.field = field.key))
  WHERE ledger = ?1 AND entry_index IN (SELECT value ->> 0 FROM json_each(?2))`;
const INSERT_REFS = `
  INSERT INTO entry_ref (ledger, id, entry_index, kind, decision_id)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)`;
const INSERT_REQUESTS = `
  INSERT INTO request (ledger, request_key, entry_index, entries)
  SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)`;
const INSERT_TILE = `
  INSERT INTO tile (ledger, level, tile_index, root_hash, hashes) VALUES (?1, ?2, ?3, ?4, ?5)`;
const INSERT_CHECKPOINT = `
  INSERT INTO checkpoint (ledger, size, previous_size, note) VALUES (?1, ?2, ?3, ?4)`;
const INSERT_HEAD = `INSERT INTO head (ledger, size, chain_hash) VALUES (?1, ?2, ?3)`;
const UPDATE_HEAD = `UPDATE head SET size = ?2, chain_hash = ?3 WHERE ledger = ?1`;

type Row = readonly (string | number | null)[];

export function commitStatements(db: D1Database, commit: Commit): D1PreparedStatement[] {
  const { ledger, before, after, entries, tiles } = commit;
  const bulk = (sql: string, rows: readonly Row[]): D1PreparedStatement[] =>
    parameters(rows.map((row) => JSON.stringify(row))).map((json) =>
      db.prepare(sql).bind(ledger, json),
    );
  return [
    before.size === 0
      ? db.prepare(GUARD_EMPTY).bind(ledger)
      : db.prepare(GUARD).bind(ledger, before.size, before.chainHash),
    ...bulk(GUARD_CONDITIONS, conditionRows(commit.conditions)),
    ...bulk(
      INSERT_ENTRIES,
      entries.map(({ header, headerText, chainHash }) => [header.index, headerText, chainHash]),
    ),
    ...contentStatements(db, ledger, entries),
    ...decisionStatements(bulk, entries),
    ...reviewStatements(db, ledger, entries),
    ...erasureStatements(db, ledger, entries),
    ...bulk(INSERT_REFS, refRows(entries)),
    ...bulk(
      INSERT_REQUESTS,
      commit.requests.map((row) => [row.requestKey, row.firstIndex, row.count]),
    ),
    ...tiles.map((tile) =>
      db
        .prepare(INSERT_TILE)
        .bind(ledger, tile.level, tile.index, toHex(tile.rootHash), joinHashes(tile.hashes)),
    ),
    db.prepare(INSERT_CHECKPOINT).bind(ledger, after.size, before.size, commit.checkpoint),
    db
      .prepare(before.size === 0 ? INSERT_HEAD : UPDATE_HEAD)
      .bind(ledger, after.size, after.chainHash),
  ];
}

function contentStatements(
  db: D1Database,
  ledger: string,
  entries: readonly PlacedEntry[],
): D1PreparedStatement[] {
  const small: string[] = [];
  const large: D1PreparedStatement[] = [];
  for (const { draft, header } of entries) {
    const fields = fromUtf8(draft.content);
    const row = JSON.stringify([header.index, draft.contentHash, fields]);
    if (row.length <= PARAMETER_CHARACTERS_MAX) small.push(row);
    else
      large.push(db.prepare(INSERT_CONTENT).bind(ledger, header.index, draft.contentHash, fields));
  }
  return [
    ...parameters(small).map((json) => db.prepare(INSERT_CONTENTS).bind(ledger, json)),
    ...large,
  ];
}

function decisionStatements(
  bulk: (sql: string, rows: readonly Row[]) => D1PreparedStatement[],
  entries: readonly PlacedEntry[],
): D1PreparedStatement[] {
  const rows: Row[] = [];
  const counts = new Map<string, { key: readonly string[]; count: number }>();
  for (const { header } of entries) {
    if (header.kind !== "decision_recorded") continue;
    const facts = ["service_name", "decision_type", "model_provider", "model_name"].map((fact) =>
      factText(header, fact),
    );
    rows.push([header.id, header.index, ...facts]);
    const key = facts.map((fact) => fact ?? "");
    const counted = counts.get(JSON.stringify(key)) ?? { key, count: 0 };
    counts.set(JSON.stringify(key), { key, count: counted.count + 1 });
  }
  const counterRows = [...counts.values()].map(({ key, count }) => [...key, count]);
  return [...bulk(INSERT_DECISIONS, rows), ...bulk(COUNT_RECORDED, counterRows)];
}

/** One row a decision: the group's newest flag and correction of it. */
function reviewStatements(
  db: D1Database,
  ledger: string,
  entries: readonly PlacedEntry[],
): D1PreparedStatement[] {
  const reviews = new Map<
    string,
    [id: string, flagIndex: number | null, correctionIndex: number | null]
  >();
  for (const { header } of entries) {
    const { kind, decision_id: decisionId, index } = header;
    if (decisionId === undefined || (kind !== "decision_flagged" && kind !== "correction_attached"))
      continue;
    const review = reviews.get(decisionId) ?? [decisionId, null, null];
    review[kind === "decision_flagged" ? 1 : 2] = index;
    reviews.set(decisionId, review);
  }
  return parameters([...reviews.values()].map((review) => JSON.stringify(review))).flatMap(
    (json) => [
      db.prepare(COUNT_REVIEWED).bind(ledger, json, -1),
      db.prepare(REVIEW_DECISIONS).bind(ledger, json),
      db.prepare(COUNT_REVIEWED).bind(ledger, json, 1),
    ],
  );
}

/** The projection first: the trigger on `content` wants to see who erases. */
function erasureStatements(
  db: D1Database,
  ledger: string,
  entries: readonly PlacedEntry[],
): D1PreparedStatement[] {
  const rows = entries.flatMap(({ header }) =>
    erasedTargets(header).flatMap(({ index, fields }) =>
      fields.map((field) => JSON.stringify([index, field, header.index])),
    ),
  );
  return parameters(rows).flatMap((json) => [
    db.prepare(INSERT_ERASURES).bind(ledger, json),
    db.prepare(ERASE_CONTENTS).bind(ledger, json),
  ]);
}

/** One row a kind, so that the kinds of a condition are ORed by a join. */
export function conditionRows(conditions: readonly DecisionCondition[]): Row[] {
  return conditions.flatMap(({ decisionId, size, kinds }, position) =>
    (kinds ?? [null]).map((kind): Row => [position, decisionId, size, kind]),
  );
}

function refRows(entries: readonly PlacedEntry[]): Row[] {
  return entries
    .filter(({ header }) => header.kind !== "decision_recorded")
    .map(({ header }) => [header.id, header.index, header.kind, header.decision_id ?? null]);
}
