/** Keys over their life: made, shown once, used, replaced, revoked; each change an entry of their ledger. */
import { env } from "cloudflare:workers";
import { describe, test, vi } from "vitest";
import { decision } from "../support/client.ts";
import { anotherHandle } from "../support/database.ts";
import { ADMIN_KEY, guarded, makeKey, type Reply } from "../support/guarded.ts";

const ask = guarded();

interface Line {
  readonly header: { kind: string; actor: string; facts: Record<string, unknown> };
  readonly content: Record<string, { value: unknown }>;
}

async function entriesOf(ledger: string): Promise<Line[]> {
  const reader = await makeKey(ask, ["read"], { ledger });
  const { text } = await ask("/v1/ledger/entries?limit=1000", { key: reader.key });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const parsed: { header: string; content: Line["content"] } = JSON.parse(line);
      return { header: JSON.parse(parsed.header), content: parsed.content };
    });
}

const changesIn = async (ledger: string) =>
  (await entriesOf(ledger)).filter(({ header }) => header.kind === "api_key_changed");

function asAdmin(path: string, body?: object, headers?: Record<string, string>): Promise<Reply> {
  return ask(path, { method: "POST", key: ADMIN_KEY, body, ...(headers ? { headers } : {}) });
}

describe("making a key", () => {
  test("answers it once, stores its hash alone, and is an entry without it", async ({ expect }) => {
    const body = { name: "support", scopes: ["read", "record", "read"], ledger: "made" };
    const { status, body: made, headers } = await asAdmin("/v1/keys", body);
    expect(status).toBe(200);
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(made).toEqual({
      key_id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
      key: expect.stringMatching(/^lgk_[0-9a-f]{32}_[0-9A-Za-z]{49}$/),
      name: "support",
      scopes: ["record", "read"],
      ledger: "made",
      created_at: expect.stringMatching(/Z$/),
      expires_at: null,
      receipt: expect.objectContaining({ ledger: "made", index: 0 }),
    });
    const { key, receipt: _, ...listed } = made;
    const list = await ask("/v1/keys", { key: ADMIN_KEY });
    expect(list.body["keys"]).toContainEqual({
      ...listed,
      last_used_at: null,
      revoked_at: null,
      rotated_to: null,
    });
    expect(list.text).not.toContain(String(key));
    const [entry] = await changesIn("made");
    expect(entry?.header.actor).toBe("admin");
    expect(entry?.header.facts).toMatchObject({ change: "created", key_id: made["key_id"] });
    expect(entry?.content["name"]?.value).toBe("support");
    expect(JSON.stringify(entry)).not.toContain(String(key));
  });

  test("repeated with its Idempotency-Key it is the same key, and is not shown again", async ({
    expect,
  }) => {
    const body = { name: "once", scopes: ["read"], ledger: "once" };
    const headers = { "Idempotency-Key": "make-one" };
    const [a, b] = await Promise.all([
      asAdmin("/v1/keys", body, headers),
      asAdmin("/v1/keys", body, headers),
    ]);
    const again = await asAdmin("/v1/keys", body, headers);
    const shown = [a, b, again].filter((reply) => reply.body["key"] !== undefined);
    expect(shown).toHaveLength(1);
    expect(new Set([a, b, again].map((reply) => reply.body["key_id"])).size).toBe(1);
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    const key = String(shown[0]?.body["key"]);
    expect((await ask("/v1/ledger", { key })).status).toBe(200);
    const other = await asAdmin("/v1/keys", { ...body, scopes: ["admin"] }, headers);
    expect(other.status).toBe(422);
  });

  test("refuses bad names, scopes, ledgers and times, naming each", async ({ expect }) => {
    for (const [change, named] of [
      [{ name: "" }, "name"],
      [{ name: "x".repeat(201) }, "name"],
      [{ scopes: [] }, "scopes"],
      [{ scopes: ["everything"] }, "scopes[0]"],
      [{ ledger: "Not A Ledger" }, "ledger"],
      [{ expires_at: "tomorrow" }, "expires_at"],
      [{ expires_at: "2020-01-01T00:00:00Z" }, "expires_at"],
    ] as const) {
      const reply = await asAdmin("/v1/keys", { name: "n", scopes: ["read"], ...change });
      expect(reply.status, JSON.stringify(change)).toBe(422);
      expect(reply.body["detail"]).toContain(`${named}: `);
    }
  });

  test("takes nothing when the ledger takes no appends, and can be asked again", async ({
    expect,
  }) => {
    const before = (await ask("/v1/keys", { key: ADMIN_KEY })).text;
    const stub = Object.getPrototypeOf(env.SEQUENCER.getByName("any"));
    const own = guarded({
      SEQUENCER: {
        getByName: () => ({
          append: async () => ({ kind: "refused", fault: "rolled_back", detail: "it is older" }),
          status: async () => stub,
        }),
      },
    });
    const body = { name: "n", scopes: ["read"], ledger: "dark" };
    const reply = await own("/v1/keys", { method: "POST", key: ADMIN_KEY, body });
    expect(reply.status).toBe(503);
    expect(reply.text).not.toContain("lgk_");
    expect((await ask("/v1/keys", { key: ADMIN_KEY })).text).toBe(before);
    expect((await asAdmin("/v1/keys", body)).status).toBe(200);
  });
});

