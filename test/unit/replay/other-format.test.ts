/**
 * Cross-provider replay (issue: "Must show"): one conversation through every ordered pair of formats.
 * What the other format has arrives; what it has not is gone and named in the fidelity report.
 */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { FORMATS, type Format } from "../../../src/replay/provider.ts";
import { providerNamed } from "../../../src/replay/providers/table.ts";
import { rebuild } from "../../../src/replay/rebuild.ts";
import {
  BODIES,
  idsIn,
  paramIn,
  PIXEL,
  PLACES,
  textOf,
  turnsIn,
  VALUES,
} from "../../support/conversation-formats.ts";

/** Who is asked in a format, and for a model that takes all the format has. */
const ASKED: Readonly<Record<Format, readonly [provider: string, model: string]>> = {
  "openai.chat": ["openai", "gpt-4o"],
  "openai.responses": ["openai", "gpt-4o"],
  "anthropic.messages": ["anthropic", "claude-opus-4-5"],
  "google.generateContent": ["gemini", "gemini-2.5-pro"],
  "workers-ai.run": ["workers-ai", "@cf/meta/llama-3.3-70b-instruct"],
};

function sent(from: Format, to: Format, body: JsonObject = BODIES[from]) {
  const [recordedBy] = ASKED[from];
  const [name, model] = ASKED[to];
  const spec = providerNamed(name);
  if (spec === undefined) throw new Error(`no provider ${name}`);
  const decision = {
    input: { request: body },
    model: { provider: recordedBy, name: ASKED[from][1] },
    prompt: null,
    tool_calls: null,
    output: null,
    metadata: { provider_call: { format: from } },
  };
  const overrides = { model: { provider: name, name: model } };
  const rebuilt = rebuild(decision, overrides, { ...spec, formats: [to] });
  if (!rebuilt.ok) throw new Error(rebuilt.message);
  const { fidelity, body: made, adapter } = rebuilt.request;
  return { body: made, adapter, fidelity, lost: lostIn(fidelity.notes) };
}

function lostIn(notes: readonly { path: string; action: string }[]): string[] {
  return notes.filter(({ action }) => action === "dropped").map(({ path }) => path);
}

const PAIRS = FORMATS.flatMap((from) =>
  FORMATS.filter((to) => to !== from).map((to) => [from, to] as const),
);

describe.for(PAIRS)("from %s to %s", ([from, to]) => {
  const { body, adapter, fidelity, lost } = sent(from, to);

  test("is adapted, in the other format, and says so", () => {
    expect(adapter.format).toBe(to);
    expect(fidelity.level).toBe("adapted");
    expect(fidelity.notes).toContainEqual({
      path: "format",
      action: "substituted",
      reason: `${to} for ${from}`,
    });
  });

  test("everything that was said arrives, octet for octet, and the image with it", () => {
    const words = ["Be kind. Grüße 你好", "Where are they?", "One is gone.", "Refund it."];
    for (const text of [...words, "A is here", "B is gone", PIXEL, "image/png"])
      expect(textOf(body)).toContain(text);
  });

  test("calls and results arrive in the turns that the format wants, one for each", () => {
    const turns: Readonly<Record<Format, readonly string[]>> = {
      "openai.chat": "system|user|assistant call call|tool|tool|assistant|user".split("|"),
      "workers-ai.run": "system|user|assistant call call|tool|tool|assistant|user".split("|"),
      "openai.responses":
        "user|function_call|function_call|function_call_output|function_call_output|assistant|user".split(
          "|",
        ),
      "anthropic.messages": "user|assistant call call|user result result|assistant|user".split("|"),
      "google.generateContent": "user|model call call|user result result|model|user".split("|"),
    };
    expect(turnsIn(body)).toEqual(turns[to]);
    const { calls, results } = idsIn(body);
    expect(results).toEqual(calls);
    expect(new Set(calls).size).toBe(to === "google.generateContent" ? 0 : 2);
  });

  test("both tools arrive with what they are for and what they take", () => {
    for (const text of ['"lookups"', '"refunds"', '"properties":{"id":{"type":"string"}}'])
      expect(textOf(body)).toContain(text);
  });

  test("every parameter arrives, or is named", () => {
    const there = Object.keys(PLACES[from]);
    const [arriving, leaving] = [true, false].map((isCarried) =>
      there.filter((name) => Object.hasOwn(PLACES[to], name) === isCarried),
    );
    const arrived = Object.keys(PLACES[to])
      .map((name) => [name, paramIn(to, body, name)] as const)
      .filter(([, value]) => value !== undefined);
    const expected = (arriving ?? []).map((name) => [name, VALUES[name]] as const);
    expect(Object.fromEntries(arrived)).toEqual(Object.fromEntries(expected));
    expect(lost).toEqual(expect.arrayContaining(leaving ?? []));
  });
});

