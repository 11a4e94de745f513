/**
 * Experiments over real HTTP: many decisions replayed against a stand-in model on loopback and held
 * against human corrections. The counts of every report are made again here from its items.
 */
import { createHash } from "node:crypto";
import { afterAll, beforeEach, describe, test, type ExpectStatic } from "vitest";
import type { JsonObject } from "../../src/lib/json.ts";
import type { ExperimentItem } from "../../src/replay/experiments/item.ts";
import type { DryRun, Experiment } from "../../src/replay/experiments/schema.ts";
import type { z } from "zod";
import type { Replay } from "../../src/replay/schema.ts";
import { acknowledged } from "../support/clients.ts";
import { serveThisFile } from "../support/conformance.ts";
import { ended, itemsOf, recount } from "../support/experiments.ts";
import { answerJson, recordingServer, type Answering } from "../support/recording-server.ts";

const OPENAI_KEY = "sk-test-experiments-OPENAI";
const provider = await recordingServer();
const served = serveThisFile({
  flags: [`OPENAI_API_KEY:${OPENAI_KEY}`, `OPENAI_BASE_URL:${provider.url}/v1`].flatMap((given) => [
    "--var",
    given,
  ]),
});
afterAll(() => provider.close());

let service = "";
let count = 0;
beforeEach(() => (service = `service-${count++}`));

const chat = (content: string, usage: JsonObject | null = null): JsonObject => ({
  model: "stand-in-1",
  ...(usage === null ? {} : { usage }),
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
});
const says = (content: string) => answerJson(200, chat(content));

/** A decision `answer` that a human corrected to `right`, or nobody did. */
interface Told {
  readonly answer: string;
  readonly right?: string;
}

async function tell(told: readonly Told[], provider = "openai"): Promise<string[]> {
  const ids: string[] = [];
  for (const [i, { answer, right }] of told.entries()) {
    const { body } = await served.api.post<{ decision_id: string }>("/v1/decisions", {
      service_name: service,
      decision_type: "reply",
      input: { question: `${service} question ${i}` },
      model: { provider, name: "stand-in" },
      output: { answer },
    });
    ids.push(body.decision_id);
    if (right === undefined) continue;
    const correction = { correction: { answer: right }, corrected_by: "jane" };
    await served.api.post(`/v1/decisions/${body.decision_id}/correction`, correction);
  }
  return ids;
}

/** 2 right, 3 wrong, by the scorer `exact` against "yes". */
const FIVE: readonly Told[] = ["yes", "no", "no", "yes", "no"].map((answer) => ({
  answer,
  right: "yes",
}));

async function experiment(more: JsonObject = {}, headers: Record<string, string> = {}) {
  const body = {
    selection: { filter: { service_name: service } },
    scorers: [{ type: "exact" }],
    ...more,
  };
  return served.api.send<Experiment>("POST", "/v1/experiments", {
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  });
}

async function run(more: JsonObject = {}): Promise<Experiment> {
  const { status, body } = await experiment(more);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return ended(served.api, body.experiment_id);
}

async function expectRecounted(one: Experiment, expect: ExpectStatic): Promise<ExperimentItem[]> {
  const items = await itemsOf(served.server.url, one.experiment_id);
  expect(items.map(({ position }) => position)).toEqual(items.map((_, i) => i));
  expect(one.report).toMatchObject(recount(items));
  expect(one.progress).toMatchObject({ total: items.length, pending: 0, running: 0 });
  return items;
}

const NUMBER_OF = /question (\d+)/;

/** Answers by the number of the question that was asked. */
const byQuestion =
  (answers: readonly Answering[]): Answering =>
  (one, response, n) => {
    const [, number = "0"] = NUMBER_OF.exec(JSON.stringify(one.body)) ?? [];
    (answers[Number(number)] ?? says("yes"))(one, response, n);
  };

