/**
 * The sequencer, DESIGN §2: the one component that assigns indexes. Appends queue here, commits take
 * the whole queue at once, and every caller learns one of: appended, repeated, refused, unavailable.
 *
 * No platform in here: storage, keys, clock, randomness and sleep come in as ports, so that the
 * fault table runs in Node in milliseconds; src/worker/sequencer.ts is the Durable Object around it.
 *
 * Awaiting D1 lets other calls run inside the object, hence the explicit queue; a replaced object may
 * not know it is replaced, hence the guard on the head in every commit (ports.ts, `commit`).
 */
import { toHex } from "../lib/bytes.ts";
import { conditionOf, stillAppendable } from "./after-conflict.ts";
import { appendDrafts, RANDOM_BYTES_PER_ENTRY, type Appended, type Head } from "./append.ts";
import { answerAll, AppendQueue, requestRows, type Waiting } from "./append-queue.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import { settle } from "./commit-outcome.ts";
import type { Hash } from "./hash.ts";
import { keyChangeDraft, vkeyOf, type SigningKeys } from "./keys.ts";
import { LedgerRefused, loadLedger, type OpenLedger } from "./load.ts";
import { signNote } from "./note.ts";
import type { Acknowledged, Commit, LedgerStore, SequencerMemory } from "./ports.ts";
import {
  asRepeat,
  type AppendOutcome,
  type AppendRequest,
  type CoveredBy,
  type KeyRange,
  type SequencerStatus,
} from "./sequencing.ts";
import { rootOf } from "./tiles.ts";

export interface SequencerPorts {
  readonly ledger: string;
  readonly origin: string;
  readonly store: LedgerStore;
  readonly memory: SequencerMemory;
  /** @param ledgerIsEmpty only then may a key be made. @throws LedgerRefused when there is none. */
  keys(ledgerIsEmpty: boolean): Promise<SigningKeys>;
  now(): number;
  random(bytes: number): Uint8Array;
  readonly sleep: (ms: number) => Promise<void>;
}

/** After a group of more than one, the next waits for a crowd to gather: ×1.6 throughput at 64 clients. */
const GATHER_MS = 3;
/** Rounds of re-sequencing after the head moved or a key turned out to be used. */
const CONFLICTS_MAX = 5;

interface Group {
  readonly waiting: readonly Waiting[];
  readonly appended: Appended;
  readonly commit: Commit;
  /** The first entry is not a caller's: it is the change of the signing key. */
  readonly changedKey: boolean;
}

export class LedgerSequencer {
  readonly #ports: SequencerPorts;
  readonly #queue = new AppendQueue();
  /** The cache of the head; undefined means: read it again before the next append. */
  #open: OpenLedger | undefined;
  #opening: Promise<OpenLedger> | undefined;
  #running = false;
  #crowd = false;
  /** Keyed requests on their way: a concurrent twin waits for the first (DESIGN §2). */
  readonly #twins = new Map<string, Promise<AppendOutcome>>();

  constructor(ports: SequencerPorts) {
    this.#ports = ports;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const { requestKey } = request;
    if (requestKey === undefined) return this.#enqueue(request);
    const twin = this.#twins.get(requestKey);
    if (twin !== undefined) return asRepeat(await twin);
    const outcome = this.#enqueue(request);
    this.#twins.set(requestKey, outcome);
    try {
      return await outcome;
    } finally {
      this.#twins.delete(requestKey);
    }
  }

  /** Where the sequencer stands, opening the ledger if it was not yet. Appends nothing. */
  async status(): Promise<SequencerStatus> {
    const acknowledged = (): Acknowledged | null => this.#ports.memory.acknowledged() ?? null;
    try {
      const { keys } = await this.#load();
      return { keys: keys.ranges, acknowledged: acknowledged(), refusal: null };
    } catch (error) {
      if (!(error instanceof LedgerRefused)) throw error;
      const refusal = { fault: error.fault, detail: error.message };
      return { keys: await this.#ownKeys(), acknowledged: acknowledged(), refusal };
    }
  }

  /** Of a refused ledger: the keys at hand, so that verification can tell good checkpoints from bad. */
  async #ownKeys(): Promise<readonly KeyRange[]> {
    try {
      const { signer, others } = await this.#ports.keys(false);
      return [signer, ...others].map((key) => ({ key: vkeyOf(key), fromSize: 0, toSize: null }));
    } catch {
      return [];
    }
  }

  #enqueue(request: AppendRequest): Promise<AppendOutcome> {
    return new Promise((answer) => {
      if (this.#queue.offer(request, answer)) {
        if (!this.#running) void this.#run();
        return;
      }
      answer({
        kind: "unavailable",
        detail: "too many appends are waiting; nothing was written",
      });
    });
  }