describe("a crash between a key's entry and its row", () => {
  test("leaves a key nobody has, and the same request mends the list without showing it", async ({
    expect,
  }) => {
    let crashes = 1;
    const DB = anotherHandle((statements) =>
      crashes-- > 0 ? Promise.reject(new Error("gone")) : env.DB.batch(statements),
    );
    const crashing = guarded({ DB });
    const sent = {
      method: "POST",
      key: ADMIN_KEY,
      headers: { "Idempotency-Key": "crash" },
      body: { name: "n", scopes: ["read"], ledger: "crashed" },
    };
    const first = await crashing("/v1/keys", sent);
    expect(first.status).toBe(500);
    expect(first.text).not.toContain("lgk_");
    const second = await crashing("/v1/keys", sent);
    expect(second.status).toBe(200);
    expect(second.body["key"]).toBeUndefined();
    const changes = await changesIn("crashed");
    expect(changes[0]?.header.facts["key_id"]).toBe(second.body["key_id"]);
    expect(changes).toHaveLength(2); // and the reader's of this test
    const { body } = await ask("/v1/keys", { key: ADMIN_KEY });
    expect(body["keys"]).toContainEqual(expect.objectContaining({ key_id: second.body["key_id"] }));
  });
});

describe("a key in use", () => {
  test("is the actor of what it appends, whatever the body says", async ({ expect }) => {
    const { key, key_id } = await makeKey(ask, ["record", "review"], { ledger: "acted" });
    const recorded = await ask("/v1/decisions", {
      method: "POST",
      key,
      body: { ...decision(1), actor: "somebody else" },
    });
    await ask(`/v1/decisions/${String(recorded.body["decision_id"])}/correction`, {
      method: "POST",
      key,
      body: { correction: {}, corrected_by: "jane", actor: "jane" },
    });
    const entries = await entriesOf("acted");
    const made = entries.filter(({ header }) => header.kind !== "api_key_changed");
    expect(made.map(({ header }) => [header.kind, header.actor])).toEqual([
      ["decision_recorded", key_id],
      ["correction_attached", key_id],
    ]);
    expect(made[1]?.content["corrected_by"]?.value).toBe("jane");
  });

  test("is written down as used, at most once a minute", async ({ expect }) => {
    const { key, key_id } = await makeKey(ask, ["read"], { ledger: "used" });
    const prepare = vi.spyOn(env.DB, "prepare");
    for (let i = 0; i < 5; i++) await ask("/v1/ledger", { key });
    const writes = prepare.mock.calls.filter(([sql]) => sql.includes("last_used_at = ?2"));
    prepare.mockRestore();
    expect(writes).toHaveLength(1);
    const { body } = await ask("/v1/keys", { key: ADMIN_KEY });
    expect(body["keys"]).toContainEqual(
      expect.objectContaining({ key_id, last_used_at: expect.stringMatching(/Z$/) }),
    );
  });

  test("costs one look-up, and the requests after it none", async ({ expect }) => {
    const { key } = await makeKey(ask, ["read"], { ledger: "cached" });
    await ask("/v1/ledger", { key });
    const prepare = vi.spyOn(env.DB, "prepare");
    await ask("/v1/ledger", { key });
    await ask("/v1/ledger", { key });
    const reads = prepare.mock.calls.filter(([sql]) => sql.includes("FROM ops_api_key"));
    prepare.mockRestore();
    expect(reads).toEqual([]);
  });
});

