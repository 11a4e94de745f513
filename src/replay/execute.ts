/**
 * Puts a question to a provider, reference §7.4: bounded attempts in bounded time, every one of them
 * recorded. The network, the clock, sleep and chance come in; nothing secret comes out.
 */
import { expectsJson, type PreparedRequest } from "./rebuild.ts";
import { parseJson } from "./json-read.ts";
import { failure, type Reading } from "./outcome.ts";
import { retryAfterMs } from "./retry-after.ts";
import { scrub } from "./scrub.ts";

/** `fetch`, as far as it is needed. Redirects must come back as they are. */
export type Fetch = (
  url: string,
  init: {
    readonly method: "POST";
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

export interface ExecutePorts {
  readonly fetch: Fetch;
  readonly sleep: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Connection {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly key: string | undefined;
  /** Where it is asked otherwise than over the network: a binding. */
  readonly fetch?: Fetch;
}

export interface Attempt {
  /** From 1. */
  readonly n: number;
  /** Null when no status came back. */
  readonly status: number | null;
  readonly outcome: string;
  readonly latency_ms: number;
  /** Waited before it. */
  readonly wait_ms: number;
}

export interface Execution {
  readonly reading: Reading;
  readonly attempts: readonly Attempt[];
  readonly latencyMs: number;
}

export const ATTEMPTS_MAX = 3;
const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 8_000;
/** An answer must fit an entry, 1 MiB; beyond this there is no point in reading on. */
const REPLY_CHARACTERS_MAX = 4 * 1024 * 1024;

export async function execute(
  request: PreparedRequest,
  connection: Connection,
  totalMs: number,
  ports: ExecutePorts,
): Promise<Execution> {
  const startMs = ports.nowMs();
  const attempts: Attempt[] = [];
  let waitMs = 0;
  for (;;) {
    const remainingMs = totalMs - (ports.nowMs() - startMs);
    const beganMs = ports.nowMs();
    const { reading, status, asksToWaitMs } = await attempt(
      request,
      connection,
      remainingMs,
      ports,
    );
    const n = attempts.length + 1;
    const latency_ms = ports.nowMs() - beganMs;
    attempts.push({ n, status, outcome: reading.outcome, latency_ms, wait_ms: waitMs });
    waitMs = Math.round(
      asksToWaitMs ?? ports.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** n),
    );
    const leftMs = totalMs - (ports.nowMs() - startMs);
    if (!reading.retryable || n >= ATTEMPTS_MAX || waitMs >= leftMs)
      return { reading, attempts, latencyMs: ports.nowMs() - startMs };
    await ports.sleep(waitMs);
  }
}

interface Attempted {
  readonly reading: Reading;
  readonly status: number | null;
  readonly asksToWaitMs: number | undefined;
}

async function attempt(
  { adapter, provider, model, body, headers }: PreparedRequest,
  { baseUrl, key, fetch: own }: Connection,
  timeoutMs: number,
  { fetch, nowMs }: ExecutePorts,
): Promise<Attempted> {
  const signal = AbortSignal.timeout(Math.max(1, timeoutMs));
  try {
    const response = await (own ?? fetch)(`${baseUrl}${adapter.path(model)}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        // A gateway's cache would answer with the original.
        "cf-aig-skip-cache": "true",
        ...adapter.headers,
        ...headers,
        ...(key === undefined ? {} : credential(provider.keyHeader, key)),
      },
      body: JSON.stringify(body),
      redirect: "manual",
      signal,
    });
    const text = await boundedText(response);
    const { status } = response;
    const contentType = response.headers.get("content-type") ?? "";
    // An error page may show what was sent: the key is cut out before anything reads it.
    const shown = key === undefined || key === "" ? text : text.replaceAll(key, "[redacted]");
    const read = adapter.read({ status, contentType, body: shown });
    const reading = overruled(scrubbed(checked(read, expectsJson(body), status), key), response);
    return { reading, status, asksToWaitMs: retryAfterMs(response.headers, shown, nowMs()) };
  } catch {
    // What was thrown may quote the request: it is told in our own words.
    const reading = signal.aborted
      ? failure("timeout", { status: null, code: "timeout", message: "no answer in time" }, false)
      : failure(
          "provider_error",
          { status: null, code: "network", message: "the connection failed" },
          true,
        );
    return { reading, status: null, asksToWaitMs: undefined };
  }
}

function credential(header: string, key: string): Record<string, string> {
  return { [header]: header === "authorization" ? `Bearer ${key}` : key };
}

async function boundedText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
    if (text.length > REPLY_CHARACTERS_MAX) {
      await reader.cancel();
      return "";
    }
  }
}

/** Text where JSON was asked for is an answer, but not one that can be used. */
function checked(reading: Reading, wantsJson: boolean, status: number): Reading {
  const isJson = reading.text !== null && parseJson(reading.text) !== undefined;
  if (reading.outcome !== "succeeded" || !wantsJson || isJson) return reading;
  const { error } = failure(
    "invalid_output",
    { status, code: "invalid_json", message: "the answer is not the JSON that was asked for" },
    false,
  );
  return { ...reading, outcome: "invalid_output", error };
}

function scrubbed(reading: Reading, key: string | undefined): Reading {
  const { error } = reading;
  if (error === null) return reading;
  const code = error.code === null ? null : scrub(error.code, key);
  return { ...reading, error: { ...error, code, message: scrub(error.message, key) } };
}

/** OpenAI and Anthropic say outright whether to ask again; a 402 without a time to wait says no. */
function overruled(reading: Reading, { status, headers }: Response): Reading {
  const isFinal =
    headers.get("x-should-retry") === "false" || (status === 402 && !headers.has("retry-after"));
  return isFinal ? { ...reading, retryable: false } : reading;
}
