/** What a model family takes, reference §7.3: by table, and only for requests that are not as recorded. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import type { Format } from "../../../src/replay/provider.ts";
import { applyModelRules } from "../../../src/replay/model-rules.ts";
import { pathsOf } from "../../support/rebuilding.ts";

const SAMPLED: JsonObject = {
  temperature: 0.3,
  top_p: 0.9,
  logprobs: true,
  top_logprobs: 2,
  frequency_penalty: 1,
  presence_penalty: 1,
  logit_bias: {},
};
const CHAT: Format = "openai.chat";

function ruled(provider: string, model: string, body: JsonObject, format: Format = CHAT) {
  return applyModelRules({ provider, format, model }, body);
}

describe("OpenAI", () => {
  test.for(["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-6", "ft:gpt-5:a"])(
    "%s reasons: it is not told how to sample",
    (model) => {
      for (const provider of ["openai", "azure"]) {
        const { body, notes } = ruled(provider, model, { ...SAMPLED, reasoning_effort: "low" });
        expect(body).toEqual({ reasoning_effort: "low" });
        expect(pathsOf(notes).toSorted()).toEqual(Object.keys(SAMPLED).toSorted());
      }
    },
  );

  test.for(["gpt-5.1", "gpt-5.2-mini", "gpt-6"])("%s, told not to reason, may sample", (model) => {
    const { body, notes } = ruled("openai", model, { ...SAMPLED, reasoning_effort: "none" });
    expect(body).toEqual({
      temperature: 0.3,
      top_p: 0.9,
      logprobs: true,
      reasoning_effort: "none",
    });
    expect(pathsOf(notes)).toEqual([
      "top_logprobs",
      "frequency_penalty",
      "presence_penalty",
      "logit_bias",
    ]);
    const responses = ruled(
      "openai",
      model,
      { temperature: 0.3, reasoning: { effort: "none" } },
      "openai.responses",
    );
    expect(responses.body["temperature"]).toBe(0.3);
  });

  test("gpt-5 itself, told not to reason, may not", () => {
    const { body } = ruled("openai", "gpt-5", { temperature: 1, reasoning_effort: "none" });
    expect(body).toEqual({ reasoning_effort: "none" });
  });

  test.for(["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-5.1-chat-latest", "chatgpt-4o-latest"])(
    "%s samples as it is told",
    (model) => {
      expect(ruled("openai", model, SAMPLED)).toEqual({ body: SAMPLED, notes: [] });
    },
  );

  test("the limit and the system are called what the model calls them", () => {
    const asked = {
      max_tokens: 5,
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "U" },
      ],
    };
    const reasoning = ruled("openai", "o3", asked);
    expect(reasoning.body).toEqual({
      max_completion_tokens: 5,
      messages: [
        { role: "developer", content: "S" },
        { role: "user", content: "U" },
      ],
    });
    expect(pathsOf(reasoning.notes, "renamed")).toEqual(["max_tokens"]);
    expect(pathsOf(reasoning.notes, "substituted")).toEqual(["messages.0.role"]);
    expect(ruled("groq", "llama", reasoning.body).body["messages"]).toEqual(asked.messages);
  });

  test("top_k is nothing OpenAI has, and is what others have", () => {
    expect(ruled("openai", "gpt-4o", { top_k: 1 }).body).toEqual({});
    expect(ruled("vllm", "llama", { top_k: 1 }).body).toEqual({ top_k: 1 });
  });
});

function claude(model: string, body: JsonObject) {
  return ruled("anthropic", model, { max_tokens: 4096, ...body }, "anthropic.messages");
}

describe("Claude", () => {
  const sampled = { temperature: 0.5, top_p: 0.9, top_k: 40 };

  test.for([
    "claude-opus-4-7",
    "claude-opus-4-8-20261001",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-haiku-5",
    "claude-fable-5",
    "claude-novel-1",
    "anthropic/claude-opus-4.7",
    "anthropic.claude-opus-5",
  ])("%s is not told how to sample, and thinks as it sees fit", (model) => {
    const thinking = { type: "enabled", budget_tokens: 2048, display: "omitted" };
    const { body, notes } = claude(model, {
      ...sampled,
      thinking,
      output_config: { effort: "max" },
    });
    expect(body).toEqual({
      max_tokens: 4096,
      thinking: { type: "adaptive", display: "omitted" },
      output_config: { effort: "max" },
    });
    expect(pathsOf(notes)).toEqual(["temperature", "top_p", "top_k"]);
    expect(pathsOf(notes, "substituted")).toEqual(["thinking"]);
  });

  test.for([
    "claude-3-5-sonnet-20241022",
    "claude-3-haiku-20240307",
    "claude-opus-4-20250514",
    "claude-opus-4-1",
    "claude-opus-4-6",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5",
  ])("%s samples as it is told, but for while it thinks", (model) => {
    expect(claude(model, sampled).body).toEqual({ max_tokens: 4096, ...sampled });
    const thinking = { type: "enabled", budget_tokens: 2048 };
    expect(claude(model, { ...sampled, thinking }).body).toEqual({ max_tokens: 4096, thinking });
  });

  test("a budget is at least what there is, and leaves room to answer", () => {
    const { body, notes } = claude("claude-opus-4-1", {
      max_tokens: 500,
      thinking: { type: "enabled", budget_tokens: 800 },
    });
    expect(body).toEqual({
      max_tokens: 1524,
      thinking: { type: "enabled", budget_tokens: 1024 },
    });
    expect(pathsOf(notes, "substituted")).toEqual(["thinking.budget_tokens", "max_tokens"]);
  });

  test("what an older model does not know is dropped", () => {
    const { body, notes } = claude("claude-sonnet-4-5", {
      thinking: { type: "adaptive" },
      output_config: { effort: "low", format: { type: "json_schema" } },
    });
    expect(body).toEqual({
      max_tokens: 4096,
      output_config: { format: { type: "json_schema" } },
    });
    expect(pathsOf(notes)).toEqual(["thinking", "output_config.effort"]);
  });

  test("a temperature is at most 1", () => {
    expect(claude("claude-opus-4-1", { temperature: 1.7 })).toMatchObject({
      body: { temperature: 1 },
      notes: [{ path: "temperature", action: "substituted" }],
    });
  });
});
