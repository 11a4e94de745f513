/**
 * Workers AI through its binding. The binding itself cannot run on this machine: a stand-in with its
 * methods answers as the documentation says, and the rest, from the decision to the reading, is real.
 */
import { test } from "vitest";
import type { JsonObject } from "../../src/lib/json.ts";
import { execute } from "../../src/replay/execute.ts";
import { providerNamed } from "../../src/replay/providers/table.ts";
import { effectiveProvider, rebuild } from "../../src/replay/rebuild.ts";
import { providerConnections } from "../../src/worker/providers.ts";

const MODEL = "@cf/meta/llama-3.1-8b-instruct";
const decision = {
  input: { message: "Charged twice" },
  model: { name: MODEL, parameters: { temperature: 0.2, seed: 7 } },
  prompt: { system: "You help." },
  tool_calls: null,
  output: { response: "Your account looks fine." },
  metadata: null,
};

const ports = {
  fetch: () => Promise.reject(new Error("the binding asks nobody over the network")),
  sleep: () => Promise.resolve(),
  nowMs: () => Date.now(),
  random: () => 0,
};

interface Asked {
  readonly model: string;
  readonly inputs: unknown;
}

async function replayed(answer: () => Promise<JsonObject>, totalMs = 5_000) {
  const asked: Asked[] = [];
  const AI = {
    run(model: string, inputs: unknown) {
      asked.push({ model, inputs });
      return answer();
    },
  };
  const provider = effectiveProvider(decision, {});
  if (provider === undefined) throw new Error("the model's name tells the provider");
  const connection = providerConnections({ AI }).connection(provider);
  const rebuilt = rebuild(decision, {}, provider);
  if (connection === undefined || !rebuilt.ok) throw new Error("it can be asked");
  const execution = await execute(rebuilt.request, connection, totalMs, ports);
  return { asked, ...execution };
}

test("is asked by its model's name, with the recorded question and parameters", async ({
  expect,
}) => {
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
  const { asked, reading } = await replayed(async () => ({ response: "Refunded.", usage }));
  expect(asked).toEqual([
    {
      model: MODEL,
      inputs: {
        messages: [
          { role: "system", content: "You help." },
          { role: "user", content: "Charged twice" },
        ],
        temperature: 0.2,
        seed: 7,
      },
    },
  ]);
  expect(reading).toMatchObject({
    outcome: "succeeded",
    text: "Refunded.",
    usage: { input_tokens: 12, output_tokens: 3 },
    usageRaw: usage,
  });
});

test("its tool calls, its JSON and answers in Chat Completions form are read", async ({
  expect,
}) => {
  const call = { name: "refund", arguments: { order: 5512 } };
  const tools = await replayed(async () => ({ response: null, tool_calls: [call] }));
  expect(tools.reading).toMatchObject({ outcome: "tool_call", toolCalls: [call] });
  const value = await replayed(async () => ({ response: { refund: true } }));
  expect(value.reading.text).toBe('{"refund":true}');
  const message = { role: "assistant", content: "Hello" };
  const chat = await replayed(async () => ({ choices: [{ message, finish_reason: "length" }] }));
  expect(chat.reading).toMatchObject({ outcome: "truncated", text: "Hello" });
});

test.for([
  ["5007: No such model @cf/x or task", "model_unavailable", 1],
  ["3036: You have used up your daily free allocation", "quota_exhausted", 1],
  ["3040: Capacity temporarily exceeded, please try again.", "rate_limited", 3],
  ["3007: Request timeout", "timeout", 3],
  ["5018: Account limited", "auth_error", 1],
  ["Network connection lost.", "provider_error", 3],
] as const)("%s is %s", async ([message, outcome, attempts], { expect }) => {
  const result = await replayed(() => Promise.reject(new Error(message)));
  expect(result.reading.outcome).toBe(outcome);
  expect(result.attempts.length).toBe(attempts);
});

test("one that hangs is a timeout", async ({ expect }) => {
  const { reading } = await replayed(() => new Promise(() => undefined), 50);
  expect(reading.outcome).toBe("timeout");
});

test("without the binding it is not configured, whatever other bindings there are", ({
  expect,
}) => {
  const spec = providerNamed("cloudflare");
  if (spec === undefined) throw new Error("it is known");
  expect(spec.name).toBe("workers-ai");
  for (const env of [{}, { AI: "a var" }, { OTHER: { run: () => undefined } }])
    expect(providerConnections(env).connection(spec)).toBeUndefined();
});
