/** What a Messages answer says, reference §8.0 and §8.3. */
import type { JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "../json-read.ts";
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
  // `pause_turn`: the provider's own tools were not done; what is there is the beginning.
  if (stop === "max_tokens" || stop === "model_context_window_exceeded" || stop === "pause_turn")
    return "truncated";
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
    cache_write_1h_tokens:
      numberAt(objectAt(usage, "cache_creation"), "ephemeral_1h_input_tokens") ?? 0,
    reasoning_tokens: numberAt(objectAt(usage, "output_tokens_details"), "thinking_tokens") ?? 0,
    other_tokens: apartFrom(usage),
  };
}

/** Compaction, advisors and fallbacks are iterations that the totals leave out. */
function apartFrom(usage: JsonObject | undefined): number {
  return objectsAt(usage, "iterations")
    .filter(({ type }) => type !== "message")
    .reduce(
      (total, iteration) =>
        total +
        (numberAt(iteration, "input_tokens") ?? 0) +
        (numberAt(iteration, "cache_read_input_tokens") ?? 0) +
        (numberAt(iteration, "cache_creation_input_tokens") ?? 0) +
        (numberAt(iteration, "output_tokens") ?? 0),
      0,
    );
}
