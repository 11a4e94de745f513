/** What `decision`, `fetch` and `wrap` record of an application, and that they leave it alone. */
import { afterEach, beforeEach, test } from "vitest";
import { recordCalls } from "../../../src/sdk/javascript/ai-sdk.ts";
import { LoopGrid, UndeliveredError } from "../../../src/sdk/javascript/index.ts";
import { fakeLedger, type FakeLedger } from "../../support/fake-ledger.ts";

let server: FakeLedger;
beforeEach(async () => {
  server = await fakeLedger();
});
afterEach(() => server.close());

const client = (options = {}) => new LoopGrid({ baseUrl: server.url, lingerMs: 1, ...options });
const MODEL_URL = "https://api.openai.com/v1/chat/completions";
const CALL = { method: "POST", body: '{"model":"m","messages":[]}' };

test("a function that never ends, or flushes itself, stops no flush", async ({ expect }) => {
  const grid = client();
  void grid.decision("never", () => new Promise<object>(() => undefined))();
  const flushing = grid.decision("flushes", async () => {
    await grid.flush();
    return { done: true };
  });
  expect(await flushing()).toEqual({ done: true });
  await grid.close();
  expect(server.records()).toMatchObject([{ decision_type: "flushes", output: { done: true } }]);
});

test("a record that is never made is told when the time is over", async ({ expect }) => {
  const grid = client({ capture: { redact: () => new Promise<null>(() => undefined) } });
  grid.decision("sync", () => 1)();
  await expect(grid.flush({ timeoutMs: 50 })).rejects.toBeInstanceOf(UndeliveredError);
});

test("an output is recorded as it was, not as it became", async ({ expect }) => {
  const grid = client();
  const sync = grid.decision("sync", () => ({ route: "billing" }))();
  sync.route = "changed";
  const later = await grid.decision("async", async () => ({ route: "refunds" }))();
  later.route = "changed";
  await grid.close();
  expect(server.records()).toMatchObject([
    { decision_type: "sync", output: { route: "billing" } },
    { decision_type: "async", output: { route: "refunds" } },
  ]);
});

test("what runs when it is awaited runs as often as it would, and is counted", async ({
  expect,
}) => {
  const grid = client();
  let runs = 0;
  const lazy = {
    // oxlint-disable-next-line unicorn/no-thenable -- what query builders return
    then(resolve: (value: string) => void) {
      runs++;
      resolve("row");
    },
  };
  expect(await grid.decision("lazy", () => lazy)()).toBe("row");
  expect(runs).toBe(1);
  await expect(grid.close()).rejects.toMatchObject({ message: "Records: 1 dropped" });
});

test("an answer that cannot be made anew comes as it is, and unlocked", async ({ expect }) => {
  const strange = new Response("{}");
  Object.defineProperty(strange, "statusText", { value: "no\nheader" });
  const grid = client();
  const answer = await grid.fetch({}, async () => strange)(MODEL_URL, CALL);
  expect(answer).toBe(strange);
  expect(await answer.text()).toBe("{}");
  await expect(grid.close()).rejects.toMatchObject({ message: "Records: 1 dropped" });
});

test("a body that cannot be watched is counted as not recorded", async ({ expect }) => {
  const strange = new Response("{}");
  Object.defineProperty(strange, "body", { value: { pipe: () => undefined } });
  const grid = client();
  expect(await grid.fetch({}, async () => strange)(MODEL_URL, CALL)).toBe(strange);
  await expect(grid.close()).rejects.toMatchObject({ message: "Records: 1 dropped" });
});

test("a copy of an answer is the same answer", async ({ expect }) => {
  const answered = Response.json({ id: "x" });
  Object.defineProperty(answered, "url", { value: MODEL_URL });
  Object.defineProperty(answered, "redirected", { value: true });
  const grid = client();
  const answer = await grid.fetch({}, async () => answered)(MODEL_URL, CALL);
  const copy = answer.clone().clone();
  expect(copy).toMatchObject({ url: MODEL_URL, redirected: true, type: answered.type });
  expect(await Promise.all([copy.text(), answer.text()])).toEqual(['{"id":"x"}', '{"id":"x"}']);
  await grid.close();
});

test.for(["AnthropicBedrock", "AnthropicVertex"])(
  "%s is refused, not left out",
  (name, { expect }) => {
    class Client {
      withOptions() {
        return this;
      }
    }
    Object.defineProperty(Client, "name", { value: name });
    expect(() => client().wrap(new Client())).toThrow(TypeError);
  },
);

test("of a call through the AI SDK no header is recorded", async ({ expect }) => {
  const grid = client();
  const { signal: abortSignal } = new AbortController();
  await recordCalls(grid).wrapGenerate({
    doGenerate: async () => ({ content: [] }),
    params: { prompt: "p", headers: { "x-any": "SECRET" }, abortSignal },
    model: { provider: "any", modelId: "m", doStream: async () => undefined },
  });
  await grid.close();
  expect(server.records()).toMatchObject([{ input: { request: { prompt: "p" } } }]);
  expect(server.attempts.map(({ text }) => text).join()).not.toMatch(/SECRET|abortSignal/);
});
