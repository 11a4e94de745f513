/**
 * Every cell of every table that holds evidence is recomputed or compared (DESIGN §3): change one,
 * anywhere, and verification says false and where; put it back, and it says true again. The tables
 * and columns come from the schema, so that a new one is covered when it appears.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, test } from "vitest";
import { recompute } from "./support/audit.ts";
import { decision, post, recorded, verify, type Answer, type Finding } from "./support/client.ts";
import {
  columnsOf,
  copyRows,
  dropTriggers,
  evidenceTables,
  insertStatements,
  restoreRows,
  startAnew,
  type Cell,
  type Column,
  type Copy,
  type TableRow,
} from "./support/database.ts";
import { evict } from "./support/faults.ts";

/** Somebody else's ledger in the same database. */
const OTHER = "other";

/** Recorded, or the test has nothing to stand on. */
async function accepted(path: string, body: object, key?: string): Promise<Answer> {
  const answer = await post(path, body, key);
  if (answer.status !== 200) throw new Error(answer.body.detail);
  return answer;
}

/** Every kind of entry, with and without keys, of two services, in commits of one and of several. */
async function seed(): Promise<void> {
  await startAnew();
  const full = {
    prompt: { template: "support_v1" },
    tool_calls: [{ name: "look_up" }],
    metadata: { region: "eu" },
  };
  const { body } = await accepted("/v1/decisions", decision("full", full), "key-of-decision");
  const bare = await recorded("bare", { service_name: "billing-agent", model: {} });
  const batch = { decisions: [decision("b1"), decision("b2", { service_name: "billing-agent" })] };
  await accepted("/v1/decisions/batch", batch, "key-of-batch");
  const correction = { correction: { response: "right" }, corrected_by: "jane", notes: "checked" };
  await accepted(`/v1/decisions/${body.decision_id}/incorrect`, { reason: "no" }, "key-of-flag");
  await accepted(`/v1/decisions/${body.decision_id}/correction`, correction, "key-of-correction");
  await accepted(`/v1/decisions/${body.decision_id}/incorrect`, {});
  await accepted(`/v1/decisions/${bare}/correction`, correction);
  await accepted(`/v1/decisions/${bare}/correction`, { ...correction, corrected_by: "joe" });
  const overrides = { prompt: { template: "support_v2" } };
  await accepted("/v1/replays", { decision_id: body.decision_id, overrides }, "key-of-replay");
  await accepted("/v1/replays", { decision_id: bare });
  const gone = await recorded("personal", full);
  await accepted(`/v1/decisions/${gone}/incorrect`, { reason: "personal too" });
  const held = `/v1/decisions/${gone}/hold`;
  await accepted(held, { held: true, reason_code: "litigation", note: "case 7" });
  await accepted(held, { held: false, reason_code: "litigation" });
  const erasure = `/v1/decisions/${gone}/erasure`;
  await accepted(erasure, { fields: ["input", "metadata"], reason_code: "gdpr_article_17" });
  await accepted(erasure, { reason_code: "gdpr_article_17", request_id: "R-1" }, "key-of-erasure");
}

let intact: Copy;

async function takeCopy(): Promise<void> {
  await dropTriggers();
  intact = await copyRows();
}

afterEach(async ({ expect }) => {
  await restoreRows(intact);
  expect(await verify()).toMatchObject({ valid: true, complete: true, findings: [] });
});

function rowsOf(table: string): readonly TableRow[] {
  return intact.get(table) ?? [];
}

/** Other values for a cell: near ones, far ones, none, what other rows have, what no parser takes. */
function otherValues(value: Cell, { name, type, notnull }: Column): readonly Cell[] {
  if (name === "ledger") return [OTHER];
  const others = new Set<Cell>(notnull === 0 ? [null] : []);
  if (type === "INTEGER") {
    if (typeof value === "number") for (const by of [-1, 1, 1000]) others.add(value + by);
    else others.add(0);
  } else if (typeof value === "string") {
    const middle = Math.floor(value.length / 2);
    const flipped = value[middle] === "0" ? "1" : "0";
    others.add(value.slice(0, middle) + flipped + value.slice(middle + 1));
    for (const other of [`${value}\n`, value.toUpperCase(), "", "{}", "{"]) others.add(other);
  } else {
    others.add("openai");
  }
  others.delete(value);
  return [...others];
}

async function change(table: string, row: TableRow, column: string, value: Cell): Promise<boolean> {
  const keys = Object.keys(row);
  const where = keys.map((key, i) => `${key} IS ?${i + 2}`).join(" AND ");
  try {
    const { meta } = await env.DB.prepare(`UPDATE ${table} SET ${column} = ?1 WHERE ${where}`)
      .bind(value, ...keys.map((key) => row[key] ?? null))
      .run();
    return meta.changes === 1;
  } catch (error) {
    if (error instanceof Error && /UNIQUE|NOT NULL/.test(error.message)) return false;
    throw error; // the schema itself would not have it
  }
}

