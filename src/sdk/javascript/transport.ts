/**
 * One request and its retries. Every append carries an Idempotency-Key, so that what was not
 * answered can be asked again: the server answers what the first attempt wrote (DESIGN §2).
 */
import type { JsonValue } from "../../lib/json.ts";
import type { Config } from "./config.ts";
import {
  apiError,
  LoopGridAbortError,
  LoopGridConnectionError,
  LoopGridTimeoutError,
  type ErrorDetails,
  type FieldError,
  type LoopGridError,
} from "./errors.ts";
import { isPassing, isRefusal, pauseMs } from "./retry.ts";
import { randomHex, sleep } from "./runtime.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface AppendOptions extends CallOptions {
  /** Your own name for this write; made up when not given. Kept for ever by the server. */
  readonly idempotencyKey?: string | undefined;
  /** `proof`: the receipt carries an inclusion proof and verifies offline. */
  readonly receipt?: "checkpoint" | "proof" | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Asked extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Encoded. */
  readonly path: string;
  readonly query?: Query | undefined;
  /** JSON text. */
  readonly body?: string | undefined;
  /** Of an append: present, so that retries are safe. */
  readonly idempotencyKey?: string | undefined;
  readonly prefer?: string | undefined;
  /** After the first attempt; as configured when not given. */
  readonly retries?: number | undefined;
  /** Its body is read later, by somebody else. */
  readonly streams?: true;
}

export interface Answer<T> {
  readonly value: T;
  readonly status: number;
  /** The key was used before: the entry is that request's, nothing was written now. */
  readonly replayed: boolean;
}

export class Transport {
  readonly config: Config;
  /** Requests that had to be sent again. */
  retries = 0;

  constructor(config: Config) {
    this.config = config;
  }

  async get<T>(path: string, query?: Query, options: CallOptions = {}): Promise<T> {
    return (await this.json<T>({ ...options, method: "GET", path, query })).value;
  }

  async text(path: string, query?: Query, options: CallOptions = {}): Promise<string> {
    return this.#answered({ ...options, method: "GET", path, query }, (answer) => answer.text());
  }

  /** An append: with a key of its own unless the caller has one. */
  async append<T>(path: string, body: object, options: AppendOptions = {}): Promise<T> {
    const { signal, receipt, idempotencyKey = newKey() } = options;
    const query = { receipt };
    const text = JSON.stringify(body);
    const asked = { method: "POST", path, query, body: text, idempotencyKey, signal } as const;
    return (await this.json<T>(asked)).value;
  }

