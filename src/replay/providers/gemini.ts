/** Google Gemini generateContent, on its own API and on Vertex, reference §8.4. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { dropped, leftovers, type Note } from "../fidelity.ts";
import { defined, objectAt, objectsAt, textAt, without } from "../json-read.ts";
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
import { withForeignCalls } from "../thoughts.ts";
import { contentAssembler } from "../streams/content.ts";
import { readContent } from "./gemini-read.ts";
import { jsonSchemaOf } from "./gemini-schema.ts";
import { onlySchema, turnsOf } from "./turns.ts";

const CARRIED: readonly string[] = [
  "model",
  "contents",
  "systemInstruction",
  "system_instruction",
  "tools",
  "toolConfig",
  "generationConfig",
];

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

const CARRIED_CONFIG: readonly string[] = [
  ...Object.values(PARAM_NAMES),
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
];

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
  setSystem: (body, system) => ({
    ...without(body, "system_instruction"),
    systemInstruction: { parts: [{ text: system }] },
  }),
  serverState: (body) => ((body["cachedContent"] ?? null) === null ? undefined : "cachedContent"),
  parse,
  write,
  read: (reply) => readReply(reply, contentAssembler(), readContent),
};

function parse(body: JsonObject, model: string) {
  const config = objectAt(body, "generationConfig") ?? {};
  const calling = objectAt(objectAt(body, "toolConfig"), "functionCallingConfig");
  const notes: Note[] = [
    ...leftovers(body, CARRIED, ""),
    ...leftovers(config, CARRIED_CONFIG, "generationConfig"),
    ...leftovers(objectAt(body, "toolConfig"), ["functionCallingConfig"], "toolConfig"),
  ];
  const system = objectAt(body, "systemInstruction") ?? objectAt(body, "system_instruction");
  const idOf = identifier();
  const messages = objectsAt(body, "contents").map((content, i): Message => {
    notes.push(...leftovers(content, ["role", "parts"], `contents.${i}`));
    return {
      role: content["role"] === "model" ? "assistant" : "user",
      parts: objectsAt(content, "parts").flatMap((part, n) =>
        parsePart(part, idOf, `contents.${i}.parts.${n}`, notes),
      ),
    };
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
    tools: objectsAt(body, "tools").flatMap((tool, i) => parseTools(tool, `tools.${i}`, notes)),
    toolChoice: parseToolChoice(calling, notes),
    params: defined(
      Object.fromEntries(Object.entries(PARAM_NAMES).map(([name, place]) => [name, config[place]])),
    ),
    output: parseOutput(config),
  };
  return { conversation, notes };
}

/** Functions, and in the same list what Google runs itself. */
function parseTools(tool: JsonObject, path: string, notes: Note[]) {
  const member = "functionDeclarations";
  const hosted = Object.keys(tool).filter((name) => name !== member);
  notes.push(
    ...hosted.map((name) =>
      dropped(`${path}.${name}`, "hosted tools are never run by a replay elsewhere"),
    ),
  );
  const known = ["name", "description", "parameters", "parametersJsonSchema"];
  return objectsAt(tool, member).map((declared, i) => {
    notes.push(...leftovers(declared, known, `${path}.${member}.${i}`));
    const parameters = objectAt(declared, "parameters");
    return {
      name: textAt(declared, "name") ?? "",
      description: textAt(declared, "description"),
      parameters:
        parameters === undefined
          ? objectAt(declared, "parametersJsonSchema")
          : jsonSchemaOf(parameters),
      strict: undefined,
    };
  });
}

function parseOutput(config: JsonObject): Conversation["output"] {
  const own = objectAt(config, "responseSchema");
  const schema =
    objectAt(config, "responseJsonSchema") ?? (own === undefined ? undefined : jsonSchemaOf(own));
  if (schema !== undefined)
    return { name: "output", description: undefined, schema, strict: undefined };
  return config["responseMimeType"] === "application/json" ? "json_object" : undefined;
}

function parseToolChoice(config: JsonObject | undefined, notes: Note[]): ToolChoice | undefined {
  const path = "toolConfig.functionCallingConfig";
  const mode = textAt(config, "mode");
  const allowed = config?.["allowedFunctionNames"];
  if (mode === "ANY" && Array.isArray(allowed) && allowed.length > 0) {
    const [name] = allowed;
    if (allowed.length === 1 && typeof name === "string") return { name };
    notes.push(dropped(`${path}.allowedFunctionNames`, "elsewhere a choice names one or all"));
  }
  if (mode === "AUTO") return "auto";
  if (mode === "NONE") return "none";
  if (mode === "ANY") return "required";
  if (mode !== undefined)
    notes.push(dropped(`${path}.mode`, "this choice has no counterpart in the other format"));
  return undefined;
}

