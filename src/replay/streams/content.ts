/** Gemini generateContent, streamed: chunks are whole answers with some of the parts. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Assembler } from "./assembler.ts";

export function contentAssembler(): Assembler {
  let last: JsonObject | undefined;
  let candidate: JsonObject | undefined;
  let parts: JsonObject[] = [];
  return {
    push(chunk) {
      last = isObject(last?.["error"]) ? last : { ...last, ...chunk };
      const [next] = objectsAt(chunk, "candidates");
      if (next === undefined) return;
      for (const part of objectsAt(objectAt(next, "content"), "parts"))
        parts = withPart(parts, part);
      candidate = { ...candidate, ...next };
    },
    get isComplete() {
      return candidate?.["finishReason"] !== undefined;
    },
    body() {
      if (last === undefined || candidate === undefined) return last;
      const content = { role: "model", parts };
      return { ...last, candidates: [{ ...candidate, content }] };
    },
  };
}

/** Text goes on in the part before it, as in an answer that comes whole. */
function withPart(parts: readonly JsonObject[], part: JsonObject): JsonObject[] {
  const before = parts.at(-1);
  if (before === undefined || !isPlainText(before) || !isPlainText(part)) return [...parts, part];
  if (before["thought"] !== part["thought"]) return [...parts, part];
  const text: JsonValue = (textAt(before, "text") ?? "") + (textAt(part, "text") ?? "");
  return [...parts.slice(0, -1), { ...before, text }];
}

/** Nothing but text: a signature belongs to the part it came with. */
function isPlainText(part: JsonObject): boolean {
  return (
    typeof part["text"] === "string" &&
    Object.keys(part).every((name) => name === "text" || name === "thought")
  );
}
