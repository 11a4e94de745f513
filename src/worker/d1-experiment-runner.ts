/** The rows that an experiment's runner works through and writes. Contract: replay/experiments/port.ts, RunnerRows. */
import type { RunnerRows, Spent } from "../replay/experiments/port.ts";
import { NO_RESULT } from "../replay/experiments/item.ts";
import {
  deleteExperiment,
  ITEM,
  readItems,
  readProgress,
  readRow,
  selectItems,
} from "./d1-experiment-rows.ts";

const SELECT_RUNNING = `
  SELECT ${ITEM} FROM ops_experiment_item INDEXED BY ops_experiment_item_by_state
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'running'`;
const SELECT_PENDING = `
  SELECT ${ITEM} FROM ops_experiment_item INDEXED BY ops_experiment_item_by_state
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending' AND provider = ?3 ORDER BY position LIMIT ?4`;
/** One search a provider, however many items wait: a DISTINCT would read them all. */
const SELECT_WAITING = `
  WITH RECURSIVE waiting (provider) AS (
    SELECT min(provider) FROM ops_experiment_item
    WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending'
    UNION ALL
    SELECT (SELECT min(provider) FROM ops_experiment_item
            WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending' AND provider > waiting.provider)
    FROM waiting WHERE waiting.provider IS NOT NULL
  )
  SELECT provider FROM waiting WHERE provider IS NOT NULL`;
const SELECT_SPENT = `
  SELECT count(*) FILTER (WHERE state IN ('running', 'succeeded', 'failed')) AS items,
         coalesce(sum(cost), 0) AS cost, max(cost) AS dearest,
         count(*) FILTER (WHERE result ->> 'unpriced' = 1) AS unpriced
  FROM ops_experiment_item WHERE ledger = ?1 AND experiment_id = ?2`;
const BEGIN = `
  UPDATE ops_experiment SET state = 'running', started_at = coalesce(started_at, ?3)
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'queued'`;
const CLAIM = `
  UPDATE ops_experiment_item SET state = 'running', replay_id = ?4
  WHERE ledger = ?1 AND experiment_id = ?2 AND position = ?3 AND state = 'pending'`;
const SETTLE = `
  UPDATE ops_experiment_item SET state = ?4, result = ?5,
         cost = iif(?6 IS NULL, cost, coalesce(cost, 0) + ?6)
  WHERE ledger = ?1 AND experiment_id = ?2 AND position = ?3 AND state = 'running' AND replay_id = ?7`;
const SKIP_REST = `
  UPDATE ops_experiment_item SET state = 'skipped', result = ?3
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending'`;
const NAME_END = `
  UPDATE ops_experiment SET ended_entry_id = coalesce(ended_entry_id, ?3)
  WHERE ledger = ?1 AND experiment_id = ?2 RETURNING ended_entry_id`;
const END = `
  UPDATE ops_experiment SET state = ?3, ended_at = ?4, report = ?5
  WHERE ledger = ?1 AND experiment_id = ?2`;

export function d1RunnerRows(db: D1Database, ledger: string, id: string): RunnerRows {
  const run = async (sql: string, ...values: readonly (string | number | null)[]) =>
    (
      await db
        .prepare(sql)
        .bind(ledger, id, ...values)
        .run()
    ).meta.changes;
  return {
    row: () => readRow(db, ledger, id),
    async begin(startedAt) {
      await run(BEGIN, startedAt);
    },
    discard: () => deleteExperiment(db, ledger, id),
    progress: () => readProgress(db, ledger, id),
    async spent(): Promise<Spent> {
      const row = await db
        .prepare(SELECT_SPENT)
        .bind(ledger, id)
        .first<{ items: number; cost: number; dearest: number | null; unpriced: number }>();
      const { items = 0, cost = 0, dearest = null, unpriced = 0 } = row ?? {};
      return { items, cost, dearest, unpriced: unpriced > 0 };
    },
    async waiting() {
      return (await db.prepare(SELECT_WAITING).bind(ledger, id).raw<[string]>()).flat();
    },
    pending: (provider, limit) =>
      readItems(db.prepare(SELECT_PENDING).bind(ledger, id, provider, limit)),
    running: () => readItems(db.prepare(SELECT_RUNNING).bind(ledger, id)),
    items: (from, limit) => selectItems(db, ledger, id, from, limit),
    claim: async (position, replayId) => (await run(CLAIM, position, replayId)) === 1,
    async settle({ position, replayId }, state, result, cost) {
      await run(SETTLE, position, state, JSON.stringify(result), cost, replayId);
    },
    async skipRest(reason) {
      await run(SKIP_REST, JSON.stringify({ ...NO_RESULT, reason }));
    },
    async nameEnd(entryId) {
      const name = db.prepare(NAME_END).bind(ledger, id, entryId);
      return (await name.first<string>("ended_entry_id")) ?? entryId;
    },
    async end(state, endedAt, report) {
      await run(END, state, endedAt, JSON.stringify(report));
    },
  };
}
