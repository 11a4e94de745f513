/** Tallies in D1. Contract: ledger/tally-port.ts, TallyStore. */
import type { TalliedEntry, TallyRow } from "../ledger/tally.ts";
import type { TallyStore } from "../ledger/tally-port.ts";
import { decodeHeader } from "../ledger/entry.ts";
import { isConstraintError } from "./d1-errors.ts";
import { parameters } from "./d1-parameters.ts";

const fact = (alias: string, name: string): string =>
  `iif(json_valid(${alias}.header), ${alias}.header ->> '$.facts.${name}', NULL)`;

/** A person's: a service account reviews nothing, a flag has no reviewer. */
const BY_PERSON = `ref.kind IN ('correction_attached', 'review_recorded') AND ${fact("before", "reviewer_kind")} IS NOT 'service_account'`;
const FAULT = `(ref.kind = 'correction_attached' OR ${fact("before", "outcome")} IN ('override', 'reverse', 'not_used'))`;

/** Entries about the same decision and before this one; `decision` and `at` are SQL. */
const earlier = (decision: string, at: string, condition: string): string => `
  EXISTS (SELECT 1 FROM entry_ref AS ref INDEXED BY entry_ref_by_decision
          CROSS JOIN entry AS before ON before.ledger = ref.ledger AND before.entry_index = ref.entry_index
          WHERE ref.ledger = ?1 AND ref.decision_id IS NOT NULL AND ref.decision_id = ${decision}
            AND ref.entry_index < ${at} AND ${condition})`;

/**
 * What an entry of this kind needs to be tallied (TalliedEntry), as five columns after the header of
 * the decision it is about. Only for entries about a decision: most are decisions.
 */
export const earlierColumns = (kind: string, decision: string, at: string): string => `
  iif(${kind} IN ('correction_attached', 'review_recorded'), ${earlier(decision, at, BY_PERSON)}, 0),
  iif(${kind} IN ('correction_attached', 'review_recorded'), ${earlier(decision, at, `${BY_PERSON} AND ${FAULT}`)}, 0),
  iif(${kind} IN ('notice_recorded', 'explanation_recorded'), ${earlier(decision, at, `ref.kind = ${kind}`)}, 0),
  iif(${kind} = 'action_recorded', (
    SELECT count(DISTINCT ${fact("before", "reviewer_ref")})
    FROM entry_ref AS ref INDEXED BY entry_ref_by_decision
    CROSS JOIN entry AS before ON before.ledger = ref.ledger AND before.entry_index = ref.entry_index
    WHERE ref.ledger = ?1 AND ref.decision_id IS NOT NULL AND ref.decision_id = ${decision} AND ref.entry_index < ${at}
      AND ref.kind = 'review_recorded' AND ${fact("before", "outcome")} = 'confirm'
      AND ${fact("before", "reviewer_kind")} = 'natural_person'), 0),
  iif(${kind} IN ('correction_attached', 'decision_flagged'), (
    SELECT ref.kind FROM entry_ref AS ref INDEXED BY entry_ref_by_decision
    WHERE ref.ledger = ?1 AND ref.decision_id IS NOT NULL AND ref.decision_id = ${decision} AND ref.entry_index < ${at}
      AND ref.kind IN ('correction_attached', 'decision_flagged')
    ORDER BY ref.entry_index DESC LIMIT 1), NULL)`;

const member = (name: string): string =>
  `iif(json_valid(entry.header), entry.header ->> '$.${name}', NULL)`;
const KIND = member("kind");
const ABOUT = member("decision_id");
const SELECT_ENTRIES = `
  SELECT entry.header, about.header,
         ${earlierColumns(KIND, ABOUT, "entry.entry_index")}
  FROM entry
  LEFT JOIN decision ON decision.ledger = ?1 AND decision.decision_id = ${ABOUT} AND ${KIND} <> 'decision_recorded'
  LEFT JOIN entry AS about ON about.ledger = ?1 AND about.entry_index = decision.entry_index
  WHERE entry.ledger = ?1 AND entry.entry_index >= ?2 AND entry.entry_index < ?3
  ORDER BY entry.entry_index`;
