/**
 * A prompt as LoopGrid 0.1's clients record it, made into words a model can be sent: text, system,
 * messages, or a template with variables. A template's name is none of these (CONTRACT, defect 14).
 * Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { objectAt, objectsAt, textAt, without } from "./json-read.ts";

export type PromptWords =
  | {
      readonly ok: true;
      readonly system: string | undefined;
      readonly text: string | undefined;
      /** In Chat Completions form. */
      readonly messages: readonly JsonObject[];
    }
  | { readonly ok: false; readonly message: string };

/** A name has no spaces and no places to fill; whatever has one is the template itself. */
const TEMPLATE_NAME = /^[^\s{}]*$/;
const PLACE = /\{\{\s*([\w.-]+)\s*\}\}|\{([\w.-]+)\}/g;

export function promptWords(prompt: JsonObject | null): PromptWords {
  const recorded = prompt ?? {};
  const variables = objectAt(recorded, "variables") ?? {};
  const system = textAt(recorded, "system");
  const messages = objectsAt(recorded, "messages");
  const template = textAt(recorded, "template");
  const text =
    textAt(recorded, "text") ??
    (template !== undefined && !TEMPLATE_NAME.test(template) ? template : undefined);
  const isOnlyNamed =
    template !== undefined &&
    template !== "" &&
    text === undefined &&
    system === undefined &&
    messages.length === 0;
  if (isOnlyNamed)
    return {
      ok: false,
      message: `prompt_unresolved: prompt.template is only a name; give the prompt's words as prompt.text, prompt.system or prompt.messages`,
    };
  const missing = new Set<string>();
  const filled = (words: string | undefined) => words && fill(words, variables, missing);
  const words = {
    ok: true as const,
    system: filled(system),
    text: filled(text),
    messages: messages.map((message) => filledMessage(message, variables, missing)),
  };
  if (missing.size === 0) return words;
  return {
    ok: false,
    message: `prompt_unresolved: prompt.variables lacks ${[...missing].join(", ")}`,
  };
}

/** Whether an override names another template than the recorded one, and gives no words for it. */
export function isNewName(recorded: JsonObject | null, override: JsonObject): boolean {
  const { template } = override;
  if (typeof template !== "string" || template === recorded?.["template"]) return false;
  return ["text", "system", "messages"].every((member) => override[member] === undefined);
}

/** The override over what was recorded; the words of one template are not those of another. */
export function mergedPrompt(
  recorded: JsonObject | null,
  override: JsonObject | undefined,
): JsonObject | null {
  if (override === undefined) return recorded;
  const before = recorded ?? {};
  const isNew = isNewName(recorded, override);
  return { ...(isNew ? without(before, "text", "system", "messages") : before), ...override };
}

function filledMessage(
  message: JsonObject,
  variables: JsonObject,
  missing: Set<string>,
): JsonObject {
  const { content } = message;
  if (typeof content === "string")
    return { ...message, content: fill(content, variables, missing) };
  if (!Array.isArray(content)) return message;
  const parts = content.map((part) =>
    isObject(part) && typeof part["text"] === "string"
      ? { ...part, text: fill(part["text"], variables, missing) }
      : part,
  );
  return { ...message, content: parts };
}

/** `{{name}}` must be known; `{name}` is filled where it is, for braces also stand in examples. */
function fill(words: string, variables: JsonObject, missing: Set<string>): string {
  // In one pass: what a variable holds is never read as a template.
  return words.replaceAll(PLACE, (place, double?: string, single?: string) => {
    const name = double ?? single ?? "";
    // `{{constructor}}` names a variable like any other, not what every object inherits.
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined && double !== undefined) missing.add(name);
    return value === undefined ? place : asText(value);
  });
}

export function asText(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What a user asked, where the input says it in one of the usual ways. */
export function inputText(input: JsonObject): { path: string; text: string } | undefined {
  for (const member of ["message", "question", "prompt", "text", "query", "content"]) {
    const value = input[member];
    if (typeof value === "string") return { path: `input.${member}`, text: value };
    if (isObject(value) && typeof value["content"] === "string")
      return { path: `input.${member}.content`, text: value["content"] };
  }
  return undefined;
}
