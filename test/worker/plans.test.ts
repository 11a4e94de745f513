/**
 * Cost does not grow (DESIGN §1.6): no statement behind an append or a look-up walks the ledger.
 * Every table's key begins with the ledger's name, and SQLite, which keeps no statistics here,
 * takes that for a search that finds ten rows; a plan says so before a large ledger shows it.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, test, vi } from "vitest";
import { decision, get, post, recorded } from "./support/client.ts";
import { evidenceTables, startAnew } from "./support/database.ts";

/** Of one row a ledger. */
const ONE_ROW = /^(?:head|ops_\w+)$/;
/** d1-erasure.ts: erasures are rare, and an index would cost every append. */
const WALKS_ON_PURPOSE = "request.entry_index + request.entries";

/** The steps of a statement's plan that go through a whole ledger. */
async function walksOf(sql: string, tables: readonly string[]): Promise<string[]> {
  const parameters = Math.max(0, ...Array.from(sql.matchAll(/\?(\d+)/g), ([, n]) => Number(n)));
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...Array.from({ length: parameters }, () => "1"))
    .all<{ detail: string }>();
  return results
    .map(({ detail }) => detail)
    .filter((detail) => {
      const [, verb, table = ""] = /^(SCAN|SEARCH) (\S+)/.exec(detail) ?? [];
      if (verb === "SCAN") return tables.includes(table);
      return verb === "SEARCH" && detail.endsWith("(ledger=?)") && !ONE_ROW.test(table);
    });
}

/** Runs requests and answers the statements that they prepared. */
async function statementsOf(requests: () => Promise<unknown>): Promise<string[]> {
  const prototype: D1Database = Object.getPrototypeOf(env.DB);
  const prepare = vi.spyOn(prototype, "prepare");
  try {
    await requests();
    return [...new Set(prepare.mock.calls.map(([sql]) => sql))];
  } finally {
    prepare.mockRestore();
  }
}

describe("no statement walks the ledger", () => {
  let tables: string[];
  let id: string;
  let replay: string;

  beforeAll(async () => {
    await startAnew();
    tables = await evidenceTables();
    id = await recorded("first");
    const { body } = await post("/v1/replays", { decision_id: id });
    replay = body.replay_id;
  });

  test("a walk is recognised", async ({ expect }) => {
    expect(tables).toContain("decision");
    const walk = "SELECT * FROM decision WHERE ledger = ?1 AND entry_index = ?2";
    expect(await walksOf(walk, tables)).toEqual([expect.stringContaining("SEARCH decision")]);
    expect(await walksOf("SELECT * FROM decision", tables)).toEqual(["SCAN decision"]);
    const search = "SELECT * FROM decision WHERE ledger = ?1 AND decision_id = ?2";
    expect(await walksOf(search, tables)).toEqual([]);
  });

  test.for<[string, () => Promise<unknown>]>([
    ["record", () => post("/v1/decisions?receipt=proof", decision(1), "record")],
    ["record in a batch", () => post("/v1/decisions/batch", { decisions: [decision(2)] }, "batch")],
    ["repeat", () => post("/v1/decisions?receipt=proof", decision(1), "record")],
    ["flag", () => post(`/v1/decisions/${id}/incorrect`, { reason: "wrong" }, "flag")],
    [
      "correct",
      () =>
        post(`/v1/decisions/${id}/correction`, { correction: {}, corrected_by: "x" }, "correct"),
    ],
    ["replay", () => post("/v1/replays", { decision_id: id }, "replay")],
    ["erase", () => post(`/v1/decisions/${id}/erasure`, { reason_code: "asked" }, "erase")],
    ["read a decision", () => get(`/v1/decisions/${id}`)],
    ["read its history", () => get(`/v1/decisions/${id}/history`)],
    ["read its evidence", () => get(`/v1/decisions/${id}/evidence`)],
    ["read a replay", () => get(`/v1/replays/${replay}`)],
    ["list what was corrected", () => get("/v1/decisions?status=corrected&limit=5")],
    ["list a service", () => get("/v1/decisions?service_name=plans&limit=5")],
    [
      "list a service's flagged ones",
      () => get("/v1/decisions?service_name=plans&status=incorrect&limit=5"),
    ],
    ["compare", () => get(`/v1/decisions/${id}/compare/${replay}`)],
    ["read the ledger's head", () => get("/v1/ledger")],
    ["prove inclusion", () => get("/v1/ledger/proof/inclusion?index=0&size=2")],
    ["prove consistency", () => get("/v1/ledger/proof/consistency?from=1&to=2")],
  ])("%s", async ([, requests], { expect }) => {
    const statements = await statementsOf(requests);
    expect(statements.length).toBeGreaterThan(0);
    for (const sql of statements.filter((sql) => !sql.includes(WALKS_ON_PURPOSE))) {
      expect(await walksOf(sql, tables), sql).toEqual([]);
    }
  });
});
