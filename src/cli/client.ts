/**
 * A LoopGrid server, as the command line sees it. Every POST carries an Idempotency-Key, so that
 * what was not answered can be asked again: connection errors, timeouts, 429 and 503 are retried
 * with the same key, which finds out what became of the first try (DESIGN §2).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { resolveConfig } from "../sdk/javascript/config.ts";
import { atServer } from "./address.ts";

export interface ClientOptions {
  /** May hold a path prefix, or `user:key@` (sent as HTTP Basic). */
  readonly url: string;
  /** By itself what `url` holds, else LOOPGRID_API_KEY. */
  readonly apiKey?: string | undefined;
}

/** The server's own refusal: RFC 9457 problem JSON. */
export class ServerProblem extends Error {
  override readonly name = "ServerProblem";
  readonly status: number;
  readonly detail: string;

  constructor(asked: string, status: number, detail: string) {
    super(`${asked} was answered with ${status}: ${detail}`);
    this.status = status;
    this.detail = detail;
  }
}

/** Nothing that could be understood came back. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export interface Answer<T> {
  readonly value: T;
  /** The key was used before: the entry is that request's, nothing was written now. */
  readonly replayed: boolean;
}

const TRIES_MAX = 6;
const BACKOFF_MS = 150;
/** The server commits or gives up within 15 s and verifies for as long at most. */
const TIMEOUT_MS = 60_000;
/** A longer Retry-After says that an operator has to act first. */
const RETRY_AFTER_MAX_S = 10;

const Problem = z.object({ detail: z.string() });

export class LoopGridClient {
  /** Without credentials: fit to be shown. */
  readonly shownUrl: string;
  /** Requests that had to be sent again. */
  retries = 0;
  readonly #base: string;
  readonly #headers: Record<string, string> = {};

  /** @throws InputError when the URL is none */
  constructor({ url, apiKey }: ClientOptions) {
    const config = atServer(url, () => resolveConfig({ baseUrl: url, apiKey }));
    this.#base = config.baseUrl;
    this.shownUrl = config.shownUrl;
    if (config.authorization !== undefined) this.#headers["Authorization"] = config.authorization;
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return (await this.#ask("GET", path, schema, TRIES_MAX)).value;
  }

  /** One try only: to find out whether a server is there. */
  async probe<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return (await this.#ask("GET", path, schema, 1)).value;
  }

  /** @param body JSON text */
  post<T>(
    path: string,
    schema: z.ZodType<T>,
    body: string,
    idempotencyKey: string,
  ): Promise<Answer<T>> {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey };
    return this.#ask("POST", path, schema, TRIES_MAX, { headers, body });
  }

  async delete<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return (await this.#ask("DELETE", path, schema, TRIES_MAX)).value;
  }

  async #ask<T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    tries: number,
    sent: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer<T>> {
    const asked = `${method} ${path}`;
    for (let tried = 1; ; tried++) {
      const pauseMs = BACKOFF_MS * 2 ** tried * (0.5 + Math.random());
      let response: Response;
      let text: string;
      try {
        response = await fetch(this.#base + path, {
          method,
          ...sent,
          headers: { ...this.#headers, ...sent.headers },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        text = await response.text();
      } catch (error) {
        if (tried >= tries) throw new Unreachable(reasonOf(error), { cause: error });
        this.retries++;
        await sleep(pauseMs);
        continue;
      }
      if (response.ok) return { value: read(asked, text, schema), replayed: isReplayed(response) };
      const retryAfterS = Number(response.headers.get("Retry-After") ?? 0);
      const passing = response.status === 503 || response.status === 429;
      if (!passing || tried >= tries || retryAfterS > RETRY_AFTER_MAX_S)
        throw new ServerProblem(asked, response.status, detailOf(response, text));
      this.retries++;
      await sleep(Math.max(pauseMs, 1000 * retryAfterS));
    }
  }
}

function isReplayed(response: Response): boolean {
  return response.headers.get("Idempotent-Replayed") === "true";
}

/** @throws Unreachable when what answers is not a LoopGrid server */
function read<T>(asked: string, text: string, schema: z.ZodType<T>): T {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: said below.
  }
  throw new Unreachable(`${asked} was not answered the way LoopGrid does`);
}

function detailOf(response: Response, text: string): string {
  try {
    return Problem.parse(JSON.parse(text)).detail;
  } catch {
    return response.statusText;
  }
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
