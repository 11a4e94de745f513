/** Same-provider replay is faithful to the octet: what was recorded is what is sent (issue, "Must show"). */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";
import { BODIES } from "../../support/conversation-formats.ts";
import { pathsOf, rebuilt, recordedCall, requestOf } from "../../support/rebuilding.ts";

const PROVIDERS: readonly (readonly [provider: string, format: keyof typeof BODIES])[] = [
  ["openai", "openai.chat"],
  ["azure", "openai.chat"],
  ["groq", "openai.chat"],
  ["mistral", "openai.chat"],
  ["openai-compatible", "openai.responses"],
  ["anthropic", "anthropic.messages"],
  ["gemini", "google.generateContent"],
  ["vertex", "google.generateContent"],
  ["workers-ai", "workers-ai.run"],
];

const SIGNATURE = "ErUBCkYIBxgCIkDk+/3Zq==é";
const HISTORY: Readonly<Partial<Record<keyof typeof BODIES, JsonObject>>> = {
  "openai.chat": {
    messages: [
      { role: "developer", content: "D", name: "ops" },
      { role: "assistant", content: null, reasoning_content: SIGNATURE, refusal: null },
      { role: "user", content: [{ type: "file", file: { file_data: SIGNATURE } }, { odd: 1 }] },
    ],
    temperature: 1.9,
    unknown_member: { deep: [null, 1e21, ""] },
  },
  "openai.responses": {
    input: [
      { type: "reasoning", id: "rs_1", summary: [], encrypted_content: SIGNATURE },
      { role: "user", content: "x" },
    ],
    include: ["reasoning.encrypted_content"],
  },
  "anthropic.messages": {
    messages: [
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "ein Gedanke — 思考", signature: SIGNATURE },
          { type: "redacted_thinking", data: SIGNATURE },
          { type: "tool_use", id: "t", name: "f", input: {}, cache_control: { type: "ephemeral" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", is_error: true }] },
    ],
    thinking: { type: "enabled", budget_tokens: 500 },
    temperature: 2,
  },
  "google.generateContent": {
    contents: [
      {
        role: "model",
        parts: [
          { text: "hm", thought: true },
          { functionCall: { id: "1", name: "f", args: {} }, thoughtSignature: SIGNATURE },
        ],
      },
      { role: "user", parts: [{ functionResponse: { name: "f", response: {} } }] },
    ],
    safetySettings: [],
  },
};

describe.for(PROVIDERS)("%s, %s", ([provider, format]) => {
  test("tools, tool_choice, schema, seed and images are sent as they were", () => {
    const { body, adapter, fidelity } = requestOf(
      recordedCall(provider, format, BODIES[format], {
        model: { provider, name: "gemini-2.5-pro" },
      }),
    );
    expect(JSON.stringify(body)).toBe(JSON.stringify(BODIES[format]));
    expect(adapter.format).toBe(format);
    expect(fidelity).toEqual({ level: "exact", notes: [] });
  });

  test("thoughts, signatures and members nobody knows are sent as they were", () => {
    const recorded = { ...BODIES[format], ...HISTORY[format] };
    const { body, fidelity } = requestOf(recordedCall(provider, format, recorded));
    expect(JSON.stringify(body)).toBe(JSON.stringify(recorded));
    expect(fidelity.level).toBe("exact");
  });

  test("whatever JSON it holds", () => {
    const json = fc.json({ maxDepth: 3 }).map((text): JsonValue => JSON.parse(text));
    fc.assert(
      fc.property(json, fc.string(), (value, name) => {
        const recorded: JsonObject = JSON.parse(
          `{"__proto__":${JSON.stringify(value)},${JSON.stringify(`x ${name}`)}:1}`,
        );
        for (const [member, given] of Object.entries(BODIES[format])) recorded[member] = given;
        const { body } = requestOf(recordedCall(provider, format, recorded));
        expect(JSON.stringify(body)).toBe(JSON.stringify(recorded));
      }),
      { numRuns: 20 },
    );
  });
});

describe("what a replay does change, it says", () => {
  test("one whole answer is asked for, and the report says it is as good as the recorded", () => {
    const recorded = { ...BODIES["openai.chat"], stream: true, stream_options: {}, store: true };
    const { body, fidelity } = requestOf(recordedCall("openai", "openai.chat", recorded));
    expect(body).toEqual({ ...BODIES["openai.chat"], store: false });
    expect(fidelity.level).toBe("equivalent");
    expect(pathsOf(fidelity.notes)).toEqual(["stream", "stream_options"]);
    expect(pathsOf(fidelity.notes, "substituted")).toEqual(["store"]);
  });

  test.for(["openai", "azure"])("%s keeps no Responses, whatever its default is", (provider) => {
    for (const more of [{}, { store: true, background: true }]) {
      const recorded = { ...BODIES["openai.responses"], ...more };
      const { body, fidelity } = requestOf(recordedCall(provider, "openai.responses", recorded));
      expect(body).toEqual({ ...BODIES["openai.responses"], store: false });
      expect(fidelity.level).toBe("equivalent");
    }
  });

  test("nobody who was told to keep it is told so again", () => {
    const recorded = { ...BODIES["openai.responses"], store: true };
    const call = recordedCall("openai-compatible", "openai.responses", recorded);
    expect(requestOf(call).body["store"]).toBe(false);
  });

  test("remote addresses and files are sent, and marked as unstable", () => {
    const messages = [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
          { type: "file", file: { file_id: "file-1" } },
        ],
      },
      { role: "tool", tool_call_id: "c", content: "x", arguments: { url: "https://data.example" } },
    ];
    const recorded = { model: "gpt-4o", messages };
    const { body, fidelity } = requestOf(recordedCall("openai", "openai.chat", recorded));
    expect(body).toEqual(recorded);
    expect(fidelity.level).toBe("exact");
    expect(pathsOf(fidelity.notes, "kept")).toEqual([
      "messages.0.content.0.image_url.url",
      "messages.0.content.2.file.file_id",
    ]);
    expect(JSON.stringify(fidelity)).not.toContain("example.com");
  });

  test("an alias that another snapshot answered for is marked", () => {
    const output = { response: { model: "gpt-4o-2024-08-06", choices: [{ message: {} }] } };
    const call = recordedCall("openai", "openai.chat", BODIES["openai.chat"], { output });
    const { fidelity, model } = requestOf(call);
    expect(model).toBe("gpt-4o");
    expect(fidelity.level).toBe("exact");
    expect(pathsOf(fidelity.notes, "kept")).toEqual(["model"]);
  });

  test("only headers that an answer depends on are sent again", () => {
    const headers = {
      "Anthropic-Beta": "x-1",
      "anthropic-version": "2023-06-01",
      "x-api-key": "k",
      authorization: "Bearer k",
      cookie: "c",
    };
    const metadata = { provider_call: { format: "anthropic.messages", headers } };
    const body = BODIES["anthropic.messages"];
    const call = recordedCall("anthropic", "anthropic.messages", body, { metadata });
    expect(requestOf(call).headers).toEqual({
      "anthropic-beta": "x-1",
      "anthropic-version": "2023-06-01",
    });
    const elsewhere = { model: { provider: "openai", name: "gpt-4o" } };
    expect(requestOf(call, elsewhere).headers).toEqual({});
  });
});

