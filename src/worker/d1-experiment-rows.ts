/** Rows of experiments and their items, read alike by whoever asks (d1-experiments.ts, d1-experiment-runner.ts). */
import { z } from "zod";
import type { ExperimentRow, ItemRow } from "../replay/experiments/port.ts";
import { ITEM_STATES, ItemResult, type ItemState } from "../replay/experiments/item.ts";
import { ExperimentReport, STATES, type Progress } from "../replay/experiments/schema.ts";

export const ROW = `
  experiment_id AS experimentId, state, created_at AS createdAt, started_at AS startedAt,
  ended_at AS endedAt, actor, max_items AS maxItems, max_cost AS maxCost,
  ended_entry_id AS endedEntryId`;
const SELECT_ROW = `SELECT ${ROW}, report FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2`;
const DELETE_ITEMS = `DELETE FROM ops_experiment_item WHERE ledger = ?1 AND experiment_id = ?2`;
const DELETE_ROW = `DELETE FROM ops_experiment WHERE ledger = ?1 AND experiment_id = ?2`;
const COUNT_STATES = `
  SELECT state, count(*) AS items FROM ops_experiment_item
  WHERE ledger = ?1 AND experiment_id = ?2 GROUP BY state`;
export const ITEM = `position, decision_id AS decisionId, provider, state, replay_id AS replayId, cost, result`;
const SELECT_ITEMS = `
  SELECT ${ITEM} FROM ops_experiment_item
  WHERE ledger = ?1 AND experiment_id = ?2 AND position >= ?3 ORDER BY position LIMIT ?4`;

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

export function experimentRow(row: unknown): ExperimentRow {
  const { report, ...rest } = StoredRow.parse(row);
  return { ...rest, report: report === null ? null : ExperimentReport.parse(JSON.parse(report)) };
}

function itemRow(row: unknown): ItemRow {
  const { result, ...rest } = StoredItem.parse(row);
  return { ...rest, result: result === null ? null : ItemResult.parse(JSON.parse(result)) };
}

export async function readProgress(db: D1Database, ledger: string, id: string): Promise<Progress> {
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

export async function readRow(db: D1Database, ledger: string, id: string) {
  const row = await db.prepare(SELECT_ROW).bind(ledger, id).first();
  return row === null ? undefined : experimentRow(row);
}

export async function readItems(statement: D1PreparedStatement): Promise<ItemRow[]> {
  return (await statement.all()).results.map(itemRow);
}

/** In the order of the selection, from a position on. */
export function selectItems(
  db: D1Database,
  ledger: string,
  id: string,
  from: number,
  limit: number,
): Promise<ItemRow[]> {
  return readItems(db.prepare(SELECT_ITEMS).bind(ledger, id, from, limit));
}

export async function deleteExperiment(db: D1Database, ledger: string, id: string): Promise<void> {
  const statements = [DELETE_ITEMS, DELETE_ROW].map((sql) => db.prepare(sql).bind(ledger, id));
  await db.batch(statements);
}
