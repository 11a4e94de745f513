/** OpenAI Responses, reference §8.2. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, leftovers, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { readReply } from "../reply.ts";
import { responseAssembler } from "../streams/responses.ts";
import { dataUrl, parseDataUrl } from "./data-url.ts";
import { readResponse } from "./openai-responses-read.ts";
import { argumentsText, asText, laterSystem, resultText, toolCall, turnsOf } from "./turns.ts";

const CARRIED: readonly string[] =
  "model input instructions tools tool_choice text reasoning max_output_tokens temperature top_p parallel_tool_calls".split(
    " ",
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
  setSystem(body, system) {
    const { input } = body;
    const spoken = Array.isArray(input)
      ? { input: input.filter((item) => !(isObject(item) && isSystem(item))) }
      : {};
    return { ...body, ...spoken, instructions: system };
  },
  serverState(body) {
    const member = ["previous_response_id", "conversation", "prompt"].find(
      (name) => (body[name] ?? null) !== null,
    );
    const reference = objectsAt(body, "input").findIndex(({ type }) => type === "item_reference");
    return member ?? (reference < 0 ? undefined : `input.${reference}`);
  },
  parse,
  write,
  read: (reply) => readReply(reply, responseAssembler(), readResponse),
};

function itemsOf(body: JsonObject): JsonObject[] {
  const { input } = body;
  return typeof input === "string" ? [{ role: "user", content: input }] : objectsAt(body, "input");
}

function isSystem({ role }: JsonObject): boolean {
  return role === "system" || role === "developer";
}

function parse(body: JsonObject): { conversation: Conversation; notes: readonly Note[] } {
  const notes: Note[] = [
    ...leftovers(body, CARRIED, ""),
    ...leftovers(objectAt(body, "text"), ["format"], "text"),
    ...leftovers(objectAt(body, "reasoning"), ["effort"], "reasoning"),
  ];
  const items = itemsOf(body);
  const names = new Map(
    items
      .map((item) => [textAt(item, "call_id") ?? "", textAt(item, "name") ?? ""] as const)
      .filter(([, name]) => name !== ""),
  );
  const system = [textAt(body, "instructions") ?? ""];
  const messages: Message[] = [];
  for (const [i, item] of items.entries()) {
    const path = `input.${i}`;
    const read = parseItem(item, names, path, notes);
    if (!isSystem(item)) messages.push(...read);
    else {
      if (messages.length > 0) notes.push(laterSystem(path));
      const parts = read.flatMap((message) => message.parts);
      system.push(parts.map((part) => (part.kind === "text" ? part.text : "")).join(""));
    }
  }
  const said = system.filter((text) => text !== "");
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: said.length === 0 ? undefined : said.join("\n\n"),
      // Parallel calls are items of their own here, and one turn everywhere else.
      messages: turnsOf(messages, "assistant"),
      tools: objectsAt(body, "tools").flatMap((tool, i) => parseTool(tool, `tools.${i}`, notes)),
      toolChoice: parseToolChoice(body["tool_choice"], notes),
      params: defined({
        max_tokens: body["max_output_tokens"],
        temperature: body["temperature"],
        top_p: body["top_p"],
        parallel_tool_calls: body["parallel_tool_calls"],
        reasoning_effort: objectAt(body, "reasoning")?.["effort"],
      }),
      output: parseOutput(objectAt(objectAt(body, "text"), "format"), notes),
    },
    notes,
  };
}

function parseTool(tool: JsonObject, path: string, notes: Note[]) {
  const name = textAt(tool, "name");
  if (tool["type"] !== "function" || name === undefined) {
    notes.push(dropped(path, "hosted tools are never run by a replay elsewhere"));
    return [];
  }
  notes.push(...leftovers(tool, ["type", "name", "description", "parameters", "strict"], path));
  const strict = typeof tool["strict"] === "boolean" ? tool["strict"] : undefined;
  const description = textAt(tool, "description");
  return [{ name, description, parameters: objectAt(tool, "parameters"), strict }];
}

function parseToolChoice(choice: JsonValue | undefined, notes: Note[]): ToolChoice | undefined {
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  const name =
    isObject(choice) && choice["type"] === "function" ? textAt(choice, "name") : undefined;
  if (name !== undefined) return { name };
  if (choice !== undefined && choice !== null)
    notes.push(dropped("tool_choice", "this choice has no counterpart in the other format"));
  return undefined;
}

function parseOutput(format: JsonObject | undefined, notes: Note[]): Conversation["output"] {
  const type = textAt(format, "type");
  if (type === "json_object") return "json_object";
  const schema = objectAt(format, "schema");
  if (schema === undefined) {
    if (format !== undefined && type !== "text")
      notes.push(dropped("text.format", "this format has no counterpart elsewhere"));
    return undefined;
  }
  const known = ["type", "name", "description", "schema", "strict"];
  notes.push(...leftovers(format, known, "text.format"));
  const strict = typeof format?.["strict"] === "boolean" ? format["strict"] : undefined;
  const description = textAt(format, "description");
  return { name: textAt(format, "name") ?? "output", description, schema, strict };
}

/** What the provider writes on every item, and nobody asks with. */
const BOOKKEEPING = ["type", "id", "status"];

