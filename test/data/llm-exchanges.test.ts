/**
 * Every recorded exchange of a provider that LoopGrid speaks to: a decision recorded from it is
 * replayed against a local server that serves the recording. The sent body is the recorded one but
 * for the documented members; outcome, answer and usage are read as an independent reading says.
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { canonicalize } from "../../src/ledger/canonical-json.ts";
import { isObject, type JsonObject, type JsonValue } from "../../src/lib/json.ts";
import { execute } from "../../src/replay/execute.ts";
import { providerNamed } from "../../src/replay/providers/table.ts";
import type { Usage } from "../../src/replay/outcome.ts";
import { rebuild } from "../../src/replay/rebuild.ts";
import { exchanges, spokenBy, type Exchange } from "../support/exchanges.ts";
import { recordingServer, type RecordingServer } from "../support/recording-server.ts";

const FOLDER = join(
  process.env["LOOPGRID_DATA"] ?? join(import.meta.dirname, "../../../shared/data"),
  "llm-exchanges",
);
const RECORDED = existsSync(FOLDER) ? exchanges(FOLDER) : [];
const SPOKEN = RECORDED.filter((exchange) => spokenBy(exchange) !== undefined);

/** What a replay changes of a recorded body, and says so in its fidelity. */
const DOCUMENTED = ["stream", "stream_options", "background", "store"];

/** Read by a person in the recordings. Everything else is a plain answer. */
const OUTCOMES: Readonly<Record<string, string>> = {
  "anthropic-sdk-typescript/ToolRunner.0.json": "tool_call",
  "anthropic-sdk-typescript/ToolRunner.2.json": "tool_call",
  "anthropic-sdk-typescript/ToolRunner.4.json": "tool_call",
  "anthropic-sdk-typescript/ToolRunner.6.json": "tool_call",
  "envoy-ai-gateway/chat-bad-request.json": "provider_error",
  "envoy-ai-gateway/chat-detailed-usage.json": "truncated",
  "envoy-ai-gateway/chat-multimodal.json": "truncated",
  "envoy-ai-gateway/chat-no-messages.json": "provider_error",
  "envoy-ai-gateway/chat-parallel-tools.json": "tool_call",
  "envoy-ai-gateway/chat-streaming-detailed-usage.json": "truncated",
  "envoy-ai-gateway/chat-text-to-image-tool.json": "truncated",
  "envoy-ai-gateway/chat-tools.json": "tool_call",
  "envoy-ai-gateway/chat-unknown-model.json": "model_unavailable",
  "openllmetry/anthropic__test_anthropic_tools_legacy.json": "tool_call",
  "openllmetry/test_chat_content_filtering.0.json": "refused",
  "openllmetry/test_prompt_content_filtering.0.json": "refused",
  "otel-python-contrib/test_chat_completion_404.json": "model_unavailable",
  "otel-python-contrib/test_generate_content_invalid_role.json": "provider_error",
  "otel-python-contrib/test_generate_content_invalid_temperature.json": "provider_error",
  "otel-python-contrib/test_generate_content_missing_model.json": "model_unavailable",
  "otel-python-contrib/test_responses_create_api_error_content_mode0.json": "model_unavailable",
  "pydantic-ai/test_anthropic__test_anthropic_explicit_effort_xhigh_unsupported_model_errors.json":
    "provider_error",
  "pydantic-ai/test_anthropic__test_anthropic_tool_with_thinking.0.json": "tool_call",
  "pydantic-ai/test_anthropic__test_multiple_parallel_tool_calls.0.json": "tool_call",
  "pydantic-ai/test_crusoe__test_crusoe_tool_calling.0.json": "tool_call",
  "pydantic-ai/test_deepseek_responses__test_deepseek_responses_rejects_interleaved_function_calls.json":
    "provider_error",
  "pydantic-ai/test_google__test_google_model_armor_response_template_real_block.json": "refused",
  "pydantic-ai/test_google__test_google_model_max_tokens.json": "truncated",
  "pydantic-ai/test_google__test_google_model_max_tokens_thinking_model_empty_response.json":
    "truncated",
  "pydantic-ai/test_google__test_google_model_safety_settings.json": "refused",
  "pydantic-ai/test_google__test_google_model_structured_output.0.json": "tool_call",
  "pydantic-ai/test_google__test_google_model_structured_output.1.json": "tool_call",
  "pydantic-ai/test_groq__test_tool_regular_error.json": "model_unavailable",
  "pydantic-ai/test_groq__test_tool_use_failed_error.0.json": "invalid_output",
  "pydantic-ai/test_groq__test_tool_use_failed_error.1.json": "tool_call",
  "pydantic-ai/test_model_name_suggestion_anthropic.json": "model_unavailable",
  "pydantic-ai/test_model_name_suggestion_google.json": "model_unavailable",
  "pydantic-ai/test_model_name_suggestion_groq.json": "model_unavailable",
  "pydantic-ai/test_model_name_suggestion_openai-chat.json": "model_unavailable",
  "pydantic-ai/test_model_name_suggestion_openai-responses.json": "model_unavailable",
  "pydantic-ai/test_ollama__test_ollama_cloud_tool_output.1.json": "tool_call",
  "pydantic-ai/test_openai__test_compatible_api_with_tool_calls_without_id.0.json": "tool_call",
  "pydantic-ai/test_openai__test_multiple_agent_tool_calls.0.json": "tool_call",
  "pydantic-ai/test_openai__test_openai_native_output.0.json": "tool_call",
  "pydantic-ai/test_openai__test_openai_o1_mini_system_role_system.json": "provider_error",
  "pydantic-ai/test_openai__test_openai_web_search_tool_model_not_supported.json": "provider_error",
  "pydantic-ai/test_openai__test_run_stream_sync_streams_real_model.0.json": "tool_call",
  "pydantic-ai/test_openai_responses__test_background_mode_vcr.0.json": "provider_error",
  "pydantic-ai/test_openai_responses__test_openai_responses_model_http_error.json":
    "provider_error",
  "pydantic-ai/test_openai_responses__test_openai_responses_model_retry.0.json": "tool_call",
  "pydantic-ai/test_openai_responses__test_openai_responses_model_simple_response_with_tool_call.0.json":
    "tool_call",
  "pydantic-ai/test_openai_responses__test_openai_responses_stream.0.json": "tool_call",
  "pydantic-ai/test_openai_responses__test_openai_responses_thinking_with_tool_calls.0.json":
    "tool_call",
  "pydantic-ai/test_openrouter__test_openrouter_errors_raised.0.json": "rate_limited",
  "pydantic-ai/test_openrouter__test_openrouter_stream_error.json": "provider_error",
  "pydantic-ai/test_snowflake__test_snowflake_tool_calling.0.json": "tool_call",
  "simonw-llm/test_responses_round_trips_encrypted_reasoning.0.json": "tool_call",
  "simonw-llm/test_responses_round_trips_encrypted_reasoning.1.json": "tool_call",
  "simonw-llm/test_responses_tool_use.0.json": "tool_call",
};

