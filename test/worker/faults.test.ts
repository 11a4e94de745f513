/**
 * The fault table with the real Worker, Durable Object and D1 (DESIGN §2 "Outcomes"): whatever
 * breaks, the same request under the same key gives exactly one entry and one answer, and nothing
 * that was acknowledged is lost.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, test, vi, type TestContext } from "vitest";
import { auditLedger, type Kept } from "./support/audit.ts";
import { startAnew } from "./support/database.ts";
import { decision, post, recorded, type Answer } from "./support/client.ts";
import {
  COMMIT_FAULTS,
  commitLandsLate,
  crash,
  darkAfterCommit,
  evict,
  faultCommits,
  faultReads,
  faultStep,
  heal,
  hurry,
  isCommitFault,
  STEP_FAULTS,
  type CommitFault,
} from "./support/faults.ts";

interface Operation {
  readonly name: string;
  readonly entries: number;
  readonly send: (about: string, key?: string) => Promise<Answer>;
}

const OPERATIONS: readonly Operation[] = [
  {
    name: "a decision",
    entries: 1,
    send: (_, key) => post("/v1/decisions?receipt=proof", decision("single"), key),
  },
  {
    name: "a batch",
    entries: 3,
    send: (_, key) =>
      post("/v1/decisions/batch", { decisions: [1, 2, 3].map((n) => decision(n)) }, key),
  },
  {
    name: "a flag",
    entries: 1,
    send: (about, key) => post(`/v1/decisions/${about}/incorrect`, { reason: "wrong" }, key),
  },
  {
    name: "a correction",
    entries: 1,
    send: (about, key) =>
      post(
        `/v1/decisions/${about}/correction?receipt=proof`,
        { correction: { response: "right" }, corrected_by: "jane" },
        key,
      ),
  },
  {
    name: "a replay",
    entries: 1,
    send: (about, key) =>
      post("/v1/replays", { decision_id: about, overrides: { input: { message: "other" } } }, key),
  },
  {
    name: "an erasure",
    entries: 1,
    send: (about, key) =>
      post(`/v1/decisions/${about}/erasure`, { fields: ["input"], reason_code: "test" }, key),
  },
];

/** Faults after which the commit is nevertheless found, so that the caller is answered. */
const SURVIVED: ReadonlySet<CommitFault> = new Set([
  "is written, the answer is lost",
  "is written, then hangs",
]);

const FAULTS = Object.keys(COMMIT_FAULTS).filter(isCommitFault);

/** More than any request takes. */
const STEPS_MAX = 40;

/** What clients of this ledger keep. */
let kept: Kept[] = [];
let keys = 0;

/** What a client keeps of an acknowledgement. Of a review only the receipt names its own entry. */
function keep({ status, body }: Answer): void {
  if (status !== 200) return;
  const { receipt } = body;
  for (const { chain_hash, index } of body.decisions ?? [])
    kept.push({ chainHash: chain_hash, receipt: { ...receipt, index } });
  if (body.decisions === undefined) {
    const own = receipt.index === body.index;
    kept.push({ receipt, ...(own ? { chainHash: body.chain_hash } : {}) });
  }
}

async function size(): Promise<number> {
  return (await env.DB.prepare("SELECT size FROM head").first<number>("size")) ?? 0;
}

function newKey(): string {
  return `key-${keys++}`;
}

/** Each operation has a ledger of its own, in which all its faults happen. */
async function anotherLedger(): Promise<void> {
  await startAnew();
  kept = [];
}

beforeEach(() => {
  hurry();
  vi.spyOn(console, "error").mockImplementation(() => {}); // the operator's log of the faults
});
afterEach(() => {
  heal();
  vi.restoreAllMocks();
});

/** A new decision, so that the operation has something to be about. */
async function before(): Promise<{ about: string; size: number }> {
  const about = await recorded("to be reviewed");
  return { about, size: await size() };
}

