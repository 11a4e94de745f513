/** Chat Completions, streamed: `chat.completion.chunk`s become one `chat.completion`. Pure. */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt } from "../json-read.ts";
import type { Assembler } from "./assembler.ts";
import { mergeDelta } from "./merge.ts";

export function chatAssembler(): Assembler {
  let whole: JsonObject | undefined;
  const choices = new Map<number, JsonObject>();
  return {
    push(chunk) {
      const { choices: _, ...about } = chunk;
      const known = Object.entries(about).filter(([, value]) => value !== null);
      whole = { ...whole, ...Object.fromEntries(known) };
      for (const [position, choice] of objectsAt(chunk, "choices").entries()) {
        const index = numberAt(choice, "index") ?? position;
        choices.set(index, withChunk(choices.get(index) ?? emptyChoice(index), choice));
      }
    },
    get isComplete() {
      const all = [...choices.values()];
      return all.length > 0 && all.every((choice) => choice["finish_reason"] !== null);
    },
    body() {
      if (whole === undefined) return undefined;
      // Groq sends usage under a name of its own.
      const usage = whole["usage"] ?? objectAt(objectAt(whole, "x_groq"), "usage");
      const inOrder = [...choices].toSorted(([a], [b]) => a - b).map(([, choice]) => choice);
      if (inOrder.length === 0 && !isObject(whole["error"])) return undefined;
      return {
        ...whole,
        object: "chat.completion",
        choices: inOrder,
        ...(usage === undefined ? {} : { usage }),
      };
    },
  };
}

function emptyChoice(index: number): JsonObject {
  const message = { role: "assistant", content: null, refusal: null };
  return { index, message, logprobs: null, finish_reason: null };
}

function withChunk(choice: JsonObject, chunk: JsonObject): JsonObject {
  const { delta, message, index: _, ...about } = chunk;
  const said = isObject(delta) ? delta : isObject(message) ? message : {};
  return {
    ...mergeDelta(choice, about),
    index: choice["index"] ?? 0,
    message: mergeDelta(objectAt(choice, "message") ?? {}, said),
  };
}
