/** What a Chat Completions answer says, reference §8.0 and §8.1; of compatible servers too. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, parseJson, textAt } from "../json-read.ts";
import type { Outcome, Reading, ToolCall, Usage } from "../outcome.ts";
import { readError } from "../provider-error.ts";
import { malformed } from "../reply.ts";

export function readChat(body: JsonObject): Reading {
  const [choice] = objectsAt(body, "choices");
  if (choice === undefined) return malformed(200, "the answer holds no choice");
  if (isObject(choice["error"])) return readError(200, { error: choice["error"] });
  // A content filter may leave no message at all.
  const message = objectAt(choice, "message");
  const refusal = textAt(message, "refusal");
  const toolCalls = objectsAt(message, "tool_calls").map(toolCall);
  const finish = textAt(choice, "finish_reason");
  const usage = { usage: usageOf(objectAt(body, "usage")), usageRaw: body["usage"] ?? null };
  if (finish === "error")
    return { ...malformed(200, "the answer ended in an error that is not told"), ...usage };
  return {
    outcome: outcomeOf(finish, refusal, toolCalls),
    text: contentText(message?.["content"]) ?? refusal ?? null,
    toolCalls,
    servedModel: textAt(body, "model") ?? null,
    ...usage,
    error: null,
    retryable: false,
  };
}

function outcomeOf(
  finish: string | undefined,
  refusal: string | undefined,
  toolCalls: readonly ToolCall[],
): Outcome {
  if (finish === "content_filter" || (refusal ?? "") !== "") return "refused";
  if (finish === "length" || finish === "model_length") return "truncated";
  return toolCalls.length > 0 ? "tool_call" : "succeeded";
}

/** Mistral answers parts; what it thought is not what it said. */
function contentText(content: JsonValue | undefined): string | null {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return null;
  const texts = content.filter(isObject).map((part) => textAt(part, "text") ?? "");
  return texts.join("");
}

function toolCall(call: JsonObject): ToolCall {
  const fn = objectAt(call, "function") ?? objectAt(call, "custom");
  const given = fn?.["arguments"] ?? fn?.["input"] ?? null;
  const value = typeof given === "string" ? (parseJson(given) ?? given) : given;
  return { name: textAt(fn, "name") ?? "", arguments: value };
}

/** `prompt_tokens` includes what was cached, `completion_tokens` what was thought. */
function usageOf(usage: JsonObject | undefined): Usage | null {
  const input = numberAt(usage, "prompt_tokens");
  const output = numberAt(usage, "completion_tokens");
  if (input === undefined && output === undefined) return null;
  const prompt = objectAt(usage, "prompt_tokens_details");
  return {
    input_tokens: input ?? 0,
    output_tokens: output ?? 0,
    cache_read_tokens:
      numberAt(usage, "num_cached_tokens") ??
      numberAt(prompt, "cached_tokens") ??
      numberAt(objectAt(usage, "prompt_token_details"), "cached_tokens") ??
      numberAt(usage, "prompt_cache_hit_tokens") ??
      0,
    cache_write_tokens: numberAt(prompt, "cache_write_tokens") ?? 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens:
      numberAt(objectAt(usage, "completion_tokens_details"), "reasoning_tokens") ?? 0,
    other_tokens: 0,
  };
}
