/** Authentication without a platform: one path for every credential, a cache with a bound. */
import { randomBytes } from "node:crypto";
import { describe, test, vi } from "vitest";
import {
  API_KEY_RANDOM_BYTES,
  credentialHash,
  formatApiKey,
  mintApiKey,
} from "../../../src/auth/api-key.ts";
import { Authenticator } from "../../../src/auth/authenticate.ts";
import { KeyCache, REVOCATION_MS_MAX } from "../../../src/auth/key-cache.ts";
import type { ApiKeyRecord } from "../../../src/auth/key-record.ts";
import { toHex } from "../../../src/lib/bytes.ts";

const NOW = Date.UTC(2026, 10, 22);

function made(changes: Partial<ApiKeyRecord> = {}) {
  const { keyId, key } = mintApiKey(NOW, randomBytes(API_KEY_RANDOM_BYTES));
  const record: ApiKeyRecord = {
    keyId,
    ledger: "acme",
    name: "n",
    scopes: ["read"],
    keySha256: toHex(credentialHash(key)),
    createdAt: "2026-11-22T00:00:00.000Z",
    expiresAt: null,
    revokedAt: null,
    revocationRecorded: false,
    rotatedTo: null,
    lastUsedAt: null,
    ...changes,
  };
  return { key, record };
}

const forged = (record: ApiKeyRecord) => formatApiKey(record.keyId, randomBytes(32));

function authenticator(records: ApiKeyRecord[]) {
  const clock = { ms: NOW };
  const find = vi.fn(async (keyId: string) => records.find((record) => record.keyId === keyId));
  const cache = new KeyCache(find, () => clock.ms);
  const auth = new Authenticator({
    keys: cache,
    adminKey: "the operator's",
    defaultLedger: "main",
    nowMs: () => clock.ms,
  });
  return { auth, clock, find, cache };
}

describe("authentication", () => {
  test("names the holder only behind a right secret", async ({ expect }) => {
    const good = made();
    const ended = made({ revokedAt: "2026-11-21T00:00:00.000Z" });
    const old = made({ expiresAt: new Date(NOW).toISOString() });
    const { auth } = authenticator([good.record, ended.record, old.record]);
    expect(await auth.authenticate(good.key)).toMatchObject({
      ok: true,
      principal: { actor: good.record.keyId, ledger: "acme", scopes: new Set(["read"]) },
    });
    for (const [credential, reason, holder] of [
      [undefined, "missing", undefined],
      ["", "malformed", undefined],
      ["x".repeat(5000), "malformed", undefined],
      [made().key, "unknown", undefined],
      [forged(good.record), "wrong", undefined],
      [forged(ended.record), "wrong", undefined],
      [ended.key, "revoked", { keyId: ended.record.keyId, ledger: "acme" }],
      [old.key, "expired", { keyId: old.record.keyId, ledger: "acme" }],
    ] as const)
      expect(await auth.authenticate(credential)).toEqual({ ok: false, reason, holder });
  });

  test("the operator's key has every scope in the default ledger, and nothing near it has", async ({
    expect,
  }) => {
    const { auth, find } = authenticator([]);
    const operator = await auth.authenticate("the operator's");
    expect(operator).toMatchObject({ ok: true, principal: { actor: "admin", ledger: "main" } });
    for (const near of ["the operator'", "the operator's ", "The operator's"])
      expect(await auth.authenticate(near)).toMatchObject({ ok: false });
    expect(find).not.toHaveBeenCalled();
  });

  test("without an operator's key nothing is it", async ({ expect }) => {
    const cache = new KeyCache(
      async () => undefined,
      () => NOW,
    );
    for (const adminKey of [undefined, ""]) {
      const ports = { keys: cache, adminKey, defaultLedger: "main", nowMs: () => NOW };
      for (const credential of ["", "undefined", "\0".repeat(32)])
        expect(await new Authenticator(ports).authenticate(credential)).toMatchObject({
          ok: false,
        });
    }
  });

  test("wrong keys cost the same look-up and the same digest, however much of them is right", async ({
    expect,
  }) => {
    const { key, record } = made();
    const { auth, find } = authenticator([record]);
    const secrets = [0, 1, 16, 31].map((wrongFrom) => {
      const secret = randomBytes(32);
      secret.fill(0, wrongFrom);
      return formatApiKey(record.keyId, secret);
    });
    for (const wrong of secrets)
      expect(await auth.authenticate(wrong)).toMatchObject({ ok: false, reason: "wrong" });
    expect(await auth.authenticate(key)).toMatchObject({ ok: true });
    expect(find).toHaveBeenCalledTimes(1);
  });
});

describe("the cache of keys", () => {
  test("a revocation elsewhere is effective within 30 seconds", async ({ expect }) => {
    expect(REVOCATION_MS_MAX).toBe(30_000);
    const { key, record } = made();
    const records = [record];
    const { auth, clock } = authenticator(records);
    expect(await auth.authenticate(key)).toMatchObject({ ok: true });
    records[0] = { ...record, revokedAt: new Date(NOW).toISOString() };
    clock.ms = NOW + REVOCATION_MS_MAX - 1;
    expect(await auth.authenticate(key)).toMatchObject({ ok: true });
    clock.ms = NOW + REVOCATION_MS_MAX;
    expect(await auth.authenticate(key)).toMatchObject({ ok: false, reason: "revoked" });
  });

  test("a revocation here is effective at once, also against a look-up on its way", async ({
    expect,
  }) => {
    const { record } = made();
    const landing = Promise.withResolvers<ApiKeyRecord | undefined>();
    const find = vi.fn<(keyId: string) => Promise<ApiKeyRecord | undefined>>();
    find.mockImplementationOnce(() => landing.promise);
    find.mockImplementation(async () => ({ ...record, revokedAt: "2026-11-22T00:00:00.000Z" }));
    const cache = new KeyCache(find, () => NOW);
    const before = cache.get(record.keyId);
    cache.forget(record.keyId);
    landing.resolve(record);
    expect((await before)?.revokedAt).toBeNull(); // it asked before the revocation
    expect((await cache.get(record.keyId))?.revokedAt).not.toBeNull();
  });

  test("guesses reach storage once each, and push no real key out", async ({ expect }) => {
    const { record } = made();
    const { cache, find } = authenticator([record]);
    await cache.get(record.keyId);
    for (let i = 0; i < 5000; i++) await cache.get(`key_${i}`);
    await cache.get("key_4999");
    await cache.get(record.keyId);
    expect(find).toHaveBeenCalledTimes(5001);
  });
});
