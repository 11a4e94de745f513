/** Every error of reference §7.4 and §7.5: what it means, and whether asking again may help. */
import { test } from "vitest";
import type { JsonValue } from "../../../src/lib/json.ts";
import type { Format } from "../../../src/replay/provider.ts";
import { adapterOf } from "../../../src/replay/providers/table.ts";

type Row = readonly [what: string, Format, status: number, body: JsonValue, expected: string];

const openai = (code: string, message = "no") => ({ error: { message, type: "error", code } });
const claude = (type: string, message = "no", more = {}) => ({
  type: "error",
  error: { type, message, ...more },
});
const google = (code: number, status: string, message = "no", details: JsonValue[] = []) => ({
  error: { code, message, status, details },
});
const quota = (quotaId: string) => ({
  "@type": "type.googleapis.com/google.rpc.QuotaFailure",
  violations: [{ quotaId }],
});
const cloudflare = (code: number) => ({ success: false, errors: [{ code, message: "no" }] });

const PERSISTENT: readonly Row[] = [
  ["a used-up quota", "openai.chat", 429, openai("insufficient_quota"), "quota_exhausted"],
  ["an empty balance", "openai.chat", 429, openai("credit_balance_exhausted"), "quota_exhausted"],
  ["a spend limit", "openai.chat", 429, openai("project_spend_limit_reached"), "quota_exhausted"],
  ["a usage limit", "openai.chat", 429, openai("monthly_usage_limit"), "quota_exhausted"],
  ["a billing limit", "openai.chat", 400, openai("billing_hard_limit_reached"), "quota_exhausted"],
  [
    "Anthropic's spend limit",
    "anthropic.messages",
    429,
    claude("rate_limit_error", "no", { details: { error_code: "enforced_spend_limit_reached" } }),
    "quota_exhausted",
  ],
  [
    "an organisation's limit",
    "anthropic.messages",
    400,
    claude("invalid_request_error", "You have reached your specified API usage limits."),
    "quota_exhausted",
  ],
  ["billing", "anthropic.messages", 402, claude("billing_error"), "quota_exhausted"],
  [
    "a quota of the day",
    "google.generateContent",
    429,
    google(429, "RESOURCE_EXHAUSTED", "no", [quota("GenerateRequestsPerDayPerProject")]),
    "quota_exhausted",
  ],
  [
    "a quota of nothing",
    "google.generateContent",
    429,
    google(429, "RESOURCE_EXHAUSTED", "quota exceeded, limit: 0"),
    "quota_exhausted",
  ],
  [
    "OpenRouter's credits",
    "openai.chat",
    402,
    { error: { code: 402, message: "credits" } },
    "quota_exhausted",
  ],
  ["the free neurons of a day", "workers-ai.run", 429, cloudflare(3036), "quota_exhausted"],
  ["no such model on Workers AI", "workers-ai.run", 404, cloudflare(5007), "model_unavailable"],
  ["a model gone from Workers AI", "workers-ai.run", 400, cloudflare(3042), "model_unavailable"],
  ["bad input to Workers AI", "workers-ai.run", 400, cloudflare(5004), "provider_error"],
  ["a model that is not for you", "workers-ai.run", 403, cloudflare(5018), "auth_error"],
  ["a retired model", "openai.chat", 404, openai("model_not_found"), "model_unavailable"],
  ["the same at 400", "openai.responses", 400, openai("model_not_found"), "model_unavailable"],
  [
    "a model OpenRouter never had",
    "openai.chat",
    400,
    { error: { code: 400, message: "x/y is not a valid model ID" } },
    "model_unavailable",
  ],
  [
    "a Claude that is gone",
    "anthropic.messages",
    404,
    claude("not_found_error", "model: claude-2"),
    "model_unavailable",
  ],
  [
    "a Gemini that is gone",
    "google.generateContent",
    404,
    google(404, "NOT_FOUND", "models/gemini-1 is not found for API version v1beta"),
    "model_unavailable",
  ],
  ["a wrong key", "openai.chat", 401, openai("invalid_api_key"), "auth_error"],
  [
    "Gemini's wrong key",
    "google.generateContent",
    400,
    google(400, "INVALID_ARGUMENT", "API key not valid.", [{ reason: "API_KEY_INVALID" }]),
    "auth_error",
  ],
  ["no permission", "anthropic.messages", 403, claude("permission_error"), "auth_error"],
  ["Azure's content filter", "openai.chat", 400, openai("content_filter"), "refused"],
  ["a question too long", "openai.chat", 400, openai("context_length_exceeded"), "provider_error"],
  [
    "a question over the limit of a minute",
    "openai.chat",
    429,
    openai("rate_limit_exceeded", "Request too large for gpt-4o"),
    "rate_limited",
  ],
  [
    "Mistral's flat error",
    "openai.chat",
    400,
    { object: "error", message: "Invalid model: x", type: "invalid_model", code: "1500" },
    "model_unavailable",
  ],
  ["not implemented", "openai.chat", 501, openai("not_implemented"), "provider_error"],
  ["a page that is no JSON", "openai.chat", 404, "<html>", "provider_error"],
];

