/**
 * A `fetch` that records calls to models and changes nothing else: the request goes as it is, the
 * answer comes octet for octet as it arrives, and a failure of the recording is never the caller's.
 */
import type { Format } from "../../replay/provider.ts";
import { AnswerWatch, BODY_BYTES_MAX } from "./answer-watch.ts";
import type { Observed } from "./capture.ts";
import type { Fetch } from "./config.ts";
import { formatOf, modelCall, type ModelCall } from "./model-call.ts";
import { deferred } from "./runtime.ts";

export interface Recorder {
  /** Undefined: by the address. */
  readonly provider: string | undefined;
  /** Also calls that brought no answer: each attempt of a client that tries again is one. */
  readonly failures: boolean;
  record(observed: Observed): void;
  /** The recording itself failed. */
  failed(error: unknown): void;
  /** Something that goes on after the call. */
  goesOn(until: Promise<void>): void;
}

export function recordingFetch(next: Fetch, recorder: Recorder): Fetch {
  return async (input, init) => {
    const begun = await attempt(recorder, () => begin(input, init, recorder));
    if (begun === undefined) return next(input, init);
    const startedMs = Date.now();
    let response: Response;
    try {
      response = await next(input, init);
    } catch (error) {
      await attempt(recorder, () => noAnswer(begun, startedMs, recorder));
      throw error;
    }
    const watched = await attempt(recorder, () => observe(response, begun, startedMs, recorder));
    return watched ?? response;
  };
}

/** Undefined when it fails: the caller's call goes on without a record. */
async function attempt<T>(recorder: Recorder, work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    recorder.failed(error);
    return undefined;
  }
}

async function begin(
  input: string | URL | Request,
  init: RequestInit | undefined,
  recorder: Recorder,
): Promise<ModelCall | undefined> {
  const request = input instanceof Request ? input : undefined;
  const url = typeof input === "string" ? input : "url" in input ? input.url : input.href;
  const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
  const format: Format | undefined = formatOf(method, url);
  if (format === undefined) return undefined;
  const headers = new Headers(init?.headers ?? request?.headers ?? {});
  const body = await textOf(init?.body, request);
  return modelCall(format, url, headers, body, recorder.provider);
}

/** What can be read without using it up. */
async function textOf(
  body: BodyInit | null | undefined,
  request: Request | undefined,
): Promise<string | undefined> {
  if (typeof body === "string") return body;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body))
    return new TextDecoder().decode(body);
  if (body === undefined || body === null) return request?.clone().text();
  return undefined;
}

function noAnswer(call: ModelCall, startedMs: number, recorder: Recorder): void {
  if (!recorder.failures) return;
  const answer = {
    ended: "interrupted",
    streamed: false,
    bytes: 0,
    body: undefined,
    omitted: "nothing",
  } as const;
  const endedMs = Date.now();
  const times = { startedMs, headersMs: endedMs, endedMs };
  recorder.record({ call, answer, status: 0, headers: new Headers(), ...times });
}

/** The same answer, looked at while it is read. */
function observe(
  response: Response,
  call: ModelCall,
  startedMs: number,
  recorder: Recorder,
): Response | undefined {
  const { body, status, headers } = response;
  if (!response.ok && !recorder.failures) return undefined;
  if (body === null) return undefined;
  if (typeof body.getReader !== "function")
    throw new TypeError("The answer's body is no ReadableStream: this fetch cannot be recorded");
  const headersMs = Date.now();
  const watch = new AnswerWatch(call.format, headers.get("content-type") ?? "");
  const { promise, resolve } = deferred();
  const end = (how: "complete" | "cancelled" | "interrupted") => {
    try {
      const answer = watch.end(how);
      const times = { startedMs, headersMs, endedMs: Date.now() };
      // An answer that never began is none.
      if (answer.bytes > 0 || recorder.failures)
        recorder.record({ call, answer, status, headers, ...times });
    } catch (error) {
      recorder.failed(error);
    }
    resolve();
  };
  const chunk = (octets: Uint8Array) => {
    try {
      watch.chunk(octets);
    } catch (error) {
      recorder.failed(error);
    }
  };
  const isStream = /event-stream/i.test(headers.get("content-type") ?? "");
  const made = deferred();
  const passed = passing(body, made.promise, { chunk, end }, isStream ? 0 : BODY_BYTES_MAX);
  const same = sameResponse(response, passed);
  made.resolve();
  recorder.goesOn(promise);
  return same;
}

interface Watching {
  readonly chunk: (octets: Uint8Array) => void;
  readonly end: (how: "complete" | "cancelled" | "interrupted") => void;
}

/**
 * The body, passed on.
 * @param made there is an answer to read it from: until then it stays the caller's, unlocked
 * @param aheadBytes read before anybody asks: a short answer is recorded also when nobody reads it
 */
function passing(
  body: ReadableStream<Uint8Array>,
  made: Promise<void>,
  { chunk, end }: Watching,
  aheadBytes: number,
): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start: () => made,
      async pull(controller) {
        try {
          reader ??= body.getReader();
          const { done, value } = await reader.read();
          if (done) {
            end("complete");
            controller.close();
          } else {
            chunk(value);
            controller.enqueue(value);
          }
        } catch (error) {
          end(isAbort(error) ? "cancelled" : "interrupted");
          controller.error(error);
        }
      },
      async cancel(reason) {
        end("cancelled");
        await (reader ?? body).cancel(reason);
      },
    },
    { highWaterMark: aheadBytes, size: (octets) => octets.byteLength },
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** What the constructor does not take over is put back. */
function sameResponse(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { status, statusText, headers } = response;
  return dressed(new Response(body, { status, statusText, headers }), response);
}

/** Its copies too. */
function dressed(same: Response, { url, redirected, type }: Response): Response {
  const clone = () => dressed(Response.prototype.clone.call(same), same);
  for (const [name, value] of Object.entries({ url, redirected, type, clone }))
    Object.defineProperty(same, name, { value, configurable: true });
  return same;
}
