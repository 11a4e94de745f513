/**
 * An experiment over all 1,610 corrected gsm8k decisions: a stand-in model on loopback answers, fails
 * in every way a provider can, and the server is killed in the middle. Every item ends exactly once,
 * and the report equals what is computed here from the source files and the stand-in's answers alone.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import type { Experiment } from "../../src/replay/experiments/schema.ts";
import {
  acknowledged,
  get,
  inParallel,
  listIn,
  asObject,
  textIn,
  type Answer,
} from "../support/clients.ts";
import { itemsOf } from "../support/experiments.ts";
import type { JsonObject } from "../support/independent-ledger.ts";
import { mcnemarByIntegers } from "../support/mcnemar.ts";
import { answerJson, recordingServer, type Answering } from "../support/recording-server.ts";
import { startServer, type TestServer } from "../support/server.ts";

const folder = join(
  resolve(process.env["LOOPGRID_DATA"] ?? join(import.meta.dirname, "../../../shared/data")),
  "decisions",
);
const absent = !existsSync(folder);
const reason = absent ? ` (skipped: there is no ${folder}; set LOOPGRID_DATA)` : "";

interface Problem {
  readonly decision: JsonObject;
  readonly correction: JsonObject;
  readonly question: string;
  /** By the source: the number behind the last "A:". */
  readonly truth: number;
  readonly original: number;
}

function lines(file: string): JsonObject[] {
  const text = readFileSync(join(folder, file), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => asObject(JSON.parse(line)));
}

/** The stand-in is right about two questions in three. */
const rightAbout = (question: string): boolean => question.length % 3 !== 0;

function problems(): Problem[] {
  const decisions = lines("gsm8k_solutions.jsonl");
  return lines("gsm8k_solutions.corrections.jsonl").map((correction) => {
    const decision = asObject(decisions[Number(correction["index"])]);
    return {
      decision,
      correction,
      question: textIn(asObject(decision["input"]), "question"),
      truth: finalNumber(textIn(asObject(correction["correction"]), "solution")),
      original: finalNumber(textIn(asObject(decision["output"]), "solution")),
    };
  });
}

/** What stands last in a solution, read another way than the scorer does. */
function finalNumber(solution: string): number {
  const numbers = solution.replaceAll(",", "").match(/-?\d*\.?\d+/g) ?? [];
  return Number(numbers.at(-1));
}

const chat = (content: string) =>
  answerJson(200, {
    model: "stand-in",
    usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    choices: [{ message: { role: "assistant", content }, finish_reason: "stop" }],
  });

/** Faults by position of the call: some are retried away, some fail the item. */
const FAULTS: Readonly<Record<number, Answering>> = {
  0: answerJson(
    429,
    { error: { code: "rate_limit_exceeded", message: "slow" } },
    { "retry-after-ms": "20" },
  ),
  1: answerJson(400, { error: { code: "bad_request", message: "no" } }),
  2: (_, response) => response.destroy(),
  3: answerJson(
    500,
    { error: { code: "server_error", message: "no" } },
    { "retry-after-ms": "20" },
  ),
  4: (_, response) => response.end("<html>not JSON"),
  5: answerJson(429, { error: { code: "insufficient_quota", message: "pay" } }),
};

