/**
 * The ledger's tables in memory: D1's guard and unique keys (migrations/0001_ledger.sql), faults on
 * request, and a door at the back for whoever rolls a ledger back or tampers with it.
 */
import { erasedTargets } from "../../src/ledger/facts.ts";
import type { EntryRow } from "../../src/ledger/read.ts";
import {
  CommitConflict,
  CorruptLedger,
  type Acknowledged,
  type Commit,
  type DecisionCondition,
  type LedgerStore,
  type RequestRow,
  type SequencerMemory,
  type StoredCheckpoint,
  type StoredHead,
} from "../../src/ledger/ports.ts";
import type { Bytes } from "./reference-tree.ts";

/** What becomes of one commit. "Late" ones are reported as failed, then land. */
export type CommitFault =
  | "none"
  | "fails before the write"
  | "fails after the write"
  | "conflicts without a write"
  | "conflicts after the write"
  | "lands at the next commit"
  | "lands after the next look"
  | "lands when told";

export type ReadName =
  | "head"
  | "chainHashAt"
  | "requests"
  | "placed"
  | "headersOfKind"
  | "brokenConditions"
  | "checkpointsAbove"
  | "tile";

interface StoredTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: readonly Bytes[];
  readonly rootHash: Bytes;
}

/** Rows as they are; tests that tamper change them in place. */
export interface Tables {
  head: { size: number; chainHash: string } | undefined;
  readonly entries: Map<number, { header: string; chainHash: string }>;
  readonly contents: Map<number, { contentHash: string | null; fields: string }>;
  readonly requests: Map<string, RequestRow>;
  /** By `level/index`. */
  readonly tiles: Map<string, StoredTile>;
  readonly checkpoints: Map<number, StoredCheckpoint>;
  /** Ids of decisions and of other entries: primary keys of their projections. */
  readonly ids: Set<string>;
}

function emptyTables(): Tables {
  return {
    head: undefined,
    entries: new Map(),
    contents: new Map(),
    requests: new Map(),
    tiles: new Map(),
    checkpoints: new Map(),
    ids: new Set(),
  };
}

export class MemoryStore implements LedgerStore {
  tables = emptyTables();
  /** One for each commit to come; none when it runs out. */
  faults: CommitFault[] = [];
  /** Awaited before and after everything the database does: where other calls get their turn. */
  turn: (what: string) => Promise<void> = async () => {};
  /** Every commit that was tried, copied when it was. */
  readonly attempts: Commit[] = [];
  readonly #failures = new Map<ReadName, number>();
  #late: { commit: Commit; lands: "commit" | "look" | "told" }[] = [];

  /** The next reads of this name fail. */
  failReads(name: ReadName, times: number): void {
    this.#failures.set(name, times);
  }

  /** Whatever is under way reaches the database now, if it still may. */
  land(lands: "commit" | "look" | "told" = "told"): void {
    const landing = this.#late.filter((late) => late.lands === lands);
    this.#late = this.#late.filter((late) => late.lands !== lands);
    for (const { commit } of landing) {
      try {
        this.#write(commit);
      } catch {
        // The guard stopped it: nobody hears of it any more.
      }
    }
  }

  /** The ledger as after the commit that made it `size` entries, as a restore leaves it. */
  rollBack(size: number): void {
    const { entries, contents, requests, tiles, checkpoints } = this.tables;
    this.tables = {
      head:
        size === 0 ? undefined : { size, chainHash: entries.get(size - 1)?.chainHash ?? "none" },
      entries: filtered(entries, (index) => index < size),
      contents: filtered(contents, (index) => index < size),
      requests: filtered(requests, (_, row) => row.firstIndex < size),
      tiles: filtered(tiles, (_, { level, index }) => (index + 1) * 256 ** (level + 1) <= size),
      checkpoints: filtered(checkpoints, (checkpointSize) => checkpointSize <= size),
      ids: new Set(
        [...entries].flatMap(([index, row]) => (index < size ? placeOf(row.header).id : [])),
      ),
    };
  }

