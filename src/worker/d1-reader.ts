/** One ledger's reads in D1. Contract: ledger/read.ts, LedgerReader. */
import { decisionEntries } from "../ledger/decision.ts";
import type { StoredCheckpoint, RequestRow } from "../ledger/ports.ts";
import type { ErasedField, LedgerReader } from "../ledger/read.ts";
import { parseEntryRow } from "../ledger/stored-entry.ts";
import {
  countDecisions,
  selectCounts,
  selectDecision,
  selectDecisionKeys,
  selectDecisions,
  selectRecordedAt,
} from "./d1-decisions.ts";
import { selectEntries, selectEntriesAt } from "./d1-entries.ts";
import { d1LedgerStore } from "./d1-store.ts";

const SELECT_CHECKPOINT = `
  SELECT size, previous_size AS previousSize, note FROM checkpoint WHERE ledger = ?1 AND size = ?2`;
const SELECT_HEADERS = `
  SELECT header FROM entry WHERE ledger = ?1 AND entry_index >= ?2 AND entry_index < ?3 ORDER BY entry_index`;
const SELECT_HISTORY = `
  SELECT entry_index FROM decision WHERE ledger = ?1 AND decision_id = ?2
  UNION ALL
  SELECT entry_index FROM entry_ref WHERE ledger = ?1 AND decision_id = ?2
  ORDER BY entry_index`;
const SELECT_AS_OF = `
  SELECT entry_index FROM decision WHERE ledger = ?1 AND decision_id = ?2 AND entry_index <= ?3
  UNION ALL
  SELECT max(entry_index) FROM entry_ref
  WHERE ledger = ?1 AND decision_id = ?2 AND entry_index <= ?3
    AND kind IN ('decision_flagged', 'correction_attached')
  GROUP BY kind`;
const SELECT_INDEX_OF = `SELECT entry_index FROM entry_ref WHERE ledger = ?1 AND id = ?2`;
const SELECT_ERASURES_AFTER = `
  SELECT DISTINCT erased_by FROM erasure
  WHERE ledger = ?1 AND entry_index >= ?2 AND entry_index < ?3 AND erased_by >= ?3 AND erased_by < ?4
  ORDER BY erased_by`;
const SELECT_ERASED_FIELDS = `
  SELECT about.id AS entryId, erasure.field FROM (
    SELECT entry_index, decision_id AS id FROM decision WHERE ledger = ?1 AND decision_id = ?2
    UNION ALL
    SELECT entry_index, id FROM entry_ref WHERE ledger = ?1 AND decision_id = ?2
  ) AS about
  JOIN erasure ON erasure.ledger = ?1 AND erasure.entry_index = about.entry_index
  ORDER BY about.entry_index, erasure.field`;
const SELECT_REQUEST = `
  SELECT request_key AS requestKey, entry_index AS firstIndex, entries AS count
  FROM request WHERE ledger = ?1 AND request_key = ?2`;

export function d1LedgerReader(db: D1Database, ledger: string): LedgerReader {
  const { head, checkpointsAbove, tile } = d1LedgerStore(db, ledger);
  return {
    head,
    checkpointsAbove,
    tile,
    async checkpoint(size) {
      return (
        (await db.prepare(SELECT_CHECKPOINT).bind(ledger, size).first<StoredCheckpoint>()) ??
        undefined
      );
    },
    entries: (from, to, limit) => selectEntries(db, ledger, from, to, limit),
    async headers(from, to) {
      return (await db.prepare(SELECT_HEADERS).bind(ledger, from, to).raw<[string]>()).flat();
    },
    decision: (decisionId) => selectDecision(db, ledger, decisionId),
    async decisionAsOf(decisionId, index) {
      const indexes = await db
        .prepare(SELECT_AS_OF)
        .bind(ledger, decisionId, index)
        .raw<[number]>();
      return decisionEntries(
        (await selectEntriesAt(db, ledger, indexes.flat())).map(parseEntryRow),
      );
    },
    decisionKeys: (filter, start, limit) => selectDecisionKeys(db, ledger, filter, start, limit),
    decisions: (decisionIds) => selectDecisions(db, ledger, decisionIds),
    countDecisions: (filter) => countDecisions(db, ledger, filter),
    recordedAt: (filter, end) => selectRecordedAt(db, ledger, filter, end),
    counts: (serviceName) => selectCounts(db, ledger, serviceName),
    async historyIndexes(decisionId) {
      return (await db.prepare(SELECT_HISTORY).bind(ledger, decisionId).raw<[number]>()).flat();
    },
    async entriesAt(indexes) {
      return (await selectEntriesAt(db, ledger, indexes)).map(parseEntryRow);
    },
    async indexOf(id) {
      return (
        (await db.prepare(SELECT_INDEX_OF).bind(ledger, id).first<number>("entry_index")) ??
        undefined
      );
    },
    async erasuresAfter(from, to, size) {
      return (
        await db.prepare(SELECT_ERASURES_AFTER).bind(ledger, from, to, size).raw<[number]>()
      ).flat();
    },
    async erasedFields(decisionId) {
      return (await db.prepare(SELECT_ERASED_FIELDS).bind(ledger, decisionId).all<ErasedField>())
        .results;
    },
    async request(requestKey) {
      return (
        (await db.prepare(SELECT_REQUEST).bind(ledger, requestKey).first<RequestRow>()) ?? undefined
      );
    },
  };
}