/** What a starting sequencer reads. */
const LOADED = new Set(["entry", "head", "checkpoint", "tile"]);

/**
 * What verification finds, also when the sequencer has to start on what is there; none unless both
 * say false, and an error is no verdict.
 */
async function found(table: string): Promise<readonly Finding[]> {
  const warm = await verify();
  if (warm.valid !== false) return [];
  if (!LOADED.has(table)) return warm.findings;
  await evict();
  const cold = await verify();
  return cold.valid === false && cold.findings.length > 0 ? warm.findings : [];
}

/** Whether a finding says where the row is whose cell was changed, if it is about one entry at all. */
function isLocated(
  findings: readonly Finding[],
  table: string,
  row: TableRow,
  column: string,
): boolean {
  const at = (index: Cell | undefined) => findings.some((finding) => finding.index === index);
  const of = (id: Cell | undefined) => findings.some(({ decision_id }) => decision_id === id);
  // A row that is elsewhere now shows where it is missing, or where the next one is.
  const moved =
    column === "ledger" || ((table === "entry" || table === "checkpoint") && isKey(column));
  if (findings.length === 0 || moved) return findings.length > 0;
  if (table === "checkpoint") return at(Number(row["size"]) - 1);
  if (column === "flag_index" || column === "correction_index") return of(row["decision_id"]);
  return row["entry_index"] === undefined || at(row["entry_index"]);
}

function isKey(column: string): boolean {
  return column === "entry_index" || column === "size";
}

describe("a changed cell is found", () => {
  beforeAll(async () => {
    await seed();
    await takeCopy();
  });

  test("the ledger is intact to begin with, and every table of it has rows", async ({ expect }) => {
    expect((await recompute()).problems).toEqual([]);
    const empty = [...intact].filter(([, rows]) => rows.length === 0).map(([table]) => table);
    // A tile takes 256 entries, see below; a tally 1024, see tally.test.ts.
    expect(empty.toSorted()).toEqual(["head_guard", "tally", "tile"]);
  });

  test(
    "in every column of every table, and put back it is none",
    { timeout: 120_000 },
    async ({ expect }) => {
      for (const table of await evidenceTables()) {
        expect(await unguardedCells(table)).toEqual([]);
      }
    },
  );

  test.for([
    "entry",
    "content",
    "decision",
    "decision_counter",
    "entry_ref",
    "request",
    "erasure",
    "checkpoint",
    "head",
  ])("every row of %s, deleted, is missed", async (table, { expect }) => {
    for (const row of new Set([rowsOf(table).at(0), rowsOf(table).at(1), rowsOf(table).at(-1)])) {
      if (row === undefined) continue;
      await remove(table, row);
      expect(await found(table)).not.toEqual([]);
      await restoreRows(intact);
    }
    await env.DB.prepare(`DELETE FROM ${table}`).run();
    expect(await found(table)).not.toEqual([]);
  });

  test("a row too many is found in every table, before, between and behind the others", async ({
    expect,
  }) => {
    const unseen: string[] = [];
    for (const table of await evidenceTables()) {
      const key = (await columnsOf(table)).toSorted((a, b) => b.pk - a.pk)[0];
      const [row] = rowsOf(table);
      if (row === undefined || key === undefined || table === "head") continue;
      const values =
        key.type === "INTEGER" ? [-1, 0, 2, 1000] : ["", "zzz", `${row[key.name]}0`, "dec_0"];
      for (const value of values) {
        if (rowsOf(table).some((other) => other[key.name] === value)) continue;
        await env.DB.batch([...insertStatements(table, [{ ...row, [key.name]: value }])]);
        const { valid } = await verify();
        if (valid !== false) unseen.push(`${table} ${key.name} ${value}`);
        await restoreRows(intact);
      }
    }
    expect(unseen).toEqual([]);
  });

  test("entries that change places are found, with their contents and without", async ({
    expect,
  }) => {
    for (const tables of [["entry"], ["content"], ["entry", "content"]]) {
      await env.DB.batch(tables.flatMap((table) => swap(table, 2, 3)));
      const findings = await found("entry");
      expect(findings.map(({ index }) => index)).toEqual(expect.arrayContaining([2, 3]));
      await restoreRows(intact);
    }
  });

  test("a ledger whose rows were all moved away counts as rolled back", async ({ expect }) => {
    const tables = (await evidenceTables()).filter((table) => table !== "head_guard");
    await env.DB.batch(
      tables.map((table) => env.DB.prepare(`UPDATE ${table} SET ledger = ?`).bind(OTHER)),
    );
    const [first] = await found("entry");
    expect(first?.fault).toBe("rolled_back");
  });

  test("another ledger in the same tables is no finding of this one", async ({ expect }) => {
    const others = [...intact].flatMap(([table, rows]) =>
      insertStatements(
        table,
        rows.map((row) => ({ ...row, ledger: OTHER })),
      ),
    );
    await env.DB.batch(others);
    expect(await verify()).toMatchObject({ valid: true, findings: [] });
    await evict();
    expect(await verify()).toMatchObject({ valid: true, findings: [] });
  });

  test("a signature that is not ours is found, beside ours and in its place", async ({
    expect,
  }) => {
    const row = rowsOf("checkpoint").at(-1) ?? {};
    const note = String(row["note"]);
    const line = note.slice(note.indexOf("\n\n") + 2);
    const forged = line.replace(/.{12}\n$/, "AAAAAAAAAAA=\n");
    const stranger = line.replace("main ", "elsewhere ");
    for (const other of [note.replace(line, forged), note + forged, note + stranger, note + line]) {
      expect(await change("checkpoint", row, "note", other)).toBe(true);
      const findings = await found("checkpoint");
      expect
        .soft(
          findings.map(({ fault }) => fault),
          other,
        )
        .toContain("signature_invalid");
      await restoreRows(intact);
    }
  });

  test("a row in the guard, which would stop no commit but should not be there, is found", async ({
    expect,
  }) => {
    await env.DB.prepare("INSERT INTO head_guard VALUES (1)").run();
    expect(await found("head_guard")).not.toEqual([]);
  });
});

