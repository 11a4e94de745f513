/** OpenAI Chat Completions and everything compatible with it, reference §8.1 and §8.6. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, leftovers, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { PARAMS } from "../provider.ts";
import { chatAssembler } from "../streams/chat.ts";
import { readChat } from "./openai-chat-read.ts";
import { dataUrl, parseDataUrl } from "./data-url.ts";
import { readReply } from "../reply.ts";
import { argumentsText, asText, laterSystem, resultText, toolCall } from "./turns.ts";

/** Members that `parse` carries over; every other one is named as dropped. */
const CARRIED: readonly string[] = [
  "model",
  "messages",
  "tools",
  "tool_choice",
  "response_format",
  "max_completion_tokens",
  "random_seed",
  ...PARAMS,
];

export const openaiChat: Adapter = {
  format: "openai.chat",
  path: () => "/chat/completions",
  headers: {},
  messagesMember: "messages",
  modelMember: "model",
  param: (name) => [name],
  setSystem(body, system) {
    const messages = objectsAt(body, "messages");
    const role = messages.some(({ role }) => role === "developer") ? "developer" : "system";
    const others = messages.filter((message) => !isSystem(message));
    return { ...body, messages: [{ role, content: system }, ...others] };
  },
  serverState: () => undefined,
  parse,
  write,
  read: (reply) => readReply(reply, chatAssembler(), readChat),
};

function isSystem(message: JsonObject): boolean {
  return message["role"] === "system" || message["role"] === "developer";
}

function parse(body: JsonObject): { conversation: Conversation; notes: readonly Note[] } {
  const notes: Note[] = leftovers(body, CARRIED, "");
  const all = objectsAt(body, "messages");
  const names = new Map(
    all
      .flatMap((message) => objectsAt(message, "tool_calls"))
      .map((call) => [textAt(call, "id") ?? "", textAt(objectAt(call, "function"), "name") ?? ""]),
  );
  const system: string[] = [];
  const messages: Message[] = [];
  for (const [i, message] of all.entries()) {
    const path = `messages.${i}`;
    if (isSystem(message)) {
      notes.push(...leftovers(message, ["role", "content"], path));
      if (messages.length > 0) notes.push(laterSystem(path));
      system.push(plainText(message["content"]));
    } else messages.push(parseMessage(message, names, path, notes));
  }
  const max_tokens = body["max_completion_tokens"] ?? body["max_tokens"];
  const seed = body["seed"] ?? body["random_seed"];
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: system.length === 0 ? undefined : system.join("\n\n"),
      messages,
      tools: objectsAt(body, "tools").flatMap((tool, i) => parseTool(tool, `tools.${i}`, notes)),
      toolChoice: parseToolChoice(body["tool_choice"], notes),
      params: defined({
        ...Object.fromEntries(PARAMS.map((name) => [name, body[name]])),
        max_tokens,
        seed,
      }),
      output: parseOutput(objectAt(body, "response_format"), notes),
    },
    notes,
  };
}

function plainText(content: JsonValue | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (isObject(part) ? (textAt(part, "text") ?? "") : "")).join("");
}

function parseMessage(
  message: JsonObject,
  toolNames: ReadonlyMap<string, string>,
  path: string,
  notes: Note[],
): Message {
  const role = message["role"] === "assistant" ? "assistant" : "user";
  if (message["role"] === "function") {
    notes.push(dropped(path, "calls of the time before tools do not carry over"));
    return { role, parts: [] };
  }
  if (message["role"] === "tool") {
    notes.push(...leftovers(message, ["role", "tool_call_id", "name", "content"], path));
    const id = textAt(message, "tool_call_id") ?? "";
    const name = toolNames.get(id) ?? textAt(message, "name") ?? "";
    const content = resultText(message["content"], `${path}.content`, notes);
    return { role, parts: [{ kind: "tool_result", id, name, content }] };
  }
  notes.push(...leftovers(message, ["role", "content", "refusal", "tool_calls"], path));
  const calls = objectsAt(message, "tool_calls").flatMap((call, i): Part[] => {
    const fn = objectAt(call, "function");
    const at = `${path}.tool_calls.${i}`;
    if (fn === undefined) {
      notes.push(dropped(at, "only calls of functions carry over"));
      return [];
    }
    const [id = "", name = ""] = [textAt(call, "id"), textAt(fn, "name")];
    const text = textAt(fn, "arguments") ?? "";
    return [toolCall({ id, name, text }, `${at}.function.arguments`, notes)];
  });
  // A refusal is what the assistant said.
  const refused = contentParts(message["refusal"], path, notes);
  const parts = [...contentParts(message["content"], path, notes), ...refused, ...calls];
  return { role, parts };
}

