/**
 * Verification that runs by itself (DESIGN §4, §8): the alarm checks the ledger in slices, goes on
 * where it was, appends nothing, and makes /health say what it found. And what
 * `/v1/integrity/verify` may call valid: true only when everything up to the head was checked.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { verifyIntegrity, type IntegrityQuery } from "../../src/http/integrity.ts";
import { parseVerifierKey } from "../../src/ledger/note.ts";
import { Chores } from "../../src/worker/chores.ts";
import { d1AuditReader } from "../../src/worker/d1-audit.ts";
import { d1Operations } from "../../src/worker/d1-operations.ts";
import { d1Experiments } from "../../src/worker/d1-experiments.ts";
import { d1LedgerReader } from "../../src/worker/d1-reader.ts";
import { d1Records } from "../../src/worker/d1-records.ts";
import { d1Replays } from "../../src/worker/d1-replays.ts";
import { d1Tallies } from "../../src/worker/d1-tally.ts";
import { auditLedger } from "./support/audit.ts";
import { decision, get, post, sequencer, verify, type Verdict } from "./support/client.ts";
import { column, copyRows, dropTriggers, restoreRows, startAnew } from "./support/database.ts";
import { evict, faultReads, heal } from "./support/faults.ts";

beforeEach(startAnew);
afterEach(() => {
  heal();
  vi.restoreAllMocks();
});

const HOUR_MS = 3_600_000;

interface Health {
  readonly status: string;
  readonly finding?: {
    readonly ledger: string;
    readonly fault: string;
    readonly index: number | null;
    readonly message: string;
  };
}

interface LedgerAnswer {
  readonly size: number;
  readonly root_hash: string;
  readonly last_verified: { readonly size: number; readonly at: string } | null;
}

interface VerifyAnswer extends Verdict {
  readonly checked: { readonly from: number; readonly to: number };
  readonly entries: number;
  readonly next_cursor: string | null;
}

function health(): Promise<Health> {
  return get("/health");
}

function ask(query: string): Promise<VerifyAnswer> {
  return get(`/v1/integrity/verify?${query}`);
}

async function grow(entries: number): Promise<void> {
  for (let left = entries; left > 0; left -= 1000) {
    const decisions = Array.from({ length: Math.min(left, 1000) }, (_, n) => decision(n));
    const { status } = await post("/v1/decisions/batch", { decisions });
    if (status !== 200) throw new Error("not recorded");
  }
}

/** The platform's clock goes on by itself, and by this much more now. */
function later(ms: number): void {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() + ms);
}

/** From now on each look at the clock finds the time of a slice over: a slice is one page. */
function shortSlices(): void {
  let now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => (now += 3000));
}

/** What the alarm would do by itself, now. */
async function alarm(): Promise<void> {
  if (!(await runDurableObjectAlarm(sequencer()))) throw new Error("no alarm was set");
}

/** The alarm, some time after the last verification. */
async function nextPass(): Promise<void> {
  vi.restoreAllMocks();
  later(2 * HOUR_MS);
  await runInDurableObject(sequencer(), (_, { storage }) => storage.kv.delete("next_verify_ms"));
  await alarm();
  vi.restoreAllMocks();
}

async function cursor(): Promise<number> {
  return (
    (await env.DB.prepare("SELECT cursor FROM ops_verification").first<number>("cursor")) ?? -1
  );
}

function change(sql: string): Promise<unknown> {
  return env.DB.prepare(sql).run();
}

