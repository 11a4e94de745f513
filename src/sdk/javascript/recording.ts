/**
 * How a client records by itself: queued records, wrapped clients, wrapped functions. What could not
 * be recorded is counted as dropped; it never breaks what it was to record.
 */
import { captured, type CallNames, type CaptureOptions } from "./capture.ts";
import type { Fetch } from "./config.ts";
import type { Recorder } from "./recording-fetch.ts";
import type { Counters, QueueOptions } from "./delivery.ts";
import { Queue } from "./queue.ts";
import type { Transport } from "./transport.ts";
import { fetchFor, recorderFor, wrapClient, type Sink, type WrapOptions } from "./wrap.ts";
import type { DecisionParams, Writer } from "./writer.ts";

/** How a function's call becomes a decision. */
export interface FunctionOptions<Args extends unknown[], Result> extends Omit<
  CallNames,
  "decisionType"
> {
  /** Which model, or rule, decides; `{provider: "function", name}` when not given. */
  readonly model?: object | undefined;
  /** `{arguments: […]}` when not given. */
  readonly input?: ((...args: Args) => object) | undefined;
  /** The result itself where it is an object, else `{result}`. */
  readonly output?: ((result: Result) => object) | undefined;
  readonly capture?: Omit<CaptureOptions, "fields"> | undefined;
}

export interface RecordingOptions extends QueueOptions {
  /** What `wrap`, `fetch` and `decision` record, unless told otherwise themselves. */
  readonly capture?: CaptureOptions | undefined;
}

export class Recording {
  readonly #transport: Transport;
  readonly #writer: Writer;
  readonly #options: QueueOptions;
  readonly #capture: CaptureOptions;
  readonly #work = new Set<Promise<void>>();
  #queue: Queue | undefined;

  constructor(transport: Transport, writer: Writer, options: RecordingOptions) {
    this.#capture = options.capture ?? {};
    this.#transport = transport;
    this.#writer = writer;
    this.#options = options;
    // Now, and not with the first record: what an earlier process left is sent.
    if (options.spoolDir !== undefined) this.#queue = new Queue(transport, options);
  }

  enqueue(decision: DecisionParams): boolean {
    return this.#opened().add(this.#writer.body(decision));
  }

  async flush(options?: { readonly timeoutMs?: number }): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
    await this.#queue?.flush(options);
  }

  async close(options?: { readonly timeoutMs?: number }): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
    await this.#queue?.close(options);
  }

  get counters(): Counters {
    return this.#queue?.counters ?? NOTHING_ENQUEUED;
  }

  fetch(options: WrapOptions, next: Fetch): Fetch {
    return fetchFor(this.#sink, { capture: this.#capture, ...options }, next);
  }

  recorder(options: WrapOptions): Recorder {
    return recorderFor(this.#sink, { capture: this.#capture, ...options });
  }

  wrap<Client>(client: Client, options: WrapOptions): Client {
    return wrapClient(client, this.#sink, { capture: this.#capture, ...options });
  }

  /** The same function; every call that returns is recorded. One that throws decided nothing. */
  decision<Args extends unknown[], Result>(
    decisionType: string,
    decide: (...args: Args) => Result,
    options: FunctionOptions<Args, Awaited<Result>>,
  ): (...args: Args) => Result {
    const { model, input, output, capture = this.#capture, ...names } = options;
    const record = async (asked: () => object, result: Awaited<Result>, startedMs: number) => {
      try {
        const decision: DecisionParams = {
          ...names,
          decisionType,
          input: asked(),
          model: model ?? { provider: "function", name: decide.name || decisionType },
          output: output === undefined ? asObject(result) : output(result),
          captureMode: "automatic",
          startedAt: new Date(startedMs).toISOString(),
          endedAt: new Date().toISOString(),
        };
        const shown = await captured(decision, capture);
        if (shown !== null) this.enqueue(shown);
      } catch (error) {
        this.#opened().lose(error);
      }
    };
    const track = (work: Promise<void>) => this.#sink.track(work);
    return function recorded(this: unknown, ...args: Args): Result {
      const startedMs = Date.now();
      const asked = noted(() => (input === undefined ? { arguments: args } : input(...args)));
      const result = Reflect.apply(decide, this, args);
      const recording = Promise.resolve(result).then(
        (value) => record(asked, value, startedMs),
        () => undefined,
      );
      track(recording);
      return result;
    };
  }

  #opened(): Queue {
    return (this.#queue ??= new Queue(this.#transport, this.#options));
  }

  readonly #sink: Sink = {
    enqueue: (decision) => this.enqueue(decision),
    lose: (error) => this.#opened().lose(error),
    track: (work) => {
      this.#work.add(work);
      void work.finally(() => this.#work.delete(work));
    },
    goesOn: (until) => this.#options.waitUntil?.(until.then(() => this.flush().catch(() => {}))),
  };
}

/** As it is now, for the function may change what it is given. What fails, fails when it is asked for. */
function noted(make: () => object): () => object {
  try {
    const text = JSON.stringify(make());
    return () => JSON.parse(text);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Members that JSON does not have are left to JSON. */
function asObject(result: unknown): object {
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result);
  return isObject ? result : { result: result ?? null };
}

const NOTHING_ENQUEUED: Counters = {
  enqueued: 0,
  recovered: 0,
  sent: 0,
  acknowledged: 0,
  spooled: 0,
  dropped: 0,
  pending: 0,
};
