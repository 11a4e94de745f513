/** Decisions through their projection: one by id, lists by keyset or page, totals from counters. */
import type { DecisionEntries, StoredEntry } from "../ledger/decision.ts";
import type { DecisionFilter, DecisionKey, ListStart } from "../ledger/read.ts";
import { parseEntryRow } from "../ledger/stored-entry.ts";
import { DecisionWhere } from "./d1-decision-where.ts";

/** A decision's three entries in one row: recorded, newest flag, newest correction. */
interface DecisionRow {
  readonly header: string;
  readonly chainHash: string;
  readonly contentHash: string | null;
  readonly fields: string | null;
  readonly flagHeader: string | null;
  readonly flagChainHash: string | null;
  readonly flagFields: string | null;
  readonly correctionHeader: string | null;
  readonly correctionChainHash: string | null;
  readonly correctionFields: string | null;
}

const JOIN_CONTENTS = `
  LEFT JOIN content AS c ON c.ledger = d.ledger AND c.entry_index = d.entry_index
  LEFT JOIN content AS fc ON fc.ledger = d.ledger AND fc.entry_index = d.flag_index
  LEFT JOIN content AS cc ON cc.ledger = d.ledger AND cc.entry_index = d.correction_index`;
const SELECT_DECISIONS = `
  SELECT e.header, e.chain_hash AS chainHash, c.content_hash AS contentHash, c.fields,
         f.header AS flagHeader, f.chain_hash AS flagChainHash, fc.fields AS flagFields,
         r.header AS correctionHeader, r.chain_hash AS correctionChainHash, cc.fields AS correctionFields
  FROM decision AS d
  JOIN entry AS e ON e.ledger = d.ledger AND e.entry_index = d.entry_index
  LEFT JOIN entry AS f ON f.ledger = d.ledger AND f.entry_index = d.flag_index
  LEFT JOIN entry AS r ON r.ledger = d.ledger AND r.entry_index = d.correction_index
  ${JOIN_CONTENTS}
  WHERE d.ledger = ?1`;
const SELECT_ONE = `${SELECT_DECISIONS} AND d.decision_id = ?2`;
const SELECT_MANY = `
  ${SELECT_DECISIONS} AND d.decision_id IN (SELECT value FROM json_each(?2)) ORDER BY d.decision_id DESC`;
export async function selectDecision(
  db: D1Database,
  ledger: string,
  decisionId: string,
): Promise<DecisionEntries | undefined> {
  const row = await db.prepare(SELECT_ONE).bind(ledger, decisionId).first<DecisionRow>();
  return row === null ? undefined : parseDecisionRow(row);
}

export async function selectDecisions(
  db: D1Database,
  ledger: string,
  decisionIds: readonly string[],
): Promise<DecisionEntries[]> {
  const { results } = await db
    .prepare(SELECT_MANY)
    .bind(ledger, JSON.stringify(decisionIds))
    .all<DecisionRow>();
  return results.map(parseDecisionRow);
}

export async function selectDecisionKeys(
  db: D1Database,
  ledger: string,
  filter: DecisionFilter,
  start: ListStart,
  limit: number,
): Promise<DecisionKey[]> {
  const where = new DecisionWhere(ledger, filter);
  if ("after" in start) where.add("d.decision_id < ?", start.after);
  const offset = "offset" in start ? start.offset : 0;
  const { results } = await db
    .prepare(
      `SELECT d.decision_id AS decisionId,
              coalesce(octet_length(c.fields), 0) + coalesce(octet_length(fc.fields), 0)
                + coalesce(octet_length(cc.fields), 0) AS bytes
       FROM (SELECT * FROM ${where.decisions} WHERE ${where.sql}
             ORDER BY d.decision_id DESC LIMIT ${where.parameter(limit)} OFFSET ${where.parameter(offset)}) AS d
       ${JOIN_CONTENTS} ORDER BY d.decision_id DESC`,
    )
    .bind(...where.values)
    .all<DecisionKey>();
  return results;
}

/** From counters, never a scan; but times are not counted, so a range of time is. */
export async function countDecisions(
  db: D1Database,
  ledger: string,
  filter: DecisionFilter,
): Promise<number> {
  const byTime = filter.fromMs !== undefined || filter.toMs !== undefined;
  const where = new DecisionWhere(ledger, filter);
  const sql = byTime
    ? `SELECT count(*) AS total FROM ${where.decisions} WHERE ${where.sql}`
    : `SELECT coalesce(sum(decisions), 0) AS total FROM decision_counter AS d WHERE ${where.sql}`;
  return (
    (await db
      .prepare(sql)
      .bind(...where.values)
      .first<number>("total")) ?? 0
  );
}

function parseDecisionRow(row: DecisionRow): DecisionEntries {
  return {
    recorded: parseEntryRow(row),
    flag: parseReview(row.flagHeader, row.flagChainHash, row.flagFields),
    correction: parseReview(row.correctionHeader, row.correctionChainHash, row.correctionFields),
  };
}

function parseReview(
  header: string | null,
  chainHash: string | null,
  fields: string | null,
): StoredEntry | undefined {
  if (header === null || chainHash === null) return undefined;
  return parseEntryRow({ header, chainHash, contentHash: null, fields });
}
