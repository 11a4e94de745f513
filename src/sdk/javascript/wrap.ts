/** `grid.wrap(client)` and `grid.fetch()`: recording without code, at the level of `fetch`. */
import {
  captured,
  decisionOf,
  type CallNames,
  type CaptureOptions,
  type Observed,
} from "./capture.ts";
import type { Fetch } from "./config.ts";
import { recordingFetch, type Recorder } from "./recording-fetch.ts";
import type { DecisionParams } from "./writer.ts";

export interface WrapOptions extends CallNames {
  readonly capture?: CaptureOptions | undefined;
  /** Who answers, where the address does not say: `azure`, `vllm`; GET /v1/providers lists them. */
  readonly provider?: string | undefined;
  /** Also calls that brought no answer, each attempt of them. They decided nothing: not by default. */
  readonly recordFailures?: boolean | undefined;
}

/** What takes the records. */
export interface Sink {
  enqueue(decision: DecisionParams): unknown;
  /** One that could not be made. */
  lose(error: unknown): void;
  /** Work that has to be over before a flush is. */
  track(work: Promise<void>): void;
  goesOn(until: Promise<void>): void;
}

/** An official client of OpenAI or Anthropic: it can be copied with another `fetch`. */
interface Copyable {
  withOptions(options: { fetch: Fetch }): unknown;
}

export function fetchFor(sink: Sink, options: WrapOptions, next: Fetch): Fetch {
  return recordingFetch(next, recorderFor(sink, options));
}

/** @throws TypeError for anything that cannot be given another `fetch` */
export function wrapClient<Client>(client: Client, sink: Sink, options: WrapOptions): Client {
  if (!isCopyable(client))
    throw new TypeError(
      "wrap() takes a client of openai or @anthropic-ai/sdk; give others `fetch: grid.fetch()` as an option",
    );
  // Their requests have another form, which is taken for no call to a model.
  const unseen = /Bedrock|Vertex/.exec(client.constructor.name)?.[0];
  if (unseen !== undefined)
    throw new TypeError(`wrap() does not record calls to ${unseen}: they have another form`);
  const own: unknown = Reflect.get(client, "fetch");
  const next: Fetch = isFetch(own) ? own : (input, init) => globalThis.fetch(input, init);
  // Azure's addresses are everybody's own; its client tells.
  const provider = client.constructor.name === "AzureOpenAI" ? { provider: "azure" } : {};
  const copy = client.withOptions({ fetch: fetchFor(sink, { ...provider, ...options }, next) });
  if (isSameKind(client, copy)) return copy;
  throw new TypeError("withOptions() of this client does not make a client");
}

function isCopyable<Client>(client: Client): client is Client & Copyable {
  return (
    typeof client === "object" &&
    client !== null &&
    typeof Reflect.get(client, "withOptions") === "function"
  );
}

function isFetch(value: unknown): value is Fetch {
  return typeof value === "function";
}

function isSameKind<Client extends object>(client: Client, copy: unknown): copy is Client {
  return (
    typeof copy === "object" &&
    copy !== null &&
    Object.getPrototypeOf(copy) === Object.getPrototypeOf(client)
  );
}

export function recorderFor(sink: Sink, options: WrapOptions): Recorder {
  const { capture = {}, provider, recordFailures = false, ...names } = options;
  const record = async (observed: Observed) => {
    try {
      const decision = await captured(decisionOf(observed, names, capture.fields), capture);
      if (decision !== null) sink.enqueue(decision);
    } catch (error) {
      sink.lose(error);
    }
  };
  return {
    provider,
    failures: recordFailures,
    record: (observed) => sink.track(record(observed)),
    failed: (error) => sink.lose(error),
    goesOn: (until) => sink.goesOn(until),
  };
}
