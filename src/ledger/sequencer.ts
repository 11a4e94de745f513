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
import { appendDrafts, RANDOM_BYTES_PER_ENTRY, type Appended, type Head } from "./append.ts";
import { formatCheckpoint } from "./checkpoint.ts";
import type { EntryDraft } from "./entry.ts";
import type { Fault } from "./fault.ts";
import type { Hash } from "./hash.ts";
import { LedgerRefused, loadHead, type LedgerKeys } from "./load.ts";
import { formatVerifierKey, signNote } from "./note.ts";
import {
  CommitConflict,
  type Commit,
  type LedgerStore,
  type RequestRow,
  type SequencerMemory,
} from "./ports.ts";
import { rootOf } from "./tiles.ts";

export interface AppendRequest {
  readonly drafts: readonly EntryDraft[];
  /** hex(SHA-256(Idempotency-Key)); the first draft's facts carry it too. */
  readonly requestKey?: string;
}

/** An entry's place, as acknowledged. */
export interface Placed {
  readonly index: number;
  readonly id: string;
  readonly recordedAt: string;
  readonly chainHash: string;
}

/** The committed head that covers an append. `checkpoint` is the signed note. */
export interface CoveredBy {
  readonly size: number;
  readonly rootHash: string;
  readonly checkpoint: string;
}

export type AppendOutcome =
  | ({ readonly kind: "appended"; readonly entries: readonly Placed[] } & CoveredBy)
  /** The key was used before: nothing was written now, the ledger has the answer. */
  | { readonly kind: "repeated"; readonly firstIndex: number; readonly count: number }
  /** Not written; stays so until an operator acts. */
  | { readonly kind: "refused"; readonly fault: Fault; readonly detail: string }
  /** Unknown, or not even tried: the same request with the same key finds out. */
  | { readonly kind: "unavailable"; readonly detail: string };

export interface SequencerPorts {
  readonly ledger: string;
  readonly origin: string;
  readonly store: LedgerStore;
  readonly memory: SequencerMemory;
  /** @param ledgerIsEmpty only then may a key be made. @throws LedgerRefused when there is none. */
  keys(ledgerIsEmpty: boolean): Promise<LedgerKeys>;
  now(): number;
  random(bytes: number): Uint8Array;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface SequencerStatus {
  readonly verifierKeys: readonly string[];
  readonly acknowledgedSize: number;
  readonly refusal: { readonly fault: Fault; readonly detail: string } | null;
}

/** After a group of more than one, the next waits for a crowd to gather: ×1.6 throughput at 64 clients. */
const GATHER_MS = 3;
/** One commit: at most these entries, and these octets of content (an isolate holds 128 MB). */
const GROUP_ENTRIES_MAX = 1000;
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** What may wait. Beyond it callers are turned away at once instead of timing out later. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Tries of one commit whose outcome is unknown: about 2 s of waiting in all. */
const COMMIT_TRIES_MAX = 5;
const BACKOFF_MS = 100;
/** Rounds of re-sequencing after the head moved or a key turned out to be used. */
const CONFLICTS_MAX = 5;

interface Waiting {
  readonly request: AppendRequest;
  readonly bytes: number;
  readonly answer: (outcome: AppendOutcome) => void;
}

interface Group {
  readonly waiting: readonly Waiting[];
  readonly appended: Appended;
  readonly commit: Commit;
}

export class LedgerSequencer {
  readonly #ports: SequencerPorts;
  /** The cache of the head; undefined means: read it again before the next append. */
  #head: Head | undefined;
  #keys: LedgerKeys | undefined;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
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
    const { memory } = this.#ports;
    let refusal: SequencerStatus["refusal"] = null;
    try {
      if (!this.#running) await this.#load();
    } catch (error) {
      if (!(error instanceof LedgerRefused)) throw error;
      refusal = { fault: error.fault, detail: error.message };
    }
    const verifiers = this.#keys?.verifiers ?? [];
    return {
      verifierKeys: verifiers.map(formatVerifierKey),
      acknowledgedSize: memory.acknowledged()?.size ?? 0,
      refusal,
    };
  }

  #enqueue(request: AppendRequest): Promise<AppendOutcome> {
    const bytes = request.drafts.reduce((sum, draft) => sum + draft.content.length, 0);
    if (this.#queuedBytes + bytes > QUEUE_BYTES_MAX) {
      return Promise.resolve({
        kind: "unavailable",
        detail: "too many appends are waiting; nothing was written",
      });
    }
    return new Promise((answer) => {
      this.#queue.push({ request, bytes, answer });
      this.#queuedBytes += bytes;
      if (!this.#running) void this.#run();
    });
  }

