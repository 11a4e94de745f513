/**
 * What `metadata.provider_call` may say about the HTTP call behind a decision, and what the recorded
 * body of its request may hold. Credentials are stripped on arrival, before anything is hashed or
 * stored: they could never be taken out again without an erasure. Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";

/** Headers that tell something about an answer; every other one is left out. */
const KEPT_HEADERS: ReadonlySet<string> = new Set([
  "anthropic-beta",
  "anthropic-version",
  "apim-request-id",
  "cf-aig-log-id",
  "content-type",
  "openai-beta",
  "openai-processing-ms",
  "request-id",
  "retry-after",
  "user-agent",
  "x-request-id",
]);

/** Query parameters that are no secret; Gemini's key, for one, may stand among the others. */
const KEPT_QUERY: ReadonlySet<string> = new Set(["api-version", "alt"]);

/** The same metadata where it names no call. */
export function withoutCredentials(metadata: JsonObject): JsonObject {
  const call = metadata["provider_call"];
  if (!isObject(call)) return metadata;
  const kept = Object.entries(call).map(([member, value]) => [member, stripped(member, value)]);
  return { ...metadata, provider_call: Object.fromEntries(kept) };
}

interface Recorded {
  readonly input: JsonObject;
  readonly metadata?: JsonObject | null | undefined;
}

/** The same where `input.request` is no provider's body, or holds no credential. */
export function withoutRequestCredentials<Create extends Recorded>(create: Create): Create {
  const request = create.input["request"];
  const call = create.metadata?.["provider_call"];
  if (!isObject(request) || !isObject(call)) return create;
  const { body, credentials } = withoutBodyCredentials(request);
  if (credentials.length === 0) return create;
  const omitted = isObject(call["omitted"]) ? call["omitted"] : {};
  const provider_call = {
    ...call,
    omitted: { ...omitted, request_credentials: [...credentials] },
  };
  return {
    ...create,
    input: { ...create.input, request: body },
    metadata: { ...create.metadata, provider_call },
  };
}

/**
 * What providers take in a body to call MCP servers with: Anthropic's `mcp_servers`, OpenAI's tools of
 * type `mcp`. A header of such a tool may be anybody's secret, whatever its name.
 * @returns the body without them, and where they were
 */
export function withoutBodyCredentials(body: JsonObject): {
  readonly body: JsonObject;
  readonly credentials: readonly string[];
} {
  const credentials: string[] = [];
  const without = (list: string, isSecret: (item: JsonObject, member: string) => boolean) => {
    const items = body[list];
    if (!Array.isArray(items)) return {};
    return {
      [list]: items.map((item, i) => {
        if (!isObject(item)) return item;
        const secret = Object.keys(item).filter((member) => isSecret(item, member));
        credentials.push(...secret.map((member) => `${list}[${i}].${member}`));
        return Object.fromEntries(Object.entries(item).filter(([name]) => !secret.includes(name)));
      }),
    };
  };
  const kept = {
    ...body,
    ...without("mcp_servers", (_, member) => member === "authorization_token"),
    ...without(
      "tools",
      ({ type }, member) => type === "mcp" && (member === "authorization" || member === "headers"),
    ),
  };
  return { body: credentials.length === 0 ? body : kept, credentials };
}

function stripped(member: string, value: JsonValue): JsonValue {
  if (/headers$/i.test(member) && isObject(value))
    return Object.fromEntries(
      Object.entries(value).filter(([name]) => KEPT_HEADERS.has(name.toLowerCase())),
    );
  if ((member === "endpoint" || member === "url") && typeof value === "string")
    return withoutSecretQuery(value);
  return isSecretName(member) ? null : value;
}

function isSecretName(member: string): boolean {
  return /^(authorization|api[-_]?key|x-api-key|x-goog-api-key|cookie|access[-_]?token)$/i.test(
    member,
  );
}

function withoutSecretQuery(endpoint: string): string {
  if (!URL.canParse(endpoint)) return endpoint.replace(/\?.*$/s, "");
  const url = new URL(endpoint);
  const isClean =
    url.username === "" &&
    url.password === "" &&
    [...url.searchParams.keys()].every((name) => KEPT_QUERY.has(name));
  if (isClean) return endpoint;
  url.username = "";
  url.password = "";
  const secret = [...url.searchParams.keys()].filter((name) => !KEPT_QUERY.has(name));
  for (const name of secret) url.searchParams.delete(name);
  return url.href;
}
