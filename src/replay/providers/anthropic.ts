/** Anthropic Messages, reference §8.3. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { defaulted, dropped, leftovers, renamed, substituted, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { readReply } from "../reply.ts";
import { messageAssembler } from "../streams/messages.ts";
import { readMessage } from "./anthropic-read.ts";
import { asText, laterSystem, onlySchema, resultText, turnsOf } from "./turns.ts";

const CARRIED: readonly string[] =
  "model messages system tools tool_choice output_config max_tokens temperature top_p top_k stop_sequences".split(
    " ",
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
  serverState(body) {
    const { container } = body;
    const isKept = typeof container === "string" || textAt(objectAt(body, "container"), "id");
    return isKept ? "container" : undefined;
  },
  parse,
  write,
  read: (reply) => readReply(reply, messageAssembler(), readMessage),
};

function parse(body: JsonObject): { conversation: Conversation; notes: readonly Note[] } {
  const config = objectAt(body, "output_config");
  const choice = objectAt(body, "tool_choice");
  const notes: Note[] = [
    ...leftovers(body, CARRIED, ""),
    ...leftovers(config, ["effort", "format"], "output_config"),
    ...leftovers(objectAt(config, "format"), ["type", "schema"], "output_config.format"),
    ...leftovers(choice, ["type", "name", "disable_parallel_tool_use"], "tool_choice"),
  ];
  const all = objectsAt(body, "messages");
  const names = new Map(
    all
      .flatMap((message) => objectsAt(message, "content"))
      .filter(({ type }) => type === "tool_use")
      .map((block) => [textAt(block, "id") ?? "", textAt(block, "name") ?? ""]),
  );
  const system = [systemText(body["system"], "system", notes)];
  const messages: Message[] = [];
  for (const [i, message] of all.entries()) {
    const path = `messages.${i}`;
    notes.push(...leftovers(message, ["role", "content"], path));
    if (message["role"] === "system") {
      if (messages.length > 0) notes.push(laterSystem(path));
      system.push(systemText(message["content"], `${path}.content`, notes));
      continue;
    }
    const role = message["role"] === "assistant" ? "assistant" : "user";
    messages.push({ role, parts: partsOf(message["content"], names, `${path}.content`, notes) });
  }
  const said = system.filter((text) => text !== undefined);
  const schema = objectAt(objectAt(config, "format"), "schema");
  const parallel = choice?.["disable_parallel_tool_use"];
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: said.length === 0 ? undefined : said.join("\n\n"),
      messages,
      tools: objectsAt(body, "tools").flatMap((tool, i) => parseTool(tool, `tools.${i}`, notes)),
      toolChoice: parseToolChoice(choice),
      params: defined({
        max_tokens: body["max_tokens"],
        temperature: body["temperature"],
        top_p: body["top_p"],
        top_k: body["top_k"],
        stop: body["stop_sequences"],
        reasoning_effort: config?.["effort"],
        parallel_tool_calls: typeof parallel === "boolean" ? !parallel : undefined,
      }),
      output:
        schema === undefined
          ? undefined
          : { name: "output", description: undefined, schema, strict: true },
    },
    notes,
  };
}

function parseTool(tool: JsonObject, path: string, notes: Note[]) {
  const name = textAt(tool, "name");
  const parameters = objectAt(tool, "input_schema");
  if (name === undefined || parameters === undefined) {
    notes.push(dropped(path, "hosted tools are never run by a replay elsewhere"));
    return [];
  }
  const known = ["type", "name", "description", "input_schema", "strict"];
  notes.push(...leftovers(tool, known, path));
  const strict = typeof tool["strict"] === "boolean" ? tool["strict"] : undefined;
  return [{ name, description: textAt(tool, "description"), parameters, strict }];
}

function systemText(
  system: JsonValue | undefined,
  path: string,
  notes: Note[],
): string | undefined {
  if (typeof system === "string") return system;
  if (!Array.isArray(system)) return undefined;
  const blocks = system.filter(isObject);
  for (const [i, block] of blocks.entries())
    notes.push(...leftovers(block, ["type", "text"], `${path}.${i}`));
  return blocks.map((block) => textAt(block, "text") ?? "").join("\n\n");
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
    const at = `${path}.${i}`;
    const [id = "", name = ""] = [textAt(block, "id"), textAt(block, "name")];
    switch (textAt(block, "type") ?? "") {
      case "text":
        notes.push(...leftovers(block, ["type", "text"], at));
        return [{ kind: "text", text: textAt(block, "text") ?? "" }];
      case "tool_use":
        notes.push(...leftovers(block, ["type", "id", "name", "input"], at));
        return [{ kind: "tool_call", id, name, arguments: block["input"] ?? {} }];
      case "tool_result": {
        notes.push(...leftovers(block, ["type", "tool_use_id", "content"], at));
        const call = textAt(block, "tool_use_id") ?? "";
        const content = resultText(block["content"], `${at}.content`, notes);
        return [{ kind: "tool_result", id: call, name: names.get(call) ?? "", content }];
      }
      case "image": {
        const source = objectAt(block, "source");
        const [base64, url] = [textAt(source, "data"), textAt(source, "url")];
        if (base64 === undefined && url === undefined) break;
        notes.push(...leftovers(block, ["type", "source"], at));
        if (base64 !== undefined)
          return [{ kind: "image", mediaType: textAt(source, "media_type") ?? "", base64 }];
        if (url !== undefined) return [{ kind: "image_url", url }];
      }
    }
    const type = textAt(block, "type") ?? "nameless";
    const reason = /thinking/.test(type)
      ? "what a model thought, with its signature, belongs to that model"
      : `a ${type} block does not carry over`;
    notes.push(dropped(at, reason));
    return [];
  });
}

function write(conversation: Conversation): Written {
  const { model, system, messages, tools, toolChoice, params, output } = conversation;
  const notes: Note[] = Object.keys(params)
    .filter((name) => !(name in PARAM_PLACES) && name !== "parallel_tool_calls")
    .map((name) => dropped(name, "Messages has no such parameter"));
  if (params.max_tokens === undefined)
    notes.push(defaulted("max_tokens", `Messages requires it: ${MAX_TOKENS_DEFAULT}`));
  if (params.stop !== undefined) notes.push(renamed("stop", "stop_sequences"));
  const format =
    typeof output === "object" ? { type: "json_schema", schema: output.schema } : undefined;
  notes.push(...onlySchema(output));
  if (output === "json_object")
    notes.push(dropped("response_format", "unsupported: Messages has no JSON without a schema"));
  const config = defined({ effort: effortOf(params, notes), format });
  const body = {
    model,
    max_tokens: params.max_tokens ?? MAX_TOKENS_DEFAULT,
    system,
    messages: turnsOf(messages).map(writeTurn),
    tools:
      tools.length === 0
        ? undefined
        : tools.map(({ name, description, parameters, strict }) =>
            defined({ name, description, input_schema: parameters ?? { type: "object" }, strict }),
          ),
    tool_choice: writeToolChoice(toolChoice, params.parallel_tool_calls, tools.length > 0),
    output_config: Object.keys(config).length === 0 ? undefined : config,
    temperature: params.temperature,
    top_p: params.top_p,
    top_k: params.top_k,
    stop_sequences: typeof params.stop === "string" ? [params.stop] : params.stop,
  };
  return { body: defined(body), notes };
}

/** OpenAI has two efforts below Anthropic's lowest. */
function effortOf({ reasoning_effort: effort }: Conversation["params"], notes: Note[]) {
  if (effort === "none") {
    notes.push(dropped("reasoning_effort", "none: Claude does not think unless told to"));
    return undefined;
  }
  if (effort !== "minimal") return effort;
  notes.push(substituted("reasoning_effort", "low is the least effort there is"));
  return "low";
}

function writeToolChoice(
  choice: ToolChoice | undefined,
  parallel: JsonValue | undefined,
  hasTools: boolean,
): JsonObject | undefined {
  if (typeof choice === "object") return { type: "tool", name: choice.name, ...serial(parallel) };
  if (choice === "none") return { type: "none" };
  if (choice !== undefined)
    return { type: choice === "required" ? "any" : "auto", ...serial(parallel) };
  return hasTools && parallel === false ? { type: "auto", ...serial(parallel) } : undefined;
}

function serial(parallel: JsonValue | undefined): JsonObject {
  return typeof parallel === "boolean" ? { disable_parallel_tool_use: !parallel } : {};
}

function writeTurn({ role, parts }: Message): JsonObject {
  // Results come first in a turn, or Messages refuses it.
  const results = parts.filter(({ kind }) => kind === "tool_result");
  const others = parts.filter(({ kind }) => kind !== "tool_result");
  const content = [...results, ...others].map(writePart);
  const [only] = content;
  const text = content.length === 1 ? textAt(only, "text") : undefined;
  return { role, content: text ?? content };
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
    case "tool_result":
      return { type: "tool_result", tool_use_id: part.id, content: asText(part.content) };
  }
}
