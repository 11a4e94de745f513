/**
 * Overrides, reference §7.2: the merge patch first, then messages, tools, prompt, model and params,
 * then the change of format and the model's rules; each is named, and the rest stays as recorded.
 */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { BODIES } from "../../support/conversation-formats.ts";
import { pathsOf, recordedCall, requestOf } from "../../support/rebuilding.ts";

const CHAT: JsonObject = {
  model: "gpt-4o",
  messages: [
    { role: "system", content: "Old." },
    { role: "user", content: "Q" },
  ],
  temperature: 0.2,
  tools: [{ type: "function", function: { name: "f" } }],
};
const chat = recordedCall("openai", "openai.chat", CHAT);

describe("the order", () => {
  test("typed overrides stand over the patch, and the patch over what was recorded", () => {
    const { body, fidelity } = requestOf(chat, {
      body: { temperature: 0.9, top_p: 0.5, tools: null, messages: [], user: "u" },
      params: { temperature: 0.1 },
      messages: [{ role: "user", content: "M" }],
      prompt: { system: "P" },
    });
    expect(body).toEqual({
      model: "gpt-4o",
      messages: [
        { role: "system", content: "P" },
        { role: "user", content: "M" },
      ],
      temperature: 0.1,
      top_p: 0.5,
      user: "u",
    });
    expect(fidelity.level).toBe("exact");
    expect(pathsOf(fidelity.notes, "substituted")).toEqual([
      "body",
      "messages",
      "prompt",
      "temperature",
    ]);
  });

  test("params stand over model.parameters, and both over what was recorded", () => {
    const model = { parameters: { temperature: 0.5, top_p: 0.6 } };
    const { body } = requestOf(chat, { model, params: { temperature: 0.7 } });
    expect(body).toEqual({ ...CHAT, temperature: 0.7, top_p: 0.6 });
  });

  test("what the model takes comes last: a patch is no way around it", () => {
    const { body, model, fidelity } = requestOf(chat, {
      body: { model: "o3", max_tokens: 9, top_p: 0.5 },
    });
    expect(model).toBe("o3");
    expect(body).toEqual({
      model: "o3",
      messages: [
        { role: "developer", content: "Old." },
        { role: "user", content: "Q" },
      ],
      max_completion_tokens: 9,
      tools: CHAT["tools"],
    });
    expect(pathsOf(fidelity.notes)).toEqual(["temperature", "top_p"]);
  });

  test("in another format, the patch's own words are the new format's", () => {
    const { body } = requestOf(chat, {
      model: { provider: "anthropic", name: "claude-opus-4-1" },
      body: { temperature: 0.4, metadata: { user_id: "u" }, thinking: { type: "disabled" } },
    });
    expect(body).toMatchObject({
      temperature: 0.4,
      metadata: { user_id: "u" },
      thinking: { type: "disabled" },
    });
  });
});

