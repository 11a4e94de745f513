/** Google Gemini generateContent, on its own API and on Vertex, reference §8.4. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, textAt } from "../json-read.ts";
import type {
  Adapter,
  Conversation,
  Message,
  Param,
  Part,
  ToolChoice,
  Written,
} from "../provider.ts";
import { readReply } from "../reply.ts";
import { contentAssembler } from "../streams/content.ts";
import { readContent } from "./gemini-read.ts";

const CARRIED: ReadonlySet<string> = new Set([
  "model",
  "contents",
  "systemInstruction",
  "system_instruction",
  "tools",
  "toolConfig",
  "generationConfig",
]);

const PARAM_NAMES: { readonly [name in Param]?: string } = {
  max_tokens: "maxOutputTokens",
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  stop: "stopSequences",
  seed: "seed",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
};

const CARRIED_CONFIG: ReadonlySet<string> = new Set([
  ...Object.values(PARAM_NAMES),
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
]);

export const gemini: Adapter = {
  format: "google.generateContent",
  path: (model) => `/models/${encodeURIComponent(model.replace(/^models\//, ""))}:generateContent`,
  headers: {},
  messagesMember: "contents",
  modelMember: undefined,
  param(name) {
    const place = PARAM_NAMES[name];
    return place === undefined ? undefined : ["generationConfig", place];
  },
  setSystem: (body, system) => ({ ...body, systemInstruction: { parts: [{ text: system }] } }),
  serverState: (body) => ((body["cachedContent"] ?? null) === null ? undefined : "cachedContent"),
  parse,
  write,
  read: (reply) => readReply(reply, contentAssembler(), readContent),
};

function parse(body: JsonObject, model: string) {
  const config = objectAt(body, "generationConfig") ?? {};
  const notes: Note[] = [
    ...Object.keys(body).filter((member) => !CARRIED.has(member)),
    ...Object.keys(config)
      .filter((member) => !CARRIED_CONFIG.has(member))
      .map((member) => `generationConfig.${member}`),
  ].map((path) => dropped(path, "has no counterpart in the other format"));
  const system = objectAt(body, "systemInstruction") ?? objectAt(body, "system_instruction");
  const messages = objectsAt(body, "contents").map((content, i): Message => ({
    role: content["role"] === "model" ? "assistant" : "user",
    parts: objectsAt(content, "parts").flatMap((part, n) =>
      parsePart(part, n, `contents.${i}.parts`, notes),
    ),
  }));
  const tools = objectsAt(body, "tools").flatMap((tool, i) => {
    if (!Array.isArray(tool["functionDeclarations"]))
      notes.push(dropped(`tools.${i}`, "hosted tools are never run by a replay elsewhere"));
    return objectsAt(tool, "functionDeclarations").map((declared) => ({
      name: textAt(declared, "name") ?? "",
      description: textAt(declared, "description"),
      parameters: objectAt(declared, "parameters") ?? objectAt(declared, "parametersJsonSchema"),
      strict: undefined,
    }));
  });
  const conversation: Conversation = {
    model,
    system:
      system === undefined
        ? undefined
        : objectsAt(system, "parts")
            .map((part) => textAt(part, "text") ?? "")
            .join("\n\n"),
    messages,
    tools,
    toolChoice: parseToolChoice(objectAt(objectAt(body, "toolConfig"), "functionCallingConfig")),
    params: defined(
      Object.fromEntries(Object.entries(PARAM_NAMES).map(([name, place]) => [name, config[place]])),
    ),
    output: parseOutput(config),
  };
  return { conversation, notes };
}

function parseOutput(config: JsonObject): Conversation["output"] {
  const schema = objectAt(config, "responseJsonSchema") ?? objectAt(config, "responseSchema");
  if (schema !== undefined) return { name: "output", schema, strict: undefined };
  return config["responseMimeType"] === "application/json" ? "json_object" : undefined;
}

function parseToolChoice(config: JsonObject | undefined): ToolChoice | undefined {
  const mode = textAt(config, "mode");
  if (mode === "AUTO") return "auto";
  if (mode === "NONE") return "none";
  if (mode !== "ANY") return undefined;
  const allowed = config?.["allowedFunctionNames"];
  const [name] = Array.isArray(allowed) && allowed.length === 1 ? allowed : [];
  return typeof name === "string" ? { name } : "required";
}

/** Gemini gives calls no ids: name and place tell them apart. */
function parsePart(part: JsonObject, n: number, path: string, notes: Note[]): Part[] {
  if (part["thought"] === true) {
    notes.push(dropped(`${path}.${n}`, "what a model thought belongs to that model"));
    return [];
  }
  const text = textAt(part, "text");
  if (text !== undefined) return [{ kind: "text", text }];
  const inline = objectAt(part, "inlineData") ?? objectAt(part, "inline_data");
  const base64 = textAt(inline, "data");
  if (base64 !== undefined) {
    const mediaType = textAt(inline, "mimeType") ?? textAt(inline, "mime_type") ?? "";
    return [{ kind: "image", mediaType, base64 }];
  }
  const call = objectAt(part, "functionCall") ?? objectAt(part, "function_call");
  if (call !== undefined) {
    const name = textAt(call, "name") ?? "";
    return [
      {
        kind: "tool_call",
        id: textAt(call, "id") ?? `call_${name}`,
        name,
        arguments: call["args"] ?? {},
      },
    ];
  }
  const result = objectAt(part, "functionResponse") ?? objectAt(part, "function_response");
  if (result !== undefined) {
    const name = textAt(result, "name") ?? "";
    return [
      {
        kind: "tool_result",
        id: textAt(result, "id") ?? `call_${name}`,
        name,
        content: result["response"] ?? {},
      },
    ];
  }
  notes.push(dropped(`${path}.${n}`, "this part does not carry over"));
  return [];
}

