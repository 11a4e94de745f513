/**
 * A request made from a decision that was recorded without its provider's body: input, prompt, model
 * and tool calls, as 0.1's clients send them (reference §7.1, the synthesis rule). Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { defaulted, dropped, substituted, type Note } from "./fidelity.ts";
import { defined, objectAt, objectsAt, parseJson, textAt } from "./json-read.ts";
import { asText, inputText, promptWords } from "./prompt.ts";
import type { Conversation, Format, Message, Part } from "./provider.ts";
import { adapterOf } from "./providers/table.ts";

/** The decision with overrides of `input`, `model` and `prompt` applied. */
export interface EffectiveDecision {
  readonly input: JsonObject;
  readonly model: JsonObject;
  readonly prompt: JsonObject | null;
  readonly toolCalls: readonly JsonObject[];
}

export type Reconstructed =
  | {
      readonly ok: true;
      readonly conversation: Conversation;
      /** Recorded parameters that no conversation has a word for, and Chat Completions have. */
      readonly members: JsonObject;
      readonly notes: readonly Note[];
    }
  | { readonly ok: false; readonly message: string };

/** @param format that messages and tools are taken to be in */
export function reconstruct(decision: EffectiveDecision, format: Format): Reconstructed {
  const { input, model, prompt } = decision;
  const words = promptWords(prompt);
  if (!words.ok) return words;
  const notes: Note[] = [];
  const said = spoken(input, format, notes);
  const given = parseMessages(words.messages, format, notes);
  // Text beside a conversation instructs; alone, it is what is asked.
  const isAsked =
    words.text !== undefined && said.messages.length === 0 && given.messages.length === 0;
  const system = [words.system, isAsked ? undefined : words.text, given.system, said.system]
    .filter((text) => text !== undefined && text !== "")
    .join("\n\n");
  const asked: Message[] = isAsked
    ? [{ role: "user", parts: [{ kind: "text", text: words.text ?? "" }] }]
    : [...given.messages, ...said.messages];
  const messages = asked.length === 0 ? [wholeInput(input, notes)] : asked;
  const fed = fedBack(decision.toolCalls, notes);
  const tools = toolsOf(decision, format, notes);
  const areSeen = tools.length === 0 && fed.length > 0;
  if (areSeen) notes.push(defaulted("tools", "only their names are known, from the calls"));
  const { toolChoice, params, output, members } = parametersOf(model, format, notes);
  return {
    ok: true,
    conversation: {
      model: textAt(model, "name") ?? "",
      system: system === "" ? undefined : system,
      messages: [...messages, ...fed],
      tools: areSeen ? toolsSeen(decision.toolCalls) : tools,
      toolChoice,
      params,
      output,
    },
    members,
    notes,
  };
}

function spoken(input: JsonObject, format: Format, notes: Note[]) {
  const recorded = objectsAt(input, "messages");
  const text = inputText(input);
  const { system, messages } = parseMessages(recorded, format, notes);
  if (text === undefined) return { system, messages };
  notes.push(substituted(text.path, "sent as a user's message"));
  return {
    system,
    messages: [
      ...messages,
      { role: "user" as const, parts: [{ kind: "text" as const, text: text.text }] },
    ],
  };
}

const BLOCKS: readonly string[] = ["tool_use", "tool_result", "thinking", "redacted_thinking"];

function parseMessages(messages: readonly JsonObject[], format: Format, notes: Note[]) {
  // Roles that only Chat Completions has, and blocks that only Messages has, tell the form.
  const isChat = messages.some(
    ({ role }) => role === "system" || role === "developer" || role === "tool",
  );
  const isAnthropic =
    format === "anthropic.messages" ||
    messages.some((message) =>
      objectsAt(message, "content").some(
        ({ type }) => typeof type === "string" && BLOCKS.includes(type),
      ),
    );
  const adapter = adapterOf(isAnthropic && !isChat ? "anthropic.messages" : "openai.chat");
  const parsed = adapter.parse({ messages: [...messages] }, "");
  notes.push(...parsed.notes);
  return parsed.conversation;
}