describe("the patch", () => {
  test("is RFC 7396: null deletes, objects merge, __proto__ is a name", () => {
    const patch: JsonObject = JSON.parse(
      '{"temperature":null,"a":{"b":null,"c":1},"__proto__":{"x":1}}',
    );
    const recorded = { ...CHAT, a: { b: 1, d: 2 } };
    const { body } = requestOf(recordedCall("openai", "openai.chat", recorded), { body: patch });
    expect(JSON.parse(JSON.stringify(body))).toMatchObject({ a: { c: 1, d: 2 } });
    expect(JSON.stringify(body)).toContain('"__proto__":{"x":1}');
    expect(body).not.toHaveProperty("temperature");
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  test("cannot bring back streaming, or have the answer kept", () => {
    const { body } = requestOf(chat, { body: { stream: true, store: true } });
    expect(body).toEqual({ ...CHAT, store: false });
  });
});

describe("params", () => {
  test.for<readonly [string, keyof typeof BODIES, JsonObject, JsonObject]>([
    [
      "openai",
      "openai.responses",
      { max_tokens: 5, reasoning_effort: "high" },
      { max_output_tokens: 5, reasoning: { effort: "high" } },
    ],
    [
      "anthropic",
      "anthropic.messages",
      { stop: "X", reasoning_effort: "high" },
      {
        stop_sequences: ["X"],
        output_config: { ...Object(BODIES["anthropic.messages"]["output_config"]), effort: "high" },
      },
    ],
    [
      "gemini",
      "google.generateContent",
      { max_tokens: 5, stop: "X", top_k: null },
      {
        generationConfig: expect.objectContaining({
          maxOutputTokens: 5,
          stopSequences: ["X"],
          seed: 7,
        }),
      },
    ],
    ["openai", "openai.chat", { logit_bias: { "1": 2 } }, { logit_bias: { "1": 2 } }],
  ])("%s, %s: %j are set where the format has them", ([provider, format, params, expected]) => {
    const model = { provider, name: "claude-opus-4-5" };
    const call = recordedCall(provider, format, BODIES[format], { model });
    expect(requestOf(call, { params }).body).toMatchObject(expected);
  });

  test("replace whole values: a patch would leave the budget of other thinking", () => {
    const recorded = { model: "claude-opus-4-1", max_tokens: 4000, messages: [] };
    const thinking = { type: "enabled", budget_tokens: 2000 };
    const call = recordedCall("anthropic", "anthropic.messages", { ...recorded, thinking });
    const params = { thinking: { type: "disabled" } };
    expect(requestOf(call, { params }).body).toEqual({ ...recorded, thinking: params.thinking });
  });

  test("null deletes, and both names of a limit are one parameter", () => {
    const recorded = { ...CHAT, max_completion_tokens: 9, top_p: 1 };
    const call = recordedCall("openai", "openai.chat", recorded);
    const { body } = requestOf(call, { params: { max_tokens: 5, temperature: null, top_p: null } });
    expect(body).toEqual({
      model: "gpt-4o",
      messages: CHAT["messages"],
      tools: CHAT["tools"],
      max_completion_tokens: 5,
    });
  });

  test("that the format has not are named", () => {
    const call = recordedCall("anthropic", "anthropic.messages", BODIES["anthropic.messages"]);
    const { fidelity } = requestOf(call, { params: { seed: 1 } });
    expect(pathsOf(fidelity.notes)).toEqual(["params.seed"]);
  });
});

describe("input, model, tools and messages", () => {
  test("an input of another request is that request, and is named", () => {
    const request = { model: "gpt-4o", messages: [{ role: "user", content: "N" }] };
    const { body, fidelity } = requestOf(chat, { input: { request } });
    expect(body).toEqual(request);
    expect(pathsOf(fidelity.notes, "substituted")).toEqual(["input"]);
  });

  test("an input without a request is asked anew, and is named", () => {
    const { body, fidelity } = requestOf(chat, { input: { message: "N" } });
    expect(body).toEqual({ model: "gpt-4o", messages: [{ role: "user", content: "N" }] });
    expect(fidelity.level).toBe("reconstructed");
    expect(pathsOf(fidelity.notes, "substituted")).toContain("input");
  });

  test("another model of the same provider changes the name only", () => {
    const { body, model, fidelity } = requestOf(chat, { model: { name: "gpt-4.1" } });
    expect(model).toBe("gpt-4.1");
    expect(body).toEqual({ ...CHAT, model: "gpt-4.1" });
    expect(fidelity.level).toBe("exact");
  });

  test("Gemini's model is in the address", () => {
    const call = recordedCall("gemini", "google.generateContent", BODIES["google.generateContent"]);
    const { body, model, adapter } = requestOf(call, { model: { name: "gemini-2.5-flash" } });
    expect(body).not.toHaveProperty("model");
    expect(adapter.path(model)).toBe("/models/gemini-2.5-flash:generateContent");
  });

  test("tools and messages are replaced whole; null takes the tools away", () => {
    const tools = [{ type: "function", function: { name: "g" } }];
    expect(requestOf(chat, { tools }).body).toEqual({ ...CHAT, tools });
    const { tools: _, ...bare } = CHAT;
    expect(requestOf(chat, { tools: null }).body).toEqual(bare);
    const messages = [{ role: "user", content: "N" }];
    expect(requestOf(chat, { messages }).body).toEqual({ ...CHAT, messages });
  });
});
