/** Recorded provider exchanges (LOOPGRID_DATA/llm-exchanges), and which provider and format each is in. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "../../src/lib/json.ts";
import type { Format } from "../../src/replay/provider.ts";

export interface Exchange {
  readonly file: string;
  readonly url: string;
  readonly body: JsonObject;
  readonly status: number;
  readonly contentType: string;
  readonly answer: JsonValue;
}

/** Host, provider: the ones of LoopGrid's table. */
const HOSTS: readonly (readonly [RegExp, string])[] = [
  [/^api\.openai\.com$/, "openai"],
  [/azure\.com$/, "azure"],
  [/^resource-name\.cognitiveservices\.azure\.com$/, "azure"],
  [/^api\.anthropic\.com$/, "anthropic"],
  [/^generativelanguage\.googleapis\.com$/, "gemini"],
  [/aiplatform\.googleapis\.com$/, "vertex"],
  [/^api\.groq\.com$/, "groq"],
  [/^api\.mistral\.ai$/, "mistral"],
  [/^openrouter\.ai$/, "openrouter"],
  [/^api\.together\.xyz$/, "together"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^api\.cerebras\.ai$/, "cerebras"],
  [/^router\.huggingface\.co$/, "huggingface"],
  [/^api\.z\.ai$/, "zai"],
  [/heroku\.com$/, "heroku"],
  [/crusoecloud\.com$/, "crusoe"],
  [/snowflakecomputing\.com$/, "snowflake"],
  [/^api\.writer\.com$/, "writer"],
  [/^ollama\.com$/, "ollama"],
  [/^localhost/, "vllm"],
];

const PATHS: readonly (readonly [RegExp, Format])[] = [
  [/\/chat\/completions$/, "openai.chat"],
  [/api\.writer\.com\/v1\/chat$/, "openai.chat"],
  [/\/responses$/, "openai.responses"],
  [/\/v1\/messages$/, "anthropic.messages"],
  [/:(generateContent|streamGenerateContent)$/, "google.generateContent"],
];

/** Undefined for what LoopGrid does not speak: Bedrock, Cohere, legacy completions, images, counting. */
export function spokenBy({ url }: Exchange): { provider: string; format: Format } | undefined {
  const { host, pathname } = new URL(url);
  const format = PATHS.find(([pattern]) => pattern.test(host + pathname))?.[1];
  const named = HOSTS.find(([pattern]) => pattern.test(host))?.[1];
  if (format === undefined || named === undefined) return undefined;
  // Google's own OpenAI-compatible door.
  return {
    provider: named === "gemini" && format === "openai.chat" ? "openai-compatible" : named,
    format,
  };
}

interface Stored {
  readonly request: {
    readonly url: string;
    readonly method: string;
    readonly body: JsonValue;
  } | null;
  readonly response: {
    readonly status: number | null;
    readonly headers?: Readonly<Record<string, string | readonly string[]>>;
    readonly body: JsonValue;
  };
}

export function exchanges(folder: string): Exchange[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .flatMap((file): Exchange[] => {
      const { request, response }: Stored = JSON.parse(readFileSync(join(folder, file), "utf8"));
      const body = request?.body;
      if (request === null || typeof body !== "object" || body === null || Array.isArray(body))
        return [];
      const contentType = Object.entries(response.headers ?? {}).find(([name]) =>
        /^content-type$/i.test(name),
      )?.[1];
      return [
        {
          file,
          url: request.url,
          body,
          status: response.status ?? 200,
          contentType: String(contentType ?? "application/json"),
          answer: response.body,
        },
      ];
    });
}