describe("what no other format has is named", () => {
  const extras: readonly (readonly [Format, JsonObject, readonly string[]])[] = [
    [
      "openai.chat",
      {
        n: 2,
        logit_bias: { "50256": -100 },
        logprobs: true,
        metadata: { a: "b" },
        store: true,
        stream: true,
      },
      ["n", "logit_bias", "logprobs", "metadata", "store", "stream"],
    ],
    [
      "openai.responses",
      {
        include: ["reasoning.encrypted_content"],
        truncation: "auto",
        text: { verbosity: "low" },
        reasoning: { effort: "low", summary: "auto" },
        tools: [{ type: "web_search" }],
        tool_choice: { type: "web_search" },
      },
      ["include", "truncation", "text.verbosity", "reasoning.summary", "tools.0", "tool_choice"],
    ],
    [
      "anthropic.messages",
      {
        thinking: { type: "enabled", budget_tokens: 2048 },
        metadata: { user_id: "u" },
        system: [{ type: "text", text: "S", cache_control: { type: "ephemeral" } }],
        tools: [{ type: "web_search_20250305", name: "web_search" }],
        tool_choice: { type: "auto" },
      },
      ["thinking", "metadata", "system.0.cache_control", "tools.0", "tool_choice"],
    ],
    [
      "google.generateContent",
      {
        safetySettings: [{ category: "x" }],
        generationConfig: { thinkingConfig: { thinkingBudget: 5 }, candidateCount: 2 },
        tools: [{ googleSearch: {} }],
        toolConfig: { functionCallingConfig: { mode: "VALIDATED" } },
      },
      [
        "safetySettings",
        "generationConfig.thinkingConfig",
        "generationConfig.candidateCount",
        "tools.0.googleSearch",
        "toolConfig.functionCallingConfig.mode",
      ],
    ],
  ];
  test.for(extras)("from %s", ([from, extra, paths], { expect }) => {
    const to: Format = from === "google.generateContent" ? "openai.chat" : "google.generateContent";
    expect(sent(from, to, { ...BODIES[from], ...extra }).lost).toEqual(
      expect.arrayContaining([...paths]),
    );
  });

  const messages: readonly (readonly [Format, JsonObject, string])[] = [
    [
      "openai.chat",
      { role: "user", content: [{ type: "input_audio", input_audio: { data: "AA" } }] },
      "content.0",
    ],
    ["openai.chat", { role: "user", name: "Ann", content: "x" }, "name"],
    [
      "openai.chat",
      { role: "assistant", reasoning_content: "hm", content: "x" },
      "reasoning_content",
    ],
    ["openai.chat", { role: "function", name: "f", content: "x" }, ""],
    [
      "openai.chat",
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,AA", detail: "low" } },
        ],
      },
      "content.0.image_url.detail",
    ],
    ["openai.responses", { type: "reasoning", summary: [], encrypted_content: "gAAA+/=" }, ""],
    ["openai.responses", { type: "web_search_call", id: "ws" }, ""],
    [
      "anthropic.messages",
      { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "Er+/=" }] },
      "content.0",
    ],
    [
      "anthropic.messages",
      { role: "user", content: [{ type: "document", source: { type: "text", data: "d" } }] },
      "content.0",
    ],
    [
      "anthropic.messages",
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", is_error: true }] },
      "content.0.is_error",
    ],
    [
      "google.generateContent",
      { role: "model", parts: [{ text: "hm", thought: true }] },
      "parts.0",
    ],
    [
      "google.generateContent",
      { role: "model", parts: [{ text: "x", thoughtSignature: "Er+/=" }] },
      "parts.0.thoughtSignature",
    ],
    ["google.generateContent", { role: "user", parts: [{ executableCode: {} }] }, "parts.0"],
  ];
  test.for(messages)("of %s: %j", ([from, message, path], { expect }) => {
    const member =
      from === "google.generateContent"
        ? "contents"
        : from === "openai.responses"
          ? "input"
          : "messages";
    const to: Format = from === "anthropic.messages" ? "openai.chat" : "anthropic.messages";
    // First, so that its place is told in the recorded body and not in what is left of it.
    const others = BODIES[from][member];
    const body = { ...BODIES[from], [member]: [message, ...(Array.isArray(others) ? others : [])] };
    expect(sent(from, to, body).lost).toContain(`${member}.0${path && `.${path}`}`);
  });
});
