/** One ledger's reads in D1. Contract: ledger/read.ts, LedgerReader. */
import { decisionEntries } from "../ledger/decision.ts";
import type { StoredCheckpoint, RequestRow } from "../ledger/ports.ts";
import type { LedgerReader } from "../ledger/read.ts";
import { parseEntryRow } from "../ledger/stored-entry.ts";
import {
  countDecisions,
  selectDecision,
  selectDecisionKeys,
  selectDecisions,
} from "./d1-decisions.ts";
import { selectEntries, selectEntriesAt } from "./d1-entries.ts";
import {
  selectBatchRequest,
  selectErasable,
  selectErasedFields,
  selectErasuresAfter,
  selectEvidence,
  selectHeld,
} from "./d1-erasure.ts";
import { d1LedgerStore } from "./d1-store.ts";

const SELECT_CHECKPOINT = `
  SELECT size, previous_size AS previousSize, note FROM checkpoint WHERE ledger = ?1 AND size = ?2`;
const SELECT_HEADERS = `
  SELECT header FROM entry WHERE ledger = ?1 AND entry_index >= ?2 AND entry_index < ?3 ORDER BY entry_index`;
const SELECT_IS_RECORDED = `SELECT 1 FROM decision WHERE ledger = ?1 AND decision_id = ?2`;
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
const COUNT_ERASED = `SELECT count(*) AS erased FROM erasure WHERE ledger = ?1`;
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
    async isRecorded(decisionId) {
      return (await db.prepare(SELECT_IS_RECORDED).bind(ledger, decisionId).first()) !== null;
    },
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
    erasableEntries: (decisionId) => selectErasable(db, ledger, decisionId),
    isHeld: (decisionId) => selectHeld(db, ledger, decisionId),
    batchRequestOf: (index) => selectBatchRequest(db, ledger, index),
    async countErased() {
      return (await db.prepare(COUNT_ERASED).bind(ledger).first<number>("erased")) ?? 0;
    },
    erasedFields: (decisionId) => selectErasedFields(db, ledger, decisionId),
    evidenceIndexes: (decisionId) => selectEvidence(db, ledger, decisionId),
    erasuresAfter: (from, to, size) => selectErasuresAfter(db, ledger, from, to, size),
    async request(requestKey) {
      return (
        (await db.prepare(SELECT_REQUEST).bind(ledger, requestKey).first<RequestRow>()) ?? undefined
      );
    },
  };
}
