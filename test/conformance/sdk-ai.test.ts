/** The Vercel AI SDK with our middleware: the real packages, a provider on loopback, a real server. */
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText, wrapLanguageModel } from "ai";
import { afterAll, expect, test } from "vitest";
import { recordCalls } from "../../src/sdk/javascript/ai-sdk.ts";
import { LoopGrid, type Decision } from "../../src/sdk/javascript/index.ts";
import { serveThisFile } from "../support/conformance.ts";
import { answerStream, CHAT_TEXT, RESPONSE_TEXT } from "../support/model-streams.ts";
import { answerJson, recordingServer } from "../support/recording-server.ts";

const provider = await recordingServer();
const served = serveThisFile({
  flags: ["--var", "OPENAI_API_KEY:sk-0", "--var", `OPENAI_BASE_URL:${provider.url}/v1`],
});
afterAll(() => provider.close());

const openai = createOpenAI({ apiKey: "sk-0123456789abcdef", baseURL: `${provider.url}/v1` });
const MODELS = { chat: openai.chat("gpt-4o"), responses: openai.responses("gpt-5") };
const ANSWERS = { chat: CHAT_TEXT, responses: RESPONSE_TEXT };

async function recorded(decisionType: string, ask: (grid: LoopGrid) => Promise<void>) {
  const grid = new LoopGrid({ baseUrl: served.server.url, serviceName: "ai-sdk" });
  await ask(grid);
  await grid.close();
  const decisions: Decision[] = [];
  for await (const decision of grid.decisions.all({ decisionType })) decisions.push(decision);
  const [decision] = decisions;
  if (decision === undefined) throw new Error("nothing was recorded");
  return { grid, decision };
}

test.for(["chat", "responses"] as const)("generateText, %s", async (kind) => {
  provider.answer(answerJson(200, ANSWERS[kind].whole));
  const plain = await generateText({ model: MODELS[kind], prompt: "Charged twice" });
  const { grid, decision } = await recorded(`generate ${kind}`, async (grid) => {
    const middleware = recordCalls(grid, { decisionType: `generate ${kind}` });
    const model = wrapLanguageModel({ model: MODELS[kind], middleware });
    const { text, usage } = await generateText({ model, prompt: "Charged twice" });
    expect({ text, usage }).toEqual({ text: plain.text, usage: plain.usage });
  });
  expect(decision.input).toEqual({ request: provider.received[1]?.body });
  expect(decision.output).toEqual({ response: ANSWERS[kind].whole });
  expect(decision.model).toMatchObject({ provider: "openai" });
  const replay = await grid.createReplay({ decisionId: decision.decision_id, mode: "live" });
  // Responses are kept by OpenAI unless told otherwise, and a replay leaves nothing there.
  expect(replay.fidelity?.level).toBe(kind === "chat" ? "exact" : "equivalent");
  expect(replay.output_changed).toBe(false);
});

test.for(["chat", "responses"] as const)("streamText, %s", async (kind) => {
  provider.answer(answerStream(ANSWERS[kind]));
  const plain = await parts(MODELS[kind]);
  const { decision } = await recorded(`stream ${kind}`, async (grid) => {
    const middleware = recordCalls(grid, { decisionType: `stream ${kind}` });
    const seen = await parts(wrapLanguageModel({ model: MODELS[kind], middleware }));
    expect(seen).toEqual(plain);
  });
  const { stream: _, stream_options: __, ...asked } = provider.received[1]?.body ?? {};
  expect(decision.input).toEqual({ request: asked });
  expect(decision.output).toEqual({ response: ANSWERS[kind].whole });
  expect(decision.metadata).toMatchObject({ provider_call: { streamed: { ended: "complete" } } });
});

async function parts(model: Parameters<typeof streamText>[0]["model"]): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const part of streamText({ model, prompt: "Charged twice" }).fullStream) {
    // Times and ids made anew for each call.
    const text: string = JSON.stringify(part, (name, value: unknown) =>
      /^(timestamp|messageId|.*Ms|.*PerSecond|callId)$/.test(name) ? undefined : value,
    );
    seen.push(JSON.parse(text));
  }
  return seen;
}
