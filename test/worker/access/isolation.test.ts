/**
 * Issue 5, "Isolation": several ledgers, in two databases, with actors taking turns at random. Nothing
 * crosses, each ledger verifies alone, and its export verifies offline.
 */
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { ExportVerifier } from "../../../src/ledger/verify-export.ts";
import { parseVerifierKey } from "../../../src/ledger/note.ts";
import { decision } from "../support/client.ts";
import {
  ADMIN_KEY,
  guarded,
  makeKey,
  type Ask,
  type MadeKey,
  type Reply,
} from "../support/guarded.ts";

const SCOPES = ["record", "read", "review", "replay", "export", "erase"] as const;

interface Tenant extends MadeKey {
  readonly ids: string[];
  readonly keyIds: Set<string>;
}

type Action = { readonly who: number; readonly what: number; readonly pick: number };

function mustBe(reply: Reply, status: number): void {
  if (reply.status !== status) throw new Error(`${status} expected: ${reply.text}`);
}

async function held(db: D1Database): Promise<string[]> {
  return (await db.prepare("SELECT ledger FROM head").raw<[string]>()).flat();
}

async function act(
  ask: Ask,
  tenants: readonly Tenant[],
  { who, what, pick }: Action,
): Promise<void> {
  const tenant = tenants[who % tenants.length];
  const other = tenants[(who + 1 + (pick % (tenants.length - 1))) % tenants.length];
  if (tenant === undefined || other === undefined) throw new Error("no tenant");
  const post = (path: string, body: object): Promise<Reply> =>
    ask(path, { method: "POST", key: tenant.key, body });
  const own = tenant.ids[pick % Math.max(tenant.ids.length, 1)];
  const foreign = other.ids[pick % Math.max(other.ids.length, 1)];
  // What tells whose a decision is stands in its content: nothing of another ledger may show it.
  const mine = decision(`of ${tenant.ledger}`, { metadata: { owner: tenant.ledger } });
  if (what === 0 || own === undefined) {
    const reply = await post("/v1/decisions", mine);
    mustBe(reply, 200);
    tenant.ids.push(String(reply.body["decision_id"]));
  } else if (what === 1)
    mustBe(await post(`/v1/decisions/${own}/incorrect`, { reason: `of ${tenant.ledger}` }), 200);
  else if (what === 2) {
    const correction = { correction: { of: tenant.ledger }, corrected_by: "jane" };
    mustBe(await post(`/v1/decisions/${own}/correction`, correction), 200);
  } else if (what === 3) mustBe(await post("/v1/replays", { decision_id: own }), 200);
  else if (what === 4)
    mustBe(await post(`/v1/decisions/${own}/erasure`, { reason_code: "test" }), 200);
  else if (foreign !== undefined) {
    // The same Idempotency-Key in every ledger is another key in each.
    const headers = { "Idempotency-Key": `shared-${pick}` };
    const keyed = await ask("/v1/decisions", {
      method: "POST",
      key: tenant.key,
      headers,
      body: mine,
    });
    mustBe(keyed, 200);
    const id = String(keyed.body["decision_id"]);
    if (!tenant.ids.includes(id)) tenant.ids.push(id);
    for (const path of ["", "/history", "/evidence"])
      mustBe(await ask(`/v1/decisions/${foreign}${path}`, { key: tenant.key }), 404);
    mustBe(await post(`/v1/decisions/${foreign}/incorrect`, {}), 404);
    mustBe(await post(`/v1/decisions/${foreign}/erasure`, { reason_code: "test" }), 404);
    mustBe(await post("/v1/replays", { decision_id: foreign }), 404);
    mustBe(await post("/v1/shares", { kind: "evidence", decision_id: foreign }), 404);
  }
}

