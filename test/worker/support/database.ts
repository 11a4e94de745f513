/** D1 behind the Worker's back: its tables and triggers, a copy of its rows, a new beginning. */
import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { migrate } from "../../../src/worker/d1-migrations.ts";
import { forgetKeys } from "./audit.ts";
import { sequencer } from "./client.ts";

export type Cell = string | number | null;
export type TableRow = Readonly<Record<string, Cell>>;

/** Empties every store and applies the schema again: the Worker remembers that it has done so. */
export async function startAnew(): Promise<void> {
  await reset();
  // An object that was not in memory keeps its storage: reset leaves it out.
  await runInDurableObject(sequencer(), (_, state) => state.storage.deleteAll());
  await evictDurableObject(sequencer());
  await migrate(anotherHandle());
  await migrate(anotherHandle((statements) => env.DB_1.batch(statements), env.DB_1));
  forgetKeys();
}

/** The same database as another isolate would hold it: an object of its own, so nothing is remembered. */
export function anotherHandle(
  batch: D1Database["batch"] = (statements) => env.DB.batch(statements),
  db = env.DB,
): D1Database {
  return {
    prepare: (sql) => db.prepare(sql),
    batch,
    exec: (sql) => db.exec(sql),
    withSession: (constraint) => db.withSession(constraint),
    dump: () => Promise.reject(new Error("nobody dumps")),
  };
}

/** The tables that hold evidence: neither `ops_…` nor the platform's own. */
export async function evidenceTables(): Promise<string[]> {
  return column(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 4) <> 'ops_'
     AND substr(name, 1, 4) <> '_cf_' AND substr(name, 1, 7) <> 'sqlite_' AND name <> 'd1_migrations'
     ORDER BY name`,
  );
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

/** Stored columns; generated ones are none. */
export async function columnsOf(table: string): Promise<readonly Column[]> {
  return (await env.DB.prepare(`SELECT * FROM pragma_table_info('${table}')`).all<Column>())
    .results;
}

/** What somebody who owns the database does first. */
export async function dropTriggers(): Promise<void> {
  const names = await column("SELECT name FROM sqlite_master WHERE type = 'trigger'");
  if (names.length > 0)
    await env.DB.batch(names.map((name) => env.DB.prepare(`DROP TRIGGER ${name}`)));
}

export async function column(sql: string): Promise<string[]> {
  return (await env.DB.prepare(sql).raw<[string]>()).flat();
}

export type Copy = ReadonlyMap<string, readonly TableRow[]>;

export async function copyRows(): Promise<Copy> {
  const copy = new Map<string, readonly TableRow[]>();
  for (const table of await evidenceTables()) {
    const names = (await columnsOf(table)).map(({ name }) => name).join(", ");
    const { results } = await env.DB.prepare(`SELECT ${names} FROM ${table}`).all<TableRow>();
    copy.set(table, results);
  }
  return copy;
}

/** Puts every table back, all at once. Triggers must be gone. */
export async function restoreRows(copy: Copy): Promise<void> {
  await env.DB.batch(
    [...copy].flatMap(([table, rows]) => [
      env.DB.prepare(`DELETE FROM ${table}`),
      ...insertStatements(table, rows),
    ]),
  );
}

/** One statement for many rows, as the Worker itself does. */
export function insertStatements(
  table: string,
  rows: readonly TableRow[],
): readonly D1PreparedStatement[] {
  const [first] = rows;
  if (first === undefined) return [];
  const names = Object.keys(first);
  const values = names.map((_, i) => `value ->> ${i}`).join(", ");
  const sql = `INSERT INTO ${table} (${names.join(", ")}) SELECT ${values} FROM json_each(?)`;
  return [
    env.DB.prepare(sql).bind(JSON.stringify(rows.map((row) => names.map((name) => row[name])))),
  ];
}
