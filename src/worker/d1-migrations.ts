/**
 * The Worker applies its own schema, once an isolate, before the first query: `npm run dev` and a
 * first deploy need no further step. The table is wrangler's own, so `wrangler d1 migrations list`
 * agrees and either may apply a file.
 */
import ledger from "../../migrations/0001_ledger.sql";
import erasure from "../../migrations/0002_erasure.sql";
import access from "../../migrations/0003_access.sql";
import operations from "../../migrations/0004_operations.sql";
import replays from "../../migrations/0005_replays.sql";
import experiments from "../../migrations/0006_experiments.sql";
import tally from "../../migrations/0007_tally.sql";
import records from "../../migrations/0008_records.sql";

/** Forward only: a file that was released is never edited. */
const MIGRATIONS: readonly (readonly [name: string, sql: string])[] = [
  ["0001_ledger.sql", ledger],
  ["0002_erasure.sql", erasure],
  ["0003_access.sql", access],
  ["0004_operations.sql", operations],
  ["0005_replays.sql", replays],
  ["0006_experiments.sql", experiments],
  ["0007_tally.sql", tally],
  ["0008_records.sql", records],
];

const STATEMENT_END = /^--> statement$/m;

const migrated = new WeakMap<D1Database, Promise<void>>();

/** Resolves when the schema is there. A failure is not remembered: the next request tries again. */
export function migrate(db: D1Database): Promise<void> {
  const known = migrated.get(db);
  if (known !== undefined) return known;
  const running = applyMissing(db).catch((error: unknown) => {
    migrated.delete(db);
    throw error;
  });
  migrated.set(db, running);
  return running;
}

async function applyMissing(db: D1Database): Promise<void> {
  let done = await appliedNames(db);
  for (const [name, sql] of MIGRATIONS) {
    if (done.has(name)) continue;
    const statements = sql.split(STATEMENT_END).map((statement) => db.prepare(statement));
    const record = db.prepare("INSERT INTO d1_migrations (name) VALUES (?1)").bind(name);
    try {
      await db.batch([record, ...statements]); // one transaction, DDL included
    } catch (error) {
      // Another isolate was faster: its row makes ours fail on the unique name, all or nothing.
      done = await appliedNames(db);
      if (!done.has(name)) throw error;
    }
  }
}

async function appliedNames(db: D1Database): Promise<Set<string>> {
  const select = db.prepare("SELECT name FROM d1_migrations");
  try {
    return new Set((await select.raw<[string]>()).flat());
  } catch {
    // The usual case, a schema that is there, costs one read; only a new database gets here.
    await db
      .prepare(
        "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
      )
      .run();
    return new Set((await select.raw<[string]>()).flat());
  }
}
