/**
 * The Worker applies its own schema (src/worker/d1-migrations.ts): once, whoever comes first, in
 * wrangler's own table, so that either of them may.
 */
import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, test } from "vitest";
import { migrate } from "../../src/worker/d1-migrations.ts";
import { auditLedger } from "./support/audit.ts";
import { recorded } from "./support/client.ts";
import { anotherHandle, column, evidenceTables } from "./support/database.ts";

beforeEach(reset);

const NAMES = env.MIGRATIONS.map(({ name }) => name);

function applied(): Promise<string[]> {
  return column("SELECT name FROM d1_migrations ORDER BY id");
}

/** Everything the schema is made of, in the order of its making. */
function schema(): Promise<string[]> {
  return column(
    "SELECT coalesce(sql, name) FROM sqlite_master WHERE substr(name, 1, 4) <> '_cf_' AND name <> 'd1_migrations'",
  );
}

/** Wrangler and our marker leave different comments around a statement. */
function withoutComments(sql: string): string {
  return sql.replaceAll(/--.*$/gm, "").replaceAll(/\s+/g, " ");
}

test("an empty database gets every migration, recorded as wrangler does", async ({ expect }) => {
  await migrate(anotherHandle());
  expect(await applied()).toEqual(NAMES);
  const ours = await schema();
  await reset();
  await applyD1Migrations(env.DB, env.MIGRATIONS);
  expect(await applied()).toEqual(NAMES);
  expect(ours.map(withoutComments)).toEqual((await schema()).map(withoutComments));
});

test("applying again changes nothing, and costs one read", async ({ expect }) => {
  await migrate(anotherHandle());
  const before = await schema();
  let writes = 0;
  const counted = anotherHandle((statements) => {
    writes++;
    return env.DB.batch(statements);
  });
  await migrate(counted);
  await migrate(counted);
  expect(writes).toBe(0);
  expect(await schema()).toEqual(before);
  expect(await applied()).toEqual(NAMES);
});

test("three isolates that race make one schema, and none of them fails", async ({ expect }) => {
  await Promise.all([1, 2, 3].map(() => migrate(anotherHandle())));
  expect(await applied()).toEqual(NAMES);
});

test("an isolate that loses the race at the last moment goes on", async ({ expect }) => {
  // It has looked, and found nothing; before it writes, another one has written everything.
  const overtaken = anotherHandle(async (statements) => {
    await migrate(anotherHandle());
    return env.DB.batch(statements);
  });
  await migrate(overtaken);
  expect(await applied()).toEqual(NAMES);
});

test("a failure is not remembered, and leaves nothing half made", async ({ expect }) => {
  let broken = true;
  const flaky = anotherHandle((statements) => {
    const bad = env.DB.prepare("INSERT INTO no_such_table VALUES (1)");
    return env.DB.batch(broken ? [...statements, bad] : statements);
  });
  await expect(migrate(flaky)).rejects.toThrow(/no_such_table/);
  expect([await applied(), await evidenceTables()]).toEqual([[], []]);
  broken = false;
  await migrate(flaky);
  expect(await applied()).toEqual(NAMES);
});

test("what wrangler applied first is taken as it is", async ({ expect }) => {
  await applyD1Migrations(env.DB, env.MIGRATIONS);
  const before = await schema();
  await migrate(anotherHandle());
  expect(await schema()).toEqual(before);
  expect(await applied()).toEqual(NAMES);
});

test("a database that has only the first migrations gets the others", async ({ expect }) => {
  await applyD1Migrations(env.DB, env.MIGRATIONS.slice(0, 1));
  await migrate(anotherHandle());
  expect(await applied()).toEqual(NAMES);
  expect(await recorded("on it")).toMatch(/^dec_/);
  await auditLedger({ expect }, { size: 1 });
});