function write(conversation: Conversation): Written {
  const { system, messages, tools, toolChoice, params, output } = conversation;
  const notes: Note[] = [];
  const config: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(params)) {
    const place = Object.entries(PARAM_NAMES).find(([known]) => known === name)?.[1];
    if (place === undefined) notes.push(dropped(name, "generateContent has no such parameter"));
    else config[place] = name === "stop" && typeof value === "string" ? [value] : value;
  }
  if (output !== undefined) config["responseMimeType"] = "application/json";
  if (typeof output === "object") config["responseJsonSchema"] = output.schema;
  const generationConfig = defined(config);
  const body = {
    contents: messages.map(({ role, parts }) => ({
      role: role === "assistant" ? "model" : "user",
      parts: parts.map(writePart),
    })),
    systemInstruction: system === undefined ? undefined : { parts: [{ text: system }] },
    tools: tools.length === 0 ? undefined : [{ functionDeclarations: tools.map(writeTool) }],
    toolConfig: writeToolChoice(toolChoice),
    generationConfig: Object.keys(generationConfig).length === 0 ? undefined : generationConfig,
  };
  return { body: defined(body), notes };
}

function writeTool({ name, description, parameters }: Conversation["tools"][number]): JsonObject {
  return defined({ name, description, parametersJsonSchema: parameters });
}

function writeToolChoice(choice: ToolChoice | undefined): JsonObject | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === "object")
    return { functionCallingConfig: { mode: "ANY", allowedFunctionNames: [choice.name] } };
  const mode = { auto: "AUTO", none: "NONE", required: "ANY" }[choice];
  return { functionCallingConfig: { mode } };
}

/** Gemini 3 refuses calls without the signature of its own thoughts; this word stands in for it. */
const FOREIGN_CALL = "skip_thought_signature_validator";

function writePart(part: Part): JsonObject {
  switch (part.kind) {
    case "text":
      return { text: part.text };
    case "image":
      return { inlineData: { mimeType: part.mediaType, data: part.base64 } };
    case "image_url":
      return { fileData: { fileUri: part.url } };
    case "tool_call":
      return {
        functionCall: { name: part.name, args: part.arguments },
        thoughtSignature: FOREIGN_CALL,
      };
    case "tool_result": {
      const { name, content } = part;
      return {
        functionResponse: { name, response: isObject(content) ? content : { result: content } },
      };
    }
  }
}
