/** A recorded body for another provider or model of the same format (reference §7.3, §8.6). */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import type { Format } from "../../../src/replay/provider.ts";
import { pathsOf, recordedCall, requestOf } from "../../support/rebuilding.ts";

function went(from: string, to: string, body: JsonObject) {
  const call = recordedCall(from, "openai.chat", { model: "m", messages: [], ...body });
  return requestOf(call, { model: { provider: to, name: "other" } });
}

describe("from one provider of Chat Completions to another", () => {
  test("Mistral's words for the same things, there and back", () => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
    const messages = [
      {
        role: "user",
        content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }],
      },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c", content: "x" },
    ];
    const there = went("openai", "mistral", {
      messages,
      seed: 7,
      tool_choice: "required",
      max_completion_tokens: 5,
    }).body;
    expect(there).toEqual({
      model: "other",
      random_seed: 7,
      tool_choice: "any",
      max_tokens: 5,
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: "data:image/png;base64,AA==" }] },
        messages[1],
        { ...messages[2], name: "f" },
      ],
    });
    const back = went("mistral", "groq", { ...there, safe_prompt: true });
    expect(back.body).toEqual({
      model: "other",
      seed: 7,
      tool_choice: "required",
      max_tokens: 5,
      messages: [messages[0], messages[1], { ...messages[2], name: "f" }],
    });
    expect(pathsOf(back.fidelity.notes)).toEqual(["safe_prompt"]);
  });

  test.for<readonly [string, string, JsonObject]>([
    ["openai", "mistral", { metadata: {}, prediction: {}, verbosity: "low", user: "u" }],
    ["openai", "ollama", { prompt_cache_key: "k", safety_identifier: "s", service_tier: "flex" }],
    ["groq", "openai", { reasoning_format: "parsed" }],
    ["openrouter", "openai", { provider: { order: ["x"] }, transforms: ["y"] }],
    ["vllm", "together", { min_p: 0.1, guided_json: {} }],
  ])("what only %s knows does not go to %s: %j", ([from, to, members]) => {
    const { body, fidelity } = went(from, to, members);
    for (const member of Object.keys(members)) expect(body).not.toHaveProperty(member);
    expect(pathsOf(fidelity.notes).toSorted()).toEqual(Object.keys(members).toSorted());
    expect(fidelity.level).toBe("adapted");
  });
});

describe("thoughts stay with the model that had them", () => {
  const S = "Er+/==";
  test.for<readonly [string, Format, JsonObject, JsonObject, readonly string[]]>([
    [
      "anthropic",
      "anthropic.messages",
      {
        messages: [
          { role: "assistant", content: [{ type: "redacted_thinking", data: S }] },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "t", signature: S },
              { type: "text", text: "x" },
            ],
          },
        ],
      },
      { messages: [{ role: "assistant", content: [{ type: "text", text: "x" }] }] },
      ["messages.0.content.0", "messages.1.content.0"],
    ],
    [
      "openai",
      "openai.responses",
      {
        input: [
          { type: "reasoning", encrypted_content: S },
          { role: "user", content: "x" },
        ],
      },
      { input: [{ role: "user", content: "x" }] },
      ["input.0"],
    ],
    [
      "deepseek",
      "openai.chat",
      { messages: [{ role: "assistant", content: "x", reasoning_content: "t" }] },
      { messages: [{ role: "assistant", content: "x" }] },
      ["messages.0.reasoning_content"],
    ],
    [
      "gemini",
      "google.generateContent",
      {
        contents: [
          {
            role: "model",
            parts: [
              { text: "t", thought: true },
              { functionCall: { name: "f" }, thoughtSignature: S },
            ],
          },
          { role: "user", parts: [{ text: "x" }] },
        ],
      },
      {
        contents: [
          {
            role: "model",
            parts: [
              {
                functionCall: { name: "f" },
                thoughtSignature: "skip_thought_signature_validator",
              },
            ],
          },
          { role: "user", parts: [{ text: "x" }] },
        ],
      },
      ["contents.0.parts.0", "contents.0.parts.0.thoughtSignature"],
    ],
  ])("%s, %s", ([provider, format, recorded, sent, paths]) => {
    const call = recordedCall(provider, format, recorded);
    const same = requestOf(call);
    expect(same.body).toMatchObject(recorded);
    const { body, fidelity } = requestOf(call, { model: { name: "gemini-3-pro" } });
    expect(body).toMatchObject(sent);
    expect(pathsOf(fidelity.notes)).toEqual(paths);
  });
});