function parseItem(
  item: JsonObject,
  names: ReadonlyMap<string, string>,
  path: string,
  notes: Note[],
): Message[] {
  const id = textAt(item, "call_id") ?? "";
  if (item["type"] === "function_call") {
    notes.push(...leftovers(item, [...BOOKKEEPING, "call_id", "name", "arguments"], path));
    const name = textAt(item, "name") ?? "";
    const text = textAt(item, "arguments") ?? "";
    const call = toolCall({ id, name, text }, `${path}.arguments`, notes);
    return [{ role: "assistant", parts: [call] }];
  }
  if (item["type"] === "function_call_output") {
    notes.push(...leftovers(item, [...BOOKKEEPING, "call_id", "output"], path));
    const content = resultText(item["output"], `${path}.output`, notes);
    const name = names.get(id) ?? "";
    return [{ role: "user", parts: [{ kind: "tool_result", id, name, content }] }];
  }
  if (item["role"] === undefined) {
    const type = textAt(item, "type") ?? "nameless";
    notes.push(dropped(path, `a ${type} item belongs to its own model`));
    return [];
  }
  notes.push(...leftovers(item, [...BOOKKEEPING, "role", "content"], path));
  const role = item["role"] === "assistant" ? "assistant" : "user";
  return [{ role, parts: partsOf(item["content"], `${path}.content`, notes) }];
}

function partsOf(content: JsonValue | undefined, path: string, notes: Note[]): Part[] {
  if (typeof content === "string") return [{ kind: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((part, i): Part[] => {
    const at = `${path}.${i}`;
    const text = textAt(part, "text") ?? textAt(part, "refusal");
    if (text !== undefined) {
      notes.push(...leftovers(part, ["type", "text", "refusal"], at));
      return [{ kind: "text", text }];
    }
    const url = textAt(part, "image_url");
    if (url !== undefined) {
      notes.push(...leftovers(part, ["type", "image_url"], at));
      return [parseDataUrl(url) ?? { kind: "image_url", url }];
    }
    notes.push(dropped(at, `a ${textAt(part, "type") ?? "nameless"} part does not carry over`));
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
            // Absent, it would be strict here and is not in Chat Completions.
            defined({ type: "function", name, description, parameters, strict: strict ?? false }),
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
    description: output.description,
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
        arguments: argumentsText(part),
      });
    else
      items.push({
        type: "function_call_output",
        call_id: part.id,
        output: asText(part.content),
      });
  }
  // Results answer the turn before: whatever else a user says comes after them.
  const results = items.filter(({ type }) => type === "function_call_output");
  const calls = items.filter(({ type }) => type === "function_call");
  return [...results, ...(said.length === 0 ? [] : [{ role, content: said }]), ...calls];
}