describe("revoking", () => {
  test("ends the key here at once and elsewhere within 30 seconds, and is an entry", async ({
    expect,
  }) => {
    const elsewhere = guarded();
    const { key, key_id } = await makeKey(ask, ["read"], { ledger: "ended" });
    expect((await ask("/v1/ledger", { key })).status).toBe(200);
    expect((await elsewhere("/v1/ledger", { key })).status).toBe(200);
    const revoked = await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    expect(revoked.body).toEqual({ key_id, revoked_at: expect.stringMatching(/Z$/) });
    expect((await ask("/v1/ledger", { key })).status).toBe(401);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30_000 });
    try {
      expect((await elsewhere("/v1/ledger", { key })).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
    const again = await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    expect(again.body).toEqual(revoked.body);
    const revocations = (await changesIn("ended")).filter(
      ({ header }) => header.facts["change"] === "revoked",
    );
    expect(revocations.map(({ header }) => header.facts)).toEqual([{ change: "revoked", key_id }]);
  });

  test("ends a leaked key also while the ledger takes no appends, and the next try records it", async ({
    expect,
  }) => {
    const { key, key_id } = await makeKey(ask, ["read"], { ledger: "leaked" });
    const dark = guarded({
      SEQUENCER: {
        getByName: () => ({ append: async () => ({ kind: "unavailable", detail: "away" }) }),
      },
    });
    const tried = await dark(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    expect(tried.status).toBe(503);
    expect((await guarded()("/v1/ledger", { key })).status).toBe(401);
    expect((await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY })).status).toBe(
      200,
    );
    const facts = (await changesIn("leaked")).map(({ header }) => header.facts["change"]);
    expect(facts.filter((change) => change === "revoked")).toHaveLength(1);
  });
});

describe("rotating", () => {
  test("makes a key like it, and both work until the overlap ends", async ({ expect }) => {
    const old = await makeKey(ask, ["read", "export"], { ledger: "turned" });
    const { status, body } = await asAdmin(`/v1/keys/${old.key_id}/rotate`, {
      overlap_seconds: 60,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: "read export",
      scopes: ["read", "export"],
      ledger: "turned",
      replaces: old.key_id,
      expires_at: null,
    });
    expect(body["key_id"]).not.toBe(old.key_id);
    const key = String(body["key"]);
    for (const either of [old.key, key])
      expect((await ask("/v1/ledger", { key: either })).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    try {
      expect((await ask("/v1/ledger", { key: old.key })).status).toBe(401);
      expect((await ask("/v1/ledger", { key })).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
    expect((await asAdmin(`/v1/keys/${old.key_id}/rotate`)).status).toBe(409);
    const [, rotated] = await changesIn("turned");
    expect(rotated?.header.facts).toMatchObject({
      change: "rotated",
      key_id: body["key_id"],
      replaces: old.key_id,
    });
    const { body: listed } = await ask("/v1/keys", { key: ADMIN_KEY });
    expect(listed["keys"]).toContainEqual(
      expect.objectContaining({ key_id: old.key_id, rotated_to: body["key_id"] }),
    );
  });

  test("repeated with its Idempotency-Key it is the same new key, not shown again", async ({
    expect,
  }) => {
    const old = await makeKey(ask, ["read"], { ledger: "turned-twice" });
    const rotate = () =>
      asAdmin(`/v1/keys/${old.key_id}/rotate`, undefined, { "Idempotency-Key": "turn" });
    const [first, second] = [await rotate(), await rotate()];
    expect(second.body["key_id"]).toBe(first.body["key_id"]);
    expect(second.body["key"]).toBeUndefined();
  });

  test("a revoked key is not replaced", async ({ expect }) => {
    const { key_id } = await makeKey(ask, ["read"], { ledger: "gone" });
    await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    expect((await asAdmin(`/v1/keys/${key_id}/rotate`)).status).toBe(409);
  });
});

describe("a key with the scope admin", () => {
  test("manages the keys of its own ledger and sees no others", async ({ expect }) => {
    const admin = await makeKey(ask, ["admin"], { ledger: "own" });
    const stranger = await makeKey(ask, ["read"], { ledger: "foreign" });
    const post = (path: string, body?: object) =>
      ask(path, { method: "POST", key: admin.key, body });
    const made = await post("/v1/keys", { name: "mine", scopes: ["read"] });
    expect(made.body).toMatchObject({ ledger: "own" });
    expect(
      (await post("/v1/keys", { name: "n", scopes: ["read"], ledger: "foreign" })).status,
    ).toBe(403);
    const { body } = await ask("/v1/keys", { key: admin.key });
    expect(body["keys"]).toHaveLength(2);
    expect((await post(`/v1/keys/${stranger.key_id}/rotate`)).status).toBe(404);
    const removed = await ask(`/v1/keys/${stranger.key_id}`, { method: "DELETE", key: admin.key });
    expect(removed.status).toBe(404);
    const everything = await ask("/v1/keys?limit=1", { key: ADMIN_KEY });
    const next = String(everything.body["next_cursor"]);
    expect(
      (await ask(`/v1/keys?limit=1&cursor=${next}`, { key: ADMIN_KEY })).body["keys"],
    ).toHaveLength(1);
  });
});
