/**
 * OpenAI Responses, streamed: the last events carry the whole response. Of a stream that was cut
 * short, what its items and deltas had told. Pure.
 */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Assembler } from "./assembler.ts";

const ENDS: ReadonlySet<unknown> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);

export function responseAssembler(): Assembler {
  let response: JsonObject | undefined;
  let error: JsonObject | undefined;
  let isComplete = false;
  const items = new Map<number, JsonObject>();
  return {
    push(event) {
      const type = textAt(event, "type") ?? "";
      response = objectAt(event, "response") ?? response;
      if (type === "error") error = isObject(event["error"]) ? event : { error: event };
      if (ENDS.has(type)) {
        isComplete = true;
        items.clear(); // all of it is in the response
      }
      const index = numberAt(event, "output_index");
      if (index === undefined || isComplete) return;
      const item = objectAt(event, "item");
      if (item !== undefined) items.set(index, item);
      else items.set(index, withDelta(items.get(index) ?? {}, type, event));
    },
    get isComplete() {
      return isComplete;
    },
    body() {
      if (error !== undefined) return { ...response, ...error };
      if (response === undefined || items.size === 0) return response;
      const output = [...items].toSorted(([a], [b]) => a - b).map(([, item]) => item);
      return { ...response, output };
    },
  };
}

function withDelta(item: JsonObject, type: string, event: JsonObject): JsonObject {
  const delta = textAt(event, "delta");
  if (delta === undefined) return item;
  if (type === "response.function_call_arguments.delta")
    return { ...item, arguments: (textAt(item, "arguments") ?? "") + delta };
  const member =
    type === "response.output_text.delta"
      ? "text"
      : type === "response.refusal.delta"
        ? "refusal"
        : undefined;
  if (member === undefined) return item;
  const content = objectsAt(item, "content");
  const position = Math.min(numberAt(event, "content_index") ?? 0, content.length);
  const part = content[position] ?? { type: member === "text" ? "output_text" : member };
  content[position] = { ...part, [member]: (textAt(part, member) ?? "") + delta };
  return { ...item, content };
}