describe("several ledgers with interleaved actors", () => {
  test(
    "nothing crosses, each verifies alone, and its export verifies offline",
    { timeout: 120_000 },
    async ({ expect }) => {
      let run = 0;
      const action = fc.record({ who: fc.nat(3), what: fc.nat(5), pick: fc.nat(20) });
      const runs = fc.array(action, { minLength: 25, maxLength: 40 });
      await fc.assert(
        fc.asyncProperty(runs, async (actions) => {
          run++;
          const ask = guarded();
          const tenants: Tenant[] = [];
          for (const name of ["acme", "beta", "gamma", "delta"]) {
            const key = await makeKey(ask, SCOPES, { ledger: `${name}-${run}` });
            tenants.push({ ...key, ids: [], keyIds: new Set([key.key_id]) });
          }
          // Every tenant has something, then all act at once, in groups that overlap.
          await Promise.all(tenants.map((_, who) => act(ask, tenants, { who, what: 0, pick: 0 })));
          for (let i = 0; i < actions.length; i += 8)
            await Promise.all(actions.slice(i, i + 8).map((one) => act(ask, tenants, one)));
          for (const tenant of tenants) await expectAlone(ask, tenant, tenants);
        }),
        { numRuns: 5, endOnFailure: true },
      );

      async function expectAlone(ask: Ask, tenant: Tenant, all: readonly Tenant[]): Promise<void> {
        const { key, ledger, ids } = tenant;
        const others = all.filter((other) => other !== tenant);
        const foreign = others.flatMap((other) => [other.ledger, other.key_id, ...other.ids]);
        const read = async (path: string) => {
          const reply = await ask(path, { key });
          expect(reply.status, `${path}: ${reply.text.slice(0, 200)}`).toBe(200);
          for (const trace of foreign) expect(reply.text, path).not.toContain(trace);
          return reply;
        };
        const verified = await read("/v1/integrity/verify");
        expect(verified.body).toMatchObject({ valid: true, total: ids.length, findings: [] });
        const list = await read("/v1/decisions?page_size=100");
        expect(list.body["total"]).toBe(ids.length);
        await read("/v1/ledger/entries?limit=1000");
        await read("/v1/compliance/report");
        expect((await read("/v1/export/decisions")).body["total"]).toBe(ids.length);
        const head = await read("/v1/ledger");
        const vkeys: readonly string[] = JSON.parse(head.text).verifier_keys;
        const verifier = new ExportVerifier(vkeys.flatMap((text) => parseVerifierKey(text) ?? []));
        for (const line of (await read("/v1/export/ledger")).text.trimEnd().split("\n"))
          verifier.line(line);
        const verdict = await verifier.finish();
        expect(verdict).toMatchObject({ status: "verified", findings: [], unproven: [] });
        expect(verdict.origin).toMatch(new RegExp(`/${ledger}$`));
      }
    },
  );

  test("ledgers spread over the databases there are, and stay where they were put", async ({
    expect,
  }) => {
    const ask = guarded();
    for (let i = 0; i < 8; i++) {
      const { key } = await makeKey(ask, ["record"], { ledger: `spread-${i}` });
      await ask("/v1/decisions", { method: "POST", key, body: decision(i) });
    }
    const [first, second] = [await held(env.DB), await held(env.DB_1)];
    expect(first.filter((ledger) => second.includes(ledger))).toEqual([]);
    expect(first.some((ledger) => ledger.startsWith("spread-"))).toBe(true);
    expect(second.some((ledger) => ledger.startsWith("spread-"))).toBe(true);
    expect(second).not.toContain("main");
    // A database less, or more, moves no ledger: its place is written down.
    const located = await env.DB.prepare("SELECT ledger, binding FROM ops_ledger_location").raw<
      [string, string]
    >();
    for (const [ledger, binding] of located)
      if (ledger.startsWith("spread-"))
        expect(binding === "DB" ? first : second, ledger).toContain(ledger);
  });

  test("the operator's key acts in LOOPGRID_LEDGER", async ({ expect }) => {
    const ask = guarded({ LOOPGRID_LEDGER: "house" });
    const reply = await ask("/v1/decisions", { method: "POST", key: ADMIN_KEY, body: decision(1) });
    expect(reply.body).toMatchObject({ ledger: "house", index: 0 });
    const open = guarded({ LOOPGRID_LEDGER: "house", LOOPGRID_AUTH: "open" });
    expect((await open("/v1/ledger")).body).toMatchObject({ ledger: "house", size: 1 });
  });
});
