/** What a queue is told, what it counts, and how it says that something was not acknowledged. */
import { LoopGridError } from "./errors.ts";

export interface QueueOptions {
  /** A folder for records that were not acknowledged yet: a later process sends what is left. */
  readonly spoolDir?: string | undefined;
  /** Records that may wait in memory; 10,000. More are dropped, and counted. */
  readonly queueRecordsMax?: number | undefined;
  /** What waits in memory, or in the spool folder, in characters; 64 Mi, in the folder 1 Gi. */
  readonly queueBytesMax?: number | undefined;
  /** How long a first record waits for others; 20 ms. */
  readonly lingerMs?: number | undefined;
  /**
   * In Workers: `(promise) => ctx.waitUntil(promise)`. A client lives there as long as its request,
   * because what one request began no other may wait for.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Told of every failure that nobody awaits: a refused record, a server that is away. */
  readonly onError?: ((error: LoopGridError) => void) | undefined;
}

export interface FlushOptions {
  readonly timeoutMs?: number;
}

/** How long a flush waits when it is not told. */
export const FLUSH_MS = 30_000;

export interface Counters {
  readonly enqueued: number;
  /** Found in the spool folder, left by a process before. */
  readonly recovered: number;
  /** Handed to the network at least once. */
  readonly sent: number;
  readonly acknowledged: number;
  /** Written to the spool folder. */
  readonly spooled: number;
  /** Lost: no room, or refused by the server. */
  readonly dropped: number;
  /** Neither acknowledged nor dropped yet. */
  readonly pending: number;
}

/** Something was not acknowledged. */
export class UndeliveredError extends LoopGridError {
  override readonly name: string = "UndeliveredError";
  readonly counters: Counters;

  constructor(message: string, counters: Counters, cause: unknown) {
    super(message, { cause });
    this.counters = counters;
  }
}