const PASSING: readonly Row[] = [
  ["a rate limit", "openai.chat", 429, openai("rate_limit_exceeded"), "rate_limited"],
  ["a rate limit", "anthropic.messages", 429, claude("rate_limit_error"), "rate_limited"],
  [
    "a quota of the minute",
    "google.generateContent",
    429,
    google(429, "RESOURCE_EXHAUSTED", "no", [quota("GenerateRequestsPerMinutePerProject")]),
    "rate_limited",
  ],
  [
    "the same in a stream's array",
    "google.generateContent",
    429,
    [google(429, "RESOURCE_EXHAUSTED")],
    "rate_limited",
  ],
  ["no capacity", "workers-ai.run", 429, cloudflare(3040), "rate_limited"],
  ["too slow on Workers AI", "workers-ai.run", 408, cloudflare(3007), "timeout"],
  [
    "OpenRouter's budget in flight",
    "openai.chat",
    402,
    {
      error: { code: 402, message: "b", metadata: { limit_source: "openrouter_in_flight_budget" } },
    },
    "rate_limited",
  ],
  ["an overload", "anthropic.messages", 529, claude("overloaded_error"), "provider_error"],
  [
    "an overload within 200",
    "anthropic.messages",
    200,
    claude("overloaded_error"),
    "provider_error",
  ],
  ["a timeout within 200", "anthropic.messages", 200, claude("timeout_error"), "timeout"],
  [
    "an error within 200",
    "openai.chat",
    200,
    { error: { code: 502, message: "upstream" } },
    "provider_error",
  ],
  [
    "an error within a choice",
    "openai.chat",
    200,
    { choices: [{ error: { code: 429, message: "upstream" } }] },
    "rate_limited",
  ],
  [
    "a failed response within 200",
    "openai.responses",
    200,
    { status: "failed", error: { code: "server_error", message: "no" }, output: [] },
    "provider_error",
  ],
  ...[409, 425, 500, 502, 503].map((status): Row => [
    `${status} without words`,
    "openai.chat",
    status,
    "",
    "provider_error",
  ]),
  ["408 without words", "openai.chat", 408, "", "timeout"],
  ["504 without words", "openai.chat", 504, "", "timeout"],
];

function read(format: Format, status: number, body: JsonValue) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return adapterOf(format).read({ status, contentType: "application/json", body: text });
}

test.for(PERSISTENT)("%s (%s, %i) is final", ([, format, status, body, outcome], { expect }) => {
  expect(read(format, status, body)).toMatchObject({
    outcome,
    retryable: false,
    text: null,
    error: { class: outcome },
  });
});

test.for(PASSING)("%s (%s, %i) may pass", ([, format, status, body, outcome], { expect }) => {
  expect(read(format, status, body)).toMatchObject({
    outcome,
    retryable: true,
    text: null,
    error: { class: outcome },
  });
});

test("the provider's own code and message are kept, and cut where they are endless", ({
  expect,
}) => {
  const { error } = read("openai.chat", 500, openai("c".repeat(1_000), "m".repeat(10_000)));
  expect(error?.code?.length).toBe(200);
  expect(error?.message.length).toBe(2_000);
  expect(error?.status).toBe(500);
});
