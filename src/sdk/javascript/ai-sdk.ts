/**
 * Middleware for the Vercel AI SDK: `wrapLanguageModel({ model, middleware: recordCalls(grid) })`.
 * Records the provider's own bodies, as `grid.wrap` does, where the AI SDK hands them out; else what
 * it was asked and what it answered, in its own words.
 */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import type { Format } from "../../replay/provider.ts";
import { assemblerOf } from "../../replay/streams/table.ts";
import type { Ended, SeenAnswer } from "./answer-watch.ts";
import type { LoopGrid } from "./loopgrid.ts";
import { modelCall } from "./model-call.ts";
import type { Recorder } from "./recording-fetch.ts";
import type { WrapOptions } from "./wrap.ts";

/** What is used of a model, of either specification. */
interface Model<Params, Streamed> {
  readonly provider: string;
  readonly modelId: string;
  doStream(params: Params): PromiseLike<Streamed>;
}

interface Generated {
  readonly content?: unknown;
  readonly finishReason?: unknown;
  readonly usage?: unknown;
  readonly request?: { readonly body?: unknown; readonly url?: string };
  readonly response?: { readonly body?: unknown; readonly headers?: Record<string, string> };
}

interface Streamed<Part> {
  readonly stream: ReadableStream<Part>;
  readonly request?: { readonly body?: unknown; readonly url?: string };
  readonly response?: { readonly headers?: Record<string, string> };
}

interface Params {
  readonly includeRawChunks?: boolean;
}

/** Of `LanguageModelV3Middleware` and `LanguageModelV4Middleware`, as far as they say the same. */
export interface RecordingMiddleware<Version> {
  readonly specificationVersion: Version;
  wrapGenerate<P, R extends Generated>(call: {
    doGenerate: () => PromiseLike<R>;
    params: P;
    model: Model<P, unknown>;
  }): Promise<R>;
  wrapStream<
    Part extends { readonly type: string },
    P extends Params,
    R extends Streamed<Part>,
  >(call: {
    doStream: () => PromiseLike<R>;
    params: P;
    model: Model<P, R>;
  }): Promise<R>;
}

/** @param version "v3" for AI SDK 6, "v4" for 7 */
export function recordCalls<Version extends "v3" | "v4" = "v4">(
  grid: LoopGrid,
  options?: WrapOptions,
  version?: Version,
): RecordingMiddleware<Version>;
export function recordCalls(
  grid: LoopGrid,
  options: WrapOptions = {},
  version: "v3" | "v4" = "v4",
): RecordingMiddleware<"v3" | "v4"> {
  const recorder = grid.recorder(options);
  return {
    specificationVersion: version,
    async wrapGenerate({ doGenerate, params, model }) {
      const startedMs = Date.now();
      const result = await doGenerate();
      const { request, response, content, finishReason, usage } = result;
      const body = asJson(response?.body) ?? asJson({ content, finishReason, usage });
      quietly(recorder, () => {
        const answer = seen("complete", false, body);
        record(recorder, { model, params, request, response, startedMs, answer });
      });
      return result;
    },
    async wrapStream({ doStream, params, model }) {
      const startedMs = Date.now();
      // The provider's own events come beside the AI SDK's, and are taken out again below.
      const asked = params.includeRawChunks === true;
      const result = await (asked
        ? doStream()
        : model.doStream({ ...params, includeRawChunks: true }));
      const { request, response } = result;
      const assembler = assemblerOf(formatOf(model.provider) ?? "openai.chat");
      let parts = 0;
      const end = (how: Ended) =>
        quietly(recorder, () => {
          const answer = seen(how, true, assembler.body());
          if (parts > 0) record(recorder, { model, params, request, response, startedMs, answer });
        });
      const stream = passing(result.stream, end, (part) => {
        parts++;
        if (part.type !== "raw") return true;
        const event = asJson(Reflect.get(part, "rawValue"));
        if (event !== undefined) quietly(recorder, () => assembler.push(event));
        return asked;
      });
      return { ...result, stream };
    },
  };
}

/** The parts, but for those that `take` says nobody asked for. */
function passing<Part>(
  parts: ReadableStream<Part>,
  end: (how: Ended) => void,
  take: (part: Part) => boolean,
): ReadableStream<Part> {
  const reader = parts.getReader();
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const { done, value } = await reader.read();
            if (done) {
              end("complete");
              controller.close();
              return;
            }
            if (!take(value)) continue;
            controller.enqueue(value);
            return;
          }
        } catch (error) {
          end("interrupted");
          controller.error(error);
        }
      },
      async cancel(reason) {
        end("cancelled");
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

interface Call {
  readonly model: { readonly provider: string; readonly modelId: string };
  readonly params: unknown;
  readonly request: { readonly body?: unknown; readonly url?: string } | undefined;
  readonly response: { readonly headers?: Record<string, string> } | undefined;
  readonly startedMs: number;
  readonly answer: SeenAnswer;
}

function record(recorder: Recorder, call: Call): void {
  const { model, params, request, response, startedMs, answer } = call;
  const format = formatOf(model.provider);
  const body = asJson(request?.body) ?? asJson(withoutHeaders(params)) ?? {};
  const provider = recorder.provider ?? model.provider.split(".")[0] ?? model.provider;
  const asked = modelCall(
    format ?? "openai.chat",
    request?.url ?? "",
    new Headers(),
    JSON.stringify(body),
    provider,
  );
  const named = format === undefined ? model.provider : format;
  const { endpoint: _, headers: __, ...about } = asked.about;
  const endpoint = request?.url === undefined ? {} : { endpoint: request.url };
  const endedMs = Date.now();
  recorder.record({
    call: {
      ...asked,
      model: asked.model || model.modelId,
      about: { ...about, ...endpoint, format: named, through: "ai-sdk" },
    },
    answer,
    status: 200,
    headers: new Headers(response?.headers ?? {}),
    startedMs,
    headersMs: startedMs,
    endedMs,
  });
}

/** `openai.chat`, `anthropic.messages`, `google.generative-ai`: how AI SDK providers name themselves. */
function formatOf(provider: string): Format | undefined {
  if (/^anthropic\b/.test(provider)) return "anthropic.messages";
  if (/^google\b/.test(provider)) return "google.generateContent";
  if (provider.endsWith(".responses")) return "openai.responses";
  return provider.endsWith(".chat") ? "openai.chat" : undefined;
}

function seen(ended: Ended, streamed: boolean, body: JsonObject | undefined): SeenAnswer {
  const omitted = body === undefined ? "nothing" : undefined;
  return { ended, streamed, bytes: 0, body, omitted };
}

/** Headers may hold credentials, and what cancels a call asks for nothing. */
function withoutHeaders(params: unknown): unknown {
  if (typeof params !== "object" || params === null) return params;
  const left = Object.entries(params).filter(
    ([name]) => name !== "headers" && name !== "abortSignal",
  );
  return Object.fromEntries(left);
}

/** Bodies come as objects or as their text. */
function asJson(value: unknown): JsonObject | undefined {
  try {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const parsed: JsonValue = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function quietly(recorder: Recorder, work: () => void): void {
  try {
    work();
  } catch (error) {
    recorder.failed(error);
  }
}
