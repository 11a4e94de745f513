/** Anthropic Messages, reference §8.3. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { defaulted, dropped, renamed, substituted, type Note } from "../fidelity.ts";
import { defined, numberAt, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { readReply } from "../reply.ts";
import { messageAssembler } from "../streams/messages.ts";
import { readMessage } from "./anthropic-read.ts";

const CARRIED: ReadonlySet<string> = new Set(
  "model messages system tools tool_choice output_config max_tokens temperature top_p top_k stop_sequences stream".split(
    " ",
  ),
);

/** Messages must say how long an answer may be; where nobody did, this is room for most. */
const MAX_TOKENS_DEFAULT = 4096;

const PARAM_PLACES: Readonly<Record<string, readonly string[]>> = {
  max_tokens: ["max_tokens"],
  temperature: ["temperature"],
  top_p: ["top_p"],
  top_k: ["top_k"],
  stop: ["stop_sequences"],
  reasoning_effort: ["output_config", "effort"],
};

export const anthropic: Adapter = {
  format: "anthropic.messages",
  path: () => "/v1/messages",
  headers: { "anthropic-version": "2023-06-01" },
  messagesMember: "messages",
  modelMember: "model",
  param: (name) => PARAM_PLACES[name],
  setSystem: (body, system) => ({ ...body, system }),
  serverState: (body) => (typeof body["container"] === "string" ? "container" : undefined),
  parse,
  write,
  read: (reply) => readReply(reply, messageAssembler(), readMessage),
};

function parse(body: JsonObject): { conversation: Conversation; notes: readonly Note[] } {
  const notes: Note[] = Object.keys(body)
    .filter((member) => !CARRIED.has(member))
    .map((member) => dropped(member, "has no counterpart in the other format"));
  const all = objectsAt(body, "messages");
  const names = new Map(
    all
      .flatMap((message) => objectsAt(message, "content"))
      .filter(({ type }) => type === "tool_use")
      .map((block) => [textAt(block, "id") ?? "", textAt(block, "name") ?? ""]),
  );
  const messages = all.map((message, i): Message => ({
    role: message["role"] === "assistant" ? "assistant" : "user",
    parts: partsOf(message["content"], names, `messages.${i}.content`, notes),
  }));
  const config = objectAt(body, "output_config");
  const schema = objectAt(objectAt(config, "format"), "schema");
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: systemText(body["system"]),
      messages,
      tools: objectsAt(body, "tools").flatMap((tool, i) => {
        const name = textAt(tool, "name");
        const parameters = objectAt(tool, "input_schema");
        if (name === undefined || parameters === undefined) {
          notes.push(dropped(`tools.${i}`, "hosted tools are never run by a replay elsewhere"));
          return [];
        }
        return [{ name, description: textAt(tool, "description"), parameters, strict: undefined }];
      }),
      toolChoice: parseToolChoice(objectAt(body, "tool_choice")),
      params: defined({
        max_tokens: body["max_tokens"],
        temperature: body["temperature"],
        top_p: body["top_p"],
        top_k: body["top_k"],
        stop: body["stop_sequences"],
        reasoning_effort: config?.["effort"],
      }),
      output: schema === undefined ? undefined : { name: "output", schema, strict: true },
    },
    notes,
  };
}

function systemText(system: JsonValue | undefined): string | undefined {
  if (typeof system === "string") return system;
  if (!Array.isArray(system)) return undefined;
  return system
    .filter(isObject)
    .map((block) => textAt(block, "text") ?? "")
    .join("\n\n");
}

function parseToolChoice(choice: JsonObject | undefined): ToolChoice | undefined {
  const type = choice?.["type"];
  if (type === "auto" || type === "none") return type;
  if (type === "any") return "required";
  const name = textAt(choice, "name");
  return name === undefined ? undefined : { name };
}