describe.each(OPERATIONS)("$name under a key", ({ send, entries }) => {
  beforeAll(anotherLedger);

  test.for(FAULTS)(
    "is one entry, with one answer, when its commit %s",
    async (fault, { expect }) => {
      const { about, size: sizeBefore } = await before();
      const key = newKey();
      faultCommits(fault);
      const first = await send(about, key);
      heal();
      if (SURVIVED.has(fault)) expect(first.status).toBe(200);
      else expectNotAcknowledged(first, expect);
      await evict();
      const second = await send(about, key);
      const third = await send(about, key);
      expectReplay(third, second, expect);
      if (first.status === 200) expectReplay(second, first, expect);
      expect(await size()).toBe(sizeBefore + entries);
      for (const answer of [first, second]) keep(answer);
      await auditLedger({ expect }, { size: sizeBefore + entries, kept });
    },
  );

  test("is one entry when its commit lands late, behind its own retry", async ({ expect }) => {
    const { about, size: sizeBefore } = await before();
    const key = newKey();
    const { landed } = commitLandsLate();
    const first = await send(about, key);
    await landed();
    heal();
    expect(first.status).toBe(200);
    expect(first.headers.get("Idempotent-Replayed")).toBeNull();
    expectReplay(await send(about, key), first, expect);
    keep(first);
    await auditLedger({ expect }, { size: sizeBefore + entries, kept });
  });

  test("is found again when all goes dark right after its commit", async ({ expect }) => {
    const { about, size: sizeBefore } = await before();
    const key = newKey();
    darkAfterCommit();
    const first = await send(about, key);
    expectNotAcknowledged(first, expect);
    expect((await send(about, key)).status).toBeGreaterThanOrEqual(500);
    heal();
    const second = await send(about, key);
    expect(second.headers.get("Idempotent-Replayed")).toBe("true");
    expectReplay(await send(about, key), second, expect);
    keep(second);
    await auditLedger({ expect }, { size: sizeBefore + entries, kept });
  });

  test("is one entry when nothing could be read at first", async ({ expect }) => {
    const { about, size: sizeBefore } = await before();
    const key = newKey();
    await evict();
    faultReads();
    expect((await send(about, key)).status).toBeGreaterThanOrEqual(500);
    heal();
    const second = await send(about, key);
    expect(second.headers.get("Idempotent-Replayed")).toBeNull();
    expectReplay(await send(about, key), second, expect);
    keep(second);
    await auditLedger({ expect }, { size: sizeBefore + entries, kept });
  });

  test.for(STEP_FAULTS)("is one entry when any one step of it %s", async (fault, { expect }) => {
    const sizeBefore = await size();
    let at = 1;
    for (; at < STEPS_MAX; at++) {
      const about = await recorded(`of step ${at}`);
      const key = newKey();
      await evict(); // so that loading the ledger is part of the steps
      const step = faultStep(at, fault);
      const request = send(about, key);
      await step.play(request);
      heal();
      const first = await request;
      keep(first);
      if (!step.reached) break;
      const second = await send(about, key);
      if (first.status === 200) {
        expectReplay(second, first, expect);
      } else {
        expect(first.status, `step ${at}: ${first.body.detail}`).toBeGreaterThanOrEqual(500);
        expectReplay(await send(about, key), second, expect);
      }
      expect(await size(), `step ${at}`).toBe(sizeBefore + at * (1 + entries));
      keep(second);
    }
    // Look-up of the key, head, tree, commit and what the answer is read from, at the least.
    expect(at).toBeGreaterThan(5);
    expect(at).toBeLessThan(STEPS_MAX);
    await auditLedger({ expect }, { kept });
  });
});

describe("without a key", () => {
  beforeAll(anotherLedger);

  test.for(FAULTS)("nothing is half written when a commit %s", async (fault, { expect }) => {
    for (const { name, send, entries } of OPERATIONS) {
      const { about, size: sizeBefore } = await before();
      faultCommits(fault);
      const answer = await send(about);
      heal();
      keep(answer);
      const written = SURVIVED.has(fault) ? entries : 0;
      expect(answer.status, name).toBe(written > 0 ? 200 : 503);
      await crash();
      expect(await size(), name).toBe(sizeBefore + written);
    }
    await auditLedger({ expect }, { kept });
  });
});

test("an error names no key, and a later request with another body under that key is refused", async ({
  expect,
}) => {
  const key = newKey();
  faultCommits("is written, the answer is lost");
  keep(await post("/v1/decisions", decision("mine"), key));
  heal();
  const { status, body } = await post("/v1/decisions", decision("another"), key);
  expect([status, body.detail]).toEqual([422, "Idempotency-Key: was used for another request"]);
  await auditLedger({ expect }, { kept });
});

test("a sequencer that was evicted is back at once: nothing keeps it awake after a commit", async ({
  expect,
}) => {
  vi.restoreAllMocks(); // waits as they are in production
  await recorded("then idle");
  const started = Date.now();
  await evict();
  expect(Date.now() - started).toBeLessThan(2000);
});

type Expect = TestContext["expect"];

function expectNotAcknowledged({ status, headers, body }: Answer, expect: Expect): void {
  expect([status, headers.get("Content-Type")]).toEqual([503, "application/problem+json"]);
  expect(Number(headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(body.detail).toMatch(/^Not acknowledged: |; nothing was (?:erased|written)$/);
}

/** A repeat says the same, to the last member, and says that it is one. */
function expectReplay(repeat: Answer, original: Answer, expect: Expect): void {
  expect(repeat.status, repeat.body.detail).toBe(200);
  expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
  expect(repeat.body).toEqual(original.body);
}