test.skipIf(absent)(
  `1,610 corrections, killed in the middle, resumed, every item once${reason}`,
  async ({ expect }) => {
    const all = problems();
    expect(all.length).toBe(1610);
    const byQuestion = new Map(all.map(({ question, truth }) => [question, truth]));
    const standIn = await recordingServer();
    const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-gsm8k-"));
    const flags = ["OPENAI_API_KEY:sk-test-gsm8k", `OPENAI_BASE_URL:${standIn.url}/v1`].flatMap(
      (given) => ["--var", given],
    );
    let server: TestServer | undefined;
    try {
      server = await startServer({ persistTo, flags });
      const ids = await recordAll(server.url, all);
      const prices = { prices: [{ provider: "openai", model: "*", input: 1, output: 5 }] };
      await fetch(`${server.url}/v1/prices`, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(prices),
      });

      let calls = 0;
      let faults = true;
      standIn.answer((one, response, n) => {
        const question = questionIn(one.body);
        const truth = byQuestion.get(question) ?? Number.NaN;
        const fault = faults && calls++ % 10 === 0 ? FAULTS[((calls / 10) % 6) | 0] : undefined;
        const answer = chat(`So the answer is ${rightAbout(question) ? truth : truth + 1}`);
        (fault ?? answer)(one, response, n);
      });
      const created = await acknowledged(server.url, "/v1/experiments", {
        name: "gsm8k",
        selection: { filter: { service_name: "grade-school-math", status: "corrected" } },
        scorers: [{ type: "numeric" }],
        mode: "live",
        concurrency: 16,
      });
      const id = textIn(created, "experiment_id");
      expect(created["selection"]).toMatchObject({ count: 1610 });

      await until(server.url, id, ({ progress }) => progress.succeeded > 300);
      await server.kill();
      const duringKill = standIn.received.length;
      server = await startServer({ persistTo, flags });
      const first = await until(server.url, id, ({ report }) => report !== null);
      expect(first.state).toBe("completed_with_errors");
      const failed = first.progress.failed;
      expect(failed).toBeGreaterThan(20);
      expect(first.progress.succeeded + failed).toBe(1610);

      faults = false;
      const before = standIn.received.length;
      await acknowledged(server.url, `/v1/experiments/${id}/resume`, {});
      const done = await until(server.url, id, ({ report }) => report !== null);
      expect(standIn.received.length - before).toBe(failed);
      expect(done.state).toBe("completed");
      console.log(
        `${standIn.received.length} calls, ${duringKill} before the kill, ${failed} items failed and were resumed`,
      );

      // Every item exactly once, in the frozen order.
      const items = await itemsOf(server.url, id);
      expect(items.map(({ decision_id }) => decision_id)).toEqual(ids.toReversed());
      expect(new Set(items.map(({ replay_id }) => replay_id)).size).toBe(1610);
      expect(items.every(({ state }) => state === "succeeded")).toBe(true);
      // A replay for each item, and one more for each that had failed: none twice.
      expect(await replaysOf(server.url, id)).toBe(1610 + failed);

      const expected = byHand(all);
      expect(done.report).toMatchObject(expected);
      const p = mcnemarByIntegers(expected.fixed, expected.broken);
      // So small that a double has few digits left for it.
      expect(Math.abs((done.report?.mcnemar_p ?? 1) - p)).toBeLessThanOrEqual(p / 100);
      expect(done.report?.cost.replay).toBeCloseTo(1610 * 0.0002, 6);
      const verified = await get(server.url, "/v1/integrity/verify");
      expect(verified.body).toMatchObject({ valid: true, complete: true });
    } finally {
      await server?.stop();
      await standIn.close();
      rmSync(persistTo, { recursive: true, force: true });
    }
  },
);

function byHand(all: readonly Problem[]) {
  const counts = { n: 0, both_right: 0, fixed: 0, broken: 0, both_wrong: 0 };
  for (const { question, truth, original } of all) {
    const [before, after] = [original === truth, rightAbout(question)];
    counts.n++;
    if (before) counts[after ? "both_right" : "broken"]++;
    else counts[after ? "fixed" : "both_wrong"]++;
  }
  const { n, both_right, fixed, broken } = counts;
  return {
    ...counts,
    original_rate: (both_right + broken) / n,
    replay_rate: (both_right + fixed) / n,
    intervals: { replay: wilsonByRoots(both_right + fixed, n) },
  };
}

/** The interval as the roots of (p - rate)^2 = z^2 p (1 - p) / n, not by the closed form of the code. */
function wilsonByRoots(successes: number, n: number) {
  const z2 = 1.959963984540054 ** 2;
  const rate = successes / n;
  const [a, b, c] = [1 + z2 / n, -(2 * rate + z2 / n), rate ** 2];
  const root = Math.sqrt(b ** 2 - 4 * a * c);
  return { low: closeTo((-b - root) / (2 * a)), high: closeTo((-b + root) / (2 * a)) };
}

const closeTo = (value: number): unknown => ({
  asymmetricMatch: (other: number) => Math.abs(other - value) < 1e-9,
  toString: () => `close to ${value}`,
});

function questionIn(body: unknown): string {
  const messages = listIn(asObject(JSON.parse(JSON.stringify(body))), "messages");
  return textIn(asObject(messages.at(-1)), "content");
}

async function recordAll(url: string, all: readonly Problem[]): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < all.length; from += 500) {
    const decisions = all.slice(from, from + 500).map(({ decision }) => decision);
    const batch = await acknowledged(url, "/v1/decisions/batch", { decisions });
    ids.push(...listIn(batch, "decisions").map((row) => textIn(asObject(row), "decision_id")));
  }
  await inParallel(ids, 32, (id, i) => {
    const { correction = {}, corrected_by = "" } = all[i]?.correction ?? {};
    return acknowledged(url, `/v1/decisions/${id}/correction`, { correction, corrected_by });
  });
  return ids;
}

async function until(
  url: string,
  id: string,
  holds: (one: Experiment) => boolean,
): Promise<Experiment> {
  for (;;) {
    const answer: Answer = await get(url, `/v1/experiments/${id}`);
    const one: Experiment = JSON.parse(JSON.stringify(answer.body));
    if (holds(one)) return one;
    await sleep(100);
  }
}

async function replaysOf(url: string, id: string): Promise<number> {
  let count = 0;
  for (let cursor = ""; ;) {
    const page = await get(url, `/v1/replays?experiment_id=${id}&limit=100${cursor}`);
    count += listIn(page.body, "replays").length;
    if (page.body["has_more"] !== true) return count;
    cursor = `&cursor=${textIn(page.body, "next_cursor")}`;
  }
}