function partsOf(
  content: JsonValue | undefined,
  names: ReadonlyMap<string, string>,
  path: string,
  notes: Note[],
): Part[] {
  if (typeof content === "string") return [{ kind: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((block, i): Part[] => {
    switch (textAt(block, "type") ?? "") {
      case "text":
        return [{ kind: "text", text: textAt(block, "text") ?? "" }];
      case "tool_use":
        return [
          {
            kind: "tool_call",
            id: textAt(block, "id") ?? "",
            name: textAt(block, "name") ?? "",
            arguments: block["input"] ?? {},
          },
        ];
      case "tool_result": {
        const id = textAt(block, "tool_use_id") ?? "";
        const given = block["content"] ?? "";
        const content = Array.isArray(given) ? (systemText(given) ?? "") : given;
        return [{ kind: "tool_result", id, name: names.get(id) ?? "", content }];
      }
      case "image": {
        const source = objectAt(block, "source");
        const base64 = textAt(source, "data");
        const url = textAt(source, "url");
        if (base64 !== undefined)
          return [{ kind: "image", mediaType: textAt(source, "media_type") ?? "", base64 }];
        if (url !== undefined) return [{ kind: "image_url", url }];
      }
    }
    const type = textAt(block, "type") ?? "nameless";
    const reason = /thinking/.test(type)
      ? "what a model thought, with its signature, belongs to that model"
      : `a ${type} block does not carry over`;
    notes.push(dropped(`${path}.${i}`, reason));
    return [];
  });
}

function write(conversation: Conversation): Written {
  const { model, system, messages, tools, toolChoice, params, output } = conversation;
  const notes: Note[] = Object.keys(params)
    .filter((name) => !(name in PARAM_PLACES))
    .map((name) => dropped(name, "Messages has no such parameter"));
  if (params.max_tokens === undefined)
    notes.push(defaulted("max_tokens", `Messages requires it: ${MAX_TOKENS_DEFAULT}`));
  if (params.stop !== undefined) notes.push(renamed("stop", "stop_sequences"));
  const format =
    typeof output === "object" ? { type: "json_schema", schema: output.schema } : undefined;
  if (output === "json_object")
    notes.push(dropped("response_format", "Messages has no JSON mode without a schema"));
  const config = defined({ effort: params.reasoning_effort, format });
  const body = {
    model,
    max_tokens: params.max_tokens ?? MAX_TOKENS_DEFAULT,
    system,
    messages: merged(messages),
    tools:
      tools.length === 0
        ? undefined
        : tools.map(({ name, description, parameters }) =>
            defined({ name, description, input_schema: parameters ?? { type: "object" } }),
          ),
    tool_choice: writeToolChoice(toolChoice),
    output_config: Object.keys(config).length === 0 ? undefined : config,
    temperature: clamped(params, notes),
    top_p: params.top_p,
    top_k: params.top_k,
    stop_sequences: typeof params.stop === "string" ? [params.stop] : params.stop,
  };
  return { body: defined(body), notes };
}

function clamped(params: Conversation["params"], notes: Note[]): JsonValue | undefined {
  const temperature = numberAt(defined({ ...params }), "temperature");
  if (temperature === undefined || temperature <= 1) return params.temperature;
  notes.push(substituted("temperature", "Messages takes 0 to 1"));
  return 1;
}

function writeToolChoice(choice: ToolChoice | undefined): JsonObject | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === "object") return { type: "tool", name: choice.name };
  return { type: choice === "required" ? "any" : choice };
}

/** Results of several calls must stand in one message: neighbours of one role become one. */
function merged(messages: readonly Message[]): JsonObject[] {
  const turns: { role: string; content: JsonObject[] }[] = [];
  for (const { role, parts } of messages) {
    const last = turns.at(-1);
    const content = parts.map(writePart);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  }
  return turns.map(({ role, content }) => {
    const [only] = content;
    const text = content.length === 1 ? textAt(only, "text") : undefined;
    return { role, content: text ?? content };
  });
}

function writePart(part: Part): JsonObject {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return {
        type: "image",
        source: { type: "base64", media_type: part.mediaType, data: part.base64 },
      };
    case "image_url":
      return { type: "image", source: { type: "url", url: part.url } };
    case "tool_call":
      return { type: "tool_use", id: part.id, name: part.name, input: part.arguments };
    case "tool_result": {
      const { id, content } = part;
      const text = typeof content === "string" ? content : JSON.stringify(content);
      return { type: "tool_result", tool_use_id: id, content: text };
    }
  }
}