let server: RecordingServer;
beforeAll(async () => {
  server = await recordingServer();
});
afterAll(async () => {
  await server.close();
  const rows = new Map<string, number>();
  for (const provider of passed) rows.set(provider, (rows.get(provider) ?? 0) + 1);
  console.table(Object.fromEntries(rows));
});

const passed: string[] = [];

const ports = {
  fetch,
  sleep: () => Promise.resolve(),
  nowMs: Date.now,
  random: () => 0,
};

async function replayed(exchange: Exchange) {
  const { provider: name = "", format } = spokenBy(exchange) ?? {};
  const provider = providerNamed(name);
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const { body, url, answer, status } = exchange;
  const [, modelInPath] = /\/models\/([^/:]+):/.exec(url) ?? [];
  const decision = {
    input: { request: body },
    model: { provider: name, name: body["model"] ?? modelInPath ?? "" },
    prompt: null,
    tool_calls: null,
    output: { response: answer },
    metadata: { provider_call: { format: format ?? "", endpoint: url } },
  };
  const rebuilt = rebuild(decision, null, provider);
  if (!rebuilt.ok) throw new Error(rebuilt.message);
  server.answer((_, response) => {
    response.writeHead(status, { "Content-Type": exchange.contentType });
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  const connection = { baseUrl: server.url, key: "test-key" };
  const execution = await execute(rebuilt.request, connection, 5_000, ports);
  return { name, request: rebuilt.request, ...execution };
}

function failedGeneration(answer: JsonValue): string | null {
  const error = isObject(answer) && isObject(answer["error"]) ? answer["error"] : {};
  return typeof error["failed_generation"] === "string" ? error["failed_generation"] : null;
}

/** The recorded answer as JSON documents: one, or a stream's events. */
function documents(answer: JsonValue): JsonObject[] {
  if (typeof answer !== "string") return isObject(answer) ? [answer] : [];
  const data = answer.split("\n").filter((line) => /^data: ?\{/.test(line));
  return data.map((line): JsonObject => JSON.parse(line.slice(line.indexOf("{"))));
}

/** Texts at these places, by the shapes the vendors document; what a model thought is not among them. */
function independentText(answer: JsonValue): string {
  const docs = documents(answer);
  const [whole] = docs.filter(({ type }) => type === "response.completed");
  return (whole === undefined ? docs : [whole]).map((doc) => textsIn(doc, [])).join("");
}

const SPOKEN_AT =
  /^(choices\.0\.(message|delta)\.(content(\.\d+\.text)?|refusal)|(response\.)?output\.\d+\.content\.\d+\.(text|refusal)|content\.\d+\.text|delta\.text|candidates\.0\.content\.parts\.\d+\.text)$/;

function textsIn(value: JsonValue, path: readonly (string | number)[]): string {
  if (typeof value === "string") return SPOKEN_AT.test(path.join(".")) ? value : "";
  if (Array.isArray(value)) return value.map((item, i) => textsIn(item, [...path, i])).join("");
  if (!isObject(value) || value["thought"] === true) return "";
  return Object.entries(value)
    .filter(([member]) => !(member === "message" && "delta" in value)) // Writer says it twice
    .map(([member, item]) => textsIn(item, [...path, member]))
    .join("");
}

/** Input and output, added up by hand from the counters each vendor documents. */
function independentTokens(answer: JsonValue): readonly [number, number] | null {
  const counted = documents(answer).flatMap((doc) => {
    const places = [
      doc["usage"],
      doc["usageMetadata"],
      inside(doc, "message"),
      inside(doc, "response"),
      inside(doc, "x_groq"),
    ];
    return places.filter(isObject);
  });
  if (counted.length === 0) return null;
  const usage: JsonObject = Object.assign({}, ...counted);
  const sum = (...names: string[]) =>
    names.reduce((total, name) => total + Number(usage[name] ?? 0), 0);
  if ("promptTokenCount" in usage)
    return [sum("promptTokenCount"), sum("candidatesTokenCount", "thoughtsTokenCount")];
  if ("prompt_tokens" in usage) return [sum("prompt_tokens"), sum("completion_tokens")];
  return [
    sum("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    sum("output_tokens"),
  ];
}

function inside(doc: JsonObject, member: string): JsonValue | undefined {
  const value = doc[member];
  return isObject(value) ? value["usage"] : undefined;
}

function tokens(usage: Usage | null): readonly [number, number] | null {
  return usage && [usage.input_tokens, usage.output_tokens];
}

function undocumented(body: JsonObject): string {
  return canonicalize(
    Object.fromEntries(Object.entries(body).filter(([member]) => !DOCUMENTED.includes(member))),
  );
}

describe.skipIf(RECORDED.length === 0)("recorded exchanges", () => {
  test.for(SPOKEN)("$file", async (exchange, { expect }) => {
    const { name, request, reading, attempts } = await replayed(exchange);
    const [sent] = server.received;
    expect(undocumented(sent?.body ?? {})).toBe(undocumented(exchange.body));
    expect(["exact", "equivalent"]).toContain(request.fidelity.level);
    expect(reading.outcome).toBe(OUTCOMES[exchange.file] ?? "succeeded");
    expect(attempts.length).toBe(reading.retryable ? 3 : 1);
    if (exchange.status >= 400) expect(reading.text).toBe(failedGeneration(exchange.answer));
    else if (reading.error === null) {
      expect(reading.text ?? "").toBe(independentText(exchange.answer));
      expect(tokens(reading.usage)).toEqual(independentTokens(exchange.answer));
    }
    passed.push(name);
  });
});
