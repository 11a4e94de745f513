/** A prompt that is overridden, in a recorded body of any format (reference §7.2, CONTRACT "Overrides"). */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { BODIES } from "../../support/conversation-formats.ts";
import { rebuilt, recordedCall, requestOf } from "../../support/rebuilding.ts";

const CHAT: JsonObject = {
  model: "gpt-4o",
  messages: [
    { role: "system", content: "Old." },
    { role: "user", content: "Q" },
  ],
};

describe("prompt", () => {
  const prompt = { template: "support_v1", text: "Be {{tone}}.", variables: { tone: "kind" } };
  const withPrompt = recordedCall("openai", "openai.chat", CHAT, { prompt });
  const systemOf = (override: JsonObject) => {
    const messages = requestOf(withPrompt, { prompt: override }).body["messages"];
    return Array.isArray(messages) ? messages[0] : undefined;
  };

  test("new words take the recorded variables", () => {
    expect(systemOf({ text: "Be very {{tone}}." })).toEqual({
      role: "system",
      content: "Be very kind.",
    });
  });

  test("new variables fill the recorded words", () => {
    expect(systemOf({ variables: { tone: "stern" } })).toMatchObject({ content: "Be stern." });
  });

  test("system and text are both said", () => {
    expect(systemOf({ system: "S.", text: "T." })).toMatchObject({ content: "S.\n\nT." });
  });

  test("a new template's name does not stand for the old one's words", () => {
    for (const call of [
      withPrompt,
      { ...withPrompt, input: { message: "Q" }, metadata: null },
      { ...withPrompt, prompt: null },
    ])
      expect(rebuilt(call, { prompt: { template: "support_v2" } })).toMatchObject({
        ok: false,
        kind: "invalid",
        path: "overrides.prompt",
        message: expect.stringMatching(/^prompt_unresolved/),
      });
  });

  test("an override that says nothing is refused, not ignored", () => {
    const call = recordedCall("openai", "openai.chat", CHAT);
    expect(rebuilt(call, { prompt: { version: 2 } })).toMatchObject({ ok: false, kind: "invalid" });
  });

  test.for<readonly [string, keyof typeof BODIES]>([
    ["openai", "openai.chat"],
    ["openai", "openai.responses"],
    ["anthropic", "anthropic.messages"],
    ["gemini", "google.generateContent"],
    ["workers-ai", "workers-ai.run"],
  ])("%s, %s: messages and system are written in the body's own format", ([provider, format]) => {
    const written: Readonly<Record<keyof typeof BODIES, JsonObject>> = {
      "openai.chat": {
        messages: [
          { role: "system", content: "S\n\nIn" },
          { role: "user", content: "N" },
        ],
      },
      "workers-ai.run": {
        messages: [
          { role: "system", content: "S\n\nIn" },
          { role: "user", content: "N" },
        ],
      },
      "openai.responses": {
        instructions: "S\n\nIn",
        input: [{ role: "user", content: [{ type: "input_text", text: "N" }] }],
      },
      "anthropic.messages": { system: "S\n\nIn", messages: [{ role: "user", content: "N" }] },
      "google.generateContent": {
        systemInstruction: { parts: [{ text: "S\n\nIn" }] },
        contents: [{ role: "user", parts: [{ text: "N" }] }],
      },
    };
    const model = { provider, name: "m" };
    const { body } = requestOf(recordedCall(provider, format, BODIES[format], { model }), {
      prompt: {
        system: "S",
        messages: [
          { role: "system", content: "In" },
          { role: "user", content: "N" },
        ],
      },
    });
    expect(body).toMatchObject(written[format]);
  });
});