describe("an experiment", () => {
  test("tells what a changed prompt fixes and breaks, each replay an entry of its own", async ({
    expect,
  }) => {
    const ids = await tell(FIVE);
    provider.answer(byQuestion([says("no"), says("yes"), says("yes"), says("yes"), says("no")]));
    const overrides = { prompt: { system: "Say yes." } };
    const one = await run({ overrides, name: "say yes" });
    expect(one).toMatchObject({ state: "completed", name: "say yes", overrides });
    expect(one.progress).toEqual({
      total: 5,
      pending: 0,
      running: 0,
      succeeded: 5,
      failed: 0,
      skipped: 0,
    });
    expect(one.report).toMatchObject({
      n: 5,
      both_right: 1,
      fixed: 2,
      broken: 1,
      both_wrong: 1,
      original_rate: 0.4,
      replay_rate: 0.6,
      mcnemar_p: 1,
      regressions: [ids[0]],
    });
    const items = await expectRecounted(one, expect);
    expect(items.map(({ decision_id }) => decision_id)).toEqual(ids.toReversed());
    expect(provider.received.every(({ body }) => JSON.stringify(body).includes("Say yes."))).toBe(
      true,
    );
    const path = `/v1/replays?experiment_id=${one.experiment_id}`;
    const { replays } = (await served.api.get<{ replays: Replay[] }>(path)).body;
    expect(new Set(replays.map(({ replay_id }) => replay_id))).toEqual(
      new Set(items.map(({ replay_id }) => replay_id)),
    );
    expect(replays.length).toBe(5);
    expect((await served.api.get("/v1/integrity/verify")).body).toMatchObject({ valid: true });
  });

  test("freezes its selection: the hash is of the ids, and what comes later changes nothing", async ({
    expect,
  }) => {
    const ids = await tell(FIVE);
    provider.answer(says("yes"));
    const { body } = await experiment({ concurrency: 1 });
    await tell([{ answer: "late", right: "yes" }]);
    const [first = ""] = ids;
    await served.api.post(`/v1/decisions/${first}/correction`, {
      correction: { answer: "another" },
      corrected_by: "joe",
    });
    const one = await ended(served.api, body.experiment_id);
    const hash = createHash("sha256").update(JSON.stringify(ids.toReversed())).digest("hex");
    expect(one.selection).toMatchObject({ count: 5, hash });
    expect(one.report).toMatchObject({ n: 5, both_right: 2, fixed: 3 });
    const again = await experiment({ selection: { decision_ids: [first, first] }, dry_run: true });
    expect(again.body.selection).toMatchObject({
      count: 1,
      hash: createHash("sha256")
        .update(JSON.stringify([first]))
        .digest("hex"),
    });
  });

  test("counts failures, and resuming runs again what failed and nothing else", async ({
    expect,
  }) => {
    await tell(FIVE);
    const bad = answerJson(400, { error: { code: "bad", message: "no" } });
    provider.answer(byQuestion([says("yes"), bad, says("yes"), bad, says("yes")]));
    const one = await run();
    expect(one.state).toBe("completed_with_errors");
    expect(one.progress).toMatchObject({ succeeded: 3, failed: 2 });
    expect(one.report).toMatchObject({ n: 3, excluded: { failed: 2 } });
    const before = await expectRecounted(one, expect);
    provider.answer(says("yes"));
    const path = `/v1/experiments/${one.experiment_id}/resume`;
    expect((await served.api.send("POST", path)).status).toBe(200);
    const resumed = await ended(served.api, one.experiment_id);
    expect(resumed).toMatchObject({ state: "completed", selection: one.selection });
    expect(provider.received.length).toBe(2);
    const after = await expectRecounted(resumed, expect);
    const kept = before.filter(({ state }) => state === "succeeded");
    for (const item of kept) expect(after[item.position]).toEqual(item);
    // Nothing is left to resume: nobody is asked again.
    expect((await served.api.send<Experiment>("POST", path)).body).toMatchObject({
      state: "completed",
    });
    expect(provider.received.length).toBe(2);
  });

  test("cancelled, begins nothing more; what runs is finished and recorded", async ({ expect }) => {
    await tell(FIVE);
    provider.answer(
      (one, response, n) => void setTimeout(() => says("yes")(one, response, n), 400),
    );
    const { body } = await experiment({ concurrency: 1 });
    while (provider.received.length === 0) await new Promise((wake) => setTimeout(wake, 20));
    const path = `/v1/experiments/${body.experiment_id}/cancel`;
    expect((await served.api.send<Experiment>("POST", path)).body.state).toBe("cancelled");
    const one = await ended(served.api, body.experiment_id);
    expect(one).toMatchObject({ state: "cancelled", progress: { succeeded: 1, skipped: 4 } });
    const items = await expectRecounted(one, expect);
    expect(items.filter(({ reason }) => reason === "cancelled").length).toBe(4);
    expect(provider.received.length).toBe(1);
    await served.api.send("POST", `/v1/experiments/${body.experiment_id}/resume`);
    expect(await ended(served.api, body.experiment_id)).toMatchObject({
      state: "completed",
      progress: { succeeded: 5 },
    });
    expect(provider.received.length).toBe(5);
  });

  test("keeps a budget of items; the rest is skipped until it is raised", async ({ expect }) => {
    await tell(FIVE);
    provider.answer(says("yes"));
    const one = await run({ max_items: 2 });
    expect(one).toMatchObject({
      state: "budget_exhausted",
      progress: { succeeded: 2, skipped: 3 },
    });
    expect(one.selection.count).toBe(5);
    await expectRecounted(one, expect);
    await served.api.post(`/v1/experiments/${one.experiment_id}/resume`, { max_items: 5 });
    expect(await ended(served.api, one.experiment_id)).toMatchObject({
      state: "completed",
      max_items: 5,
    });
  });

  test("asks a keyed request once, whoever repeats it", async ({ expect }) => {
    await tell(FIVE);
    provider.answer(says("yes"));
    const key = { "Idempotency-Key": `experiment-${service}` };
    const twins = await Promise.all([
      experiment({}, key),
      experiment({}, key),
      experiment({}, key),
    ]);
    const [id = "", ...others] = twins.map(({ body }) => body.experiment_id);
    expect(others).toEqual([id, id]);
    await ended(served.api, id);
    expect(provider.received.length).toBe(5);
    const other = await experiment({ max_items: 1 }, key);
    expect(other.status).toBe(422);
  });

  test("says beforehand what it would take, and writes nothing", async ({ expect }) => {
    await tell(FIVE);
    const before = (await served.api.get<{ size: number }>("/v1/ledger")).body.size;
    const { body } = await served.api.post<z.infer<typeof DryRun>>("/v1/experiments", {
      selection: { filter: { service_name: service, status: "corrected" } },
      scorers: [{ type: "exact" }],
      dry_run: true,
      max_items: 4,
    });
    expect(body).toMatchObject({
      dry_run: true,
      selection: { count: 5 },
      estimate: { items: 4, sampled: 4, live: 4, cost: null },
    });
    expect(body.estimate.input_tokens).toBeGreaterThan(4);
    expect((await served.api.get<{ size: number }>("/v1/ledger")).body.size).toBe(before);
  });

  test("never counts a simulated replay", async ({ expect }) => {
    await tell(FIVE, "somebody-unknown");
    const one = await run();
    expect(one).toMatchObject({ state: "completed", progress: { succeeded: 5 } });
    expect(one.report).toMatchObject({
      n: 0,
      original_rate: null,
      mcnemar_p: null,
      excluded: { simulated: 5 },
    });
    await expectRecounted(one, expect);
  });

  test("holds answers against corrections alone, or where asked also against what nobody doubted", async ({
    expect,
  }) => {
    await tell([{ answer: "yes" }, { answer: "no", right: "yes" }]);
    provider.answer(says("no"));
    const strict = await run();
    expect(strict.report).toMatchObject({ n: 1, both_wrong: 1, excluded: { unscored: 1 } });
    const assumed = await run({ ground_truth: "correction_or_original" });
    expect(assumed.report).toMatchObject({
      n: 2,
      broken: 1,
      ground_truth: { correction: 1, assumed_original: 1 },
    });
  });
});

