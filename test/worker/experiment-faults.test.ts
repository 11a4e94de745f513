/**
 * The fault table of an experiment with the real D1 and sequencer: each call to the database fails
 * in turn, or is the last thing its runner does before another takes over, and every item still ends
 * exactly once, with one end in the ledger.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, test, vi, type ExpectStatic } from "vitest";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { ExperimentRun, type RunnerPorts } from "../../src/replay/experiments/runner.ts";
import { ExperimentCreate } from "../../src/replay/experiments/schema.ts";
import { freeze, startedDraft } from "../../src/replay/experiments/started.ts";
import { runReplay } from "../../src/replay/run.ts";
import { d1Experiments } from "../../src/worker/d1-experiments.ts";
import { d1RunnerRows } from "../../src/worker/d1-experiment-runner.ts";
import { d1LedgerReader } from "../../src/worker/d1-reader.ts";
import { d1Replays } from "../../src/worker/d1-replays.ts";
import { auditLedger } from "./support/audit.ts";
import { decision, post, sequencer } from "./support/client.ts";
import { column, startAnew } from "./support/database.ts";
import { faultStep, heal, hurry } from "./support/faults.ts";

const STEPS_MAX = 200;

beforeAll(startAnew);
afterEach(() => {
  heal();
  vi.restoreAllMocks();
});

/** How often the provider was asked for each question. */
const asked = new Map<string, number>();

const ANSWER = { choices: [{ message: { content: "right" }, finish_reason: "stop" }] };

function portsOf(experimentId: string): RunnerPorts {
  const reader = d1LedgerReader(env.DB, "main");
  const { jobs, prices } = d1Replays(env.DB, "main");
  const ports = {
    rows: d1RunnerRows(env.DB, "main", experimentId),
    reader,
    jobs,
    prices,
    unrecorded: new Map(),
    providers: {
      connection: () => ({ baseUrl: "https://provider.invalid", key: undefined, fetch: answer }),
      requestBaseUrls: [],
    },
    append: (request: Parameters<RunnerPorts["append"]>[0]) => sequencer().append(request),
    fetch: () => Promise.reject(new Error("everybody is asked through the connection")),
    sleep: (ms: number) => new Promise<void>((wake) => setTimeout(wake, Math.min(ms, 5))),
    nowMs: () => (clock += 50),
    random: () => 0,
    randomBytes: random,
    log: () => undefined,
  };
  return {
    ...ports,
    replay: async (job) => {
      await jobs.reserve(job);
      await runReplay(job.replayId, ports);
    },
  };
}

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const factsOf = ({ facts }: JsonObject): JsonObject => (isObject(facts) ? facts : {});

let clock = Date.parse("2026-11-22T18:26:55.934Z");

async function answer(_url: string, { body }: { body: string }): Promise<Response> {
  const question = /question-\w+/.exec(body)?.[0] ?? "none";
  asked.set(question, (asked.get(question) ?? 0) + 1);
  return Response.json(ANSWER);
}

/** An experiment over fresh decisions, committed and not begun: the Worker's own runner is not woken. */
async function begun(name: string, items: number): Promise<{ id: string; decisionIds: string[] }> {
  const decisions = Array.from({ length: items }, (_, i) => ({
    ...decision(`question-${name}x${i}`),
    model: { provider: "openai", name: "gpt-4" },
  }));
  const batch = await post("/v1/decisions/batch", { decisions });
  const decisionIds = (batch.body.decisions ?? []).map(({ decision_id }) => decision_id);
  const id = `exp_${name}`;
  const by = { actor: "key_1", keyed: undefined };
  const create = ExperimentCreate.parse({
    selection: { decision_ids: decisionIds },
    mode: "live",
    scorers: [{ type: "regex", pattern: "^right$" }],
    concurrency: 2,
  });
  const selected = decisionIds.map((decisionId) => ({ decisionId, provider: "openai" }));
  const at = {
    createdAt: "2026-11-22T18:26:55.934Z",
    actor: "key_1",
    maxItems: null,
    maxCost: null,
  };
  await d1Experiments(env.DB, "main").create(id, selected, at);
  const draft = startedDraft(id, create, freeze(selected, batch.body.receipt.size), by, random);
  await sequencer().append({ drafts: [draft] });
  return { id, decisionIds };
}

async function toItsEnd(id: string, first = new ExperimentRun(id, portsOf(id))): Promise<void> {
  let run = first;
  for (let round = 0; round < 50; round++) {
    try {
      const slice = await run.slice(clock + 10_000);
      if (slice.kind === "over") return;
      clock += slice.inMs;
    } catch {
      run = new ExperimentRun(id, portsOf(id)); // the alarm comes again, to a new object
    }
  }
  throw new Error("it does not end");
}

async function expectOnce(id: string, decisionIds: readonly string[], expect: ExpectStatic) {
  const row = await d1Experiments(env.DB, "main").find(id);
  expect(row).toMatchObject({ state: "completed" });
  expect(row?.report?.outcomes).toEqual({ succeeded: decisionIds.length });
  const headers = (await column("SELECT header FROM entry ORDER BY entry_index")).map(
    (text): JsonObject => JSON.parse(text),
  );
  const own = headers.filter((header) => factsOf(header)["experiment_id"] === id);
  const replays = own.filter(({ kind }) => kind === "replay_completed");
  expect(replays.map(({ decision_id }) => decision_id).toSorted(textOrder)).toEqual(
    decisionIds.toSorted(textOrder),
  );
  expect(own.filter(({ kind }) => kind === "experiment_ended").length).toBe(1);
  // A job whose removal failed is an entry already: whoever finds it asks nobody, and removes it.
  const before = [...asked.values()];
  for (const replayId of await column("SELECT replay_id FROM ops_replay_job"))
    await runReplay(replayId, portsOf(id));
  expect([...asked.values()]).toEqual(before);
  expect(await column("SELECT replay_id FROM ops_replay_job")).toEqual([]);
}

const textOrder = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);

describe("an experiment", () => {
  test("ends every item once, whichever call to the database fails", async ({ expect }) => {
    hurry();
    let reached = 0;
    for (let at = 1; at <= STEPS_MAX; at++) {
      const { id, decisionIds } = await begun(`f${at}`, 1);
      const step = faultStep(at, "fails");
      await step.play(toItsEnd(id));
      heal();
      await expectOnce(id, decisionIds, expect);
      if (!step.reached) break;
      reached++;
    }
    expect(reached).toBeGreaterThan(30);
    expect(reached).toBeLessThan(STEPS_MAX);
    await auditLedger({ expect }, {});
  }, 120_000);

  test("ends every item once when two runners do not know of each other", async ({ expect }) => {
    hurry();
    for (let round = 0; round < 5; round++) {
      const { id, decisionIds } = await begun(`z${round}`, 2);
      await Promise.all([toItsEnd(id), toItsEnd(id)]);
      await expectOnce(id, decisionIds, expect);
    }
    await auditLedger({ expect }, {});
    expect(asked.size).toBeGreaterThan(9);
  }, 60_000);
});
