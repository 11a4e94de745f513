/** The access log: what is in it, what is not, whose it is, and that it stays small. */
import { env } from "cloudflare:workers";
import { describe, test, vi } from "vitest";
import { ACCESS_LOG_DAYS } from "../../../src/auth/access-log.ts";
import { d1AccessLog } from "../../../src/worker/d1-access-log.ts";
import { decision } from "../support/client.ts";
import { ADMIN_KEY, guarded, makeKey, type Ask } from "../support/guarded.ts";

interface Access {
  readonly ledger: string | null;
  readonly actor: string | null;
  readonly action: string;
  readonly route: string;
  readonly target: string | null;
  readonly status: number;
  readonly reason: string | null;
  readonly suppressed: number;
}

async function logOf(ask: Ask, key: string, query = "?limit=1000"): Promise<readonly Access[]> {
  return JSON.parse((await ask(`/v1/access-log${query}`, { key })).text).entries;
}

const rows = () =>
  env.DB.prepare("SELECT count(*) AS n FROM ops_access_log WHERE at >= '2030'").first("n");
const day = (n: number) => new Date(Date.UTC(2031, 0, 1) + n * 86_400_000).toISOString();

describe("the access log", () => {
  test("lists reads of content, exports, shares and refused attempts of the caller's ledger", async ({
    expect,
  }) => {
    const ask = guarded();
    const ledger = "looked";
    const { key: admin } = await makeKey(ask, ["admin"], { ledger });
    const { key, key_id } = await makeKey(ask, ["record", "read", "export"], { ledger });
    const { body } = await ask("/v1/decisions", { key, method: "POST", body: decision(1) });
    const id = String(body["decision_id"]);
    for (const path of [
      `/v1/decisions/${id}`,
      "/v1/decisions",
      "/v1/ledger",
      "/v1/integrity/verify",
    ])
      await ask(path, { key });
    await ask("/v1/export/ledger", { key });
    const what = { kind: "evidence", decision_id: id };
    const share = await ask("/v1/shares", { key, method: "POST", body: what });
    await ask(`/v1/shares/${String(share.body["token"])}`);
    await ask(`/v1/decisions/${id}/erasure`, { key, method: "POST", body: {} });
    await makeKey(ask, ["read"], { ledger: "elsewhere" });

    const entries = await logOf(ask, admin);
    expect(
      entries.map(({ action, route, actor, target, status, reason }) => [
        action,
        route,
        actor,
        target,
        status,
        reason,
      ]),
    ).toEqual(
      [
        ["read", "/v1/decisions/{decision_id}", key_id, id, 200, null],
        ["read", "/v1/decisions", key_id, null, 200, null],
        ["export", "/v1/export/ledger", key_id, null, 200, null],
        ["share_created", "/v1/shares", key_id, id, 200, null],
        ["share_used", "/v1/shares/{token}", share.body["share_id"], id, 200, null],
        ["refused", "/v1/decisions/{decision_id}/erasure", key_id, null, 403, "scope"],
      ].toReversed(),
    );
    expect(new Set(entries.map((entry) => entry.ledger))).toEqual(new Set([ledger]));
    const [newest] = await logOf(ask, admin, "?limit=1");
    expect(newest).toEqual(entries[0]);
    const page = await ask("/v1/access-log?limit=1", { key: admin });
    const next = String(page.body["next_cursor"]);
    expect((await logOf(ask, admin, `?limit=1&cursor=${next}`))[0]).toEqual(entries[1]);
  });

  test("tells the operator why a credential was refused, and never the credential", async ({
    expect,
  }) => {
    const ask = guarded();
    const { key, key_id } = await makeKey(ask, ["read"], { ledger: "refusing" });
    await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    for (const credential of [undefined, "nonsense", key])
      await ask("/v1/ledger", { key: credential });
    const [revoked, malformed, missing] = await logOf(ask, ADMIN_KEY);
    expect(revoked).toMatchObject({ action: "refused", reason: "revoked", actor: key_id });
    expect(malformed).toMatchObject({ reason: "malformed", actor: null, ledger: null });
    expect(missing).toMatchObject({ reason: "missing", status: 401 });
  });

  test("counts a flood of refusals instead of writing it down", async ({ expect }) => {
    const ask = guarded();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2030, 0, 1) });
    try {
      for (let i = 0; i < 100; i++) await ask("/v1/ledger");
      expect(await rows()).toBe(60);
      vi.setSystemTime(Date.UTC(2030, 0, 1, 0, 1));
      await ask("/v1/ledger");
    } finally {
      vi.useRealTimers();
    }
    const [newest] = await logOf(ask, ADMIN_KEY);
    expect(newest).toMatchObject({ action: "refused", suppressed: 40 });
  });

  test("forgets what is older than its retention", async ({ expect }) => {
    const access = {
      ledger: "old",
      actor: null,
      action: "read" as const,
      method: "GET",
      route: "/",
      target: null,
      status: 200,
      reason: null,
      suppressed: 0,
    };
    await env.DB.prepare("DELETE FROM ops_access_log").run();
    // Each log is an isolate of its own: the first write of one prunes.
    for (const n of [0, 1, ACCESS_LOG_DAYS, ACCESS_LOG_DAYS + 1])
      await d1AccessLog(env.DB).record({ ...access, at: day(n) });
    const kept = await d1AccessLog(env.DB).list("old", undefined, 10);
    expect(kept.map(({ at }) => at)).toEqual([
      day(ACCESS_LOG_DAYS + 1),
      day(ACCESS_LOG_DAYS),
      day(1),
    ]);
  });

  test("is written by nobody in open mode, and exports are then no entries", async ({ expect }) => {
    const open = guarded({ LOOPGRID_AUTH: "open", LOOPGRID_LEDGER: "opened" });
    await open("/v1/decisions", { method: "POST", body: decision(1) });
    const prepare = vi.spyOn(env.DB, "prepare");
    await open("/v1/decisions");
    await open("/v1/export/decisions");
    const writes = prepare.mock.calls.filter(([sql]) => /INSERT|UPDATE|DELETE/.test(sql));
    prepare.mockRestore();
    expect(writes).toEqual([]);
    expect((await open("/v1/ledger")).body).toMatchObject({ size: 1 });
  });
});

describe("an export", () => {
  test("is an entry that names who took what, and HEAD takes nothing", async ({ expect }) => {
    const ask = guarded();
    const { key, key_id } = await makeKey(ask, ["record", "read", "export"], { ledger: "taken" });
    await ask("/v1/decisions", { key, method: "POST", body: decision(1) });
    await ask("/v1/export/ledger", { key, method: "HEAD" });
    await ask("/v1/export/ledger?from=1", { key });
    await ask("/v1/export/decisions?format=csv&service_name=support-agent", { key });
    const { text } = await ask("/v1/ledger/entries", { key });
    const exports = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .map(({ header, content }) => ({ ...JSON.parse(header), content }))
      .filter(({ kind }) => kind === "export_issued");
    expect(exports.map(({ actor, facts }) => [actor, facts])).toEqual([
      [key_id, { format: "loopgrid-ledger/1", from: 1, to: 2 }],
      [key_id, { format: "csv" }],
    ]);
    expect(exports[1].content.filter.value).toEqual({ service_name: "support-agent" });
    expect((await ask("/v1/integrity/verify", { key })).body).toMatchObject({ valid: true });
  });
});
