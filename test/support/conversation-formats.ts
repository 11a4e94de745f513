/**
 * One conversation as each format writes it, by hand from the vendors' documentation (reference §8),
 * and what a body of each format says, read by hand as well: none of it uses the product's adapters.
 */
import type { JsonObject, JsonValue } from "../../src/lib/json.ts";
import type { Format } from "../../src/replay/provider.ts";

export const PIXEL = "iVBORw0KGgo+/aA==";
const SCHEMA = { type: "object", properties: { ok: { type: "boolean" } } };
const LOOKUP = { type: "object", properties: { id: { type: "string" } } };

const chatCall = (id: string, order: string) => ({
  id,
  type: "function",
  function: { name: "lookup", arguments: `{"id":"${order}"}` },
});
const chatTool = (name: string) => ({
  type: "function",
  function: { name, description: `${name}s`, parameters: LOOKUP },
});

/** Chat Completions but for what Workers AI does not take. */
const CHAT: JsonObject = {
  messages: [
    { role: "system", content: "Be kind. Grüße 你好" },
    {
      role: "user",
      content: [
        { type: "text", text: "Where are they?" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
      ],
    },
    { role: "assistant", content: null, tool_calls: [chatCall("c1", "A"), chatCall("c2", "B")] },
    { role: "tool", tool_call_id: "c1", content: "A is here" },
    { role: "tool", tool_call_id: "c2", content: "B is gone" },
    { role: "assistant", content: "One is gone." },
    { role: "user", content: "Refund it." },
  ],
  tools: [chatTool("lookup"), chatTool("refund")],
  response_format: { type: "json_schema", json_schema: { name: "verdict", schema: SCHEMA } },
  max_tokens: 321,
  temperature: 0.25,
  top_p: 0.5,
  seed: 7,
  presence_penalty: 0.1,
  frequency_penalty: 0.2,
};

export const BODIES: Readonly<Record<Format, JsonObject>> = {
  "openai.chat": {
    ...CHAT,
    model: "gpt-4o",
    tool_choice: { type: "function", function: { name: "refund" } },
    stop: ["END"],
    reasoning_effort: "low",
    parallel_tool_calls: false,
  },
  "workers-ai.run": { ...CHAT, top_k: 40 },
  "openai.responses": {
    model: "gpt-4o",
    instructions: "Be kind. Grüße 你好",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "Where are they?" },
          { type: "input_image", image_url: `data:image/png;base64,${PIXEL}` },
        ],
      },
      { type: "function_call", call_id: "c1", name: "lookup", arguments: '{"id":"A"}' },
      { type: "function_call", call_id: "c2", name: "lookup", arguments: '{"id":"B"}' },
      { type: "function_call_output", call_id: "c1", output: "A is here" },
      { type: "function_call_output", call_id: "c2", output: "B is gone" },
      { role: "assistant", content: [{ type: "output_text", text: "One is gone." }] },
      { role: "user", content: "Refund it." },
    ],
    tools: ["lookup", "refund"].map((name) => ({
      type: "function",
      name,
      description: `${name}s`,
      parameters: LOOKUP,
    })),
    tool_choice: { type: "function", name: "refund" },
    text: { format: { type: "json_schema", name: "verdict", schema: SCHEMA } },
    max_output_tokens: 321,
    temperature: 0.25,
    top_p: 0.5,
    reasoning: { effort: "low" },
    parallel_tool_calls: false,
  },
  "anthropic.messages": {
    model: "claude-opus-4-5",
    system: [{ type: "text", text: "Be kind. Grüße 你好" }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Where are they?" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "lookup", input: { id: "A" } },
          { type: "tool_use", id: "c2", name: "lookup", input: { id: "B" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "A is here" },
          {
            type: "tool_result",
            tool_use_id: "c2",
            content: [{ type: "text", text: "B is gone" }],
          },
        ],
      },
      { role: "assistant", content: "One is gone." },
      { role: "user", content: "Refund it." },
    ],
    tools: ["lookup", "refund"].map((name) => ({
      name,
      description: `${name}s`,
      input_schema: LOOKUP,
    })),
    tool_choice: { type: "tool", name: "refund", disable_parallel_tool_use: true },
    output_config: { effort: "low", format: { type: "json_schema", schema: SCHEMA } },
    max_tokens: 321,
    temperature: 0.25,
    top_p: 0.5,
    top_k: 40,
    stop_sequences: ["END"],
  },
  "google.generateContent": {
    systemInstruction: { parts: [{ text: "Be kind. Grüße 你好" }] },
    contents: [
      {
        role: "user",
        parts: [
          { text: "Where are they?" },
          { inlineData: { mimeType: "image/png", data: PIXEL } },
        ],
      },
      {
        role: "model",
        parts: [
          { functionCall: { name: "lookup", args: { id: "A" } } },
          { functionCall: { name: "lookup", args: { id: "B" } } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { name: "lookup", response: { result: "A is here" } } },
          { functionResponse: { name: "lookup", response: { result: "B is gone" } } },
        ],
      },
      { role: "model", parts: [{ text: "One is gone." }] },
      { role: "user", parts: [{ text: "Refund it." }] },
    ],
    tools: [
      {
        functionDeclarations: ["lookup", "refund"].map((name) => ({
          name,
          description: `${name}s`,
          parameters: { type: "OBJECT", properties: { id: { type: "STRING" } } },
        })),
      },
    ],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["refund"] } },
    generationConfig: {
      responseMimeType: "application/json",
      responseSchema: { type: "OBJECT", properties: { ok: { type: "BOOLEAN" } } },
      maxOutputTokens: 321,
      temperature: 0.25,
      topP: 0.5,
      topK: 40,
      stopSequences: ["END"],
      seed: 7,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
    },
  },
};