  /** One commit in flight at a time. Between the last look at the queue and `#running = false` is no await. */
  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#queue.isEmpty) {
      if (this.#crowd) await this.#ports.sleep(GATHER_MS);
      const waiting = this.#queue.takeGroup();
      this.#crowd = waiting.length > 1;
      await this.#commitGroup(waiting);
    }
    this.#running = false;
  }

  /** Never rejects: every caller in the group gets its outcome. */
  async #commitGroup(all: readonly Waiting[]): Promise<void> {
    let waiting = all;
    try {
      for (let conflicts = 0; conflicts < CONFLICTS_MAX && waiting.length > 0; conflicts++) {
        waiting = await this.#withoutLateOpenings(waiting);
        if (waiting.length === 0) return;
        const group = await this.#build(waiting);
        const settled = await settle(this.#ports, group.commit);
        if (settled === "committed") return this.#acknowledge(group);
        this.#open = undefined;
        if (settled === "unknown") break;
        waiting = await stillAppendable(this.#ports.store, waiting);
      }
      answerAll(waiting, {
        kind: "unavailable",
        detail: "the commit did not confirm; retry with the same Idempotency-Key to find out",
      });
    } catch (error) {
      this.#open = undefined;
      answerAll(waiting, outcomeOf(error));
    }
  }

  /** A ledger is opened once, by its first entry. */
  async #withoutLateOpenings(waiting: readonly Waiting[]): Promise<readonly Waiting[]> {
    if (!waiting.some(({ request }) => request.onlyIfEmpty)) return waiting;
    const { head } = await this.#load();
    const late = waiting.filter(
      ({ request }, i) => request.onlyIfEmpty && (head.tree.size > 0 || i > 0),
    );
    answerAll(late, { kind: "stale" });
    return waiting.filter((one) => !late.includes(one));
  }

  async #build(waiting: readonly Waiting[]): Promise<Group> {
    const { ledger, origin } = this.#ports;
    const { head, keys } = await this.#load();
    const { signer, endorser } = keys;
    // A change of key is the first entry of a commit that the old and the new key both sign.
    const change = endorser === undefined ? [] : [keyChangeDraft(endorser, signer)];
    const drafts = [...change, ...waiting.flatMap(({ request }) => request.drafts)];
    const random = this.#ports.random(drafts.length * RANDOM_BYTES_PER_ENTRY);
    // From here to the frozen commit only the signature is awaited, and #running keeps others out.
    const appended = appendDrafts(ledger, head, drafts, this.#ports.now(), random);
    const { size } = appended.head.tree;
    const text = formatCheckpoint({ origin, size, rootHash: appended.rootHash, extensions: [] });
    const commit: Commit = {
      ledger,
      before: { size: head.tree.size, chainHash: head.chainHash },
      after: { size, chainHash: appended.head.chainHash },
      entries: appended.entries,
      requests: requestRows(waiting, head.tree.size + change.length),
      conditions: drafts.flatMap(conditionOf),
      tiles: appended.tiles,
      checkpoint: await signNote(text, endorser === undefined ? [signer] : [signer, endorser]),
    };
    return { waiting, appended, commit, changedKey: change.length > 0 };
  }

  /** One load at a time: a slow look for `status` must not put an older head over a newer one. */
  #load(): Promise<OpenLedger> {
    if (this.#open !== undefined) return Promise.resolve(this.#open);
    this.#opening ??= this.#read().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #read(): Promise<OpenLedger> {
    const { origin, store, memory } = this.#ports;
    const empty = (await store.head()) === undefined && memory.acknowledged() === undefined;
    const signing = await this.#ports.keys(empty);
    const open = await loadLedger(origin, store, signing, memory.acknowledged());
    if (open.head.tree.size > 0) this.#remember(open.head, rootOf(open.head.tree));
    this.#open = open;
    return open;
  }

  #acknowledge({ waiting, appended, commit, changedKey }: Group): void {
    // A crash before this line: committed, nobody told; the next start finds the database ahead.
    this.#remember(appended.head, appended.rootHash);
    // After a change of key the ranges are read again.
    this.#open =
      changedKey || this.#open === undefined ? undefined : { ...this.#open, head: appended.head };
    const coveredBy: CoveredBy = {
      size: commit.after.size,
      rootHash: toHex(appended.rootHash),
      checkpoint: commit.checkpoint,
    };
    let next = changedKey ? 1 : 0;
    for (const { request, answer } of waiting) {
      const entries = appended.entries.slice(next, next + request.drafts.length);
      next += request.drafts.length;
      answer({
        kind: "appended",
        entries: entries.map(({ header, chainHash }) => ({
          index: header.index,
          id: header.id,
          recordedAt: header.recorded_at,
          chainHash,
        })),
        ...coveredBy,
      });
    }
  }

  /** What was acknowledged never goes back. */
  #remember(head: Head, rootHash: Hash): void {
    const { memory } = this.#ports;
    const { size } = head.tree;
    if ((memory.acknowledged()?.size ?? 0) < size)
      memory.acknowledge({ size, rootHash: toHex(rootHash) });
  }
}

function outcomeOf(error: unknown): AppendOutcome {
  if (error instanceof LedgerRefused) {
    return { kind: "refused", fault: error.fault, detail: error.message };
  }
  return {
    kind: "unavailable",
    detail: "the ledger could not be reached; retry with the same Idempotency-Key",
  };
}