  /** Entries as a reader sees them, by index. */
  rows(): EntryRow[] {
    return [...this.tables.entries]
      .toSorted(([a], [b]) => a - b)
      .map(([index, { header, chainHash }]) => {
        const content = this.tables.contents.get(index);
        const contentHash = content?.contentHash ?? null;
        return { index, header, chainHash, contentHash, fields: content?.fields ?? null };
      });
  }

  readonly head = (): Promise<StoredHead | undefined> =>
    this.#read("head", () => {
      const { head, entries, checkpoints } = this.tables;
      if (head === undefined) return undefined;
      const newest = placeOf(entries.get(head.size - 1)?.header ?? "{}");
      const checkpoint = checkpoints.get(head.size)?.note ?? "";
      return { ...head, recordedAt: newest.recorded_at ?? "", checkpoint };
    });

  readonly tile = (level: number, index: number, width: number): Promise<readonly Bytes[]> =>
    this.#read("tile", () => {
      const { entries, tiles } = this.tables;
      if (width === 256) return must(tiles.get(`${level}/${index}`)?.hashes);
      return Array.from({ length: width }, (_, i) =>
        level === 0
          ? new Uint8Array(Buffer.from(must(entries.get(index * 256 + i)).chainHash, "hex"))
          : must(tiles.get(`${level - 1}/${index * 256 + i}`)).rootHash,
      );
    });

  readonly checkpointsAbove = (size: number, limit: number): Promise<readonly StoredCheckpoint[]> =>
    this.#read("checkpointsAbove", () =>
      [...this.tables.checkpoints.values()]
        .filter((row) => row.size > size)
        .toSorted((a, b) => a.size - b.size)
        .slice(0, limit),
    );

  async commit(commit: Commit): Promise<void> {
    this.attempts.push(structuredClone(commit));
    const fault = this.faults.shift() ?? "none";
    await this.turn("commit sent");
    this.land("commit");
    switch (fault) {
      case "fails before the write":
        break;
      case "conflicts without a write":
        // What refuses a commit refuses its earlier tries too: constraints do not forget.
        this.#late = this.#late.filter((late) => late.commit !== commit);
        throw new CommitConflict("some other constraint");
      case "lands at the next commit":
        this.#late.push({ commit, lands: "commit" });
        break;
      case "lands after the next look":
        this.#late.push({ commit, lands: "look" });
        break;
      case "lands when told":
        this.#late.push({ commit, lands: "told" });
        break;
      case "none":
      case "fails after the write":
      case "conflicts after the write":
        this.#write(commit);
        break;
    }
    await this.turn("commit answered");
    if (fault === "conflicts after the write") throw new CommitConflict("the retry met itself");
    if (fault !== "none") throw new Error("D1_ERROR: Network connection lost.");
  }

  async chainHashAt(index: number): Promise<string | undefined> {
    const found = await this.#read("chainHashAt", () => this.tables.entries.get(index)?.chainHash);
    this.land("look");
    return found;
  }

  requests(keys: readonly string[]): Promise<readonly RequestRow[]> {
    return this.#read("requests", () => keys.flatMap((key) => this.tables.requests.get(key) ?? []));
  }

  placed(ids: readonly string[]): Promise<readonly { id: string; index: number }[]> {
    return this.#read("placed", () =>
      this.rows().flatMap(({ header, index }) => {
        const { id } = placeOf(header);
        return ids.includes(id) ? { id, index } : [];
      }),
    );
  }

  headersOfKind(kind: string): Promise<readonly string[]> {
    return this.#read("headersOfKind", () =>
      this.rows().flatMap(({ header }) => {
        const parsed = placeOf(header);
        return parsed.kind === kind && parsed.decision_id === undefined ? header : [];
      }),
    );
  }

  brokenConditions(conditions: readonly DecisionCondition[]): Promise<readonly number[]> {
    return this.#read("brokenConditions", () =>
      conditions.flatMap((condition, position) => (this.#isBroken(condition) ? position : [])),
    );
  }

  /** An entry other than the decision's own, at or beyond the size, of a kind that matters. */
  #isBroken({ decisionId, size, kinds }: DecisionCondition): boolean {
    return this.rows().some(({ index, header }) => {
      const { kind, decision_id } = placeOf(header);
      if (index < size || decision_id !== decisionId || kind === "decision_recorded") return false;
      return kinds === undefined || kinds.includes(kind);
    });
  }

  async #read<T>(name: ReadName, read: () => T): Promise<T> {
    await this.turn(`${name} sent`);
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, Math.max(0, failures - 1));
    const found = failures > 0 ? undefined : { value: read() };
    await this.turn(`${name} answered`);
    if (found === undefined) throw new Error("D1_ERROR: Network connection lost.");
    return found.value;
  }

  /** One transaction: all of it, or CommitConflict and nothing. */
  #write(commit: Commit): void {
    const { before, after, entries, requests, tiles, conditions } = commit;
    const { tables } = this;
    const size = tables.head?.size ?? 0;
    if (size !== before.size || (size > 0 && tables.head?.chainHash !== before.chainHash)) {
      throw new CommitConflict("NOT NULL constraint failed: head_guard.head_is_expected");
    }
    if (conditions.some((condition) => this.#isBroken(condition))) {
      throw new CommitConflict("NOT NULL constraint failed: head_guard.head_is_expected");
    }
    const taken = [
      entries.some(({ header }) => tables.entries.has(header.index) || tables.ids.has(header.id)),
      new Set(entries.map(({ header }) => header.id)).size < entries.length,
      requests.some(({ requestKey }) => tables.requests.has(requestKey)),
      new Set(requests.map(({ requestKey }) => requestKey)).size < requests.length,
      tiles.some(({ level, index }) => tables.tiles.has(`${level}/${index}`)),
      tables.checkpoints.has(after.size),
    ];
    if (taken.includes(true)) throw new CommitConflict("UNIQUE constraint failed");
    for (const { header, headerText, chainHash, draft } of entries) {
      tables.entries.set(header.index, { header: headerText, chainHash });
      tables.contents.set(header.index, {
        contentHash: draft.contentHash,
        fields: Buffer.from(draft.content).toString("utf8"),
      });
      tables.ids.add(header.id);
      for (const target of erasedTargets(header)) this.#erase(target);
    }
    for (const row of requests) tables.requests.set(row.requestKey, row);
    for (const tile of tiles) {
      tables.tiles.set(`${tile.level}/${tile.index}`, structuredClone(tile));
    }
    const checkpoint = { size: after.size, previousSize: before.size, note: commit.checkpoint };
    tables.checkpoints.set(after.size, checkpoint);
    tables.head = { ...after };
  }

  /** In the same transaction as the entry that says so; what stays is the text it was. */
  #erase({ index, fields }: { readonly index: number; readonly fields: readonly string[] }): void {
    const row = this.tables.contents.get(index);
    if (row === undefined) return;
    const content: Record<string, unknown> = JSON.parse(row.fields);
    for (const field of fields) delete content[field];
    const hashed = fields.some((field) => HASHED_FIELDS.has(field));
    this.tables.contents.set(index, {
      contentHash: hashed ? null : row.contentHash,
      fields: JSON.stringify(content),
    });
  }
}