function wholeInput(input: JsonObject, notes: Note[]): Message {
  notes.push(substituted("input", "it names no message: sent whole, as JSON"));
  return { role: "user", parts: [{ kind: "text", text: JSON.stringify(input) }] };
}

/** Calls that were made then, with what came back: a replay runs no tool, it repeats their answers. */
function fedBack(toolCalls: readonly JsonObject[], notes: Note[]): Message[] {
  const calls: Part[] = [];
  const results: Part[] = [];
  for (const [i, call] of toolCalls.entries()) {
    const content = call["result"] ?? call["output"] ?? call["response"];
    const name = nameOf(call);
    if (content === undefined || content === null || name === undefined) {
      notes.push(dropped(`tool_calls.${i}`, "it has no recorded result, and tools are never run"));
      continue;
    }
    notes.push(substituted(`tool_calls.${i}`, "its recorded result is repeated"));
    const id = textAt(call, "id") ?? `call_${i}`;
    calls.push({ kind: "tool_call", id, name, arguments: argumentsOf(call) });
    results.push({ kind: "tool_result", id, name, content });
  }
  if (calls.length === 0) return [];
  return [
    { role: "assistant", parts: calls },
    { role: "user", parts: results },
  ];
}

function nameOf(call: JsonObject): string | undefined {
  const fn = call["function"];
  return (
    textAt(call, "name") ?? textAt(call, "tool") ?? (isObject(fn) ? textAt(fn, "name") : undefined)
  );
}

function argumentsOf(call: JsonObject): JsonValue {
  const given =
    call["arguments"] ??
    call["args"] ??
    call["input"] ??
    objectAt(call, "function")?.["arguments"] ??
    {};
  return typeof given === "string" ? (parseJson(given) ?? asText(given)) : given;
}

/** Providers refuse a history of calls to tools they were not told of. */
function toolsSeen(toolCalls: readonly JsonObject[]): Conversation["tools"] {
  const names = new Set(toolCalls.flatMap((call) => nameOf(call) ?? []));
  const parameters = { type: "object" };
  return [...names].map((name) => ({
    name,
    description: undefined,
    parameters,
    strict: undefined,
  }));
}

function toolsOf(
  { input, model, prompt }: EffectiveDecision,
  format: Format,
  notes: Note[],
): Conversation["tools"] {
  const found = [objectAt(model, "parameters"), model, prompt ?? {}, input].find((place) =>
    Array.isArray(place?.["tools"]),
  );
  const tools = found?.["tools"];
  if (tools === undefined) return [];
  const isChat =
    Array.isArray(tools) && tools.some((tool) => isObject(tool) && isObject(tool["function"]));
  const adapter = adapterOf(isChat ? "openai.chat" : format);
  const parsed = adapter.parse({ tools }, "");
  notes.push(...parsed.notes);
  return parsed.conversation.tools;
}

/** By their Chat Completions names, from the model's parameters or from beside them. */
function parametersOf(model: JsonObject, format: Format, notes: Note[]) {
  const { messages: _, ...parameters } = objectAt(model, "parameters") ?? {};
  const parsed = adapterOf("openai.chat").parse(parameters, "");
  const beside = adapterOf("openai.chat").parse(model, "").conversation.params;
  const { toolChoice, output } = parsed.conversation;
  const params = defined({ ...beside, ...parsed.conversation.params });
  const found = { toolChoice, output, params };
  // Transport is no parameter, and tools are read elsewhere.
  const others = parsed.notes.filter(
    ({ path }) => !/^(tools\b|stream|background|store$)/.test(path),
  );
  const isChat = format === "openai.chat" || format === "workers-ai.run";
  const kept = isChat ? others.filter(({ path }) => Object.hasOwn(parameters, path)) : [];
  for (const note of others)
    if (!kept.includes(note)) notes.push({ ...note, path: `model.parameters.${note.path}` });
  const members = Object.fromEntries(kept.map(({ path }) => [path, parameters[path] ?? null]));
  return { ...found, members };
}