describe("what cannot be sent again is not replayable, in its own format and in every other", () => {
  const state: readonly (readonly [string, string, JsonObject, string])[] = [
    ["openai", "openai.responses", { previous_response_id: "resp_1" }, "previous_response_id"],
    ["openai", "openai.responses", { conversation: { id: "conv_1" } }, "conversation"],
    ["openai", "openai.responses", { prompt: { id: "pmpt_1" } }, "prompt"],
    ["openai", "openai.responses", { input: [{ type: "item_reference", id: "m" }] }, "input.0"],
    ["anthropic", "anthropic.messages", { container: "container_1" }, "container"],
    ["anthropic", "anthropic.messages", { container: { id: "container_1" } }, "container"],
    ["gemini", "google.generateContent", { cachedContent: "cachedContents/1" }, "cachedContent"],
  ];
  test.for(state)("%s, %s with %j holds server state", ([provider, format, member, path]) => {
    const call = recordedCall(provider, format, { model: "m", ...member });
    for (const overrides of [{}, { model: { provider: "groq", name: "llama" } }]) {
      const result = rebuilt(call, overrides);
      expect(result).toMatchObject({
        ok: false,
        kind: "not_replayable",
        fidelity: { level: "not_replayable" },
      });
      expect(result.ok ? "" : result.message).toMatch(`${path}: server_state`);
    }
  });

  const open: readonly (readonly [string, string, JsonObject])[] = [
    ["openai", "openai.chat", { messages: [{ role: "user" }, { tool_calls: [{ id: "1" }] }] }],
    ["openai", "openai.responses", { input: [{ role: "user" }, { type: "function_call" }] }],
    [
      "anthropic",
      "anthropic.messages",
      { messages: [{ role: "user" }, { role: "assistant", content: [{ type: "tool_use" }] }] },
    ],
    [
      "gemini",
      "google.generateContent",
      { contents: [{ role: "user" }, { role: "model", parts: [{ functionCall: {} }] }] },
    ],
  ];
  test.for(open)("%s, %s ends in a call that nobody answered", ([provider, format, member]) => {
    const call = recordedCall(provider, format, { model: "m", ...member });
    for (const overrides of [{}, { model: { provider: "groq", name: "llama" } }]) {
      const result = rebuilt(call, overrides);
      expect(result).toMatchObject({ ok: false, kind: "not_replayable" });
      expect(result.ok ? "" : result.message).toMatch(/unresolved_tool_call.*the first 1$/);
    }
  });

  test("a format that is not spoken is not made into a question", () => {
    const call = recordedCall("openai", "bedrock.converse", { messages: [] });
    expect(rebuilt(call)).toMatchObject({ ok: false, kind: "not_replayable" });
  });

  test("what a patch takes away no longer stands in the way", () => {
    const recorded = { ...BODIES["openai.responses"], previous_response_id: "resp_1" };
    const call = recordedCall("openai", "openai.responses", recorded);
    const { body } = requestOf(call, { body: { previous_response_id: null } });
    expect(body).toEqual({ ...BODIES["openai.responses"], store: false });
  });
});
