/**
 * Where a credential must never be: rows, the sequencer's storage, logs, answers, errors, redirects.
 * Every channel is used, rightly and wrongly, and then everything is searched.
 */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, test, vi } from "vitest";
import { SCOPES } from "../../../src/auth/scope.ts";
import { decision } from "../support/client.ts";
import { ADMIN_KEY, guarded, makeKey, type Reply } from "../support/guarded.ts";

const ask = guarded();
const basic = (user: string, password: string) => `Basic ${btoa(`${user}:${password}`)}`;

describe("a key", () => {
  test("opens the same door as a bearer token, as a Basic password and in the path", async ({
    expect,
  }) => {
    const { key, ledger } = await makeKey(ask, ["read"], { ledger: "channels" });
    const prefixed = await ask(`/t/${key}/v1/ledger`);
    for (const reply of [
      await ask("/v1/ledger", { key }),
      await ask("/v1/ledger", { headers: { Authorization: `bEARER   ${key}` } }),
      await ask("/v1/ledger", { headers: { Authorization: basic("u", key) } }),
      await ask("/v1/ledger", { headers: { Authorization: basic("", key) } }),
      prefixed,
    ])
      expect(reply.body).toMatchObject({ ledger });
    expect(prefixed.headers.get("Cache-Control")).toBe("private, no-store");
    expect(prefixed.headers.get("Referrer-Policy")).toBe("no-referrer");
    const odd = `/t/${encodeURIComponent(ADMIN_KEY)}/v1/keys`;
    expect((await ask(odd)).status).toBe(200);
    for (const Authorization of [
      basic(key, ""),
      "Basic !!!",
      `Digest ${key}`,
      key,
      "Bearer",
      `Bearer ${key} x`,
    ])
      expect((await ask("/v1/ledger", { headers: { Authorization } })).status).toBe(401);
  });

  test("is in no row, storage, log line, error, header or answer but the one that made it", async ({
    expect,
  }) => {
    const logs = ["log", "info", "warn", "error", "debug"] as const;
    const logged: unknown[] = [];
    for (const level of logs)
      vi.spyOn(console, level).mockImplementation((...args) => void logged.push(...args));
    const { key, key_id } = await makeKey(ask, SCOPES, { ledger: "secret" });
    const rotated = await ask(`/v1/keys/${key_id}/rotate`, { method: "POST", key });
    const second = String(rotated.body["key"]);
    const replies: Reply[] = [];
    const json = { method: "POST", body: decision(1) };
    for (const path of [
      "/v1/decisions",
      "/v1/decisions?page=0",
      "/v1/decisions/",
      "/v1/nothing",
      `/v1/decisions/${key}`,
      `/v1/decisions/${key}/evidence`,
      `/v1/keys/${key}`,
      `/v1/shares/${key}`,
      `/v1/ledger/tile/0/${key}`,
      `/v1/decisions?cursor=${key}`,
      "/docs",
      "/",
      "/t",
      "/t/",
      `/t/${key}`,
      `/t/${key}/t/${key}/v1/ledger`,
    ])
      for (const prefix of ["", `/t/${key}`, `/t/${key}x`])
        for (const sent of [
          {},
          { key },
          { key: `${key}x` },
          { key, ...json },
          { key, method: "PUT" },
        ])
          replies.push(await ask(prefix + path, sent));
    replies.push(
      await ask("/v1/decisions", { key, method: "POST", body: { [key]: key, service_name: 1 } }),
      await ask(`/t/${key}/v1/decisions`, json),
      await ask("/v1/decisions", { key, ...json, headers: { "Idempotency-Key": "k" } }),
      await ask("/v1/shares", {
        key,
        method: "POST",
        body: { kind: "report", service_name: null },
      }),
      await ask("/v1/keys", { key }),
      await ask("/v1/access-log?limit=1000", { key: ADMIN_KEY }),
    );
    vi.restoreAllMocks();

    // An unknown id is quoted back (CONTRACT), but never one that is a key.
    for (const { text, headers, status } of replies) {
      const whole = `${status} ${text} ${JSON.stringify([...headers])}`;
      for (const secret of [key, second, ADMIN_KEY]) expect(whole).not.toContain(secret);
      expect(whole).not.toContain(key.slice(37, 80));
      expect(status < 300 || status >= 400).toBe(true);
    }
    const everything = [
      ...(await allRows(env.DB)),
      ...(await allRows(env.DB_1)),
      ...(await storageOf("secret")),
      ...logged.map(String),
    ];
    for (const secret of [key, second, ADMIN_KEY, key.slice(37, 80), second.slice(37, 80)])
      expect(everything.filter((text) => text.includes(secret))).toEqual([]);
    // The search finds what is there.
    expect(everything.some((text) => text.includes(key_id))).toBe(true);
  });
});

async function allRows(db: D1Database): Promise<string[]> {
  const tables = await db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND substr(name, 1, 4) <> '_cf_'",
    )
    .raw<[string]>();
  const rows: string[] = [];
  for (const [table] of tables)
    for (const row of await db.prepare(`SELECT * FROM ${table}`).raw())
      rows.push(JSON.stringify(row));
  return rows;
}

function storageOf(ledger: string): Promise<string[]> {
  return runInDurableObject(env.SEQUENCER.getByName(ledger), (_, state) =>
    [...state.storage.kv.list()].map((pair) => JSON.stringify(pair)),
  );
}