  async json<T>(asked: Asked): Promise<Answer<T>> {
    return this.#answered(asked, async (response) => {
      const text = await response.text();
      const replayed = response.headers.get("Idempotent-Replayed") === "true";
      try {
        const value: T = JSON.parse(text);
        return { value, status: response.status, replayed };
      } catch (cause) {
        const message = `${this.config.shownUrl} does not answer as LoopGrid does`;
        throw new LoopGridConnectionError(message, { cause });
      }
    });
  }

  /** The body as it comes; the timeout is for its beginning. */
  async stream(path: string, query?: Query, options: CallOptions = {}): Promise<Response> {
    const asked = { ...options, method: "GET", path, query, streams: true } as const;
    return this.#answered(asked, async (answer) => answer);
  }

  /** Sends until there is an answer, or no sense in sending again. */
  async #answered<T>(asked: Asked, read: (response: Response) => Promise<T>): Promise<T> {
    const maxRetries = asked.retries ?? this.config.maxRetries;
    let unknown = false; // an earlier attempt may have written
    for (let tried = 1; ; tried++) {
      const details = (refused: boolean): ErrorDetails =>
        asked.idempotencyKey === undefined
          ? {}
          : {
              outcome: refused ? "not_written" : "unknown",
              idempotencyKey: asked.idempotencyKey,
            };
      let failure: LoopGridError;
      let pause: number | undefined;
      try {
        const { response, done } = await this.#send(asked);
        try {
          if (response.ok) return await read(response);
          const { status, headers } = response;
          // Pages of browsers see a redirect as status 0.
          if (status === 0 || (status >= 300 && status < 400))
            throw new LoopGridConnectionError(
              `${this.config.shownUrl} redirects to another address, which is not followed`,
            );
          // The others were refused at the door, before anything was looked at.
          const refused = isRefusal(status) || (status < 500 && status !== 408 && !unknown);
          failure = await problemOf(response, details(refused));
          if (!refused) unknown = true;
          pause = isPassing(status) ? pauseMs(tried, headers, Date.now()) : undefined;
        } finally {
          done();
        }
      } catch (error) {
        unknown = true;
        failure = this.#unanswered(asked, error, details(false));
        if (asked.signal?.aborted === true) throw failure;
        pause = pauseMs(tried, new Headers(), Date.now());
      }
      if (tried > maxRetries || pause === undefined) throw failure;
      this.retries++;
      await sleep(pause, asked.signal).catch((error: unknown) => {
        throw new LoopGridAbortError("Aborted", { ...details(!unknown), cause: error });
      });
    }
  }

  async #send(asked: Asked): Promise<{ response: Response; done: () => void }> {
    const { method, path, query = {}, body, idempotencyKey, prefer, signal } = asked;
    const { baseUrl, authorization, timeoutMs, fetch } = this.config;
    const headers: Record<string, string> = {
      ...(authorization === undefined ? {} : { Authorization: authorization }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
      ...(prefer === undefined ? {} : { Prefer: prefer }),
    };
    const ender = new AbortController();
    const end = () => ender.abort(signal?.reason);
    const timer = setTimeout(() => ender.abort(TIMED_OUT), timeoutMs);
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted === true) end();
    const done = () => {
      clearTimeout(timer);
      if (asked.streams !== true) signal?.removeEventListener("abort", end);
    };
    try {
      const sent = body === undefined ? {} : { body };
      const url = `${baseUrl}${path}${queryText(query)}`;
      // Followed, a POST would become a GET: answered with a list, and nothing written.
      const init = { method, headers, redirect: "manual", signal: ender.signal, ...sent } as const;
      return { response: await fetch(url, init), done };
    } catch (error) {
      done();
      throw error;
    }
  }

  #unanswered(asked: Asked, error: unknown, details: ErrorDetails): LoopGridError {
    const more = { ...details, cause: error };
    const hint =
      asked.idempotencyKey === undefined
        ? ""
        : `; whether it was written is unknown, the same request with Idempotency-Key ${asked.idempotencyKey} finds out`;
    if (asked.signal?.aborted === true) return new LoopGridAbortError(`Aborted${hint}`, more);
    if (error === TIMED_OUT) {
      const { timeoutMs } = this.config;
      return new LoopGridTimeoutError(`Request timed out after ${timeoutMs}ms${hint}`, more);
    }
    if (error instanceof LoopGridConnectionError)
      return new LoopGridConnectionError(`${error.message}${hint}`, more);
    const reason = reasonOf(error);
    return new LoopGridConnectionError(
      `Cannot connect to LoopGrid at ${this.config.shownUrl}: ${reason}${hint}`,
      more,
    );
  }
}

const TIMED_OUT = new Error("timed out");

export function newKey(): string {
  return `lg-${randomHex(16)}`;
}

function queryText(query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

async function problemOf(response: Response, details: ErrorDetails): Promise<LoopGridError> {
  const { status, statusText, headers } = response;
  const requestId = headers.get("x-request-id") ?? headers.get("cf-ray") ?? undefined;
  const problem = problemIn(await response.text());
  const detail = problem.detail ?? (statusText || `status ${status}`);
  const { code, errors } = problem;
  return apiError(status, detail, { ...details, code, errors, requestId });
}

interface ProblemBody {
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly FieldError[];
}

/** What the body says, as far as it is the problem JSON it should be. */
function problemIn(text: string): ProblemBody {
  let body: JsonValue;
  try {
    body = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return {};
  const { detail, code, errors } = body;
  return {
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof code === "string" ? { code } : {}),
    ...(Array.isArray(errors) ? { errors: errors.flatMap(fieldError) } : {}),
  };
}

function fieldError(value: JsonValue): FieldError[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const { path, message } = value;
  return typeof path === "string" && typeof message === "string" ? [{ path, message }] : [];
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
