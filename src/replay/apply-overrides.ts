/** Overrides on a provider's body, in the body's own format (reference §7.2). Pure. */
import { isObject, type JsonObject } from "../lib/json.ts";
import { dropped, substituted, type Note } from "./fidelity.ts";
import { mergePatch, objectAt, textAt, without } from "./json-read.ts";
import { isNewName, promptWords } from "./prompt.ts";
import { PARAMS, type Adapter } from "./provider.ts";
import { adapterOf } from "./providers/table.ts";

export type Applied =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly message: string };

/** Overrides of whole members. */
export function withMembers(
  body: JsonObject,
  { messagesMember }: Adapter,
  overrides: JsonObject,
  notes: Note[],
): JsonObject {
  let changed = body;
  for (const [override, member] of [
    ["messages", messagesMember],
    ["tools", "tools"],
  ] as const) {
    const value = overrides[override];
    if (value === undefined) continue;
    notes.push(substituted(member, "overridden"));
    changed = value === null ? without(changed, member) : { ...changed, [member]: value };
  }
  return changed;
}

/** Members of a prompt that are words, or become some. */
const WORDS: readonly string[] = ["text", "system", "messages", "template"];

/**
 * A prompt's words in a recorded body: what the override says, with the variables that were
 * recorded; where it says only other variables, the recorded words with those.
 */
export function withPrompt(
  body: JsonObject,
  own: Adapter,
  recorded: JsonObject | null,
  override: JsonObject,
  notes: Note[],
): Applied {
  const variables = {
    ...objectAt(recorded ?? {}, "variables"),
    ...objectAt(override, "variables"),
  };
  const saysWords =
    isNewName(recorded, override) ||
    WORDS.some((member) => (override[member] ?? recorded?.[member]) !== recorded?.[member]);
  const prompt = { ...(saysWords ? {} : recorded), ...override, variables };
  const words = promptWords(prompt);
  if (!words.ok) return words;
  let changed = body;
  let system = [words.system, words.text].filter((text) => text !== undefined).join("\n\n");
  if (words.messages.length > 0) {
    const { messages, said } = inFormat(words.messages, own, notes);
    changed = { ...changed, [own.messagesMember]: messages };
    system = [system, said].filter((text) => text !== "").join("\n\n");
  }
  if (system !== "") changed = own.setSystem(changed, system);
  if (changed === body)
    return { ok: false, message: "prompt_unresolved: there are no words in overrides.prompt" };
  notes.push(substituted("prompt", "overridden"));
  return { ok: true, body: changed };
}

function isSystem({ role }: JsonObject): boolean {
  return role === "system" || role === "developer";
}

/** Messages in Chat Completions form, written as the body's own format has them. */
function inFormat(messages: readonly JsonObject[], own: Adapter, notes: Note[]) {
  const parsed = adapterOf("openai.chat").parse({ messages: [...messages] }, "");
  const { system, ...conversation } = parsed.conversation;
  if (own.format === "openai.chat" || own.format === "workers-ai.run")
    return { messages: messages.filter((message) => !isSystem(message)), said: system ?? "" };
  const written = own.write({ ...conversation, system: undefined });
  notes.push(...parsed.notes);
  return { messages: written.body[own.messagesMember] ?? [], said: system ?? "" };
}

/** Parameters by their common names; any other name is a member of the body as it is. */
export function withParams(
  body: JsonObject,
  adapter: Adapter,
  params: JsonObject | undefined,
  path: string,
  notes: Note[],
): JsonObject {
  let changed = body;
  for (const [name, value] of Object.entries(params ?? {})) {
    const common = PARAMS.find((param) => param === name);
    const place = common === undefined ? [name] : adapter.param(common);
    if (place === undefined) {
      notes.push(dropped(`${path}.${name}`, `${adapter.format} has no such parameter`));
      continue;
    }
    notes.push(substituted(place.join("."), "overridden"));
    const [first = name, inner] = place;
    const isList = name === "stop" && first !== "stop" && typeof value === "string";
    const given = isList ? [value] : value;
    // Both names at once are an error: the one in the body is the one that is set.
    const member = common === undefined ? first : (sameAs(first, body) ?? first);
    if (inner !== undefined) {
      const merged = mergePatch(changed, { [member]: { [inner]: given } });
      changed = isObject(merged) ? merged : changed;
    } else changed = given === null ? without(changed, member) : { ...changed, [member]: given };
  }
  return changed;
}

/** Parameters that bodies of one format name in two ways. */
const TWINS: Readonly<Record<string, string>> = {
  max_tokens: "max_completion_tokens",
  seed: "random_seed",
};

function sameAs(member: string, body: JsonObject): string | undefined {
  const twin = TWINS[member];
  return twin !== undefined && body[twin] !== undefined ? twin : undefined;
}

/** The model that a prepared body names, where its format names one. */
export function modelIn(body: JsonObject, { modelMember }: Adapter): string | undefined {
  return modelMember === undefined ? undefined : textAt(body, modelMember);
}