const judgeOf = ({ body }: { body: JsonObject }) => JSON.stringify(body).includes("correct_answer");

describe("a judge", () => {
  test("is asked about each side, recorded, and erased with its decision", async ({ expect }) => {
    const [id = ""] = await tell([{ answer: "secret-original", right: "it depends" }]);
    provider.answer((one, response, n) =>
      judgeOf(one)
        ? says(
            JSON.stringify(one.body).includes("secret-original")
              ? '```json\n{"right": false, "reason": "no"}\n```'
              : '{"right": true, "reason": "the same"}',
          )(one, response, n)
        : says("that depends")(one, response, n),
    );
    const model = { provider: "openai", name: "judge-1" };
    const one = await run({ scorers: [{ type: "judge", model }] });
    expect(one.report).toMatchObject({ n: 1, fixed: 1 });
    const history = async () =>
      (
        await served.api.get<{
          entries: { kind: string; facts: JsonObject; content: JsonObject }[];
        }>(`/v1/decisions/${id}/history`)
      ).body.entries.filter(({ kind }) => kind === "judgement_recorded");
    const judgements = await history();
    expect(judgements.map(({ facts }) => [facts["side"], facts["verdict"]])).toEqual([
      ["original", false],
      ["replay", true],
    ]);
    expect(JSON.stringify(judgements[0]?.content)).toContain("secret-original");
    const erasure = { reason_code: "gdpr_article_17", fields: ["output"] };
    await acknowledged(served.server.url, `/v1/decisions/${id}/erasure`, erasure);
    expect(JSON.stringify(await history())).not.toContain("secret-original");
    expect((await served.api.get("/v1/integrity/verify")).body).toMatchObject({ valid: true });
  });

  test("that says nothing usable leaves the item without a verdict", async ({ expect }) => {
    await tell([{ answer: "no", right: "yes" }]);
    provider.answer((one, response, n) =>
      says(judgeOf(one) ? "I'd rather not say" : "maybe")(one, response, n),
    );
    const one = await run({
      scorers: [{ type: "judge", model: { provider: "openai", name: "j" } }],
    });
    expect(one.report).toMatchObject({ n: 0, excluded: { unscored: 1 } });
  });
});

