/** Reference §8.0: whatever a provider counts is counted alike, and kept as it came. */
import { test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import type { Usage } from "../../../src/replay/outcome.ts";
import type { Format } from "../../../src/replay/provider.ts";
import { adapterOf } from "../../../src/replay/providers/table.ts";

const NONE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cache_write_1h_tokens: 0,
  reasoning_tokens: 0,
  other_tokens: 0,
};

const ANSWER: Readonly<Record<Format, (usage: JsonObject) => JsonObject>> = {
  "openai.chat": (usage) => ({ choices: [{ message: { content: "x" } }], usage }),
  "openai.responses": (usage) => ({ status: "completed", output: [], usage }),
  "anthropic.messages": (usage) => ({ content: [], usage }),
  "google.generateContent": (usageMetadata) => ({ candidates: [{}], usageMetadata }),
  "workers-ai.run": (usage) => ({ response: "x", usage }),
};

test.for<readonly [string, Format, JsonObject, Partial<Usage>]>([
  [
    "prompt tokens hold the cached ones, completion tokens the thought ones",
    "openai.chat",
    {
      prompt_tokens: 100,
      completion_tokens: 50,
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 30 },
    },
    {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_tokens: 60,
      cache_write_tokens: 10,
      reasoning_tokens: 30,
    },
  ],
  [
    "Mistral's own count of cached tokens comes first",
    "openai.chat",
    {
      prompt_tokens: 100,
      completion_tokens: 5,
      num_cached_tokens: 64,
      prompt_tokens_details: { cached_tokens: 1 },
    },
    { input_tokens: 100, output_tokens: 5, cache_read_tokens: 64 },
  ],
  [
    "Mistral's misspelled details are read where the others say nothing",
    "openai.chat",
    {
      prompt_tokens: 100,
      completion_tokens: 5,
      prompt_tokens_details: {},
      prompt_token_details: { cached_tokens: 32 },
    },
    { input_tokens: 100, output_tokens: 5, cache_read_tokens: 32 },
  ],
  [
    "Responses includes what was cached and thought",
    "openai.responses",
    {
      input_tokens: 100,
      output_tokens: 50,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      output_tokens_details: { reasoning_tokens: 30 },
    },
    {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_tokens: 60,
      cache_write_tokens: 10,
      reasoning_tokens: 30,
    },
  ],
  [
    "Anthropic leaves the cache out, so it is added; an hour's writes are told apart",
    "anthropic.messages",
    {
      input_tokens: 5,
      output_tokens: 50,
      cache_read_input_tokens: 60,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      output_tokens_details: { thinking_tokens: 40 },
    },
    {
      input_tokens: 95,
      output_tokens: 50,
      cache_read_tokens: 60,
      cache_write_tokens: 30,
      cache_write_1h_tokens: 20,
      reasoning_tokens: 40,
    },
  ],
  [
    "Anthropic's other iterations bill apart",
    "anthropic.messages",
    {
      input_tokens: 5,
      output_tokens: 50,
      iterations: [
        { type: "compaction", input_tokens: 1000, output_tokens: 100 },
        { type: "message", input_tokens: 5, output_tokens: 50 },
      ],
    },
    { input_tokens: 5, output_tokens: 50, other_tokens: 1100 },
  ],
  [
    "Gemini counts thoughts beside the answer, the cache inside the prompt",
    "google.generateContent",
    {
      promptTokenCount: 100,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 30,
      cachedContentTokenCount: 60,
    },
    { input_tokens: 100, output_tokens: 50, cache_read_tokens: 60, reasoning_tokens: 30 },
  ],
  [
    "Workers AI counts as Chat Completions do",
    "workers-ai.run",
    { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 },
    { input_tokens: 12, output_tokens: 3 },
  ],
])("%s (%s)", ([, format, raw, expected], { expect }) => {
  const body = JSON.stringify(ANSWER[format](raw));
  const { usage, usageRaw } = adapterOf(format).read({ status: 200, contentType: "", body });
  expect(usage).toEqual({ ...NONE, ...expected });
  expect(usageRaw).toEqual(raw);
});

test.for<Format>([
  "openai.chat",
  "openai.responses",
  "anthropic.messages",
  "google.generateContent",
  "workers-ai.run",
])("%s: usage that is not told is unknown, not 0", (format, { expect }) => {
  const body = JSON.stringify(ANSWER[format]({}));
  expect(adapterOf(format).read({ status: 200, contentType: "", body }).usage).toBeNull();
});
