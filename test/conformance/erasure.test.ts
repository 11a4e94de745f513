/**
 * Erasure from outside (DESIGN §1.5): files that were given away before still prove what they say
 * against what is signed now, files made after say what is gone, and the state folder holds none of
 * it in any cell.
 */
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, test } from "vitest";
import { z } from "zod";
import { acknowledged, get, getText, textIn } from "../support/clients.ts";
import type { JsonObject } from "../support/independent-ledger.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { verifyFile, type Verified } from "../support/verify-file.ts";

const MARKER = "Jane Q. Marker-51c0";
const folder = mkdtempSync(join(tmpdir(), "loopgrid-erasure-"));
const persistTo = join(folder, "state");
let server: TestServer;

/** Fields that the erasure takes: five of the decision, two of the review, three of the replay. */
const TAKEN = 5 + 1 + 3;

interface Files {
  readonly export: string;
  readonly range: string;
  readonly evidence: string;
  readonly proof: string;
  readonly checkpoint: string;
}

let id = "";
let vkey = "";
let before: Files;
let after: Files;

function decision(label: string): JsonObject {
  return {
    service_name: "erasure",
    decision_type: "reply",
    input: { label },
    model: { provider: "openai", name: "gpt-4" },
    output: { label },
  };
}

async function files(): Promise<Files> {
  return {
    export: await getText(server.url, "/v1/export/ledger"),
    range: await getText(server.url, "/v1/export/ledger?from=1&to=6"),
    evidence: await getText(server.url, `/v1/decisions/${id}/evidence`),
    proof: await getText(server.url, `/v1/decisions/${id}/evidence?format=tlog-proof`),
    checkpoint: await getText(server.url, "/v1/ledger/checkpoint"),
  };
}

beforeAll(async () => {
  server = await startServer({ persistTo });
  const record = (body: JsonObject) => acknowledged(server.url, "/v1/decisions", body);
  await record(decision("before"));
  const personal = {
    ...decision(MARKER),
    prompt: { template: MARKER },
    metadata: { [MARKER]: true },
  };
  id = textIn(await record(personal), "decision_id");
  const at = `/v1/decisions/${id}`;
  await acknowledged(server.url, `${at}/incorrect`, { reason: MARKER });
  const overrides = { input: { label: `not ${MARKER}` } };
  const replay = { decision_id: id, overrides, triggered_by: MARKER };
  await acknowledged(server.url, "/v1/replays", replay);
  for (let n = 0; n < 4; n++) await record(decision(`after ${n}`));
  const { body: ledger } = await get(server.url, "/v1/ledger");
  vkey = z.tuple([z.string()]).parse(ledger["verifier_keys"])[0];
  before = await files();
  await acknowledged(server.url, `${at}/erasure`, { reason_code: "gdpr_article_17" });
  await record(decision("later"));
  after = await files();
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function check(text: string, ...args: readonly string[]): Promise<Verified> {
  return verifyFile(join(folder, "checked"), text, "--key", vkey, ...args);
}

function keep(name: string, note: string): string {
  const file = join(folder, name);
  writeFileSync(file, note);
  return file;
}

const HOLDS = { code: 0, verdict: { status: "verified", findings: [] } };

describe("a file from before the erasure", () => {
  test.for(["export", "range", "evidence", "proof"] as const)(
    "still proves itself, and that the ledger only grew since: %s",
    async (name, { expect }) => {
      expect(before[name].includes(MARKER)).toBe(name !== "proof");
      expect(await check(before[name])).toMatchObject(HOLDS);
      expect(await check(before[name], "--server", server.url)).toMatchObject(HOLDS);
      const newest = keep("newest.txt", after.checkpoint);
      // Alone it cannot show the way to a later checkpoint, and says so.
      expect(await check(before[name], "--checkpoint", newest)).toMatchObject({
        code: 2,
        verdict: { status: "unproven", findings: [] },
      });
      const args = ["--checkpoint", newest, "--server", server.url];
      expect(await check(before[name], ...args)).toMatchObject(HOLDS);
    },
  );
});

describe("a file from after the erasure", () => {
  test.for([
    ["export", TAKEN],
    ["range", TAKEN],
    ["evidence", TAKEN],
    ["proof", 0],
  ] as const)("proves itself without what is gone: %s", async ([name, erased], { expect }) => {
    expect(after[name]).not.toContain(MARKER);
    const verdict = { ...HOLDS.verdict, erased };
    expect(await check(after[name])).toMatchObject({ code: 0, verdict });
    const kept = keep("kept.txt", before.checkpoint);
    const args = ["--checkpoint", kept, "--server", server.url];
    expect(await check(after[name], ...args)).toMatchObject({ code: 0, verdict });
  });

  test("says which entry erased, and is unproven without it", async ({ expect }) => {
    const lines = after.range.trimEnd().split("\n");
    const closing: { erasures: unknown[] } = JSON.parse(lines.at(-1) ?? "");
    expect(closing.erasures).toHaveLength(1);
    expect(JSON.stringify(closing.erasures)).toContain("gdpr_article_17");
    const without = (lines.at(-1) ?? "").replace(
      /"erasures":\[.*\],"proof"/,
      '"erasures":[],"proof"',
    );
    const file = [...lines.slice(0, -1), without].map((line) => `${line}\n`).join("");
    expect(file).not.toBe(after.range);
    expect(await check(file)).toMatchObject({
      code: 2,
      verdict: { status: "unproven", findings: [] },
    });
  });

  test("has the same entries as before, header for header", async ({ expect }) => {
    expect(headers(after.export).slice(0, 8)).toEqual(headers(before.export));
    expect(headers(after.export)).toHaveLength(10);
  });
});

test("no cell of any database in the state folder holds it, after a restart neither", async ({
  expect,
}) => {
  await server.stop();
  expect(cellsWith("gdpr_article_17").length).toBeGreaterThan(0); // the search finds
  expect(cellsWith(MARKER)).toEqual([]);
  server = await startServer({ persistTo });
  expect((await get(server.url, "/v1/integrity/verify")).body).toMatchObject({ valid: true });
  expect(await getText(server.url, `/v1/decisions/${id}/history`)).not.toContain(MARKER);
  expect(server.log()).not.toContain(MARKER);
});

/** The headers in an export, oldest first. */
function headers(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.startsWith('{"chain_hash"'));
  return lines.map((line): unknown => JSON.parse(line).header);
}

/** Tables and columns, in every SQLite file there, of which a cell holds the text. */
function cellsWith(text: string): string[] {
  const found: string[] = [];
  for (const file of globSync(join(persistTo, "**/*.sqlite"))) {
    const db = new DatabaseSync(file);
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    for (const { name: table } of tables) {
      for (const { name } of db.prepare(`SELECT name FROM pragma_table_info(?)`).all(table ?? "")) {
        const sql = `SELECT count(*) AS n FROM "${String(table)}" WHERE instr(CAST("${String(name)}" AS TEXT), ?) > 0`;
        if (db.prepare(sql).get(text)?.["n"] !== 0) found.push(`${String(table)}.${String(name)}`);
      }
    }
    db.close();
  }
  return found;
}