describe("the alarm", () => {
  test("verifies what was appended, says when, and appends nothing", async ({ expect }) => {
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified).toBeNull();
    await grow(3);
    const before = await copyRows();
    const due = await runInDurableObject(sequencer(), (_, { storage }) => storage.getAlarm());
    expect(due).toBeGreaterThan(Date.now());
    expect(due).toBeLessThanOrEqual(Date.now() + 60_000);
    await alarm();
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified).toEqual({
      size: 3,
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(await health()).toMatchObject({ status: "healthy" });
    expect([...(await copyRows())]).toEqual([...before]);
    // The next one is set, after the interval; until then it is too soon for another pass.
    const next = await runInDurableObject(sequencer(), (_, { storage }) => storage.getAlarm());
    expect(next).toBeGreaterThan(Date.now() + HOUR_MS / 2);
    await grow(1);
    await alarm();
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified?.size).toBe(3);
    later(HOUR_MS + 1);
    await alarm();
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified?.size).toBe(4);
    await auditLedger({ expect }, { size: 4 });
  });

  test("works in slices and goes on where it was, evicted or not, while the ledger grows", async ({
    expect,
  }) => {
    await grow(2300);
    shortSlices();
    const cursors: number[] = [];
    for (let slice = 0; slice < 4; slice++) {
      await alarm();
      cursors.push(await cursor());
      const { last_verified } = await get<LedgerAnswer>("/v1/ledger");
      expect(last_verified?.size ?? 0).toBe(slice < 3 ? 0 : 3100);
      if (slice === 0) await evict();
      if (slice === 1) await grow(800);
    }
    expect(cursors).toEqual([1000, 2000, 3000, 0]);
    vi.restoreAllMocks();
    await auditLedger({ expect }, { size: 3100 });
  });

  test("finds a change and says so until a whole pass was clean", async ({ expect }) => {
    await grow(2100);
    await alarm();
    const { last_verified } = await get<LedgerAnswer>("/v1/ledger");
    expect(last_verified?.size).toBe(2100);
    await dropTriggers();
    const older = await copyRows();
    await change(
      `UPDATE content SET fields = replace(fields, 'question 7', 'question 8') WHERE entry_index = 7`,
    );
    await nextPass();
    const degraded = {
      status: "degraded",
      finding: { ledger: "main", fault: "content_mismatch", index: 7 },
    };
    expect(await health()).toMatchObject(degraded);
    // The last clean pass was what it was.
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified).toEqual(last_verified);
    await evict();
    expect(await health()).toMatchObject(degraded);
    await restoreRows(older);
    await runInDurableObject(sequencer(), (_, { storage }) => storage.kv.delete("next_verify_ms"));
    shortSlices();
    for (const expected of [degraded, degraded, { status: "healthy" }]) {
      await alarm();
      expect(await health()).toMatchObject(expected);
    }
    vi.restoreAllMocks();
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified?.at).not.toBe(last_verified?.at);
    await auditLedger({ expect }, { size: 2100 });
  });

  test.for([
    ["that runs", async () => {}],
    ["that starts", evict],
  ] as const)("finds a rollback under a sequencer %s", async ([, before], { expect }) => {
    await grow(2);
    await dropTriggers();
    const older = await copyRows();
    await grow(2);
    const newest = await copyRows();
    await alarm();
    expect(await health()).toMatchObject({ status: "healthy" });
    await restoreRows(older);
    await before();
    await nextPass();
    expect(await health()).toMatchObject({
      status: "degraded",
      finding: { fault: "rolled_back", index: null },
    });
    await restoreRows(newest);
    await nextPass();
    expect(await health()).toMatchObject({ status: "healthy" });
  });

  test("finds what makes the tree unreadable, also where a witness waits for it", async ({
    expect,
  }) => {
    const key = parseVerifierKey(await witnessKey());
    if (key === undefined) throw new Error("no key");
    await grow(300);
    const fetched = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => new Response("1\n", { status: 409 })); // holds size 1
    await dropTriggers();
    await change("DELETE FROM tile");
    await runInDurableObject(sequencer(), async (one, { storage }) => {
      const chores = new Chores({
        ledger: "main",
        origin: "loopgrid.local/main",
        db: env.DB,
        storage,
        witnesses: [{ key, url: "https://witness.example" }],
        verifyIntervalMs: HOUR_MS,
        status: () => one.status(),
      });
      await chores.run();
    });
    expect(fetched).toHaveBeenCalledTimes(1);
    fetched.mockRestore();
    expect(await health()).toMatchObject({
      status: "degraded",
      finding: { fault: "root_mismatch" },
    });
    expect(await column("SELECT error FROM ops_witness")).toEqual([
      expect.stringContaining("cannot prove"),
    ]);
  });

  test("that cannot read fails, to be tried again, and takes nothing back", async ({ expect }) => {
    await grow(2);
    await alarm();
    const record = await env.DB.prepare("SELECT * FROM ops_verification").first();
    later(2 * HOUR_MS);
    faultReads();
    await expect(runDurableObjectAlarm(sequencer())).rejects.toThrow();
    heal();
    vi.restoreAllMocks();
    expect(await env.DB.prepare("SELECT * FROM ops_verification").first()).toEqual(record);
    const set = await runInDurableObject(sequencer(), (_, { storage }) => storage.getAlarm());
    expect(set).toBeGreaterThan(Date.now());
  });
});

