/** What the formats have in common when a conversation is read or written. Pure. */
import { isObject, type JsonValue } from "../../lib/json.ts";
import { dropped, leftovers, substituted, type Note } from "../fidelity.ts";
import { parseJson, textAt } from "../json-read.ts";
import type { Conversation, Message, Part } from "../provider.ts";

/**
 * Neighbours of one role as one turn, without empty ones: Messages and generateContent want every
 * result of parallel calls in one turn, and refuse a turn that says nothing.
 */
export function turnsOf(messages: readonly Message[], only?: Message["role"]): Message[] {
  const turns: { role: Message["role"]; parts: Part[] }[] = [];
  for (const { role, parts } of messages) {
    if (parts.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role && (only ?? role) === role) last.parts.push(...parts);
    else turns.push({ role, parts: [...parts] });
  }
  return turns;
}

/** A call whose arguments are JSON text; the text itself goes on where text is wanted again. */
export function toolCall(
  { id, name, text }: { id: string; name: string; text: string },
  path: string,
  notes: Note[],
): Part {
  const value = parseJson(text);
  if (value === undefined && text !== "")
    notes.push(dropped(path, "the arguments are not JSON: sent only where text is wanted"));
  return { kind: "tool_call", id, name, arguments: value ?? {}, text };
}

export function argumentsText(part: Extract<Part, { kind: "tool_call" }>): string {
  return part.text ?? JSON.stringify(part.arguments);
}

/** A tool's result as text; what is not text in it is named. */
export function resultText(content: JsonValue | undefined, path: string, notes: Note[]): JsonValue {
  if (!Array.isArray(content) || !content.every((part) => isObject(part) && "type" in part))
    return content ?? "";
  const texts = content.filter(isObject).flatMap((part, i) => {
    const text = textAt(part, "text");
    if (text === undefined)
      notes.push(dropped(`${path}.${i}`, "only the text of a result carries over"));
    else notes.push(...leftovers(part, ["type", "text"], `${path}.${i}`));
    return text ?? [];
  });
  return texts.join("\n\n");
}

/** The system's words stand before everything else. */
export function laterSystem(path: string): Note {
  return substituted(path, "a later system message is sent with the first");
}

export function asText(content: JsonValue): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}

/** The name and the looseness of a schema, for formats that know only the schema. */
export function onlySchema(output: Conversation["output"]): Note[] {
  if (typeof output !== "object") return [];
  const { name, description, strict } = output;
  const members = { name: name === "output" ? undefined : name, description, strict };
  return Object.entries(members).flatMap(([member, value]) =>
    value === undefined
      ? []
      : [dropped(`response_format.json_schema.${member}`, "only the schema has a counterpart")],
  );
}

/** A choice among tools of which none is left, or of one that is gone, is refused everywhere. */
export function withoutIdleChoice(conversation: Conversation): {
  conversation: Conversation;
  notes: Note[];
} {
  const { tools, toolChoice, params } = conversation;
  const notes: Note[] = [];
  const isGone =
    tools.length === 0 ||
    (typeof toolChoice === "object" && !tools.some(({ name }) => name === toolChoice.name));
  if (toolChoice !== undefined && isGone)
    notes.push(dropped("tool_choice", "the tools it chooses from did not carry over"));
  const { parallel_tool_calls, ...others } = params;
  const isIdle = tools.length === 0 && parallel_tool_calls !== undefined;
  if (isIdle) notes.push(dropped("parallel_tool_calls", "no tool carried over"));
  return {
    conversation: {
      ...conversation,
      toolChoice: isGone ? undefined : toolChoice,
      params: isIdle ? others : params,
    },
    notes,
  };
}
