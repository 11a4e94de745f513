/** What a Messages answer says, reference §8.0 and §8.3. */
import type { JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, parseJson, textAt } from "../json-read.ts";
import type { Outcome, Reading, Usage } from "../outcome.ts";
import { malformed } from "../reply.ts";

export function readMessage(body: JsonObject): Reading {
  if (!Array.isArray(body["content"])) return malformed(200, "the answer holds no content");
  const blocks = objectsAt(body, "content");
  const texts = blocks
    .filter(({ type }) => type === "text")
    .map((block) => textAt(block, "text") ?? "");
  const toolCalls = blocks
    .filter(({ type }) => type === "tool_use")
    .map((block) => ({ name: textAt(block, "name") ?? "", arguments: block["input"] ?? {} }));
  return {
    outcome: outcomeOf(textAt(body, "stop_reason"), toolCalls.length > 0),
    text: texts.length === 0 ? null : texts.join(""),
    toolCalls,
    servedModel: textAt(body, "model") ?? null,
    usage: usageOf(objectAt(body, "usage")),
    usageRaw: body["usage"] ?? null,
    error: null,
    retryable: false,
  };
}

function outcomeOf(stop: string | undefined, calls: boolean): Outcome {
  if (stop === "refusal") return "refused";
  if (stop === "max_tokens" || stop === "model_context_window_exceeded") return "truncated";
  return calls ? "tool_call" : "succeeded";
}

/** `input_tokens` leaves out what came from or went to a cache: those are added. */
function usageOf(usage: JsonObject | undefined): Usage | null {
  const input = numberAt(usage, "input_tokens");
  const output = numberAt(usage, "output_tokens");
  if (input === undefined && output === undefined) return null;
  const read = numberAt(usage, "cache_read_input_tokens") ?? 0;
  const written = numberAt(usage, "cache_creation_input_tokens") ?? 0;
  return {
    input_tokens: (input ?? 0) + read + written,
    output_tokens: output ?? 0,
    cache_read_tokens: read,
    cache_write_tokens: written,
    reasoning_tokens: numberAt(objectAt(usage, "output_tokens_details"), "thinking_tokens") ?? 0,
  };
}

/** A stream put together: usage is split over its first and its last events. */
export function assembleMessage(events: readonly JsonObject[]): JsonObject | undefined {
  const failed = events.find(({ type }) => type === "error");
  if (failed !== undefined) return failed;
  const start = objectAt(
    events.find(({ type }) => type === "message_start"),
    "message",
  );
  if (start === undefined) return undefined;
  const content: JsonObject[] = [];
  const json = new Map<number, string>();
  let message: JsonObject = start;
  for (const event of events) {
    const index = numberAt(event, "index") ?? 0;
    const delta = objectAt(event, "delta");
    if (event["type"] === "content_block_start")
      content[index] = objectAt(event, "content_block") ?? {};
    if (event["type"] === "content_block_delta") {
      const block = content[index] ?? {};
      const text = textAt(delta, "text");
      if (text !== undefined)
        content[index] = { ...block, text: (textAt(block, "text") ?? "") + text };
      const partial = textAt(delta, "partial_json");
      if (partial !== undefined) json.set(index, (json.get(index) ?? "") + partial);
    }
    if (event["type"] === "message_delta") {
      const usage = { ...objectAt(message, "usage"), ...objectAt(event, "usage") };
      message = { ...message, ...delta, usage };
    }
  }
  const whole = content.map((block, index) => {
    const text = json.get(index);
    return text === undefined || text === "" ? block : { ...block, input: parseJson(text) ?? text };
  });
  return { ...message, content: whole };
}
