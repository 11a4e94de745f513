/** Requests for decisions that carry no provider's body, as 0.1's clients record them (reference §7.1). */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import type { RecordedDecision } from "../../../src/replay/recorded-decision.ts";
import { NOTHING, pathsOf, rebuilt, requestOf } from "../../support/rebuilding.ts";

const OPENAI = { provider: "openai", name: "gpt-4o" };
const decision = (more: Partial<RecordedDecision>): RecordedDecision => ({
  ...NOTHING,
  input: { message: "Q" },
  model: OPENAI,
  ...more,
});

function messagesOf(more: Partial<RecordedDecision>, overrides: JsonObject = {}) {
  return requestOf(decision(more), overrides).body["messages"];
}

describe("what is asked", () => {
  test.for<readonly [JsonObject, string]>([
    [{ message: "Q" }, "Q"],
    [{ question: "Q", other: 1 }, "Q"],
    [{ message: { content: "Q" } }, "Q"],
    [{ amount: 3, tags: ["a"] }, '{"amount":3,"tags":["a"]}'],
  ])("%j asks %s, and says where it is from", ([input, content]) => {
    const { body, fidelity } = requestOf(decision({ input }));
    expect(body).toEqual({ model: "gpt-4o", messages: [{ role: "user", content }] });
    expect(fidelity.level).toBe("reconstructed");
    expect(pathsOf(fidelity.notes, "substituted").every((path) => path.startsWith("input"))).toBe(
      true,
    );
  });

  test("a conversation goes on with the message, under the prompt", () => {
    const messages = [
      { role: "user", content: "A" },
      { role: "assistant", content: "B" },
    ];
    expect(
      messagesOf({ input: { messages, message: "Q" }, prompt: { system: "S", text: "T" } }),
    ).toEqual([{ role: "system", content: "S\n\nT" }, ...messages, { role: "user", content: "Q" }]);
  });

  test("Anthropic's blocks are read whoever is asked", () => {
    const messages = [
      { role: "user", content: "A" },
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: { n: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "R" }] },
    ];
    expect(messagesOf({ input: { messages } })).toEqual([
      { role: "user", content: "A" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: '{"n":1}' } }],
      },
      { role: "tool", tool_call_id: "t", content: "R" },
    ]);
  });

  test("a template that is only a name is refused with what to do about it", () => {
    expect(rebuilt(decision({ prompt: { template: "support_v1" } }))).toMatchObject({
      ok: false,
      kind: "invalid",
      path: "overrides.prompt",
      message: expect.stringMatching(/^prompt_unresolved: .*prompt\.text/),
    });
    expect(
      messagesOf({ prompt: { template: "support_v1" } }, { prompt: { text: "Be kind." } }),
    ).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "Q" },
    ]);
  });

  test("without a model there is nobody to ask", () => {
    expect(rebuilt(decision({ model: { provider: "openai" } }))).toMatchObject({
      ok: false,
      kind: "invalid",
      path: "overrides.model.name",
    });
  });
});

function lookup(id: string, text: string): JsonObject {
  return { id, type: "function", function: { name: "lookup", arguments: text } };
}

describe("recorded tool calls", () => {
  const tool_calls: JsonObject[] = [
    { id: "c1", name: "lookup", arguments: { id: "A" }, result: { found: true } },
    { tool: "lookup", args: '{"id":"B"}', output: "gone" },
    { name: "refund", arguments: {} },
  ];

  test("with a result are told again, none is run, and those without are named", () => {
    const { body, fidelity } = requestOf(decision({ tool_calls }));
    expect(body["messages"]).toEqual([
      { role: "user", content: "Q" },
      {
        role: "assistant",
        content: null,
        tool_calls: [lookup("c1", '{"id":"A"}'), lookup("call_1", '{"id":"B"}')],
      },
      { role: "tool", tool_call_id: "c1", content: '{"found":true}' },
      { role: "tool", tool_call_id: "call_1", content: "gone" },
    ]);
    // Its words and parameters were not recorded: only that there was such a tool.
    expect(body["tools"]).toEqual(
      ["lookup", "refund"].map((name) => ({
        type: "function",
        function: { name, parameters: { type: "object" } },
      })),
    );
    expect(pathsOf(fidelity.notes, "defaulted")).toEqual(["tools"]);
    expect(pathsOf(fidelity.notes)).toEqual(["tool_calls.2"]);
  });

  test("stand in one turn where the format wants it so", () => {
    const model = { provider: "gemini", name: "gemini-3-pro" };
    const { body } = requestOf(decision({ tool_calls, model }));
    expect(body["contents"]).toHaveLength(3);
    expect(JSON.stringify(body).match(/skip_thought_signature_validator/g)).toHaveLength(2);
    const older = requestOf(decision({ tool_calls, model: { ...model, name: "gemini-2.5-pro" } }));
    expect(JSON.stringify(older.body)).not.toContain("thoughtSignature");
  });
});

describe("recorded parameters", () => {
  const parameters: JsonObject = {
    temperature: 0.2,
    max_tokens: 99,
    stop: "END",
    seed: 7,
    logit_bias: { "5": 1 },
    stream: true,
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    tool_choice: "required",
    response_format: { type: "json_object" },
  };

  test("are sent under the names they have", () => {
    const { body } = requestOf(decision({ model: { ...OPENAI, parameters } }));
    const { stream: _, ...sent } = parameters;
    expect(body).toEqual({
      ...sent,
      model: "gpt-4o",
      messages: [{ role: "user", content: "Q" }],
    });
  });

  test("are translated for another format, or named", () => {
    const model = { provider: "anthropic", name: "claude-opus-4-1", parameters };
    const { body, fidelity } = requestOf(decision({ model }));
    expect(body).toEqual({
      model: "claude-opus-4-1",
      messages: [{ role: "user", content: "Q" }],
      max_tokens: 99,
      temperature: 0.2,
      stop_sequences: ["END"],
      tools: [{ name: "f", input_schema: { type: "object" } }],
      tool_choice: { type: "any" },
    });
    expect(pathsOf(fidelity.notes).toSorted()).toEqual([
      "model.parameters.logit_bias",
      "response_format",
      "seed",
    ]);
  });

  test("a limit that is required and unknown is a default, and says so", () => {
    const model = { provider: "anthropic", name: "claude-opus-5" };
    const { body, fidelity } = requestOf(decision({ model }));
    expect(body["max_tokens"]).toBe(4096);
    expect(pathsOf(fidelity.notes, "defaulted")).toEqual(["max_tokens"]);
  });
});

test("overrides go in the same order as on a recorded body", () => {
  const { body } = requestOf(decision({ prompt: { system: "S" } }), {
    body: { temperature: 0.9, top_p: 0.5, user: "u" },
    params: { temperature: 0.1 },
    model: { name: "gpt-4.1" },
    input: { message: "N" },
  });
  expect(body).toEqual({
    model: "gpt-4.1",
    messages: [
      { role: "system", content: "S" },
      { role: "user", content: "N" },
    ],
    temperature: 0.1,
    top_p: 0.5,
    user: "u",
  });
});
