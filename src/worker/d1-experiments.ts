/** Experiments and their items in D1. Contract: replay/experiments/port.ts. */
import { z } from "zod";
import type {
  Experiments,
  ExperimentRow,
  ItemRow,
  RunnerRows,
  Selected,
  Spent,
} from "../replay/experiments/port.ts";
import {
  ExperimentReport,
  ITEM_STATES,
  ItemResult,
  NO_RESULT,
  STATES,
  type ItemState,
  type Progress,
} from "../replay/experiments/schema.ts";
import { DecisionWhere } from "./d1-decision-where.ts";

const ROW = `
  experiment_id AS experimentId, state, created_at AS createdAt, started_at AS startedAt,
  ended_at AS endedAt, actor, max_items AS maxItems, max_cost AS maxCost,
  ended_entry_id AS endedEntryId`;
const SELECT_ROW = `SELECT ${ROW}, report FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2`;
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
const DELETE_ITEMS = `DELETE FROM ops_experiment_item WHERE ledger = ?1 AND experiment_id = ?2`;
const DELETE_ROW = `DELETE FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2`;
const COUNT_STATES = `
  SELECT state, count(*) AS items FROM ops_experiment_item
  WHERE ledger = ?1 AND experiment_id = ?2 GROUP BY state`;
const ITEM = `position, decision_id AS decisionId, provider, state, replay_id AS replayId, cost, result`;
const SELECT_ITEMS = `
  SELECT ${ITEM} FROM ops_experiment_item
  WHERE ledger = ?1 AND experiment_id = ?2 AND position >= ?3 ORDER BY position LIMIT ?4`;
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
         count(*) FILTER (WHERE state = 'succeeded' AND result ->> 'execution_mode' = 'live'
                            AND result ->> 'cost' IS NULL) AS unpriced
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
  WHERE ledger = ?1 AND experiment_id = ?2 AND position = ?3 AND state = 'running'`;
const SKIP_REST = `
  UPDATE ops_experiment_item SET state = 'skipped', result = ?3
  WHERE ledger = ?1 AND experiment_id = ?2 AND state = 'pending'`;
const CANCEL = `
  UPDATE ops_experiment SET state = 'cancelled', actor = ?3
  WHERE ledger = ?1 AND experiment_id = ?2 AND state IN ('queued', 'running')`;
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
const NAME_END = `
  UPDATE ops_experiment SET ended_entry_id = ?3 WHERE ledger = ?1 AND experiment_id = ?2`;
const END = `
  UPDATE ops_experiment SET state = ?3, ended_at = ?4, report = ?5
  WHERE ledger = ?1 AND experiment_id = ?2`;

/** Items a statement: their JSON stays far below what a parameter holds. */
const ITEMS_CHUNK = 2_000;

const StoredRow = z.object({
  experimentId: z.string(),
  state: z.enum(STATES),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  actor: z.string(),
  maxItems: z.number().nullable(),
  maxCost: z.number().nullable(),
  endedEntryId: z.string().nullable(),
  report: z.string().nullable(),
});

const StoredItem = z.object({
  position: z.number(),
  decisionId: z.string(),
  provider: z.string(),
  state: z.enum(ITEM_STATES),
  replayId: z.string().nullable(),
  cost: z.number().nullable(),
  result: z.string().nullable(),
});

function experimentRow(row: unknown): ExperimentRow {
  const { report, ...rest } = StoredRow.parse(row);
  return { ...rest, report: report === null ? null : ExperimentReport.parse(JSON.parse(report)) };
}

function itemRow(row: unknown): ItemRow {
  const { result, ...rest } = StoredItem.parse(row);
  return { ...rest, result: result === null ? null : ItemResult.parse(JSON.parse(result)) };
}

async function readProgress(db: D1Database, ledger: string, id: string): Promise<Progress> {
  const { results } = await db
    .prepare(COUNT_STATES)
    .bind(ledger, id)
    .all<{ state: ItemState; items: number }>();
  const of = (state: ItemState) => results.find((row) => row.state === state)?.items ?? 0;
  const running = of("running");
  return {
    total: results.reduce((sum, { items }) => sum + items, 0),
    pending: of("pending") + running,
    running,
    succeeded: of("succeeded"),
    failed: of("failed"),
    skipped: of("skipped"),
  };
}

async function readRow(db: D1Database, ledger: string, id: string) {
  const row = await db.prepare(SELECT_ROW).bind(ledger, id).first();
  return row === null ? undefined : experimentRow(row);
}

async function readItems(statement: D1PreparedStatement): Promise<ItemRow[]> {
  return (await statement.all()).results.map(itemRow);
}

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
    async discard(experimentId) {
      const statements = [DELETE_ITEMS, DELETE_ROW].map((sql) => db.prepare(sql));
      await db.batch(statements.map((statement) => statement.bind(ledger, experimentId)));
    },
    find: (experimentId) => readRow(db, ledger, experimentId),
    async list(before, limit) {
      const { results } = await db
        .prepare(SELECT_ROWS)
        .bind(ledger, before ?? null, limit)
        .all();
      return results.map(experimentRow);
    },
    progress: (experimentId) => readProgress(db, ledger, experimentId),
    items: (experimentId, from, limit) =>
      readItems(db.prepare(SELECT_ITEMS).bind(ledger, experimentId, from, limit)),
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
    items: (from, limit) => readItems(db.prepare(SELECT_ITEMS).bind(ledger, id, from, limit)),
    claim: async (position, replayId) => (await run(CLAIM, position, replayId)) === 1,
    async settle(position, state, result, cost) {
      await run(SETTLE, position, state, JSON.stringify(result), cost);
    },
    async skipRest(reason) {
      await run(SKIP_REST, JSON.stringify({ ...NO_RESULT, reason }));
    },
    async nameEnd(entryId) {
      await run(NAME_END, entryId);
    },
    async end(state, endedAt, report) {
      await run(END, state, endedAt, JSON.stringify(report));
    },
  };
}