  /** One commit in flight at a time. Between the last look at the queue and `#running = false` is no await. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      if (this.#crowd) await this.#ports.sleep(GATHER_MS);
      const waiting = this.#takeGroup();
      this.#crowd = waiting.length > 1;
      await this.#commitGroup(waiting);
    }
    this.#running = false;
  }

  #takeGroup(): Waiting[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      entries += waiting.request.drafts.length;
      bytes += waiting.bytes;
      if (count > 0 && (entries > GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX)) break;
      count++;
      this.#queuedBytes -= waiting.bytes;
    }
    return this.#queue.splice(0, count);
  }

  /** Never rejects: every caller in the group gets its outcome. */
  async #commitGroup(all: readonly Waiting[]): Promise<void> {
    let waiting = all;
    try {
      for (let conflicts = 0; conflicts < CONFLICTS_MAX && waiting.length > 0; conflicts++) {
        const group = await this.#build(waiting);
        const settled = await this.#settle(group.commit);
        if (settled === "committed") return this.#acknowledge(group);
        this.#head = undefined;
        if (settled === "unknown") break;
        waiting = await this.#withoutRepeats(waiting);
      }
      answerAll(waiting, {
        kind: "unavailable",
        detail: "the commit did not confirm; retry with the same Idempotency-Key to find out",
      });
    } catch (error) {
      this.#head = undefined;
      answerAll(waiting, outcomeOf(error));
    }
  }

  async #build(waiting: readonly Waiting[]): Promise<Group> {
    const { ledger, origin } = this.#ports;
    const { head, keys } = await this.#load();
    const drafts = waiting.flatMap(({ request }) => request.drafts);
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
      requests: requestRows(waiting, head.tree.size),
      tiles: appended.tiles,
      checkpoint: await signNote(text, [keys.signer]),
    };
    return { waiting, appended, commit };
  }

  async #load(): Promise<{ head: Head; keys: LedgerKeys }> {
    const { origin, store, memory } = this.#ports;
    if (this.#head !== undefined && this.#keys !== undefined)
      return { head: this.#head, keys: this.#keys };
    const empty = (await store.head()) === undefined && memory.acknowledged() === undefined;
    const keys = (this.#keys ??= await this.#ports.keys(empty));
    const head = await loadHead(origin, store, keys, memory.acknowledged());
    if (head.tree.size > 0) this.#remember(head, rootOf(head.tree));
    this.#head = head;
    return { head, keys };
  }

  /**
   * Commits, and finds out what became of it. A constraint error alone does not say "not written":
   * an earlier try may have landed late. So after any failure the ledger itself is asked for our hash.
   */
  async #settle(commit: Commit): Promise<"committed" | "conflict" | "unknown"> {
    const { store, sleep } = this.#ports;
    for (let attempt = 0; attempt < COMMIT_TRIES_MAX; attempt++) {
      let conflict = false;
      try {
        await store.commit(commit);
        return "committed";
      } catch (error) {
        conflict = error instanceof CommitConflict;
      }
      try {
        const found = await store.chainHashAt(commit.after.size - 1);
        if (found === commit.after.chainHash) return "committed";
        if (found !== undefined || conflict) return "conflict";
      } catch {
        // The ledger cannot be asked now; ask again after the pause.
      }
      await sleep(BACKOFF_MS * 2 ** attempt * this.#jitter());
    }
    return "unknown";
  }

  #acknowledge({ waiting, appended, commit }: Group): void {
    // A crash before this line: committed, nobody told; the next start finds the database ahead.
    this.#remember(appended.head, appended.rootHash);
    this.#head = appended.head;
    const coveredBy: CoveredBy = {
      size: commit.after.size,
      rootHash: toHex(appended.rootHash),
      checkpoint: commit.checkpoint,
    };
    let next = 0;
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

  #remember(head: Head, rootHash: Hash): void {
    this.#ports.memory.acknowledge({ size: head.tree.size, rootHash: toHex(rootHash) });
  }

  /** 0.5 to 1, so that callers and objects that failed together do not come back together. */
  #jitter(): number {
    return 0.5 + (this.#ports.random(1)[0] ?? 0) / 512;
  }

  /** After a conflict: answers those whose key is in the ledger already, returns the others. */
  async #withoutRepeats(waiting: readonly Waiting[]): Promise<readonly Waiting[]> {
    const keys = waiting.flatMap(({ request }) => request.requestKey ?? []);
    if (keys.length === 0) return waiting;
    const used = new Map(
      (await this.#ports.store.requests(keys)).map((row) => [row.requestKey, row]),
    );
    return waiting.filter(({ request, answer }) => {
      const row = request.requestKey === undefined ? undefined : used.get(request.requestKey);
      if (row !== undefined)
        answer({ kind: "repeated", firstIndex: row.firstIndex, count: row.count });
      return row === undefined;
    });
  }
}

/** A concurrent twin of a keyed request learns where the first one's entries are. */
function asRepeat(first: AppendOutcome): AppendOutcome {
  if (first.kind !== "appended") return first;
  return {
    kind: "repeated",
    firstIndex: first.entries[0]?.index ?? 0,
    count: first.entries.length,
  };
}

function requestRows(waiting: readonly Waiting[], size: number): RequestRow[] {
  const rows: RequestRow[] = [];
  let firstIndex = size;
  for (const { request } of waiting) {
    const count = request.drafts.length;
    if (request.requestKey !== undefined)
      rows.push({ requestKey: request.requestKey, firstIndex, count });
    firstIndex += count;
  }
  return rows;
}

function answerAll(waiting: readonly Waiting[], outcome: AppendOutcome): void {
  for (const { answer } of waiting) answer(outcome);
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
