/**
 * Records on their way, without making anybody wait: bounded, in batches, with backoff. Every record
 * is at last acknowledged, dropped and counted, or still pending; nothing is lost silently.
 *
 *   enqueued + recovered = acknowledged + dropped + pending
 *
 * One batch is in flight at a time and keeps its Idempotency-Key until it is acknowledged, so that an
 * unknown outcome is asked again and never written twice.
 */
import { inMemory, partsOf, type Batch, type Part } from "./batch.ts";
import {
  FLUSH_MS,
  UndeliveredError,
  type Counters,
  type FlushOptions,
  type QueueOptions,
} from "./delivery.ts";
import { LoopGridAPIError, LoopGridConnectionError, LoopGridError } from "./errors.ts";
import { backoffMs } from "./retry.ts";
import { atExit, idleTimer } from "./runtime.ts";
import { Gathering } from "./gathering.ts";
import { HEARTBEAT_MS, Spool } from "./spool.ts";
import type { Transport } from "./transport.ts";
import type { DecisionBatch } from "./wire.ts";

const QUEUE_RECORDS = 10_000;
const QUEUE_BYTES = 64 * 1024 * 1024;
const SPOOL_BYTES = 1024 * 1024 * 1024;
const LINGER_MS = 20;
/** Refusals of what is in the records; any other answer is about the server or the key, and passes. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 415, 422]);

const GONE = "A file of the spool folder is gone: deleted, or sent by another process";
const UNCONFIRMED = "An answer of 2xx did not confirm the records of its batch";

interface Wait {
  readonly isOver: () => boolean;
  readonly end: () => void;
}

export class Queue {
  readonly #transport: Transport;
  readonly #options: QueueOptions;
  readonly #spool: Spool | undefined;
  readonly #ready: Batch[] = [];
  /** Keys that were sent, of batches that still wait. */
  readonly #tried = new Set<string>();
  /** Left by others, who may send them too. */
  readonly #recovered = new WeakSet<Batch>();
  readonly #gathering: Gathering;
  #counts = { enqueued: 0, recovered: 0, sent: 0, acknowledged: 0, spooled: 0, dropped: 0 };
  #waitingBytes = 0;
  #sending = false;
  #closed = false;
  #lastError: LoopGridError | undefined;
  #droppedUnsaid = 0;
  #wake: (() => void) | undefined;
  #stopLinger: (() => void) | undefined;
  #stopHeartbeat: (() => void) | undefined;
  #stopExit: (() => void) | undefined;
  #isAwaited = false;
  /** Records that ever came to wait, and those of them that wait no more: first come, first settled. */
  #taken = 0;
  #done = 0;
  readonly #waits = new Set<Wait>();
  readonly #ender = new AbortController();

  /** @throws TypeError when there is a spoolDir and no file system */
  constructor(transport: Transport, options: QueueOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#spool = options.spoolDir === undefined ? undefined : new Spool(options.spoolDir);
    this.#gathering = new Gathering(this.#spool);
    if (this.#spool !== undefined) this.#beat();
  }

  get counters(): Counters {
    const { enqueued, recovered, acknowledged, dropped } = this.#counts;
    return { ...this.#counts, pending: enqueued + recovered - acknowledged - dropped };
  }

  /** @returns false when there was no room: the record is dropped, and counted */
  add(record: Record<string, unknown>): boolean {
    this.#counts.enqueued++;
    let line: string;
    try {
      line = JSON.stringify(record);
    } catch (error) {
      this.#drop(1);
      this.#tell(new LoopGridError("A record is not JSON", { cause: error }));
      return false;
    }
    if (this.#closed || !this.#hasRoomFor(line)) {
      const why = this.#closed ? "The queue is closed" : "The queue is full";
      this.#drop(1);
      this.#tell(new LoopGridError(why, { cause: this.#lastError }));
      return false;
    }
    if (!this.#gathering.takes(line)) this.#cut();
    this.#append(line);
    this.#taken++;
    if (this.#gathering.isFull) this.#cut();
    this.#send();
    this.#beAwaited();
    return true;
  }

  /** One that could not be made, for a reason of its own. */
  lose(error: unknown): void {
    this.#counts.enqueued++;
    this.#drop(1);
    this.#tell(asError(error));
  }

  /**
   * Waits until everything that was enqueued before is acknowledged.
   * @throws UndeliveredError when something was dropped since the last flush, or is still pending
   *   when the time is over; with a spool folder what is pending is kept there
   */
  async flush({ timeoutMs = FLUSH_MS }: FlushOptions = {}): Promise<void> {
    this.#begin();
    const target = this.#taken;
    await this.#until(() => this.#done >= target, timeoutMs);
    this.#say(Math.max(0, target - this.#done));
  }

  /**
   * Waits until nothing is pending, also of what comes meanwhile, and leaves what was dropped to be
   * told by the next flush.
   * @returns how many are pending all the same, when the time is over
   */
  async emptied({ timeoutMs = FLUSH_MS }: FlushOptions = {}): Promise<number> {
    this.#begin();
    await this.#until(() => this.counters.pending === 0, timeoutMs);
    return this.counters.pending;
  }

  /** Whatever waits is sent now. */
  #begin(): void {
    this.#recover();
    this.#cut();
    this.#send();
    this.#wake?.();
  }

  async #until(isOver: () => boolean, timeoutMs: number): Promise<void> {
    if (isOver()) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waits.delete(wait);
        resolve();
      };
      const wait = { isOver, end };
      const timer = setTimeout(end, timeoutMs);
      this.#waits.add(wait);
    });
  }

  /** @throws UndeliveredError when there is something to say */
  #say(pending: number): void {
    const dropped = this.#droppedUnsaid;
    this.#droppedUnsaid = 0;
    if (pending === 0 && dropped === 0) return;
    const kept = this.#spool === undefined ? "" : ", kept in the spool folder";
    const said = [
      ...(dropped === 0 ? [] : [`${dropped} dropped`]),
      ...(pending === 0 ? [] : [`${pending} not acknowledged yet${kept}`]),
    ];
    throw new UndeliveredError(`Records: ${said.join(", ")}`, this.counters, this.#lastError);
  }

  /** Flushes, then takes nothing more. What is pending stays in the spool folder, where there is one. */
  async close(options?: FlushOptions): Promise<void> {
    try {
      this.#say(await this.emptied(options));
    } catch (error) {
      const { pending } = this.counters;
      if (this.#spool !== undefined || pending === 0) throw error;
      // What was in flight may have been written all the same: lost means that nobody knows.
      this.#drop(pending);
      const { dropped } = this.counters;
      throw new UndeliveredError(`Records: ${dropped} dropped`, this.counters, error);
    } finally {
      this.#closed = true;
      this.#cut();
      this.#ender.abort();
      this.#stopHeartbeat?.();
      this.#stopLinger?.();
      this.#stopExit?.();
      this.#wake?.();
      this.#spool?.release();
    }
  }

  #hasRoomFor(line: string): boolean {
    const { queueRecordsMax = QUEUE_RECORDS, queueBytesMax } = this.#options;
    const bytesMax = queueBytesMax ?? (this.#spool === undefined ? QUEUE_BYTES : SPOOL_BYTES);
    if (this.#waitingBytes + line.length > bytesMax) return false;
    return this.#spool !== undefined || this.counters.pending <= queueRecordsMax;
  }

  #append(line: string): void {
    this.#waitingBytes += line.length;
    try {
      if (this.#gathering.append(line)) this.#counts.spooled++;
    } catch (error) {
      // The disk is full: what is in the file is good; this record waits in memory.
      this.#tell(new LoopGridError("The spool folder takes no more", { cause: error }));
      this.#cut();
      this.#gathering.keep(line);
    }
  }

  /** What has gathered becomes a batch; from here on it does not change. */
  #cut(): void {
    const batch = this.#gathering.cut();
    if (batch !== undefined) this.#ready.push(batch);
  }

  /** Begins to send, unless it is being done: after a moment, so that a crowd can gather. */
  #send(): void {
    if (this.#sending || this.#closed) return;
    if (this.#ready.length > 0) {
      this.#sending = true;
      void this.#sendAll();
    } else if (!this.#gathering.isEmpty && this.#stopLinger === undefined) {
      const timer = setTimeout(() => {
        this.#stopLinger = undefined;
        this.#cut();
        this.#send();
      }, this.#options.lingerMs ?? LINGER_MS);
      this.#stopLinger = () => clearTimeout(timer);
    }
  }

  async #sendAll(): Promise<void> {
    let failures = 0;
    try {
      for (let batch = this.#ready[0]; batch !== undefined; batch = this.#ready[0]) {
        const isDone = await this.#sendOne(batch);
        if (isDone) this.#ready.shift();
        failures = isDone ? 0 : failures + 1;
        this.#settled();
        if (this.#closed) break;
        if (!isDone) await this.#pause(backoffMs(failures));
        if (this.#ready.length === 0) this.#cut();
      }
    } catch (error) {
      this.#tell(asError(error)); // nobody awaits this; the next record, or flush, begins anew
    } finally {
      this.#sending = false;
    }
  }

  /** @returns whether the batch is no longer waiting */
  async #sendOne(batch: Batch): Promise<boolean> {
    const { key, count, bytes } = batch;
    if (!this.#tried.has(key)) this.#counts.sent += count;
    this.#tried.add(key);
    let lines: readonly string[] | undefined;
    try {
      lines = batch.lines();
      if (lines === undefined) throw new LoopGridError(GONE);
      if (lines.length > 0) {
        const body = `{"decisions":[${lines.join(",")}]}`;
        const asked = { method: "POST", path: "/v1/decisions/batch", idempotencyKey: key } as const;
        const { signal } = this.#ender;
        const sent = { ...asked, body, signal, retries: 0 };
        const { value } = await this.#transport.json<Partial<DecisionBatch> | null>(sent);
        // A proxy's own page is no receipt: whether it was written is unknown, it is asked again.
        if (value?.count !== lines.length) throw new LoopGridConnectionError(UNCONFIRMED);
      }
      this.#tried.delete(key);
      batch.remove();
      // Closed meanwhile: it was counted as lost, or as left in the spool folder, already.
      if (this.#closed) return false;
      this.#counts.acknowledged += count;
      this.#done += count;
      this.#waitingBytes -= bytes;
      return true;
    } catch (error) {
      const failure = asError(error);
      if (this.#closed) return false;
      this.#tell(failure);
      const isRefused = failure instanceof LoopGridAPIError && REFUSED.has(failure.status);
      if (isRefused) this.#refused(batch, lines ?? [], failure);
      else if (failure.message === GONE) this.#gone(batch);
      return isRefused || failure.message === GONE;
    }
  }

  #refused(batch: Batch, lines: readonly string[], error: LoopGridAPIError): void {
    // Under this key other lines were sent: what they were, nobody can tell here.
    const isTaken = error.errors.some(({ path }) => path === "Idempotency-Key");
    if (lines.length <= 1 || isTaken) return this.#loseBatch(batch);
    this.#tried.delete(batch.key);
    const parts = partsOf(batch.key, lines, error).map((part) => this.#kept(part));
    for (const { key } of parts) this.#tried.add(key);
    this.#ready.splice(1, 0, ...parts);
    batch.remove();
  }

  /** One that was recovered another process has sent: it is no loss, and was none of ours. */
  #gone(batch: Batch): void {
    if (!this.#recovered.has(batch)) return this.#loseBatch(batch);
    this.#tried.delete(batch.key);
    this.#waitingBytes -= batch.bytes;
    this.#counts.recovered -= batch.count;
    this.#done += batch.count;
    batch.remove();
  }

  #loseBatch(batch: Batch): void {
    this.#tried.delete(batch.key);
    this.#waitingBytes -= batch.bytes;
    batch.refuse();
    this.#done += batch.count;
    this.#drop(batch.count);
  }

  #kept({ key, lines }: Part): Batch {
    const batch = inMemory(key, lines);
    try {
      const spooled = this.#spool?.write(key, lines);
      return spooled === undefined ? batch : { ...spooled, bytes: batch.bytes };
    } catch (error) {
      this.#tell(new LoopGridError("The spool folder takes no more", { cause: error }));
      return batch;
    }
  }

  #drop(count: number): void {
    this.#counts.dropped += count;
    this.#droppedUnsaid += count;
  }

  #tell(error: LoopGridError): void {
    this.#lastError = error;
    void unheard(() => this.#options.onError?.(error));
  }

  #settled(): void {
    for (const { isOver, end } of this.#waits) if (isOver()) end();
    if (this.counters.pending > 0) return;
    this.#stopExit?.();
    this.#stopExit = undefined;
  }

  /** Somebody has to know of what is pending: the Worker's request, or whoever reads stderr. */
  #beAwaited(): void {
    const { waitUntil } = this.#options;
    if (waitUntil !== undefined && !this.#isAwaited) waitUntil(this.#awaited());
    if (this.#spool === undefined)
      this.#stopExit ??= atExit(
        () =>
          `LoopGrid: ${this.counters.pending} records were not acknowledged; await close() before the process ends`,
      );
  }

  async #awaited(): Promise<void> {
    this.#isAwaited = true;
    const pending = await this.emptied();
    this.#isAwaited = false;
    if (pending > 0) this.#tell(new LoopGridError(`Records: ${pending} not acknowledged yet`));
  }

  /** Keeps no process alive by itself: a server that is away would keep it for ever. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = () => {
        stop();
        this.#wake = undefined;
        resolve();
      };
      const stop = idleTimer(over, ms);
      this.#wake = over;
    });
  }

  /** Touches this process's file, and looks for those of others. */
  #beat(): void {
    this.#recover();
    this.#stopHeartbeat = idleTimer(() => {
      for (const batch of this.#ready) batch.touch();
      try {
        this.#gathering.touch();
      } catch {
        this.#cut(); // taken over
      }
      this.#beat();
    }, HEARTBEAT_MS);
  }

  #recover(): void {
    if (this.#spool === undefined) return;
    try {
      for (const batch of this.#spool.leftovers()) {
        this.#recovered.add(batch);
        this.#counts.recovered += batch.count;
        this.#taken += batch.count;
        this.#waitingBytes += batch.bytes;
        this.#ready.push(batch);
      }
      this.#send();
    } catch (error) {
      this.#tell(new LoopGridError("The spool folder cannot be read", { cause: error }));
    }
  }
}

function asError(error: unknown): LoopGridError {
  return error instanceof LoopGridError
    ? error
    : new LoopGridError(String(error), { cause: error });
}

/** Whoever is told of failures must not cause more, nor later by a promise. */
async function unheard(tell: () => unknown): Promise<void> {
  try {
    await tell();
  } catch {
    // The listener's own.
  }
}
