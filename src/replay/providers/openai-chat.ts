/** OpenAI Chat Completions and everything compatible with it, reference §8.1 and §8.6. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, parseJson, textAt, without } from "../json-read.ts";
import type { Adapter, Conversation, Message, Part, ToolChoice, Written } from "../provider.ts";
import { PARAMS } from "../provider.ts";
import { chatAssembler } from "../streams/chat.ts";
import { readChat } from "./openai-chat-read.ts";
import { dataUrl, parseDataUrl } from "./data-url.ts";
import { readReply } from "../reply.ts";

/** Members that `parse` carries over; every other one is named as dropped. */
const CARRIED: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "tools",
  "tool_choice",
  "response_format",
  "max_completion_tokens",
  "random_seed",
  "stream",
  "stream_options",
  "store",
  ...PARAMS,
]);

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
  const notes: Note[] = Object.keys(body)
    .filter((member) => !CARRIED.has(member))
    .map((member) => dropped(member, "has no counterpart in the other format"));
  const all = objectsAt(body, "messages");
  const system = all.filter(isSystem).map(({ content }) => plainText(content));
  const names = new Map(
    all
      .flatMap((message) => objectsAt(message, "tool_calls"))
      .map((call) => [textAt(call, "id") ?? "", textAt(objectAt(call, "function"), "name") ?? ""]),
  );
  const messages = all
    .filter((message) => !isSystem(message))
    .map((message, i) => parseMessage(message, names, `messages.${i}`, notes));
  const max_tokens = body["max_completion_tokens"] ?? body["max_tokens"];
  const seed = body["seed"] ?? body["random_seed"];
  return {
    conversation: {
      model: textAt(body, "model") ?? "",
      system: system.length === 0 ? undefined : system.join("\n\n"),
      messages,
      tools: objectsAt(body, "tools").flatMap((tool, i) => parseTool(tool, `tools.${i}`, notes)),
      toolChoice: parseToolChoice(body["tool_choice"]),
      params: defined({
        ...Object.fromEntries(PARAMS.map((name) => [name, body[name]])),
        max_tokens,
        seed,
      }),
      output: parseOutput(objectAt(body, "response_format")),
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
  if (message["role"] === "tool") {
    const id = textAt(message, "tool_call_id") ?? "";
    const name = toolNames.get(id) ?? textAt(message, "name") ?? "";
    const content = message["content"] ?? "";
    return { role: "user", parts: [{ kind: "tool_result", id, name, content }] };
  }
  const calls = objectsAt(message, "tool_calls").map((call): Part => {
    const fn = objectAt(call, "function");
    const text = textAt(fn, "arguments") ?? "";
    const id = textAt(call, "id") ?? "";
    const name = textAt(fn, "name") ?? "";
    return { kind: "tool_call", id, name, arguments: parseJson(text) ?? {} };
  });
  const parts = [...contentParts(message["content"], path, notes), ...calls];
  return { role: message["role"] === "assistant" ? "assistant" : "user", parts };
}

function contentParts(content: JsonValue | undefined, path: string, notes: Note[]): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((part, i): Part[] => {
    const text = textAt(part, "text");
    if (text !== undefined) return [{ kind: "text", text }];
    const image = part["image_url"];
    const url =
      typeof image === "string" ? image : isObject(image) ? textAt(image, "url") : undefined;
    if (url !== undefined) return [parseDataUrl(url) ?? { kind: "image_url", url }];
    notes.push(
      dropped(
        `${path}.content.${i}`,
        `a ${textAt(part, "type") ?? "nameless"} part does not carry over`,
      ),
    );
    return [];
  });
}

function parseTool(tool: JsonObject, path: string, notes: Note[]) {
  const fn = objectAt(tool, "function");
  const name = textAt(fn, "name");
  if (fn === undefined || name === undefined) {
    notes.push(dropped(path, "only function tools carry over"));
    return [];
  }
  const strict = typeof fn["strict"] === "boolean" ? fn["strict"] : undefined;
  const description = textAt(fn, "description");
  return [{ name, description, parameters: objectAt(fn, "parameters"), strict }];
}

function parseToolChoice(choice: JsonValue | undefined): ToolChoice | undefined {
  if (choice === "any" || choice === "required") return "required";
  if (choice === "auto" || choice === "none") return choice;
  const name = isObject(choice) ? textAt(objectAt(choice, "function"), "name") : undefined;
  return name === undefined ? undefined : { name };
}

function parseOutput(format: JsonObject | undefined): Conversation["output"] {
  if (format?.["type"] === "json_object") return "json_object";
  const described = objectAt(format, "json_schema");
  const schema = objectAt(described, "schema");
  if (schema === undefined) return undefined;
  const strict = typeof described?.["strict"] === "boolean" ? described["strict"] : undefined;
  return { name: textAt(described, "name") ?? "output", schema, strict };
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
  const { name, schema, strict } = output;
  return { type: "json_schema", json_schema: defined({ name, schema, strict }) };
}

/** Results stand in messages of their own; the rest of the parts stays together. */
function writeMessage({ role, parts }: Message): JsonObject[] {
  const results = parts.flatMap((part): JsonObject[] => {
    if (part.kind !== "tool_result") return [];
    const { id, content } = part;
    const text = typeof content === "string" ? content : JSON.stringify(content);
    return [{ role: "tool", tool_call_id: id, content: text }];
  });
  const calls = parts.flatMap((part): JsonObject[] =>
    part.kind === "tool_call"
      ? [
          {
            id: part.id,
            type: "function",
            function: { name: part.name, arguments: JSON.stringify(part.arguments) },
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
  return [...results, without(message)];
}