/** An erased one takes the content hash with it, which has no salt. */
const HASHED_FIELDS: ReadonlySet<string> = new Set([
  "input",
  "model",
  "prompt",
  "tool_calls",
  "output",
  "metadata",
]);

/** The sequencer's own storage: it survives the sequencer, and can fail or be lost. */
export class TestMemory implements SequencerMemory {
  value: Acknowledged | undefined;
  /** The next writes fail. */
  failures = 0;

  acknowledged(): Acknowledged | undefined {
    return this.value;
  }

  acknowledge(head: Acknowledged): void {
    if (this.failures > 0) {
      this.failures--;
      throw new Error("storage reset");
    }
    this.value = head;
  }
}

function filtered<K, V>(map: Map<K, V>, keep: (key: K, value: V) => boolean): Map<K, V> {
  return new Map([...map].filter(([key, value]) => keep(key, value)));
}

interface Place {
  readonly id: string;
  readonly kind: string;
  readonly decision_id?: string;
  readonly recorded_at?: string;
}

/** A header that somebody broke is of no kind; it must not break the look for others. */
function placeOf(header: string): Place {
  try {
    const parsed: Place = JSON.parse(header);
    return parsed;
  } catch {
    return { id: "", kind: "" };
  }
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new CorruptLedger("a row is missing");
  return value;
}
