/**
 * What a provider's error means, reference §7.4 and §7.5: by the body's code first, for the same
 * status stands for "wait a second" and for "your credit is gone". One table for all providers: the
 * words they use do not collide.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "./json-read.ts";
import { failure, type Outcome, type Reading } from "./outcome.ts";

interface ErrorWords {
  readonly status: number;
  /** Every code-like word of the body, lower case. */
  readonly codes: readonly string[];
  readonly code: string | null;
  readonly message: string;
  readonly body: JsonObject;
}

/** Vendors keep inventing words for an empty purse; each of them names the purse. */
const QUOTA_CODES =
  /^(insufficient_(quota|credits|balance|funds)|quota_exceeded|3036)$|billing|credit_balance|(spend(ing)?|usage)_limit/;
const QUOTA_MESSAGE =
  /credit balance is too low|insufficient balance|insufficient credits|api usage limits/i;
const FILTER_CODES = /^(content_filter|responsibleaipolicyviolation|content_policy_violation)$/;
const MODEL_CODES =
  /^(model_not_found|model_not_available|model_decommissioned|model_deprecated|deploymentnotfound|invalid_model|5007|3042)$/;
/** Some answer 400 and say it in words only. */
const MODEL_MESSAGE =
  /is not a valid model|\bmodel\b.{0,100}\b(does not exist|was not found|not found)/i;
const AUTH_CODES =
  /^(invalid_api_key|authentication_error|api_key_invalid|unauthenticated|permission_error|permission_denied)$/;
const AUTH_MESSAGE =
  /(invalid|incorrect|missing|not valid).{0,40}api.?key|api.?key.{0,40}(invalid|not valid)/i;
const RATE_CODES =
  /^(rate_limit_exceeded|rate_limit_error|resource_exhausted|too_many_requests|3040)$/;
/** The question itself is over the limit: it will be so again. */
const TOO_LARGE_MESSAGE = /request too large|reduce the length|context length|input is too long/i;
const TIMEOUT_CODES = /^(timeout_error|request_timeout|deadline_exceeded|3007|3008)$/;
/** Worth another try whatever the body says (§7.4), 408 and 429 apart. */
const RETRYABLE: ReadonlySet<number> = new Set([409, 425, 500, 502, 503, 504, 529]);
const OVERLOAD_CODES =
  /^(server_error|overloaded_error|api_error|internal_error|internal|unavailable)$/;
const INVALID_OUTPUT_CODES = /^(tool_use_failed|json_validate_failed)$/;

/** The error in a body, wherever the provider put it; undefined when there is none. */
export function errorIn(body: JsonValue | undefined): JsonObject | undefined {
  const first = Array.isArray(body) ? body[0] : body;
  if (!isObject(first)) return undefined;
  const { error } = first;
  if (isObject(error)) return error;
  if (typeof error === "string") return { ...first, message: error };
  if (first["object"] === "error" || first["type"] === "error") return first;
  const [native] = objectsAt(first, "errors"); // Workers AI
  return first["success"] === false ? native : undefined;
}

/** @param body parsed, or undefined when it is not JSON */
export function readError(status: number, body: JsonValue | undefined): Reading {
  const whole = isObject(body) ? body : {};
  const error = errorIn(body) ?? whole;
  const words = wordsOf(status, error, whole);
  const { outcome, retryable } = classify(words);
  const reading = failure(outcome, words, retryable);
  if (outcome !== "invalid_output") return reading;
  return { ...reading, text: textAt(error, "failed_generation") ?? null };
}

function wordsOf(status: number, error: JsonObject, body: JsonObject): ErrorWords {
  const details = objectsAt(error, "details");
  const candidates = [
    error["code"],
    error["type"],
    error["status"],
    objectAt(error, "details")?.["error_code"],
    objectAt(error, "innererror")?.["code"],
    ...details.map((detail) => detail["reason"]),
  ];
  const codes = candidates
    .filter((code) => typeof code === "string" || typeof code === "number")
    .map((code) => String(code).toLowerCase());
  const inner = numberAt(error, "code") ?? 0;
  const detail = error["detail"] ?? body["detail"];
  const [code] = candidates.filter((code) => typeof code === "string" || typeof code === "number");
  return {
    // OpenRouter answers 200 and puts the status into the body.
    status: status < 400 && inner >= 400 && inner < 600 ? inner : status,
    codes,
    code: code === undefined ? null : String(code),
    message:
      textAt(error, "message") ??
      (detail === undefined ? undefined : asText(detail)) ??
      `HTTP ${status}`,
    body: error,
  };
}

function asText(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Asking again would be answered alike. */
function final(outcome: Outcome) {
  return { outcome, retryable: false };
}

function classify(words: ErrorWords): { outcome: Outcome; retryable: boolean } {
  const { status, message } = words;
  const has = (pattern: RegExp) => words.codes.some((code) => pattern.test(code));
  if (has(FILTER_CODES)) return final("refused");
  if (has(INVALID_OUTPUT_CODES)) return final("invalid_output");
  if (has(QUOTA_CODES) || QUOTA_MESSAGE.test(message) || isDailyQuota(words.body))
    return final("quota_exhausted");
  // OpenRouter's budget for requests in flight frees itself; every other 402 wants money.
  if (status === 402 && isInFlightBudget(words.body))
    return { outcome: "rate_limited", retryable: true };
  if (status === 402) return final("quota_exhausted");
  if (has(MODEL_CODES)) return final("model_unavailable");
  if (status === 401 || status === 403 || has(AUTH_CODES)) return final("auth_error");
  if (status === 400 && AUTH_MESSAGE.test(message)) return final("auth_error");
  if (status === 400 && MODEL_MESSAGE.test(message)) return final("model_unavailable");
  if ((status === 404 || status === 410) && /model/i.test(message))
    return final("model_unavailable");
  if (status === 429 || has(RATE_CODES))
    return { outcome: "rate_limited", retryable: !TOO_LARGE_MESSAGE.test(message) };
  if (status === 408 || status === 504 || has(TIMEOUT_CODES))
    return { outcome: "timeout", retryable: true };
  return { outcome: "provider_error", retryable: RETRYABLE.has(status) || has(OVERLOAD_CODES) };
}

function isInFlightBudget(error: JsonObject): boolean {
  return textAt(objectAt(error, "metadata"), "limit_source") === "openrouter_in_flight_budget";
}

/** Gemini names the quota that is used up; one that comes back tomorrow is not worth waiting for. */
function isDailyQuota(error: JsonObject): boolean {
  const violations = objectsAt(error, "details").flatMap((detail) =>
    objectsAt(detail, "violations"),
  );
  const names = violations.map((violation) => textAt(violation, "quotaId") ?? "");
  return (
    names.some((name) => /PerDay/.test(name)) || /limit: 0\b/.test(textAt(error, "message") ?? "")
  );
}