type IdOf = (kind: "call" | "result", value: JsonObject) => string;

/** Gemini need not give calls ids: the first result of a name answers the first call of it. */
function identifier(): IdOf {
  const seen = new Map<string, number>();
  return (kind, value) => {
    const name = textAt(value, "name") ?? "";
    const n = (seen.get(`${kind} ${name}`) ?? 0) + 1;
    seen.set(`${kind} ${name}`, n);
    return textAt(value, "id") ?? `call_${name}_${n}`;
  };
}

function parsePart(part: JsonObject, idOf: IdOf, path: string, notes: Note[]): Part[] {
  if (part["thought"] === true) {
    notes.push(dropped(path, "what a model thought belongs to that model"));
    return [];
  }
  const parsed = contentOf(part, idOf);
  if (parsed === undefined) {
    notes.push(dropped(path, "this part does not carry over"));
    return [];
  }
  const { member, result } = parsed;
  notes.push(...leftovers(part, [member, "thought"], path));
  return [result];
}

function contentOf(part: JsonObject, idOf: IdOf): { member: string; result: Part } | undefined {
  const found = (...members: string[]) => {
    const member = members.find((name) => isObject(part[name])) ?? "";
    return { member, value: objectAt(part, member) };
  };
  const text = textAt(part, "text");
  if (text !== undefined) return { member: "text", result: { kind: "text", text } };
  const inline = found("inlineData", "inline_data");
  const base64 = textAt(inline.value, "data");
  if (base64 !== undefined) {
    const mediaType = textAt(inline.value, "mimeType") ?? textAt(inline.value, "mime_type") ?? "";
    return { member: inline.member, result: { kind: "image", mediaType, base64 } };
  }
  const call = found("functionCall", "function_call");
  if (call.value !== undefined) {
    const name = textAt(call.value, "name") ?? "";
    const id = idOf("call", call.value);
    const given = call.value["args"] ?? {};
    return { member: call.member, result: { kind: "tool_call", id, name, arguments: given } };
  }
  const answer = found("functionResponse", "function_response");
  if (answer.value === undefined) return undefined;
  const name = textAt(answer.value, "name") ?? "";
  const id = idOf("result", answer.value);
  const content = answer.value["response"] ?? {};
  return { member: answer.member, result: { kind: "tool_result", id, name, content } };
}

function write(conversation: Conversation): Written {
  const { model, system, messages, tools, toolChoice, params, output } = conversation;
  const notes: Note[] = onlySchema(output);
  const config: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(params)) {
    const place = Object.entries(PARAM_NAMES).find(([known]) => known === name)?.[1];
    if (place === undefined) notes.push(dropped(name, "generateContent has no such parameter"));
    else config[place] = name === "stop" && typeof value === "string" ? [value] : value;
  }
  for (const [i, { strict }] of tools.entries())
    if (strict !== undefined)
      notes.push(dropped(`tools.${i}.strict`, "generateContent has no such member"));
  if (output !== undefined) config["responseMimeType"] = "application/json";
  if (typeof output === "object") config["responseJsonSchema"] = output.schema;
  const generationConfig = defined(config);
  const body = {
    contents: turnsOf(messages).map(({ role, parts }) => ({
      role: role === "assistant" ? "model" : "user",
      parts: parts.map(writePart),
    })),
    systemInstruction: system === undefined ? undefined : { parts: [{ text: system }] },
    tools: tools.length === 0 ? undefined : [{ functionDeclarations: tools.map(writeTool) }],
    toolConfig: writeToolChoice(toolChoice),
    generationConfig: Object.keys(generationConfig).length === 0 ? undefined : generationConfig,
  };
  const signed = withForeignCalls(model, defined(body));
  return { body: signed.body, notes: [...notes, ...signed.notes] };
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

function writePart(part: Part): JsonObject {
  switch (part.kind) {
    case "text":
      return { text: part.text };
    case "image":
      return { inlineData: { mimeType: part.mediaType, data: part.base64 } };
    case "image_url":
      return { fileData: { fileUri: part.url } };
    case "tool_call":
      return { functionCall: { name: part.name, args: part.arguments } };
    case "tool_result": {
      const { name, content } = part;
      return {
        functionResponse: { name, response: isObject(content) ? content : { result: content } },
      };
    }
  }
}
