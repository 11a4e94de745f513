/**
 * How a client records by itself: queued records, wrapped clients, wrapped functions. What could not
 * be recorded is counted as dropped; it never breaks what it was to record.
 */
import { captured, type CallNames, type CaptureOptions } from "./capture.ts";
import type { Fetch } from "./config.ts";
import type { Recorder } from "./recording-fetch.ts";
import {
  FLUSH_MS,
  UndeliveredError,
  type Counters,
  type FlushOptions,
  type QueueOptions,
} from "./delivery.ts";
import { Queue } from "./queue.ts";
import { sleep } from "./runtime.ts";
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

  async flush(options?: FlushOptions): Promise<void> {
    await this.#afterWork(async (left) => this.#queue?.flush(left), options);
  }

  async close(options?: FlushOptions): Promise<void> {
    await this.#afterWork(async (left) => this.#queue?.close(left), options);
  }

  /** Records that are being made come first; a function that redacts may never end, or flush itself. */
  async #afterWork(
    finish: (left: FlushOptions) => Promise<unknown>,
    { timeoutMs = FLUSH_MS }: FlushOptions = {},
  ): Promise<void> {
    const begun = [...this.#work];
    const overMs = Date.now() + timeoutMs;
    const patience = new AbortController();
    await Promise.race([
      Promise.all(begun),
      sleep(timeoutMs, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
    await finish({ timeoutMs: Math.max(0, overMs - Date.now()) });
    const late = begun.filter((work) => this.#work.has(work)).length;
    if (late > 0)
      throw new UndeliveredError(`Records: ${late} not made yet`, this.counters, undefined);
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
    const record = async (asked: () => object, decided: () => object, startedMs: number) => {
      const endedMs = Date.now();
      try {
        const decision: DecisionParams = {
          ...names,
          decisionType,
          input: asked(),
          model: model ?? { provider: "function", name: decide.name || decisionType },
          output: decided(),
          captureMode: "automatic",
          startedAt: new Date(startedMs).toISOString(),
          endedAt: new Date(endedMs).toISOString(),
        };
        const shown = await captured(decision, capture);
        if (shown !== null) this.enqueue(shown);
      } catch (error) {
        this.#sink.lose(error);
      }
    };
    const sink = this.#sink;
    return function recorded(this: unknown, ...args: Args): Result {
      const startedMs = Date.now();
      const asked = noted(() => (input === undefined ? { arguments: args } : input(...args)));
      const result = Reflect.apply(decide, this, args);
      const settled = (value: Awaited<Result>) => {
        const decided = noted(() => (output === undefined ? asObject(value) : output(value)));
        sink.track(record(asked, decided, startedMs));
      };
      if (isHere(result)) settled(result);
      else if (result instanceof Promise) result.then(settled, () => undefined);
      // To ask it would run it, once more than the application does.
      else sink.lose(new TypeError(LAZY));
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
    goesOn: (until) =>
      this.#options.waitUntil?.(
        until.then(() =>
          // What was dropped is for the application's own flush to tell.
          this.#afterWork(async (left) => this.#queue?.emptied(left)).catch(() => {}),
        ),
      ),
  };
}

const LAZY =
  "A decision that is no Promise but can be awaited is not recorded: make it an async function";

/** Whether there is nothing to wait for. */
function isHere<Result>(result: Result): result is Result & Awaited<Result> {
  const canHave = (typeof result === "object" && result !== null) || typeof result === "function";
  return !canHave || typeof Reflect.get(result, "then") !== "function";
}

/** As it is now, for the application may change what it gives and gets. What fails, fails when it is asked for. */
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
