/**
 * What a model thought, with its signatures, belongs to that model (reference §7.3, "reasoning
 * history"): it is kept byte for byte for the same one, and stays home when another is asked. Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { dropped, substituted, type Note } from "./fidelity.ts";
import { objectAt, objectsAt, textAt, without } from "./json-read.ts";
import type { Format } from "./provider.ts";

interface Changed {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

const REASON = "what a model thought, with its signature, belongs to that model";
/** Members of an assistant's message that compatible servers think in. */
const THOUGHT_MEMBERS = ["reasoning_content", "reasoning", "reasoning_details"];

/** Of a body that goes to another model of the same format. @param model that is asked */
export function withoutThoughts(format: Format, body: JsonObject, model: string): Changed {
  const notes: Note[] = [];
  const isKept = (isThought: (block: JsonObject) => boolean, path: string) => {
    return (block: JsonValue, i: number): boolean => {
      if (!isObject(block) || !isThought(block)) return true;
      notes.push(dropped(`${path}.${i}`, REASON));
      return false;
    };
  };
  /** Blocks of a message that are no thoughts; a message of nothing else is gone. */
  const mapped = (member: string, blocks: string, isThought: (block: JsonObject) => boolean) =>
    objectsAt(body, member).flatMap((message, i) => {
      const content = message[blocks];
      if (!Array.isArray(content)) return [message];
      const kept = content.filter(isKept(isThought, `${member}.${i}.${blocks}`));
      return kept.length === 0 && content.length > 0 ? [] : [{ ...message, [blocks]: kept }];
    });
  switch (format) {
    case "openai.chat":
    case "workers-ai.run": {
      const messages = mapped("messages", "content", ({ type }) => type === "thinking").map(
        (message, i) => {
          if (message["role"] !== "assistant") return message;
          const thoughts = THOUGHT_MEMBERS.filter((member) => (message[member] ?? null) !== null);
          notes.push(...thoughts.map((member) => dropped(`messages.${i}.${member}`, REASON)));
          return without(message, ...thoughts);
        },
      );
      return notes.length === 0 ? { body, notes } : { body: { ...body, messages }, notes };
    }
    case "openai.responses": {
      const { input } = body;
      if (!Array.isArray(input)) return { body, notes };
      const kept = input.filter(isKept(({ type }) => type === "reasoning", "input"));
      return { body: { ...body, input: kept }, notes };
    }
    case "anthropic.messages": {
      const messages = mapped("messages", "content", (block) =>
        (textAt(block, "type") ?? "").endsWith("thinking"),
      );
      return { body: { ...body, messages }, notes };
    }
    case "google.generateContent": {
      const contents = mapped("contents", "parts", ({ thought }) => thought === true).map(
        (content, i) => unsigned(content, `contents.${i}.parts`, notes),
      );
      const foreign = withForeignCalls(model, { ...body, contents });
      return { body: foreign.body, notes: [...notes, ...foreign.notes] };
    }
  }
}

function unsigned(content: JsonObject, path: string, notes: Note[]): JsonObject {
  const parts = objectsAt(content, "parts").map((part, n) => {
    if (part["thoughtSignature"] === undefined) return part;
    notes.push(dropped(`${path}.${n}.thoughtSignature`, REASON));
    return without(part, "thoughtSignature");
  });
  return { ...content, parts };
}

/** Gemini 3 and newer refuse calls without a signature of their thoughts; this word stands in for it. */
const FOREIGN_CALL = "skip_thought_signature_validator";
const NEEDS_NONE = /gemini-(1|2)\b/;

export function withForeignCalls(model: string, body: JsonObject): Changed {
  const notes: Note[] = [];
  if (NEEDS_NONE.test(model)) return { body, notes };
  const contents = objectsAt(body, "contents").map((content, i) => {
    const parts = objectsAt(content, "parts").map((part, n) => {
      if (objectAt(part, "functionCall") === undefined || part["thoughtSignature"] !== undefined)
        return part;
      const path = `contents.${i}.parts.${n}.thoughtSignature`;
      notes.push(substituted(path, "this model wants one; the call was another's"));
      return { ...part, thoughtSignature: FOREIGN_CALL };
    });
    return { ...content, parts };
  });
  return notes.length === 0 ? { body, notes } : { body: { ...body, contents }, notes };
}
