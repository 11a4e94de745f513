/** What a crowd of HTTP clients needs: requests that keep their status, and a bounded crowd. */
import { isObject, type Json, type JsonObject } from "./independent-ledger.ts";

/** An answer lost for longer than this is a fault, not load. */
const ANSWER_MS_MAX = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** @throws TypeError or DOMException when the connection broke: then nobody knows what happened */
export async function post(
  url: string,
  path: string,
  body: Json,
  idempotencyKey?: string,
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  return answerOf(response);
}

/** A POST that has to be acknowledged. @throws Error with the problem when it is not */
export async function acknowledged(
  url: string,
  path: string,
  body: Json,
  idempotencyKey?: string,
): Promise<JsonObject> {
  const answer = await post(url, path, body, idempotencyKey);
  if (answer.status === 200) return answer.body;
  throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

export async function get(url: string, path: string): Promise<Answer> {
  return answerOf(await fetch(`${url}${path}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }));
}

/** @throws Error when it is not a 200 */
export async function getText(url: string, path: string): Promise<string> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const text = await response.text();
  if (response.status === 200) return text;
  throw new Error(`GET ${path} answered ${response.status}: ${text}`);
}

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  return { status, headers, body: JSON.parse(await response.text()) };
}

/** Works through items with at most `width` in flight; results in the items' order. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, position: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const position = next++;
      const item = items[position];
      if (item !== undefined) results[position] = await work(item, position);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Deterministic choices (mulberry32), so that a failing run fails alike. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Members of an answer, with the type that the contract gives them. @throws Error when it has another */
export function textIn(object: JsonObject, member: string): string {
  const value = object[member];
  if (typeof value === "string") return value;
  throw new Error(`${member} is no text: ${JSON.stringify(object)}`);
}

export function numberIn(object: JsonObject, member: string): number {
  const value = object[member];
  if (typeof value === "number") return value;
  throw new Error(`${member} is no number: ${JSON.stringify(object)}`);
}

export function listIn(object: JsonObject, member: string): readonly Json[] {
  const value = object[member];
  if (Array.isArray(value)) return value;
  throw new Error(`${member} is no list: ${JSON.stringify(object)}`);
}

export function objectIn(object: JsonObject, member: string): JsonObject {
  return asObject(object[member]);
}

export function asObject(value: Json | undefined): JsonObject {
  if (isObject(value)) return value;
  throw new Error(`no object: ${JSON.stringify(value)}`);
}
