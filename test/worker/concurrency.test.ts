/**
 * Many clients at once (DESIGN §1.1): one linear ledger without gap, fork or duplicate, in which
 * every acknowledged entry stays and proves itself, whatever dies meanwhile.
 */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, test, vi } from "vitest";
import { draftDecision } from "../../src/ledger/draft.ts";
import { Sequencer } from "../../src/worker/sequencer.ts";
import { auditLedger, type Kept } from "./support/audit.ts";
import { decision, post, recorded, sequencer, type Answer } from "./support/client.ts";
import { startAnew } from "./support/database.ts";
import { crash, evict } from "./support/faults.ts";

beforeEach(async () => {
  await startAnew();
  vi.spyOn(console, "error").mockImplementation(() => {}); // the operator's log of the crashes
  return () => vi.restoreAllMocks();
});

const CLIENTS = 64;
const clients = Array.from({ length: CLIENTS }, (_, n) => n);

/** Every client does something else, n decides what. */
function act(n: number, about: string, key?: string): Promise<Answer> {
  switch (n % 6) {
    case 0:
      return post(`/v1/decisions/${about}/incorrect`, { reason: `flag ${n}` }, key);
    case 1:
      return post(
        `/v1/decisions/${about}/correction?receipt=proof`,
        { correction: { response: `right ${n}` }, corrected_by: "jane" },
        key,
      );
    case 2:
      return post("/v1/decisions/batch", { decisions: [1, 2, 3].map((i) => decision(i)) }, key);
    case 3:
      return post("/v1/replays?receipt=proof", { decision_id: about }, key);
    default:
      return post("/v1/decisions?receipt=proof", decision(n), key);
  }
}

function entriesOf(n: number): number {
  return n % 6 === 2 ? 3 : 1;
}

function keptOf({ body }: Answer): Kept[] {
  const { receipt } = body;
  if (body.decisions !== undefined)
    return body.decisions.map(({ index, chain_hash }) => ({
      chainHash: chain_hash,
      receipt: { ...receipt, index },
    }));
  return [{ receipt, ...(receipt.index === body.index ? { chainHash: body.chain_hash } : {}) }];
}

test("64 clients that record, flag, correct and replay make one line of entries", async ({
  expect,
}) => {
  const about = await recorded("what all are about");
  const answers = await Promise.all(clients.map((n) => act(n, about)));
  expect(answers.map(({ status }) => status)).toEqual(clients.map(() => 200));
  const kept = answers.flatMap(keptOf);
  const indexes = kept.map(({ receipt }) => receipt.index);
  const size = 1 + clients.reduce((sum, n) => sum + entriesOf(n), 0);
  expect(indexes.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: size - 1 }, (_, i) => i + 1),
  );
  expect(kept.filter(({ receipt }) => receipt.proof !== undefined).length).toBeGreaterThan(30);
  await auditLedger({ expect }, { size, kept });
  // Crowds share commits: that is what makes them cheap.
  const commits = await env.DB.prepare("SELECT count(*) AS n FROM checkpoint").first<number>("n");
  expect(commits).toBeLessThan(CLIENTS / 2);
});

test("twins of one key make one entry, whoever comes first", async ({ expect }) => {
  const about = await recorded("what all are about");
  const twins = await Promise.all(
    clients.map((n) => act(n % 6, about, `key-of-${n % 6}`)), // six keys, ten or eleven of each
  );
  expect(twins.map(({ status }) => status)).toEqual(clients.map(() => 200));
  for (const key of [0, 1, 2, 3, 4, 5]) {
    const same = twins.filter((_, n) => n % 6 === key);
    expect(same.map(({ body }) => body)).toEqual(same.map(() => same[0]?.body));
    const first = same.filter(({ headers }) => headers.get("Idempotent-Replayed") === null);
    expect(first.length).toBe(1);
  }
  await auditLedger({ expect }, { size: 1 + 8, kept: twins.flatMap(keptOf) });
});

test("twins of one key that ask for different things: one is done, the other refused", async ({
  expect,
}) => {
  const answers = await Promise.all(
    clients.map((n) => post("/v1/decisions", decision(n % 2), "k")),
  );
  const done = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 422);
  expect([done.length, refused.length]).toEqual([CLIENTS / 2, CLIENTS / 2]);
  expect(new Set(done.map(({ body }) => body.decision_id)).size).toBe(1);
  await auditLedger({ expect }, { size: 1, kept: done.flatMap(keptOf) });
});

test("crashes and evictions amid 64 clients lose and double nothing once all have retried", async ({
  expect,
}) => {
  const about = await recorded("what all are about");
  const results: Answer[] = [];
  let over = false;
  const insist = async (n: number): Promise<void> => {
    for (let tries = 0; tries < 30; tries++) {
      const answer = await act(n, about, `key-${n}`);
      results.push(answer);
      if (answer.status === 200) return;
      expect(answer.status).toBeGreaterThanOrEqual(500);
    }
  };
  const misfortune = (async () => {
    for (const strike of [crash, evict, crash, crash, evict, crash]) {
      if (over) return;
      await new Promise((wake) => setTimeout(wake, 12));
      await strike().catch(() => undefined); // the object may be dead already
    }
  })();
  await Promise.all(clients.map(insist));
  over = true;
  await misfortune;
  const acknowledged = results.filter(({ status }) => status === 200);
  expect(acknowledged.length).toBe(CLIENTS);
  expect(results.length).toBeGreaterThan(CLIENTS); // some had to ask again
  const size = 1 + clients.reduce((sum, n) => sum + entriesOf(n), 0);
  await auditLedger({ expect }, { size, kept: acknowledged.flatMap(keptOf) });
});

function randomOctets(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

test("a sequencer that does not know it was replaced cannot fork the ledger", async ({
  expect,
}) => {
  await recorded("first");
  const create = { service_name: "s", decision_type: "t", input: {}, model: {}, output: {} };
  const append = { drafts: [draftDecision(create, "anonymous", randomOctets)] };
  const zombies = runInDurableObject(sequencer(), async (_, state) => {
    const [one, other] = [new Sequencer(state, env), new Sequencer(state, env)];
    const appends = Array.from({ length: 10 }, () => [one.append(append), other.append(append)]);
    return Promise.all(appends.flat());
  });
  const answers = await Promise.all(clients.slice(0, 20).map((n) => act(n, "none", `key-${n}`)));
  const outcomes = await zombies;
  const appended = outcomes.filter((outcome) => outcome.kind === "appended");
  expect(appended.length).toBeGreaterThan(0);
  const done = answers.filter(({ status }) => status === 200);
  const written = done.flatMap(keptOf).length;
  // A loser gives up with 503 at most: D1 was there all the time, so it knows what was written.
  await auditLedger(
    { expect },
    { size: 1 + appended.length + written, kept: done.flatMap(keptOf) },
  );
});