function contentParts(content: JsonValue | undefined, path: string, notes: Note[]): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((part, i): Part[] => {
    const at = `${path}.content.${i}`;
    const text = textAt(part, "text");
    if (text !== undefined) {
      notes.push(...leftovers(part, ["type", "text"], at));
      return [{ kind: "text", text }];
    }
    const image = objectAt(part, "image_url");
    const url = textAt(part, "image_url") ?? textAt(image, "url");
    if (url !== undefined) {
      notes.push(...leftovers(part, ["type", "image_url"], at));
      notes.push(...leftovers(image, ["url"], `${at}.image_url`));
      return [parseDataUrl(url) ?? { kind: "image_url", url }];
    }
    notes.push(dropped(at, `a ${textAt(part, "type") ?? "nameless"} part does not carry over`));
    return [];
  });
}

function parseTool(tool: JsonObject, path: string, notes: Note[]) {
  // Workers AI takes a function without its wrapping, too.
  const fn = objectAt(tool, "function") ?? (tool["type"] === undefined ? tool : undefined);
  const name = textAt(fn, "name");
  if (fn === undefined || name === undefined) {
    notes.push(dropped(path, "only function tools carry over"));
    return [];
  }
  if (fn !== tool) notes.push(...leftovers(tool, ["type", "function"], path));
  const known = ["name", "description", "parameters", "strict"];
  notes.push(...leftovers(fn, known, fn === tool ? path : `${path}.function`));
  const strict = typeof fn["strict"] === "boolean" ? fn["strict"] : undefined;
  const description = textAt(fn, "description");
  return [{ name, description, parameters: objectAt(fn, "parameters"), strict }];
}

function parseToolChoice(choice: JsonValue | undefined, notes: Note[]): ToolChoice | undefined {
  if (choice === "any" || choice === "required") return "required";
  if (choice === "auto" || choice === "none") return choice;
  const name = isObject(choice) ? textAt(objectAt(choice, "function"), "name") : undefined;
  if (name !== undefined) return { name };
  if (choice !== undefined && choice !== null)
    notes.push(dropped("tool_choice", "this choice has no counterpart in the other format"));
  return undefined;
}

function parseOutput(format: JsonObject | undefined, notes: Note[]): Conversation["output"] {
  const type = textAt(format, "type");
  if (type === "json_object") return "json_object";
  const described = objectAt(format, "json_schema");
  const schema = objectAt(described, "schema");
  if (schema === undefined) {
    if (format !== undefined && type !== "text")
      notes.push(dropped("response_format", "this format has no counterpart elsewhere"));
    return undefined;
  }
  notes.push(...leftovers(format, ["type", "json_schema"], "response_format"));
  const known = ["name", "description", "schema", "strict"];
  notes.push(...leftovers(described, known, "response_format.json_schema"));
  const strict = typeof described?.["strict"] === "boolean" ? described["strict"] : undefined;
  const description = textAt(described, "description");
  return { name: textAt(described, "name") ?? "output", description, schema, strict };
}

function write(conversation: Conversation): Written {
  const { model, system, messages, tools, toolChoice, params, output } = conversation;
  const body = {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      ...messages.flatMap(writeMessage),
    ],
    tools: tools.length === 0 ? undefined : tools.map(writeTool),
    tool_choice:
      typeof toolChoice === "object"
        ? { type: "function", function: { name: toolChoice.name } }
        : toolChoice,
    response_format: writeOutput(output),
    ...params,
  };
  return { body: defined(body), notes: [] };
}

function writeTool({ name, description, parameters, strict }: Conversation["tools"][number]) {
  return { type: "function", function: defined({ name, description, parameters, strict }) };
}

function writeOutput(output: Conversation["output"]): JsonObject | undefined {
  if (output === undefined) return undefined;
  if (output === "json_object") return { type: "json_object" };
  const { name, description, schema, strict } = output;
  return { type: "json_schema", json_schema: defined({ name, description, schema, strict }) };
}

/** Results stand in messages of their own; the rest of the parts stays together. */
function writeMessage({ role, parts }: Message): JsonObject[] {
  const results = parts.flatMap((part): JsonObject[] => {
    if (part.kind !== "tool_result") return [];
    return [{ role: "tool", tool_call_id: part.id, content: asText(part.content) }];
  });
  const calls = parts.flatMap((part): JsonObject[] =>
    part.kind === "tool_call"
      ? [
          {
            id: part.id,
            type: "function",
            function: { name: part.name, arguments: argumentsText(part) },
          },
        ]
      : [],
  );
  const content = parts.flatMap((part): JsonObject[] => {
    if (part.kind === "text") return [{ type: "text", text: part.text }];
    if (part.kind === "image") return [{ type: "image_url", image_url: { url: dataUrl(part) } }];
    if (part.kind === "image_url") return [{ type: "image_url", image_url: { url: part.url } }];
    return [];
  });
  if (content.length === 0 && calls.length === 0) return results;
  const [only] = content;
  const isPlain = content.length === 1 && only?.["type"] === "text";
  const message = {
    role,
    content: content.length === 0 ? null : isPlain ? (only["text"] ?? null) : content,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return [...results, message];
}
