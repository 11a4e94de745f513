/** `grid.replays`: lists, and replays that take longer than anybody waits. */
import { LoopGridTimeoutError } from "./errors.ts";
import { onTheWire, queryOf } from "./naming.ts";
import { sleep } from "./runtime.ts";
import { eachOf } from "./streams.ts";
import { newKey, type AppendOptions, type CallOptions, type Transport } from "./transport.ts";
import type {
  AcceptedReplay,
  CreatedReplay,
  ListedReplay,
  Replay,
  ReplayList,
  ReplayParams,
} from "./wire.ts";

export interface ReplayFilter {
  readonly decisionId?: string | undefined;
  readonly outcome?: string | undefined;
  readonly executionMode?: string | undefined;
  readonly provider?: string | undefined;
  /** The requested one. */
  readonly model?: string | undefined;
}

export interface WaitOptions extends CallOptions {
  readonly timeoutMs?: number | undefined;
}

const PAGE_MAX = 100;
/** Models that think for minutes are why somebody waits here. */
const WAIT_MS = 600_000;
const POLL_MS = 250;
const POLL_MS_MAX = 5_000;

export class Replays {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Answers at once: with the id of a replay that runs, or with the replay when none has to run. */
  async start(
    replay: ReplayParams,
    options: Omit<AppendOptions, "receipt"> = {},
  ): Promise<AcceptedReplay | CreatedReplay> {
    const { idempotencyKey = newKey(), signal } = options;
    const { value } = await this.#transport.json<AcceptedReplay | CreatedReplay>({
      method: "POST",
      path: "/v1/replays",
      body: JSON.stringify({ triggered_by: "sdk", ...onTheWire(replay) }),
      prefer: "respond-async",
      idempotencyKey,
      signal,
    });
    return value;
  }

  /** Waits for the end of a replay. @throws LoopGridTimeoutError; the replay goes on */
  async wait(replayId: string, { timeoutMs = WAIT_MS, signal }: WaitOptions = {}): Promise<Replay> {
    const deadlineMs = Date.now() + timeoutMs;
    for (let pauseMs = POLL_MS; ; pauseMs = Math.min(2 * pauseMs, POLL_MS_MAX)) {
      const path = `/v1/replays/${encodeURIComponent(replayId)}`;
      const replay = await this.#transport.get<Replay>(path, {}, { signal });
      const isOver =
        replay.execution_status === "completed" || replay.execution_status === "failed";
      if (isOver) return replay;
      if (Date.now() + pauseMs > deadlineMs)
        throw new LoopGridTimeoutError(`Replay ${replayId} is still ${replay.execution_status}`);
      await sleep(pauseMs, signal);
    }
  }

  async page(
    filter: ReplayFilter & { readonly limit?: number; readonly cursor?: string | undefined } = {},
    options?: CallOptions,
  ): Promise<ReplayList> {
    return this.#transport.get(
      "/v1/replays",
      { limit: PAGE_MAX, ...queryOf({ ...filter }) },
      options,
    );
  }

  /** Every replay that fits, newest first. */
  all(filter: ReplayFilter = {}, options?: CallOptions): AsyncGenerator<ListedReplay> {
    return eachOf(async (cursor) => {
      const { replays, next_cursor } = await this.page({ ...filter, cursor }, options);
      return { items: replays, nextCursor: next_cursor };
    });
  }
}
