/**
 * A call to a model, seen as an HTTP request: which format it speaks, who answers, and what it asks.
 * Every other request (files, embeddings, lists) is none and is left alone. Pure.
 */
import { withoutBodyCredentials, withoutCredentials } from "../../ledger/provider-call.ts";
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { parseJson, textAt } from "../../replay/json-read.ts";
import type { Format } from "../../replay/provider.ts";
import { providerOf } from "../../replay/providers/table.ts";

export interface ModelCall {
  readonly format: Format;
  readonly provider: string;
  readonly model: string;
  /** Undefined: it is no JSON, or not readable without disturbing it. */
  readonly request: JsonObject | undefined;
  readonly requestBytes: number;
  /** Where the request held some; they are left out of it. */
  readonly credentials: readonly string[];
  /** What asks for another way of answering, not for another answer: kept beside the request. */
  readonly transport: JsonObject;
  /** `metadata.provider_call`: format, endpoint and headers, without credentials. */
  readonly about: JsonObject;
}

const PATHS: readonly (readonly [RegExp, Format])[] = [
  [/\/chat\/completions$/, "openai.chat"],
  [/\/responses$/, "openai.responses"],
  // With its version: `/threads/{id}/messages` of OpenAI is no call to a model.
  [/\/v1\/messages$/, "anthropic.messages"],
  [/:(?:generateContent|streamGenerateContent)$/, "google.generateContent"],
];

/** Whose format it is, where neither the address nor the caller says more. */
const OWNERS: Readonly<Record<Format, string>> = {
  "openai.chat": "openai",
  "openai.responses": "openai",
  "anthropic.messages": "anthropic",
  "google.generateContent": "gemini",
  "workers-ai.run": "workers-ai",
};

const TRANSPORT: readonly string[] = ["stream", "stream_options"];

export function formatOf(method: string, url: string): Format | undefined {
  if (method !== "POST" || !URL.canParse(url)) return undefined;
  const { pathname } = new URL(url);
  return PATHS.find(([pattern]) => pattern.test(pathname))?.[1];
}

function isTransport([name]: [string, JsonValue]): boolean {
  return TRANSPORT.includes(name);
}

/** @param body its text; undefined when it is not text */
export function modelCall(
  format: Format,
  url: string,
  headers: Headers,
  body: string | undefined,
  givenProvider?: string,
): ModelCall {
  const parsed: JsonValue | undefined = body === undefined ? undefined : parseJson(body);
  const cut = isObject(parsed) ? withoutBodyCredentials(parsed) : undefined;
  const whole = cut?.body;
  const inPath = /\/(?:models|deployments)\/([^/:?]+)/.exec(url)?.[1];
  const provider = givenProvider ?? providerOf(null, url, format)?.name ?? OWNERS[format];
  const members = Object.entries(whole ?? {});
  return {
    format,
    provider,
    model: textAt(whole, "model") ?? (inPath === undefined ? "" : decodeURIComponent(inPath)),
    request: whole && Object.fromEntries(members.filter((member) => !isTransport(member))),
    requestBytes: body?.length ?? 0,
    credentials: cut?.credentials ?? [],
    transport: Object.fromEntries(members.filter(isTransport)),
    about: cleaned({ format, endpoint: url, headers: Object.fromEntries(headers) }),
  };
}

/** Without credentials, as the server strips them: here they do not even leave the process. */
export function cleaned(about: JsonObject): JsonObject {
  const { provider_call } = withoutCredentials({ provider_call: about });
  return isObject(provider_call) ? provider_call : {};
}
