/** Experiments and their items in D1, for everybody but their runner. Contract: replay/experiments/port.ts. */
import type { Experiments, Selected } from "../replay/experiments/port.ts";
import { NO_RESULT } from "../replay/experiments/item.ts";
import { DecisionWhere } from "./d1-decision-where.ts";
import {
  deleteExperiment,
  experimentRow,
  readProgress,
  readRow,
  ROW,
  selectItems,
} from "./d1-experiment-rows.ts";

const SELECT_ROWS = `
  SELECT ${ROW}, NULL AS report FROM ops_experiment
  WHERE ledger = ?1 AND (?2 IS NULL OR experiment_id < ?2) ORDER BY experiment_id DESC LIMIT ?3`;
/** In the order of the array that was asked for; each once. */
const SELECT_IDS = `
  SELECT decision.decision_id AS decisionId, coalesce(decision.model_provider, '') AS provider
  FROM json_each(?2) AS asked
  CROSS JOIN decision ON decision.ledger = ?1 AND decision.decision_id = asked.value
  ORDER BY asked.key`;
const INSERT_ROW = `
  INSERT INTO ops_experiment (ledger, experiment_id, state, created_at, actor, max_items, max_cost)
  VALUES (?1, ?2, 'queued', ?3, ?4, ?5, ?6)`;
const INSERT_ITEMS = `
  INSERT INTO ops_experiment_item (ledger, experiment_id, position, decision_id, provider, state)
  SELECT ?1, ?2, ?4 + key, value ->> 0, value ->> 1, 'pending' FROM json_each(?3)`;
const CANCEL = `
  UPDATE ops_experiment SET state = 'cancelled', actor = ?3
  WHERE ledger = ?1 AND experiment_id = ?2 AND state IN ('queued', 'running') AND ended_entry_id IS NULL`;
/** Only while it is cancelled: of a cancel and an end at once, the first wins. */
const SKIP_CANCELLED = `
  UPDATE ops_experiment_item SET state = 'skipped', result = ?3
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending'
    AND EXISTS (SELECT 1 FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'cancelled')`;
/** Only what is over, and has told its report: a runner that still counts is not disturbed. */
const RESUME = `
  UPDATE ops_experiment SET state = 'queued', actor = ?3, ended_at = NULL, ended_entry_id = NULL,
         report = NULL, max_items = ?4, max_cost = ?5
  WHERE ledger = ?1 AND experiment_id = ?2 AND report IS NOT NULL
    AND EXISTS (SELECT 1 FROM ops_experiment_item WHERE ledger = ?1 AND experiment_id = ?2
                AND state IN ('failed', 'skipped'))`;
const PENDING_AGAIN = `
  UPDATE ops_experiment_item SET state = 'pending', replay_id = NULL, result = NULL
  WHERE ledger = ?1 AND experiment_id = ?2 AND state IN ('failed', 'skipped')
    AND EXISTS (SELECT 1 FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'queued')`;
/** Items a statement: their JSON stays far below what a parameter holds. */
const ITEMS_CHUNK = 2_000;

export function d1Experiments(db: D1Database, ledger: string): Experiments {
  return {
    async select(filter, limit) {
      const where = new DecisionWhere(ledger, filter);
      const sql = `SELECT d.decision_id AS decisionId, coalesce(d.model_provider, '') AS provider
        FROM ${where.decisions} WHERE ${where.sql} ORDER BY d.decision_id DESC LIMIT ${where.parameter(limit)}`;
      const { results } = await db
        .prepare(sql)
        .bind(...where.values)
        .all<Selected>();
      return results;
    },
    async selectIds(decisionIds) {
      const asked = JSON.stringify(decisionIds);
      return (await db.prepare(SELECT_IDS).bind(ledger, asked).all<Selected>()).results;
    },
    async create(experimentId, selected, { createdAt, actor, maxItems, maxCost }) {
      const items: D1PreparedStatement[] = [];
      for (let from = 0; from < selected.length; from += ITEMS_CHUNK) {
        const chunk = selected.slice(from, from + ITEMS_CHUNK);
        const rows = JSON.stringify(
          chunk.map(({ decisionId, provider }) => [decisionId, provider]),
        );
        items.push(db.prepare(INSERT_ITEMS).bind(ledger, experimentId, rows, from));
      }
      const row = [ledger, experimentId, createdAt, actor, maxItems, maxCost];
      await db.batch([db.prepare(INSERT_ROW).bind(...row), ...items]);
    },
    discard: (experimentId) => deleteExperiment(db, ledger, experimentId),
    find: (experimentId) => readRow(db, ledger, experimentId),
    async list(before, limit) {
      const { results } = await db
        .prepare(SELECT_ROWS)
        .bind(ledger, before ?? null, limit)
        .all();
      return results.map(experimentRow);
    },
    progress: (experimentId) => readProgress(db, ledger, experimentId),
    items: (experimentId, from, limit) => selectItems(db, ledger, experimentId, from, limit),
    async cancel(experimentId, actor) {
      const skipped = JSON.stringify({ ...NO_RESULT, reason: "cancelled" });
      const [cancelled] = await db.batch([
        db.prepare(CANCEL).bind(ledger, experimentId, actor),
        db.prepare(SKIP_CANCELLED).bind(ledger, experimentId, skipped),
      ]);
      return cancelled?.meta.changes === 1;
    },
    async resume(experimentId, actor, { maxItems, maxCost }) {
      const [resumed] = await db.batch([
        db.prepare(RESUME).bind(ledger, experimentId, actor, maxItems, maxCost),
        db.prepare(PENDING_AGAIN).bind(ledger, experimentId),
      ]);
      return resumed?.meta.changes === 1;
    },
  };
}
