/**
 * An HTTP client for black-box tests that checks every answer it gets against the OpenAPI document
 * the server itself publishes, strictly: the status is documented, the media type is documented, the
 * body has the declared shape and no undeclared member, every error is problem JSON with a string
 * `detail`, and nothing is ever a 5xx.
 */
import type { Decision } from "../../src/ledger/schema.ts";
import type { JsonObject, JsonValue } from "../../src/lib/json.ts";
import { isRecord, resolve, violations } from "./json-schema.ts";

export interface Answer<T = JsonValue> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON; null for another media type. Its shape was checked. */
  readonly body: T;
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

interface Receipt {
  readonly ledger: string;
  readonly index: number;
  readonly size: number;
  readonly root_hash: string;
  readonly checkpoint: string;
  readonly proof?: readonly string[];
}

export type Recorded = Decision & { readonly receipt: Receipt };

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
  readonly declared: JsonObject;
}

interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Octets or text are sent as they are, with Content-Type application/json unless headers say. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** The vector of CONTRACT.md "Hashes of 0.1". */
export const EXAMPLE = {
  service_name: "test-agent",
  decision_type: "customer_support_reply",
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: "Your account looks fine." },
};

export class Api {
  readonly url: string;
  readonly document: JsonObject;
  readonly operations: readonly Operation[];

  private constructor(url: string, document: JsonObject) {
    this.url = url;
    this.document = document;
    this.operations = operationsOf(document);
  }

  /** `url` may end in a path prefix. */
  static async open(url: string): Promise<Api> {
    const document: JsonValue = await (await fetch(`${url}/openapi.json`)).json();
    if (!isRecord(document)) throw new Error("/openapi.json is not an object");
    return new Api(url, document);
  }

  get<T = JsonValue>(path: string, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.send<T>("GET", path, { headers });
  }

  post<T = JsonValue>(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    return this.send<T>("POST", path, { headers, body: JSON.stringify(body) });
  }

  /** Records a decision: the example, changed as asked. */
  async record(changes: object = {}): Promise<Recorded> {
    const answer = await this.post<Recorded>("/v1/decisions", { ...EXAMPLE, ...changes });
    if (answer.status !== 200) throw new Error(`not recorded: ${answer.text}`);
    return answer.body;
  }

  async ledgerSize(): Promise<number> {
    return (await this.get<{ size: number }>("/v1/ledger")).body.size;
  }

  /** @throws when the answer is not what the document says */
  async send<T = JsonValue>(
    method: string,
    path: string,
    { headers = {}, body }: SendOptions = {},
  ): Promise<Answer<T>> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(body instanceof ReadableStream ? { duplex: "half" as const } : {}),
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json\b/.test(mediaTypeOf(response.headers));
    const parsed: JsonValue = isJson && text !== "" ? JSON.parse(text) : null;
    const wrong = this.#wrongWith(method, path, response, text, parsed);
    if (wrong.length > 0) {
      const shown = `${method} ${path.slice(0, 300)} → ${response.status} ${text.slice(0, 2000)}`;
      throw new Error(`not as documented: ${wrong.join("; ")}\n${shown}`);
    }
    const checked: T = JSON.parse(isJson && text !== "" ? text : "null");
    return { status: response.status, headers: response.headers, text, body: checked };
  }

  /** The operations whose path matches, whatever their method; a credential prefix is no part of it. */
  operationsAt(path: string): Operation[] {
    const pathname = new URL(this.url + path).pathname.replace(/^\/t\/[^/]+/, "");
    return this.operations.filter(({ pattern }) => pattern.test(pathname));
  }

  #wrongWith(
    method: string,
    path: string,
    { status, headers }: Response,
    text: string,
    parsed: JsonValue,
  ): string[] {
    if (status >= 500) return [`status ${status}`];
    if (method === "OPTIONS") return [];
    const found = this.operationsAt(path).filter(
      (operation) => operation.method === (method === "HEAD" ? "GET" : method),
    );
    // The most literal path wins: /v1/decisions/batch before /v1/decisions/{decision_id}.
    const [operation] = found.toSorted((a, b) => parametersIn(a) - parametersIn(b));
    const responses = operation?.declared["responses"];
    const response = isRecord(responses) ? responses[String(status)] : undefined;
    const isHead = method === "HEAD";
    if (isHead && text !== "") return ["HEAD answered a body"];
    if (status === 304) return text === "" ? [] : ["304 with a body"];
    if (status >= 400) {
      if (operation === undefined ? status !== 404 && status !== 405 : response === undefined)
        return [`status ${status} is not documented`];
      return isHead ? [] : this.#wrongWithProblem(status, headers, parsed);
    }
    const content = isRecord(response) ? response["content"] : undefined;
    const media = isRecord(content) ? content[mediaTypeOf(headers)] : undefined;
    if (!isRecord(media)) return [`${status} ${mediaTypeOf(headers)} is not documented`];
    if (isHead) return [];
    const isJson = mediaTypeOf(headers) === "application/json";
    const value = isJson ? parsed : text;
    // The document describes itself with an open schema.
    if (path.endsWith("/openapi.json")) return [];
    return violations(this.document, media["schema"], value);
  }

  #wrongWithProblem(status: number, headers: Headers, parsed: JsonValue): string[] {
    if (mediaTypeOf(headers) !== "application/problem+json")
      return [`${mediaTypeOf(headers)} is not problem JSON`];
    const schema = resolve(this.document, "#/components/schemas/Problem");
    const wrong = violations(this.document, schema, parsed);
    if (!isRecord(parsed)) return wrong;
    if (parsed["status"] !== status) wrong.push("the status member differs from the status");
    if (typeof parsed["detail"] !== "string" || parsed["detail"].trim() === "")
      wrong.push("detail is not a readable string");
    return wrong;
  }
}

/** Whether two JSON values are the same; member order does not count, -0 is 0 (RFC 8785). */
export function sameJson(a: unknown, b: unknown): boolean {
  return sorted(a) === sorted(b);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  );
}

function mediaTypeOf(headers: Headers): string {
  return (headers.get("Content-Type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function parametersIn({ path }: Operation): number {
  return path.split("{").length;
}

function operationsOf(document: JsonObject): Operation[] {
  const { paths } = document;
  if (!isRecord(paths)) return [];
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(isRecord(item) ? item : {}).flatMap(([method, declared]) =>
      isRecord(declared)
        ? [
            {
              method: method.toUpperCase(),
              path,
              pattern: new RegExp(
                `^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`,
              ),
              declared,
            },
          ]
        : [],
    ),
  );
}
