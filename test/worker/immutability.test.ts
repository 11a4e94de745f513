/**
 * Triggers keep our own code from editing evidence: UPDATE, DELETE, and an INSERT over a row that
 * exists. Guard rails only: whoever owns the database can drop them (rollback.test.ts, tamper.test.ts).
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, test } from "vitest";
import { auditLedger } from "./support/audit.ts";
import { decision, post, recorded } from "./support/client.ts";
import { columnsOf, copyRows, insertStatements, type Column } from "./support/database.ts";

/** All that is written once. What may change is below: reviews, counters, the head. */
const WRITTEN_ONCE = ["entry", "content", "tile", "checkpoint", "entry_ref", "request", "erasure"];
const GUARDED = [...WRITTEN_ONCE, "decision", "head"];

beforeAll(async () => {
  const decisions = Array.from({ length: 256 }, (_, i) => decision(i));
  const { body } = await post("/v1/decisions/batch", { decisions }, "a-batch");
  const id = body.decisions?.[0]?.decision_id ?? "";
  await post(`/v1/decisions/${id}/incorrect`, { reason: "wrong" });
  await post(`/v1/decisions/${id}/erasure`, { fields: ["input"], reason_code: "test" });
});

/** The error of a statement; undefined when it went through. */
async function refusalOf(
  ...statements: readonly D1PreparedStatement[]
): Promise<string | undefined> {
  try {
    await env.DB.batch([...statements]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const IMMUTABLE = /immutable|only grows|request key exists/;

describe.each(GUARDED)("a row of %s", (table) => {
  test("cannot be deleted", async ({ expect }) => {
    const before = await copyRows();
    expect(before.get(table)?.length).toBeGreaterThan(0);
    expect(await refusalOf(env.DB.prepare(`DELETE FROM ${table}`))).toMatch(IMMUTABLE);
    expect(await copyRows()).toEqual(before);
  });

  test("cannot be inserted again, nor replaced", async ({ expect }) => {
    const before = await copyRows();
    const [row] = before.get(table) ?? [];
    if (row === undefined) throw new Error("no row");
    const [insert] = insertStatements(table, [row]);
    if (insert === undefined) throw new Error("no statement");
    expect(await refusalOf(insert)).toMatch(IMMUTABLE);
    for (const how of ["OR REPLACE", "OR IGNORE", "OR FAIL", "OR ROLLBACK"]) {
      const names = Object.keys(row);
      const values = names.map((name) => row[name] ?? null);
      const sql = `INSERT ${how} INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
      expect(await refusalOf(env.DB.prepare(sql).bind(...values)), how).toMatch(IMMUTABLE);
    }
    expect(await copyRows()).toEqual(before);
  });
});

test("no column of what is written once can be updated, not even to itself", async ({ expect }) => {
  const before = await copyRows();
  for (const table of WRITTEN_ONCE) {
    for (const { name } of await columnsOf(table)) {
      const update = env.DB.prepare(`UPDATE ${table} SET ${name} = ${name}`);
      expect(await refusalOf(update), `${table}.${name}`).toMatch(IMMUTABLE);
    }
  }
  expect(await copyRows()).toEqual(before);
});

function another({ type }: Column): string {
  return type === "INTEGER" ? "7777" : "'other'";
}

test("of a decision only the review may change, and only to a newer one", async ({ expect }) => {
  const before = await copyRows();
  for (const column of await columnsOf("decision")) {
    if (column.name === "flag_index" || column.name === "correction_index") continue;
    const update = env.DB.prepare(`UPDATE decision SET ${column.name} = ${another(column)}`);
    expect(await refusalOf(update), column.name).toMatch(IMMUTABLE);
  }
  const earlier = env.DB.prepare(
    "UPDATE decision SET flag_index = flag_index - 1 WHERE flag_index IS NOT NULL",
  );
  const none = env.DB.prepare("UPDATE decision SET flag_index = NULL WHERE flag_index IS NOT NULL");
  expect(await refusalOf(earlier)).toMatch(IMMUTABLE);
  expect(await refusalOf(none)).toMatch(IMMUTABLE);
  expect(await copyRows()).toEqual(before);
});

test("reviews and erasures go on, through the API, as often as wanted", async ({ expect }) => {
  const id = await recorded("reviewed");
  const flag = () => post(`/v1/decisions/${id}/incorrect`, {});
  const correction = { correction: { response: "right" }, corrected_by: "jane" };
  const correct = () => post(`/v1/decisions/${id}/correction`, correction);
  const erase = () => post(`/v1/decisions/${id}/erasure`, { reason_code: "test" });
  for (const review of [flag, correct, flag, flag, correct, correct, erase, flag])
    expect((await review()).status).toBe(200);
  await auditLedger({ expect });
});

test("content cannot be reduced, nor emptied, without an erasure in the same transaction", async ({
  expect,
}) => {
  const before = await copyRows();
  const reduced = [
    "fields = '{}'",
    "content_hash = NULL",
    "fields = '{}', content_hash = NULL",
    "fields = json_remove(fields, '$.output')",
  ];
  for (const change of reduced) {
    // Also of the entry an erasure has taken something from already: it took that and no more.
    const update = env.DB.prepare(`UPDATE content SET ${change} WHERE entry_index IN (0, 1)`);
    expect(await refusalOf(update), change).toMatch(IMMUTABLE);
  }
  expect(await copyRows()).toEqual(before);
});

/** How a batch begins that was built on this size, as a replaced sequencer would send it. */
function guard(size: number): D1PreparedStatement {
  return env.DB.prepare(
    "INSERT INTO head_guard (head_is_expected) SELECT NULL WHERE NOT EXISTS (SELECT 1 FROM head WHERE ledger = 'main' AND size = ?)",
  ).bind(size);
}

test("the head only grows, and guards every commit", async ({ expect }) => {
  const before = await copyRows();
  const size = Number(before.get("head")?.[0]?.["size"]);
  for (const to of ["size", "size - 1", "0"])
    expect(await refusalOf(env.DB.prepare(`UPDATE head SET size = ${to}`))).toMatch(IMMUTABLE);
  expect(
    await refusalOf(env.DB.prepare("UPDATE head SET ledger = 'other', size = size + 1")),
  ).toMatch(IMMUTABLE);
  const stray = env.DB.prepare("INSERT INTO request VALUES ('main', 'stray', 0, 1)");
  for (const stale of [size - 1, size + 1, 0])
    expect(await refusalOf(guard(stale), stray)).toMatch(/SQLITE_CONSTRAINT/);
  await env.DB.prepare("PRAGMA ignore_check_constraints = on").run();
  expect(await refusalOf(guard(size - 1), stray)).toMatch(/SQLITE_CONSTRAINT/);
  await env.DB.prepare("PRAGMA ignore_check_constraints = off").run();
  expect(await refusalOf(guard(size))).toBeUndefined();
  expect(await copyRows()).toEqual(before);
  await auditLedger({ expect });
});