const at = (value: JsonValue, ...path: (string | number)[]): JsonValue | undefined =>
  path.reduce<JsonValue | undefined>((inside, member) => {
    if (typeof inside !== "object" || inside === null) return undefined;
    return Array.isArray(inside) ? inside[Number(member)] : inside[member];
  }, value);

/** Where each format has each parameter; what is not here it does not have. */
export const PLACES: Readonly<Record<Format, Readonly<Record<string, readonly string[]>>>> = {
  "openai.chat": {
    max_tokens: ["max_tokens"],
    temperature: ["temperature"],
    top_p: ["top_p"],
    stop: ["stop"],
    seed: ["seed"],
    presence_penalty: ["presence_penalty"],
    frequency_penalty: ["frequency_penalty"],
    reasoning_effort: ["reasoning_effort"],
    parallel_tool_calls: ["parallel_tool_calls"],
    tool_choice: ["tool_choice", "function", "name"],
    schema: ["response_format", "json_schema", "schema"],
  },
  "workers-ai.run": {
    max_tokens: ["max_tokens"],
    temperature: ["temperature"],
    top_p: ["top_p"],
    top_k: ["top_k"],
    seed: ["seed"],
    presence_penalty: ["presence_penalty"],
    frequency_penalty: ["frequency_penalty"],
    schema: ["response_format", "json_schema", "schema"],
  },
  "openai.responses": {
    max_tokens: ["max_output_tokens"],
    temperature: ["temperature"],
    top_p: ["top_p"],
    reasoning_effort: ["reasoning", "effort"],
    parallel_tool_calls: ["parallel_tool_calls"],
    tool_choice: ["tool_choice", "name"],
    schema: ["text", "format", "schema"],
  },
  "anthropic.messages": {
    max_tokens: ["max_tokens"],
    temperature: ["temperature"],
    top_p: ["top_p"],
    top_k: ["top_k"],
    stop: ["stop_sequences"],
    reasoning_effort: ["output_config", "effort"],
    parallel_tool_calls: ["tool_choice", "disable_parallel_tool_use"],
    tool_choice: ["tool_choice", "name"],
    schema: ["output_config", "format", "schema"],
  },
  "google.generateContent": {
    max_tokens: ["generationConfig", "maxOutputTokens"],
    temperature: ["generationConfig", "temperature"],
    top_p: ["generationConfig", "topP"],
    top_k: ["generationConfig", "topK"],
    stop: ["generationConfig", "stopSequences"],
    seed: ["generationConfig", "seed"],
    presence_penalty: ["generationConfig", "presencePenalty"],
    frequency_penalty: ["generationConfig", "frequencyPenalty"],
    tool_choice: ["toolConfig", "functionCallingConfig", "allowedFunctionNames"],
    schema: ["generationConfig", "responseJsonSchema"],
  },
};

