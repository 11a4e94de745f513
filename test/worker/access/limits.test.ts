/** Rate limits: who is limited, who never, and what the answer says. */
import { describe, test } from "vitest";
import { decision } from "../support/client.ts";
import { guarded, makeKey } from "../support/guarded.ts";

const free = guarded();

/** As the platform's binding: so many, then no more. */
function limiter(limit: number) {
  const counts = new Map<string, number>();
  return {
    counts,
    limit: async ({ key }: { key: string }) => {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count <= limit };
    },
  };
}

const NUMBERS = {
  LOOPGRID_RATE_LIMITS: "key_requests=2/60, key_appends=1/10, ledger_requests=2/60",
};
const record = (key: string) => ({ key, method: "POST", body: decision(1) });

describe("a limit", () => {
  test("by key turns away with Retry-After and RateLimit-Policy, and other keys go on", async ({
    expect,
  }) => {
    const ask = guarded({ ...NUMBERS, LIMIT_KEY_REQUESTS: limiter(2) });
    const [a, b] = [
      await makeKey(free, ["read"], { ledger: "fast" }),
      await makeKey(free, ["read"], { ledger: "fast" }),
    ];
    for (let i = 0; i < 2; i++)
      expect((await ask("/v1/decisions", { key: a.key })).status).toBe(200);
    const { status, headers, body } = await ask("/v1/decisions", { key: a.key });
    expect(status).toBe(429);
    expect(headers.get("Retry-After")).toBe("60");
    expect(headers.get("RateLimit-Policy")).toBe('"key_requests";q=2;w=60');
    expect(headers.get("RateLimit")).toBeNull();
    expect(headers.get("RateLimit-Remaining")).toBeNull();
    expect(body).toMatchObject({ status: 429, detail: expect.stringContaining("key_requests") });
    expect((await ask("/v1/decisions", { key: b.key })).status).toBe(200);
  });

  test("by ledger counts all its keys, and no other ledger's", async ({ expect }) => {
    const ask = guarded({ ...NUMBERS, LIMIT_LEDGER_REQUESTS: limiter(2) });
    const keys = [];
    for (const ledger of ["full", "full", "full", "calm"])
      keys.push((await makeKey(free, ["read"], { ledger })).key);
    const statuses = [];
    for (const key of keys) statuses.push((await ask("/v1/decisions", { key })).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  test("of appends leaves reading alone, and nothing is written beyond it", async ({ expect }) => {
    const ask = guarded({ ...NUMBERS, LIMIT_KEY_APPENDS: limiter(1) });
    const { key } = await makeKey(free, ["read", "record"], { ledger: "writes" });
    expect((await ask("/v1/decisions", record(key))).status).toBe(200);
    const { status, headers } = await ask("/v1/decisions", record(key));
    expect(status).toBe(429);
    expect(headers.get("RateLimit-Policy")).toBe('"key_appends";q=1;w=10');
    expect(headers.get("Retry-After")).toBe("10");
    expect((await ask("/v1/decisions", { key })).body).toMatchObject({ total: 1 });
  });

  test("never stands between people and their evidence", async ({ expect }) => {
    const none = limiter(0);
    const ask = guarded({ ...NUMBERS, LIMIT_KEY_REQUESTS: none, LIMIT_LEDGER_REQUESTS: none });
    const { key } = await makeKey(free, ["read", "record", "export"], { ledger: "evidence" });
    const { body } = await free("/v1/decisions", record(key));
    expect((await ask("/v1/decisions", { key })).status).toBe(429);
    for (const path of [
      "/v1/integrity/verify",
      "/v1/ledger",
      "/v1/ledger/checkpoint",
      "/v1/ledger/entries",
      "/v1/ledger/proof/inclusion?index=0",
      "/v1/export/ledger",
      "/v1/export/decisions",
      `/v1/decisions/${String(body["decision_id"])}/evidence`,
    ])
      expect((await ask(path, { key })).status, path).toBe(200);
  });

  test("counts only who was let in, and nobody in open mode or where limits are off", async ({
    expect,
  }) => {
    const strict = limiter(0);
    const ask = guarded({ ...NUMBERS, LIMIT_KEY_REQUESTS: strict });
    expect((await ask("/v1/decisions")).status).toBe(401);
    const { key } = await makeKey(free, ["record"], { ledger: "refused" });
    expect((await ask("/v1/decisions", { key })).status).toBe(403);
    const open = guarded({ ...NUMBERS, LIMIT_KEY_REQUESTS: strict, LOOPGRID_AUTH: "open" });
    expect((await open("/v1/decisions")).status).toBe(200);
    const off = guarded({ LIMIT_KEY_REQUESTS: strict, LOOPGRID_RATE_LIMITS: "off" });
    const reader = await makeKey(free, ["read"], { ledger: "refused" });
    expect((await off("/v1/decisions", { key: reader.key })).status).toBe(200);
    expect(strict.counts.size).toBe(0);
  });
});