describe("a budget of money", () => {
  test("begins nothing more once it is spent, and what runs may not pass it by much", async ({
    expect,
  }) => {
    await tell([...FIVE, ...FIVE]);
    const prices = [{ provider: "openai", model: "stand-in*", input: 10, output: 0 }];
    await served.api.send("PUT", "/v1/prices", { body: JSON.stringify({ prices }) });
    provider.answer(answerJson(200, chat("yes", { prompt_tokens: 1000, completion_tokens: 1 })));
    const one = await run({ max_cost: 0.035, concurrency: 8 });
    expect(one.state).toBe("budget_exhausted");
    expect(one.report?.cost).toMatchObject({ replay: 0.04, currency: "USD", unpriced: 0 });
    expect(one.progress).toMatchObject({ succeeded: 4, skipped: 6 });
    await expectRecounted(one, expect);
  });

  test("is refused where a price that it takes is not known", async ({ expect }) => {
    await tell(FIVE);
    const { status, body } = await experiment({
      max_cost: 1,
      overrides: { model: { provider: "openai", name: "unpriced-model" } },
    });
    expect(status).toBe(422);
    expect(body).toMatchObject({ errors: [{ path: "max_cost" }] });
  });
});

describe("what cannot be run is refused, and nothing is stored", () => {
  const scorers = [{ type: "exact" }];
  const filter = {};
  test.for<readonly [JsonObject, number, string]>([
    [{ scorers }, 422, "selection"],
    [{ scorers, selection: {} }, 422, "selection"],
    [{ scorers, selection: { filter, decision_ids: ["dec_1"] } }, 422, "selection"],
    [{ scorers, selection: { filter: { sevice_name: "typo" } } }, 422, "selection.filter"],
    [{ scorers, selection: { filter: { from: "yesterday" } } }, 422, "selection.filter.from"],
    [{ scorers, selection: { filter: { status: "wrong" } } }, 422, "selection.filter.status"],
    [{ scorers, selection: { decision_ids: [] } }, 422, "selection.decision_ids"],
    [{ scorers, selection: { decision_ids: ["dec_unknown"] } }, 404, "dec_unknown"],
    [{ scorers: [], selection: { filter } }, 422, "scorers"],
    [{ scorers: [{ type: "vibes" }], selection: { filter } }, 422, "scorers[0].type"],
    [
      { scorers: [{ type: "regex", pattern: "(" }], selection: { filter } },
      422,
      "scorers[0].pattern",
    ],
    [{ scorers, selection: { filter }, max_items: 0 }, 422, "max_items"],
    [{ scorers, selection: { filter }, max_cost: -1 }, 422, "max_cost"],
    [{ scorers, selection: { filter }, concurrency: 1000 }, 422, "concurrency"],
    [{ scorers, selection: { filter }, mode: "real" }, 422, "mode"],
    [{ scorers, selection: { filter }, max_itmes: 3 }, 422, "max_itmes"],
    [{ scorers, selection: { filter: { service_name: "nobody" } } }, 404, "No decision matches"],
    [
      {
        scorers,
        selection: { filter },
        overrides: { model: { base_url: "http://169.254.169.254/" } },
      },
      422,
      "overrides.model.base_url",
    ],
    [
      { scorers, selection: { filter }, overrides: { model: { api_key: "sk-1" } } },
      422,
      "overrides.model.api_key",
    ],
    [
      { scorers, selection: { filter }, overrides: { prompt: { text: "x".repeat(70_000) } } },
      413,
      "overrides",
    ],
    [{ scorers: [{ type: "judge", model: {} }], selection: { filter } }, 422, "scorers[0].model"],
    [
      {
        scorers: [{ type: "judge", model: { provider: "groq", name: "x" } }],
        selection: { filter },
      },
      422,
      "scorers[0].model",
    ],
    [
      { scorers: [{ type: "judge", model: { provider: "openai" } }], selection: { filter } },
      422,
      "scorers[0].model.name",
    ],
    [{ scorers, selection: { filter }, overrides: { prompt: 1 } }, 422, "overrides.prompt"],
    [
      { scorers, selection: { filter }, mode: "live", overrides: { model: { provider: "groq" } } },
      422,
      "mode",
    ],
  ])("%j", async ([body, status, named], { expect }) => {
    const before = (await served.api.get<{ size: number }>("/v1/ledger")).body.size;
    const answer = await served.api.post<{ detail: string }>("/v1/experiments", body);
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toContain(named);
    expect((await served.api.get<{ size: number }>("/v1/ledger")).body.size).toBe(before);
  });

  test("unknown experiments are 404 on every route", async ({ expect }) => {
    for (const [method, path] of [
      ["GET", "/v1/experiments/exp_0"],
      ["GET", "/v1/experiments/exp_0/items"],
      ["POST", "/v1/experiments/exp_0/cancel"],
      ["POST", "/v1/experiments/exp_0/resume"],
    ] as const) {
      const { status, body } = await served.api.send<{ detail: string }>(method, path);
      expect([status, body.detail]).toEqual([404, "Experiment exp_0 not found"]);
    }
  });
});

test("lists are newest first, in pages", async ({ expect }) => {
  interface Page {
    readonly experiments: readonly Experiment[];
    readonly next_cursor: string | null;
  }
  const ids: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const path: string = `/v1/experiments?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const { body } = await served.api.get<Page>(path);
    ids.push(...body.experiments.map(({ experiment_id }) => experiment_id));
    cursor = body.next_cursor;
  }
  expect(ids.length).toBeGreaterThan(8);
  expect(ids).toEqual([...new Set(ids)].toSorted().toReversed());
});

test("no key is in what an experiment leaves behind", async ({ expect }) => {
  const exported = await (await fetch(`${served.server.url}/v1/export/ledger`)).text();
  expect(exported).toContain("experiment_ended");
  expect(exported).not.toContain(OPENAI_KEY);
});
