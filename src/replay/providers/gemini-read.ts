/** What a generateContent answer says, reference §8.0 and §8.4. */
import type { JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "../json-read.ts";
import type { Outcome, Reading, Usage } from "../outcome.ts";
import { malformed } from "../reply.ts";

const BLOCKED =
  /^(SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|IMAGE_SAFETY|IMAGE_PROHIBITED_CONTENT|MODEL_ARMOR|LANGUAGE)$/;
const INVALID = /^(MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL|MALFORMED_RESPONSE)$/;

export function readContent(body: JsonObject): Reading {
  const [candidate] = objectsAt(body, "candidates");
  const blocked = textAt(objectAt(body, "promptFeedback"), "blockReason");
  if (candidate === undefined && blocked === undefined)
    return malformed(200, "the answer holds no candidate");
  const parts = objectsAt(objectAt(candidate, "content"), "parts").filter(
    ({ thought }) => thought !== true,
  );
  const texts = parts.flatMap((part) => textAt(part, "text") ?? []);
  const toolCalls = parts.flatMap((part) => {
    const call = objectAt(part, "functionCall");
    return call === undefined
      ? []
      : [{ name: textAt(call, "name") ?? "", arguments: call["args"] ?? {} }];
  });
  const usage = {
    usage: usageOf(objectAt(body, "usageMetadata")),
    usageRaw: body["usageMetadata"] ?? null,
  };
  const finish = textAt(candidate, "finishReason");
  if (finish === "OTHER" && texts.length + toolCalls.length === 0)
    return { ...malformed(200, "the model ended without an answer and tells no reason"), ...usage };
  return {
    outcome: blocked !== undefined ? "refused" : outcomeOf(finish, toolCalls.length > 0),
    text: texts.length === 0 ? null : texts.join(""),
    toolCalls,
    servedModel: textAt(body, "modelVersion") ?? null,
    ...usage,
    error: null,
    retryable: false,
  };
}

function outcomeOf(finish: string | undefined, calls: boolean): Outcome {
  if (finish !== undefined && BLOCKED.test(finish)) return "refused";
  if (finish !== undefined && INVALID.test(finish)) return "invalid_output";
  if (finish === "MAX_TOKENS") return "truncated";
  return calls ? "tool_call" : "succeeded";
}

/** Thoughts are counted beside the answer, the cache inside the prompt. */
function usageOf(usage: JsonObject | undefined): Usage | null {
  const input = numberAt(usage, "promptTokenCount");
  if (usage === undefined || input === undefined) return null;
  const thoughts = numberAt(usage, "thoughtsTokenCount") ?? 0;
  return {
    input_tokens: input,
    output_tokens: (numberAt(usage, "candidatesTokenCount") ?? 0) + thoughts,
    cache_read_tokens: numberAt(usage, "cachedContentTokenCount") ?? 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: thoughts,
    other_tokens: 0,
  };
}