describe("in a ledger with a full tile", () => {
  beforeAll(async () => {
    await startAnew();
    const decisions = Array.from({ length: 256 }, (_, i) => decision(i, { input: {} }));
    await post("/v1/decisions/batch", { decisions });
    await takeCopy();
  });

  test("a changed tile is found, cell by cell", { timeout: 60_000 }, async ({ expect }) => {
    expect(rowsOf("tile").length).toBe(1);
    expect(await unguardedCells("tile")).toEqual([]);
  });

  test("a deleted, moved or additional tile is found", async ({ expect }) => {
    const row = rowsOf("tile")[0] ?? {};
    const unseen: string[] = [];
    const others = [
      { tile_index: 1 },
      { tile_index: -1 },
      { level: 1 },
      { level: 2 },
      { level: 3 },
      { level: 4 },
      { level: -1 },
    ];
    for (const other of others) {
      await env.DB.batch([...insertStatements("tile", [{ ...row, ...other }])]);
      if ((await verify()).valid !== false) unseen.push(JSON.stringify(other));
      await restoreRows(intact);
    }
    expect(unseen).toEqual([]);
    await remove("tile", row);
    expect(await found("tile")).not.toEqual([]);
  });
});

/** Changes the cells of a table's first and last row to all other values: those that go unseen. */
async function unguardedCells(table: string): Promise<readonly string[]> {
  const rows = rowsOf(table);
  const unseen: string[] = [];
  for (const column of await columnsOf(table)) {
    let changed = 0;
    for (const [i, row] of [...new Set([rows.at(0), rows.at(-1)])].entries()) {
      if (row === undefined) continue;
      for (const [j, value] of otherValues(row[column.name] ?? null, column).entries()) {
        // What a start reads is tried out in full; of the rest each row gets every other value.
        if (!LOADED.has(table) && rows.length > 1 && (i + j) % 2 === 1) continue;
        if (!(await change(table, row, column.name, value))) continue;
        changed++;
        const findings = await found(table).catch(String);
        const located = Array.isArray(findings) && isLocated(findings, table, row, column.name);
        if (!located) {
          const instead = JSON.stringify(findings).slice(0, 300);
          unseen.push(`${table}.${column.name}: ${row[column.name]} -> ${value}: ${instead}`);
        }
        await restoreRows(new Map([[table, rows]]));
      }
    }
    if (rows.length > 0 && changed === 0) unseen.push(`${table}.${column.name} cannot be changed`);
    if ((await verify()).valid !== true) unseen.push(`${table}.${column.name} cannot be put back`);
  }
  return unseen;
}

async function remove(table: string, row: TableRow): Promise<void> {
  const keys = Object.keys(row);
  const where = keys.map((key) => `${key} IS ?`).join(" AND ");
  const values = keys.map((key) => row[key] ?? null);
  await env.DB.prepare(`DELETE FROM ${table} WHERE ${where}`)
    .bind(...values)
    .run();
}

function swap(table: string, a: number, b: number): readonly D1PreparedStatement[] {
  const move = (from: number, to: number) =>
    env.DB.prepare(`UPDATE ${table} SET entry_index = ?2 WHERE entry_index = ?1`).bind(from, to);
  return [move(a, -1), move(b, a), move(-1, b)];
}
