/**
 * A decision that carries its provider's own bodies, reference §7.1: `input.request`,
 * `output.response`, and in `metadata.provider_call` what is needed to read them. Pure.
 */
import { isObject, type JsonObject } from "../lib/json.ts";
import { objectAt, textAt } from "./json-read.ts";
import type { Reading } from "./outcome.ts";
import type { Format } from "./provider.ts";
import { adapterOf, isFormat, providerOf } from "./providers/table.ts";
import type { RecordedDecision } from "./recorded-decision.ts";
import type { Reason } from "./replayable.ts";

export interface RecordedCall {
  readonly format: Format;
  readonly endpoint: string | undefined;
  readonly model: string;
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers that change an answer. */
const SENT_AGAIN: readonly string[] = ["anthropic-version", "anthropic-beta", "openai-beta"];

/** The recorded call, or the one an override puts in its place; undefined without a body. */
export function verbatimOf(
  decision: RecordedDecision,
  overrides: JsonObject,
): RecordedCall | undefined {
  const input = objectAt(overrides, "input") ?? decision.input ?? {};
  const body = objectAt(input, "request");
  if (body === undefined) return undefined;
  const call = objectAt(decision.metadata ?? {}, "provider_call");
  const endpoint = textAt(call, "endpoint");
  const format = formatOf(decision, body);
  if (format === undefined) return undefined;
  const model =
    textAt(body, "model") ?? modelInPath(endpoint) ?? textAt(decision.model ?? {}, "name") ?? "";
  return { format, endpoint, model, body, headers: headersOf(objectAt(call, "headers")) };
}

/** A body in a format that is not spoken here: made into a question, it would be another one. */
export function unspokenFormat(
  decision: RecordedDecision,
  overrides: JsonObject,
): Reason | undefined {
  const input = objectAt(overrides, "input") ?? decision.input ?? {};
  const format = textAt(objectAt(decision.metadata ?? {}, "provider_call"), "format");
  if (objectAt(input, "request") === undefined || format === undefined || isFormat(format))
    return undefined;
  return { path: "metadata.provider_call.format", message: "LoopGrid does not speak this format" };
}

/** As recorded; else by the words that only one format has. */
function formatOf(decision: RecordedDecision, body: JsonObject): Format | undefined {
  const call = objectAt(decision.metadata ?? {}, "provider_call");
  const named = textAt(call, "format");
  if (isFormat(named)) return named;
  if (named !== undefined) return undefined;
  if (Array.isArray(body["contents"])) return "google.generateContent";
  if (body["input"] !== undefined) return "openai.responses";
  if (!Array.isArray(body["messages"])) return undefined;
  const provider = providerOf(decision.model, textAt(call, "endpoint"), undefined);
  const own = provider?.formats[0];
  return own === "anthropic.messages" || own === "workers-ai.run" ? own : "openai.chat";
}

function modelInPath(endpoint: string | undefined): string | undefined {
  const [, model] = /\/models\/([^/:?]+)/.exec(endpoint ?? "") ?? [];
  return model;
}

function headersOf(headers: JsonObject | undefined): Record<string, string> {
  const kept = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    SENT_AGAIN.includes(name.toLowerCase()) && typeof value === "string"
      ? [[name.toLowerCase(), value] as const]
      : [],
  );
  return Object.fromEntries(kept);
}

/** What the model answered then, read from the recorded response body; undefined without one. */
export function recordedAnswer(decision: RecordedDecision): Reading | undefined {
  const response = decision.output?.["response"];
  const body = objectAt(decision.input ?? {}, "request") ?? {};
  if (decision.input === null || !isObject(decision.input["request"])) return undefined;
  const format = formatOf(decision, body);
  if (format === undefined || response === undefined) return undefined;
  if (typeof response !== "string" && !isObject(response)) return undefined;
  const text = typeof response === "string" ? response : JSON.stringify(response);
  return adapterOf(format).read({ status: 200, contentType: "", body: text });
}
