/** OpenAI Responses, reference §8.2. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, type Note } from "../fidelity.ts";
import { defined, numberAt, objectAt, objectsAt, parseJson, textAt } from "../json-read.ts";
import type { Outcome, Reading, Usage } from "../outcome.ts";
import { readError } from "../provider-error.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { malformed, readReply } from "../reply.ts";
import { responseAssembler } from "../streams/responses.ts";
import { dataUrl, parseDataUrl } from "./data-url.ts";

const CARRIED: ReadonlySet<string> = new Set(
  "model input instructions tools tool_choice text reasoning max_output_tokens temperature top_p parallel_tool_calls stream store background".split(
    " ",
  ),
);

const PARAM_PLACES: Readonly<Record<string, readonly string[]>> = {
  max_tokens: ["max_output_tokens"],
  temperature: ["temperature"],
  top_p: ["top_p"],
  reasoning_effort: ["reasoning", "effort"],
  parallel_tool_calls: ["parallel_tool_calls"],
};

export const openaiResponses: Adapter = {
  format: "openai.responses",
  path: () => "/responses",
  headers: {},
  messagesMember: "input",
  modelMember: "model",
  param: (name) => PARAM_PLACES[name],
  setSystem: (body, system) => ({ ...body, instructions: system }),
  serverState: (body) =>
    ["previous_response_id", "conversation", "prompt"].find(
      (member) => (body[member] ?? null) !== null,
    ),
  parse,
  write,
  read: (reply) => readReply(reply, responseAssembler(), readAnswer),
};

function itemsOf(body: JsonObject): JsonObject[] {
  const { input } = body;
  return typeof input === "string" ? [{ role: "user", content: input }] : objectsAt(body, "input");
}

function isSystem({ role }: JsonObject): boolean {
  return role === "system" || role === "developer";
}

function parse(body: JsonObject): { conversation: Conversation; notes: readonly Note[] } {
  const notes: Note[] = Object.keys(body)
    .filter((member) => !CARRIED.has(member))
    .map((member) => dropped(member, "has no counterpart in the other format"));
  const items = itemsOf(body);
  const names = new Map(
    items
      .map((item) => [textAt(item, "call_id") ?? "", textAt(item, "name") ?? ""] as const)
      .filter(([, name]) => name !== ""),
  );
  const system = [
    textAt(body, "instructions") ?? "",
    ...items.filter(isSystem).map((item) =>
      partsOf(item["content"], "", [])
        .map((part) => (part.kind === "text" ? part.text : ""))
        .join(""),
    ),
  ].filter((text) => text !== "");
  const messages = items
    .filter((item) => !isSystem(item))
    .flatMap((item, i) => parseItem(item, names, `input.${i}`, notes));
  const format = objectAt(objectAt(body, "text"), "format");
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: system.length === 0 ? undefined : system.join("\n\n"),
      messages,
      tools: objectsAt(body, "tools").flatMap((tool, i) => {
        const name = textAt(tool, "name");
        if (tool["type"] === "function" && name !== undefined) {
          const strict = typeof tool["strict"] === "boolean" ? tool["strict"] : undefined;
          return [
            {
              name,
              description: textAt(tool, "description"),
              parameters: objectAt(tool, "parameters"),
              strict,
            },
          ];
        }
        notes.push(dropped(`tools.${i}`, "hosted tools are never run by a replay elsewhere"));
        return [];
      }),
      toolChoice: parseToolChoice(body["tool_choice"]),
      params: defined({
        max_tokens: body["max_output_tokens"],
        temperature: body["temperature"],
        top_p: body["top_p"],
        parallel_tool_calls: body["parallel_tool_calls"],
        reasoning_effort: objectAt(body, "reasoning")?.["effort"],
      }),
      output: parseOutput(format),
    },
    notes,
  };
}

function parseToolChoice(choice: JsonValue | undefined): ToolChoice | undefined {
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  const name = isObject(choice) ? textAt(choice, "name") : undefined;
  return name === undefined ? undefined : { name };
}

function parseOutput(format: JsonObject | undefined): Conversation["output"] {
  if (format?.["type"] === "json_object") return "json_object";
  const schema = objectAt(format, "schema");
  if (schema === undefined) return undefined;
  const strict = typeof format?.["strict"] === "boolean" ? format["strict"] : undefined;
  return { name: textAt(format, "name") ?? "output", schema, strict };
}

function parseItem(
  item: JsonObject,
  names: ReadonlyMap<string, string>,
  path: string,
  notes: Note[],
): Message[] {
  const id = textAt(item, "call_id") ?? "";
  if (item["type"] === "function_call") {
    const text = textAt(item, "arguments") ?? "";
    const call: Part = {
      kind: "tool_call",
      id,
      name: textAt(item, "name") ?? "",
      arguments: parseJson(text) ?? {},
    };
    return [{ role: "assistant", parts: [call] }];
  }
  if (item["type"] === "function_call_output") {
    const content = item["output"] ?? "";
    return [
      { role: "user", parts: [{ kind: "tool_result", id, name: names.get(id) ?? "", content }] },
    ];
  }
  if (item["role"] === undefined) {
    notes.push(
      dropped(path, `a ${textAt(item, "type") ?? "nameless"} item belongs to its own model`),
    );
    return [];
  }
  const role = item["role"] === "assistant" ? "assistant" : "user";
  return [{ role, parts: partsOf(item["content"], `${path}.content`, notes) }];
}

function partsOf(content: JsonValue | undefined, path: string, notes: Note[]): Part[] {
  if (typeof content === "string") return [{ kind: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((part, i): Part[] => {
    const text = textAt(part, "text") ?? textAt(part, "refusal");
    if (text !== undefined) return [{ kind: "text", text }];
    const url = textAt(part, "image_url");
    if (url !== undefined) return [parseDataUrl(url) ?? { kind: "image_url", url }];
    notes.push(
      dropped(`${path}.${i}`, `a ${textAt(part, "type") ?? "nameless"} part does not carry over`),
    );
    return [];
  });
}

function write(conversation: Conversation): Written {
  const { model, system, messages, tools, toolChoice, params, output } = conversation;
  const known = Object.entries(params).filter(([name]) => name in PARAM_PLACES);
  const notes = Object.keys(params)
    .filter((name) => !(name in PARAM_PLACES))
    .map((name) => dropped(name, "the Responses API has no such parameter"));
  const { max_tokens, reasoning_effort, ...plain } = Object.fromEntries(known);
  const body = {
    model,
    instructions: system,
    input: messages.flatMap(writeMessage),
    tools:
      tools.length === 0
        ? undefined
        : tools.map(({ name, description, parameters, strict }) =>
            defined({ type: "function", name, description, parameters, strict }),
          ),
    tool_choice:
      typeof toolChoice === "object" ? { type: "function", name: toolChoice.name } : toolChoice,
    text: output === undefined ? undefined : { format: writeFormat(output) },
    max_output_tokens: max_tokens,
    reasoning: reasoning_effort === undefined ? undefined : { effort: reasoning_effort },
    ...plain,
  };
  return { body: defined(body), notes };
}

function writeFormat(output: NonNullable<Conversation["output"]>): JsonObject {
  if (output === "json_object") return { type: "json_object" };
  return defined({
    type: "json_schema",
    name: output.name,
    schema: output.schema,
    strict: output.strict,
  });
}

function writeMessage({ role, parts }: Message): JsonObject[] {
  const said: JsonObject[] = [];
  const items: JsonObject[] = [];
  for (const part of parts) {
    if (part.kind === "text")
      said.push({ type: role === "assistant" ? "output_text" : "input_text", text: part.text });
    else if (part.kind === "image") said.push({ type: "input_image", image_url: dataUrl(part) });
    else if (part.kind === "image_url") said.push({ type: "input_image", image_url: part.url });
    else if (part.kind === "tool_call")
      items.push({
        type: "function_call",
        call_id: part.id,
        name: part.name,
        arguments: JSON.stringify(part.arguments),
      });
    else {
      const { content } = part;
      const output = typeof content === "string" ? content : JSON.stringify(content);
      items.push({ type: "function_call_output", call_id: part.id, output });
    }
  }
  return said.length === 0 ? items : [{ role, content: said }, ...items];
}

function readAnswer(body: JsonObject): Reading {
  const status = textAt(body, "status");
  if (status === "failed" || status === "cancelled")
    return readError(200, { error: body["error"] ?? {} });
  const output = objectsAt(body, "output");
  if (!Array.isArray(body["output"])) return malformed(200, "the answer holds no output");
  if (status === "queued" || status === "in_progress")
    return malformed(200, `the answer is ${status}: it was asked for in the background`);
  const said = output
    .filter(({ type }) => type === "message")
    .flatMap((item) => objectsAt(item, "content"));
  const refusal = said.map((part) => textAt(part, "refusal")).find((text) => text !== undefined);
  const texts = said.flatMap((part) => textAt(part, "text") ?? []);
  const toolCalls = output
    .filter(({ type }) => type === "function_call" || type === "custom_tool_call")
    .map((call) => {
      const given = textAt(call, "arguments") ?? textAt(call, "input") ?? "";
      return { name: textAt(call, "name") ?? "", arguments: parseJson(given) ?? given };
    });
  const reason = textAt(objectAt(body, "incomplete_details"), "reason");
  return {
    outcome: outcomeOf(reason, refusal, toolCalls.length > 0),
    text: texts.length > 0 ? texts.join("") : (refusal ?? null),
    toolCalls,
    servedModel: textAt(body, "model") ?? null,
    usage: usageOf(objectAt(body, "usage")),
    usageRaw: body["usage"] ?? null,
    error: null,
    retryable: false,
  };
}

function outcomeOf(
  reason: string | undefined,
  refusal: string | undefined,
  calls: boolean,
): Outcome {
  if (refusal !== undefined || reason === "content_filter") return "refused";
  if (reason !== undefined) return "truncated";
  return calls ? "tool_call" : "succeeded";
}

function usageOf(usage: JsonObject | undefined): Usage | null {
  const input = numberAt(usage, "input_tokens");
  const output = numberAt(usage, "output_tokens");
  if (input === undefined && output === undefined) return null;
  const details = objectAt(usage, "input_tokens_details");
  return {
    input_tokens: input ?? 0,
    output_tokens: output ?? 0,
    cache_read_tokens: numberAt(details, "cached_tokens") ?? 0,
    cache_write_tokens: numberAt(details, "cache_write_tokens") ?? 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: numberAt(objectAt(usage, "output_tokens_details"), "reasoning_tokens") ?? 0,
    other_tokens: 0,
  };
}
