/** Options of a client, resolved once: what is given, else the environment, else 0.1's defaults. */
import { environment } from "./runtime.ts";

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface LoopGridOptions {
  /**
   * The server; `LOOPGRID_URL`, else http://localhost:8000. May hold a path prefix, or `user:key@`,
   * which is sent as HTTP Basic.
   */
  readonly baseUrl?: string | undefined;
  /** `LOOPGRID_API_KEY`. */
  readonly apiKey?: string | undefined;
  /** Of every decision that names no other; `LOOPGRID_SERVICE`, else "default". */
  readonly serviceName?: string | undefined;
  /** Of one attempt; 30 s, which a live replay stays within. */
  readonly timeoutMs?: number | undefined;
  /** 0.1's name for `timeoutMs`. */
  readonly timeout?: number | undefined;
  /** After the first attempt; 3. Safe: every append carries an Idempotency-Key. */
  readonly maxRetries?: number | undefined;
  readonly fetch?: Fetch | undefined;
}

export interface Config {
  /** Without credentials and without a trailing slash. */
  readonly baseUrl: string;
  /** Fit to be shown: without a key in its path. */
  readonly shownUrl: string;
  readonly authorization: string | undefined;
  readonly serviceName: string;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly fetch: Fetch;
}

const DEFAULT_URL = "http://localhost:8000";
const TIMEOUT_MS = 30_000;
const RETRIES = 3;

/** @throws TypeError when an option cannot be meant */
export function resolveConfig(options: LoopGridOptions): Config {
  const given = options.baseUrl || environment("LOOPGRID_URL") || DEFAULT_URL;
  const { url, basic } = withoutUser(given);
  const apiKey = options.apiKey ?? (basic === undefined ? environment("LOOPGRID_API_KEY") : "");
  const baseUrl = url.replace(/\/+$/, "");
  return {
    baseUrl,
    shownUrl: baseUrl.replace(/\/t\/[^/]+/, "/t/…"),
    authorization: apiKey ? `Bearer ${apiKey}` : basic,
    serviceName: options.serviceName || environment("LOOPGRID_SERVICE") || "default",
    timeoutMs: positive("timeoutMs", options.timeoutMs ?? (options.timeout || TIMEOUT_MS)),
    maxRetries: positive("maxRetries", options.maxRetries ?? RETRIES),
    // Looked up at each call, and called on its own: browsers refuse it as a method.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

function positive(name: string, value: number): number {
  if (value >= 0) return value;
  throw new TypeError(`${name} must not be negative`);
}

/** fetch refuses URLs with credentials. */
function withoutUser(text: string): { url: string; basic: string | undefined } {
  if (!URL.canParse(text)) return { url: text, basic: undefined };
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`baseUrl: ${url.protocol} is not http`);
  if (url.username === "" && url.password === "") return { url: text, basic: undefined };
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  const octets = String.fromCharCode(...new TextEncoder().encode(pair));
  return { url: url.href, basic: `Basic ${btoa(octets)}` };
}
