/** Links for auditors without a key: what they open, and that they end. */
import { describe, test, vi } from "vitest";
import { EvidenceBundle } from "../../../src/ledger/documents.ts";
import { decision } from "../support/client.ts";
import { ADMIN_KEY, guarded, makeKey } from "../support/guarded.ts";

const ask = guarded();

async function recordedIn(ledger: string) {
  const { key, key_id } = await makeKey(ask, ["record", "export"], { ledger });
  const { body } = await ask("/v1/decisions", { key, method: "POST", body: decision(ledger) });
  const share = (what: object) => ask("/v1/shares", { key, method: "POST", body: what });
  return { key, key_id, id: String(body["decision_id"]), share };
}

describe("a link", () => {
  test("opens one evidence bundle without a key, and is private", async ({ expect }) => {
    const { id, share } = await recordedIn("shared");
    const made = await share({ kind: "evidence", decision_id: id });
    expect(made.body).toEqual({
      share_id: expect.stringMatching(/^shr_/),
      token: expect.stringMatching(/^lgs_/),
      url: `https://loopgrid.test/v1/shares/${String(made.body["token"])}`,
      kind: "evidence",
      decision_id: id,
      ledger: "shared",
      expires_at: expect.stringMatching(/Z$/),
    });
    const opened = await ask(`/v1/shares/${String(made.body["token"])}`);
    expect(opened.status).toBe(200);
    expect(EvidenceBundle.parse(opened.body).origin).toMatch(/\/shared$/);
    expect(opened.headers.get("Cache-Control")).toBe("private, no-store");
    expect(opened.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(opened.headers.get("X-Robots-Tag")).toContain("noindex");
  });

  test("opens one report, as a page under a strict policy or as JSON", async ({ expect }) => {
    const { share } = await recordedIn("reported");
    const made = await share({ kind: "report", service_name: "support-agent" });
    const path = `/v1/shares/${String(made.body["token"])}`;
    const page = await ask(path);
    expect(page.text).toContain("LoopGrid Compliance Report");
    expect(page.headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'/);
    const json = await ask(`${path}?format=json`);
    expect(json.body).toMatchObject({ service_filter: "support-agent", summary: { total: 1 } });
  });

  test("that is bad, old, or made by a revoked key is a 401 like any other", async ({ expect }) => {
    const { id, key_id, share } = await recordedIn("ending");
    const short = await share({ kind: "evidence", decision_id: id, expires_in_seconds: 60 });
    const long = await share({ kind: "evidence", decision_id: id });
    const open = (token: unknown) => ask(`/v1/shares/${String(token)}`);
    expect((await open(short.body["token"])).status).toBe(200);
    const refused = [await open("nonsense"), await open(`${String(long.body["token"])}x`)];
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    try {
      refused.push(await open(short.body["token"]));
      expect((await open(long.body["token"])).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
    const another = guarded({ LOOPGRID_ADMIN_KEY: "changed" });
    refused.push(await another(`/v1/shares/${String(long.body["token"])}`));
    await ask(`/v1/keys/${key_id}`, { method: "DELETE", key: ADMIN_KEY });
    refused.push(await open(long.body["token"]));
    for (const { status, body, headers } of refused) {
      expect(status).toBe(401);
      expect(body).toEqual(refused[0]?.body);
      expect(headers.get("Content-Type")).toBe("application/problem+json");
    }
  });

  test("is made for what is there, and for a bounded time", async ({ expect }) => {
    const { id, share } = await recordedIn("asked");
    const unknown = `dec_${"0".repeat(32)}`;
    expect((await share({ kind: "evidence", decision_id: unknown })).status).toBe(404);
    for (const bad of [
      {},
      { kind: "everything" },
      { kind: "evidence" },
      { kind: "evidence", decision_id: id, expires_in_seconds: 0 },
      { kind: "evidence", decision_id: id, expires_in_seconds: 91 * 86_400 },
    ])
      expect((await share(bad)).status, JSON.stringify(bad)).toBe(422);
  });
});