export const VALUES: Readonly<Record<string, JsonValue>> = {
  max_tokens: 321,
  temperature: 0.25,
  top_p: 0.5,
  top_k: 40,
  stop: ["END"],
  seed: 7,
  presence_penalty: 0.1,
  frequency_penalty: 0.2,
  reasoning_effort: "low",
  parallel_tool_calls: false,
  tool_choice: "refund",
  schema: SCHEMA,
};

/** A parameter's value in a body, in the words of Chat Completions. */
export function paramIn(format: Format, body: JsonObject, name: string): JsonValue | undefined {
  const place = PLACES[format][name];
  const value = place === undefined ? undefined : at(body, ...place);
  if (format === "anthropic.messages" && name === "parallel_tool_calls")
    return typeof value === "boolean" ? !value : undefined;
  // Gemini names a list of functions that may be called.
  return Array.isArray(value) && name === "tool_choice" ? value[0] : value;
}

/** Everything a body holds as one text, base64 and tool results included. */
export function textOf(body: JsonObject): string {
  return JSON.stringify(body).replaceAll(String.raw`\"`, '"');
}

/** The turns of a body: who speaks, and how many calls and results there are in it. */
export function turnsIn(body: JsonObject): string[] {
  const messages = at(body, "messages") ?? at(body, "contents") ?? at(body, "input");
  return (Array.isArray(messages) ? messages : []).map((message) => {
    const parts = at(message, "content") ?? at(message, "parts");
    const blocks = (Array.isArray(parts) ? parts : []).flatMap((part) => {
      const isCall = at(part, "type") === "tool_use" || at(part, "functionCall") !== undefined;
      const isResult =
        at(part, "type") === "tool_result" || at(part, "functionResponse") !== undefined;
      return isCall ? "call" : isResult ? "result" : [];
    });
    const calls = at(message, "tool_calls");
    const chat = (Array.isArray(calls) ? calls : []).map(() => "call");
    const speaker = at(message, "role") ?? at(message, "type");
    return [typeof speaker === "string" ? speaker : "", ...blocks, ...chat].join(" ");
  });
}

/** Ids of calls and of results, in their order, wherever a format with ids has them. */
export function idsIn(value: JsonValue): { calls: string[]; results: string[] } {
  const ids: { calls: string[]; results: string[] } = { calls: [], results: [] };
  const walk = (inside: JsonValue): void => {
    if (typeof inside !== "object" || inside === null) return;
    const type = at(inside, "type");
    const isCall = type === "tool_use" || (type === "function" && at(inside, "id") !== undefined);
    const call = isCall ? at(inside, "id") : type === "function_call" && at(inside, "call_id");
    const result =
      at(inside, "tool_call_id") ??
      at(inside, "tool_use_id") ??
      (type === "function_call_output" && at(inside, "call_id"));
    if (typeof call === "string") ids.calls.push(call);
    if (typeof result === "string") ids.results.push(result);
    for (const member of Object.values(inside)) walk(member);
  };
  walk(value);
  return ids;
}
