/**
 * The providers there are, reference §8: what they speak, where they are, how they take a key and
 * which variables name both. A row is all it takes to add a compatible one.
 */
import type { JsonObject } from "../../lib/json.ts";
import { textAt } from "../json-read.ts";
import type { Adapter, Format } from "../provider.ts";
import { anthropic } from "./anthropic.ts";
import { gemini } from "./gemini.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import { workersAi } from "./workers-ai.ts";

export interface ProviderSpec {
  readonly name: string;
  /** What it speaks; the first is used for requests that must be built anew. */
  readonly formats: readonly [Format, ...Format[]];
  /** Undefined: the operator must say where it is. */
  readonly baseUrl: string | undefined;
  readonly keyHeader: "authorization" | "x-api-key" | "x-goog-api-key" | "api-key";
  /** A base URL is enough: such servers usually run next door, without keys. */
  readonly keyless?: true;
  /** More variables a key may be in, beside `<NAME>_API_KEY`. */
  readonly otherKeyVars?: readonly string[];
  readonly aliases?: readonly string[];
  /** Asked through this binding of the Worker, without a key or an address. */
  readonly binding?: string;
}

const compatible = (
  name: string,
  baseUrl: string | undefined,
  more: Partial<ProviderSpec> = {},
): ProviderSpec => ({
  name,
  formats: ["openai.chat"],
  baseUrl,
  keyHeader: "authorization",
  ...more,
});

export const PROVIDERS: readonly ProviderSpec[] = [
  compatible("openai", "https://api.openai.com/v1", {
    formats: ["openai.chat", "openai.responses"],
  }),
  compatible("azure", undefined, {
    formats: ["openai.chat", "openai.responses"],
    keyHeader: "api-key",
    otherKeyVars: ["AZURE_OPENAI_API_KEY"],
    aliases: ["azure-openai", "azure_openai"],
  }),
  {
    name: "anthropic",
    formats: ["anthropic.messages"],
    baseUrl: "https://api.anthropic.com",
    keyHeader: "x-api-key",
    aliases: ["claude"],
  },
  {
    name: "gemini",
    formats: ["google.generateContent"],
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    keyHeader: "x-goog-api-key",
    otherKeyVars: ["GOOGLE_API_KEY"],
    aliases: ["google", "google-ai-studio", "google_genai"],
  },
  {
    name: "vertex",
    formats: ["google.generateContent"],
    // …/v1/projects/{project}/locations/{location}/publishers/google
    baseUrl: undefined,
    keyHeader: "authorization",
    otherKeyVars: ["VERTEX_ACCESS_TOKEN"],
    aliases: ["google-vertex", "vertex_ai"],
  },
  {
    name: "workers-ai",
    formats: ["workers-ai.run"],
    baseUrl: undefined,
    keyHeader: "authorization",
    binding: "AI",
    aliases: ["workers_ai", "cloudflare"],
  },
  compatible("mistral", "https://api.mistral.ai/v1", { aliases: ["mistralai"] }),
  compatible("groq", "https://api.groq.com/openai/v1"),
  compatible("openrouter", "https://openrouter.ai/api/v1"),
  compatible("together", "https://api.together.xyz/v1", { aliases: ["togetherai"] }),
  compatible("deepseek", "https://api.deepseek.com/v1", {
    formats: ["openai.chat", "openai.responses"],
  }),
  compatible("xai", "https://api.x.ai/v1", { aliases: ["grok"] }),
  compatible("fireworks", "https://api.fireworks.ai/inference/v1"),
  compatible("cerebras", "https://api.cerebras.ai/v1"),
  compatible("huggingface", "https://router.huggingface.co/v1", { otherKeyVars: ["HF_TOKEN"] }),
  compatible("zai", "https://api.z.ai/api/paas/v4"),
  compatible("heroku", "https://us.inference.heroku.com/v1"),
  compatible("crusoe", "https://api.inference.crusoecloud.com/v1"),
  compatible("snowflake", undefined),
  compatible("writer", "https://api.writer.com/v1"),
  compatible("ollama", undefined, { keyless: true }),
  compatible("vllm", undefined, { keyless: true }),
  compatible("openai-compatible", undefined, {
    formats: ["openai.chat", "openai.responses"],
    keyless: true,
    aliases: ["openai_compatible", "lmstudio", "tgi", "llamacpp"],
  }),
];

const ADAPTERS: Readonly<Record<Format, Adapter>> = {
  "openai.chat": openaiChat,
  "openai.responses": openaiResponses,
  "anthropic.messages": anthropic,
  "google.generateContent": gemini,
  "workers-ai.run": workersAi,
};

export function adapterOf(format: Format): Adapter {
  return ADAPTERS[format];
}

export function isFormat(text: string | undefined): text is Format {
  return text !== undefined && Object.hasOwn(ADAPTERS, text);
}

/** A provider by its name, whatever the case. */
export function providerNamed(name: string): ProviderSpec | undefined {
  const wanted = name.toLowerCase();
  return PROVIDERS.find((spec) => spec.name === wanted || spec.aliases?.includes(wanted));
}

const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^(gpt-|o\d|chatgpt)/, "openai"],
  [/^claude-/, "anthropic"],
  [/^gemini-/, "gemini"],
  [/^@(cf|hf)\//, "workers-ai"],
];

/** Who answers for a model: as recorded, else whose address was called, else whose name it bears. */
export function providerOf(
  model: JsonObject | null,
  endpoint: string | undefined,
  format: Format | undefined,
): ProviderSpec | undefined {
  const named = textAt(model ?? {}, "provider");
  if (named !== undefined && named !== "") return providerNamed(named);
  const host =
    endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).host : undefined;
  const byHost = PROVIDERS.find(
    ({ baseUrl }) => baseUrl !== undefined && new URL(baseUrl).host === host,
  );
  if (byHost !== undefined || host !== undefined) return byHost;
  const name = textAt(model ?? {}, "name") ?? "";
  const family = FAMILIES.find(([pattern]) => pattern.test(name))?.[1];
  if (family !== undefined) return providerNamed(family);
  return format === undefined ? undefined : PROVIDERS.find((spec) => spec.formats[0] === format);
}

/** `AZURE`, `OPENAI_COMPATIBLE`: what a provider's variables begin with. */
function prefixOf({ name }: ProviderSpec): string {
  return name.toUpperCase().replaceAll("-", "_");
}

export function keyVars(spec: ProviderSpec): readonly string[] {
  if (spec.binding !== undefined) return [];
  return [`${prefixOf(spec)}_API_KEY`, ...(spec.otherKeyVars ?? [])];
}

export function baseUrlVar(spec: ProviderSpec): string {
  return `${prefixOf(spec)}_BASE_URL`;
}