async function witnessKey(): Promise<string> {
  const name = "witness.example/w";
  const material = new Uint8Array(33).fill(9);
  material[0] = 4;
  const named = new TextEncoder().encode(`${name}\n`);
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array([...named, ...material]));
  const id = Array.from(new Uint8Array(digest).subarray(0, 4), (octet) =>
    octet.toString(16).padStart(2, "0"),
  );
  return `${name}+${id.join("")}+${btoa(String.fromCharCode(...material))}`;
}

describe("/v1/integrity/verify", () => {
  test("a whole check is true, is remembered, and heals /health", async ({ expect }) => {
    await grow(5);
    expect(await ask("")).toMatchObject({
      valid: true,
      complete: true,
      checked: { from: 0, to: 5 },
      entries: 5,
      next_cursor: null,
    });
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified?.size).toBe(5);
    await dropTriggers();
    const older = await copyRows();
    await change(
      "UPDATE entry SET header = replace(header, 'reply', 'other') WHERE entry_index = 3",
    );
    const { valid, findings } = await ask("");
    expect([valid, findings[0]]).toMatchObject([false, { index: 3 }]);
    expect(await health()).toMatchObject({ status: "degraded", finding: { index: 3 } });
    await restoreRows(older);
    expect(await health()).toMatchObject({ status: "degraded" }); // nobody has looked again
    expect(await ask("")).toMatchObject({ valid: true });
    expect(await health()).toMatchObject({ status: "healthy" });
  });

  test.for<[string, number, number]>([
    ["from=2", 2, 5],
    ["cursor=2", 2, 5],
    ["to=3", 0, 3],
    ["from=1&to=4", 1, 4],
    ["from=5", 5, 5],
    ["from=99", 5, 5],
    ["to=0", 0, 0],
  ])("a part, ?%s, proves nothing about the rest: null", async ([query, from, to], { expect }) => {
    await grow(5);
    expect(await ask(query)).toMatchObject({
      valid: null,
      complete: false,
      checked: { from, to },
      entries: to - from,
      size: 5,
      findings: [],
      broken_at: null,
      message: expect.stringContaining("not checked"),
    });
    expect((await get<LedgerAnswer>("/v1/ledger")).last_verified).toBeNull();
  });

  test("a part is true with the last complete pass and what was appended since", async ({
    expect,
  }) => {
    await grow(5);
    await ask("");
    await grow(3);
    expect(await ask("from=1&to=2")).toMatchObject({
      valid: true,
      complete: true,
      checked: { from: 1, to: 2 },
      size: 8,
    });
    // What was appended since is looked at, whatever part was asked for.
    await dropTriggers();
    await change("UPDATE content SET content_hash = NULL WHERE entry_index = 6");
    expect(await ask("from=1&to=2")).toMatchObject({
      valid: false,
      findings: [{ index: 6 }],
      checked: { from: 1, to: 2 },
    });
  });

  test("a part is not true over a history that is another one than was passed", async ({
    expect,
  }) => {
    await grow(5);
    await ask("");
    await dropTriggers();
    await change("UPDATE ops_verification SET passed_root_hash = 'of another ledger'");
    expect(await ask("from=2")).toMatchObject({ valid: null, complete: false });
    await change("UPDATE ops_verification SET passed_size = 77");
    expect(await ask("from=2")).toMatchObject({ valid: null, complete: false });
  });

  test("a part is not true while something found elsewhere stands", async ({ expect }) => {
    await grow(5);
    await ask("");
    await dropTriggers();
    await change("UPDATE content SET content_hash = NULL WHERE entry_index = 1");
    expect(await ask("")).toMatchObject({ valid: false });
    expect(await ask("from=3")).toMatchObject({ valid: null, complete: false, findings: [] });
    expect(await health()).toMatchObject({ status: "degraded" });
  });

  test("a finding in the part that was asked for is false, whatever passed before", async ({
    expect,
  }) => {
    await grow(5);
    await ask("");
    await dropTriggers();
    await change("UPDATE content SET content_hash = NULL WHERE entry_index = 1");
    expect(await ask("from=1&to=2")).toMatchObject({ valid: false, findings: [{ index: 1 }] });
    expect(await ask("from=2&to=3")).toMatchObject({ valid: true }); // by the pass before the change
  });

  test.for(["from=3&to=2", "from=-1", "to=x", "cursor=1.5"])(
    "?%s is refused",
    async (query, { expect }) => {
      await grow(1);
      const { status } = await post("/v1/decisions", decision(1));
      expect(status).toBe(200);
      await expect(ask(query)).rejects.toThrow(/: 422 /);
    },
  );

  test("an empty ledger holds nothing, which is true", async ({ expect }) => {
    expect(await verify()).toMatchObject({ valid: true, total: 0, size: 0 });
  });

  test("a ledger of more than one call's time is followed by its cursor", async ({ expect }) => {
    await grow(2300);
    const seen: object[] = [];
    for (let from: number | undefined; ;) {
      const { valid, complete, checked, next_cursor, findings } = await inLittleTime({ from });
      seen.push({ valid, complete, checked, findings });
      if (next_cursor === null) break;
      from = Number(next_cursor);
    }
    const part = { valid: null, complete: false, findings: [] };
    expect(seen).toEqual([
      { ...part, checked: { from: 0, to: 1000 } },
      { ...part, checked: { from: 1000, to: 2000 } },
      { ...part, checked: { from: 2000, to: 2300 } },
    ]);
    // Its own passes check it whole; then a short call and the range since are enough.
    await alarm();
    await grow(100);
    expect(await inLittleTime({})).toMatchObject({
      valid: true,
      complete: true,
      checked: { from: 0, to: 1000 },
    });
    // More than one budget was appended since: nobody knows.
    await grow(1200);
    expect(await inLittleTime({})).toMatchObject({ valid: null, complete: false });
    await auditLedger({ expect }, { size: 3600 });
  });
});

/** Verification whose clock shows the budget gone at each look: one page is checked. */
async function inLittleTime(query: IntegrityQuery) {
  let now = Date.now();
  const { keys, acknowledged, refusal } = await sequencer().status();
  const ledger = {
    name: "main",
    origin: "loopgrid.local/main",
    reader: d1LedgerReader(env.DB, "main"),
    audit: d1AuditReader(env.DB, "main"),
    operations: d1Operations(env.DB, "main"),
    tallies: d1Tallies(env.DB, "main"),
    records: d1Records(env.DB, "main"),
    replays: { ...d1Replays(env.DB, "main"), run: () => Promise.resolve() },
    experiments: { ...d1Experiments(env.DB, "main"), wake: () => Promise.resolve() },
    append: () => Promise.reject(new Error("verification appends nothing")),
    status: () => Promise.resolve({ keys: [...keys], acknowledged, refusal }),
  };
  return verifyIntegrity(ledger, { now: () => new Date((now += 20_000)) }, query);
}