const SELECT_BLOCKS = `SELECT DISTINCT block FROM tally WHERE ledger = ?1 AND block < ?2`;
const INSERT_ROWS = `
  INSERT INTO tally (ledger, block, tally, key, entries, first_index, last_index)
  SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?3)`;
/** What json_remove leaves is RFC 8785 as what it took from: the order and the spelling stay. */
const SELECT_SUMS = `
  SELECT tally, iif(?8, json_remove(key, '$.day'), key) AS summed, sum(entries) AS entries, min(first_index) AS firstIndex, max(last_index) AS lastIndex
  FROM tally WHERE ledger = ?1 AND block < ?2
    AND (?3 IS NULL OR tally IN (SELECT value FROM json_each(?3)))
    AND NOT EXISTS (SELECT 1 FROM json_each(?4) AS member WHERE tally.key ->> ('$.' || member.key) IS NOT member.value)
    AND (?6 IS NULL OR coalesce(key ->> '$.day', '') >= ?6)
    AND (?7 IS NULL OR coalesce(key ->> '$.day', '') < ?7)
  GROUP BY tally, summed LIMIT ?5`;

type EntryColumns = [
  header: string,
  about: string | null,
  reviewed: number,
  faulted: number,
  same: number,
  confirmers: number,
  verdict: string | null,
];

export function d1Tallies(db: D1Database, ledger: string): TallyStore {
  return {
    async entries(from, to) {
      const rows = await db.prepare(SELECT_ENTRIES).bind(ledger, from, to).raw<EntryColumns>();
      return rows.flatMap(toTallied);
    },
    async missing(blocks) {
      const written = await db.prepare(SELECT_BLOCKS).bind(ledger, blocks).raw<[number]>();
      const there = new Set(written.flat());
      return Array.from({ length: blocks }, (_, block) => block).filter(
        (block) => !there.has(block),
      );
    },
    async write(block, rows) {
      try {
        await db.batch(insertStatements(db, ledger, block, rows));
      } catch (error) {
        if (!isConstraintError(error)) throw error; // somebody else was faster, with the same rows
      }
    },
    async sums(blocks, filter, limit) {
      const { tallies, members = {}, fromDay = null, toDay = null, anyDay = false } = filter;
      const wanted = tallies === undefined ? null : JSON.stringify(tallies);
      const statement = db
        .prepare(SELECT_SUMS)
        .bind(
          ledger,
          blocks,
          wanted,
          JSON.stringify(members),
          limit,
          fromDay,
          toDay,
          anyDay ? 1 : 0,
        );
      const { results } = await statement.all<Omit<TallyRow, "key"> & { summed: string }>();
      return results.map(({ summed, ...row }) => ({ ...row, key: summed }));
    },
  };
}

function insertStatements(
  db: D1Database,
  ledger: string,
  block: number,
  rows: readonly TallyRow[],
): D1PreparedStatement[] {
  const json = rows.map(({ tally, key, entries, firstIndex, lastIndex }) =>
    JSON.stringify([tally, key, entries, firstIndex, lastIndex]),
  );
  return parameters(json).map((part) => db.prepare(INSERT_ROWS).bind(ledger, block, part));
}

/** A header that cannot be read is counted nowhere: verification says where it is. */
function toTallied([
  text,
  about,
  reviewed,
  faulted,
  same,
  confirmers,
  verdict,
]: EntryColumns): TalliedEntry[] {
  const header = decodeHeader(text);
  if (header === undefined) return [];
  return [
    {
      header,
      about: (about === null ? undefined : decodeHeader(about)) ?? null,
      earlier: {
        reviewed: reviewed === 1,
        faulted: faulted === 1,
        same: same === 1,
        confirmers,
        verdict,
      },
    },
  ];
}
