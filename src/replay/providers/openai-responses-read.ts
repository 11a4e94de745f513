/** What a Responses answer says, reference §8.0 and §8.2. */
import type { JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, parseJson, textAt } from "../json-read.ts";
import type { Outcome, Reading, Usage } from "../outcome.ts";
import { readError } from "../provider-error.ts";
import { malformed } from "../reply.ts";

export function readResponse(body: JsonObject): Reading {
  const status = textAt(body, "status");
  if (status === "failed" || status === "cancelled")
    return readError(200, { error: body["error"] ?? {} });
  const output = objectsAt(body, "output");
  if (!Array.isArray(body["output"])) return malformed(200, "the answer holds no output");
  if (status === "queued" || status === "in_progress")
    return malformed(200, `the answer is ${status}: it was asked for in the background`);
  const said = output
    .filter(({ type }) => type === "message")
    .flatMap((item) => objectsAt(item, "content"));
  const refusal = said.map((part) => textAt(part, "refusal")).find((text) => text !== undefined);
  const texts = said.flatMap((part) => textAt(part, "text") ?? []);
  const toolCalls = output
    .filter(({ type }) => type === "function_call" || type === "custom_tool_call")
    .map((call) => {
      const given = textAt(call, "arguments") ?? textAt(call, "input") ?? "";
      return { name: textAt(call, "name") ?? "", arguments: parseJson(given) ?? given };
    });
  const reason = textAt(objectAt(body, "incomplete_details"), "reason");
  return {
    outcome: outcomeOf(reason, refusal, toolCalls.length > 0),
    text: texts.length > 0 ? texts.join("") : (refusal ?? null),
    toolCalls,
    servedModel: textAt(body, "model") ?? null,
    usage: usageOf(objectAt(body, "usage")),
    usageRaw: body["usage"] ?? null,
    error: null,
    retryable: false,
  };
}

function outcomeOf(
  reason: string | undefined,
  refusal: string | undefined,
  calls: boolean,
): Outcome {
  if (refusal !== undefined || reason === "content_filter") return "refused";
  if (reason !== undefined) return "truncated";
  return calls ? "tool_call" : "succeeded";
}

function usageOf(usage: JsonObject | undefined): Usage | null {
  const input = numberAt(usage, "input_tokens");
  const output = numberAt(usage, "output_tokens");
  if (input === undefined && output === undefined) return null;
  const details = objectAt(usage, "input_tokens_details");
  return {
    input_tokens: input ?? 0,
    output_tokens: output ?? 0,
    cache_read_tokens: numberAt(details, "cached_tokens") ?? 0,
    cache_write_tokens: numberAt(details, "cache_write_tokens") ?? 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: numberAt(objectAt(usage, "output_tokens_details"), "reasoning_tokens") ?? 0,
    other_tokens: 0,
  };
}
