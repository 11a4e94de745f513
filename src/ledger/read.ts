/**
 * Read ports: how features and routes see one ledger. Reads see every acknowledged append.
 * Whatever could be large comes in pages bounded by octets, so that nothing holds a ledger in memory.
 */
import type { DecisionEntries, StoredEntry } from "./decision.ts";
import type { RequestRow, StoredCheckpoint, StoredHead } from "./ports.ts";
import type { TileReader } from "./proof.ts";

/** An entry exactly as stored: text that was hashed or committed to, not yet parsed. */
export interface EntryRow {
  readonly index: number;
  readonly header: string;
  readonly chainHash: string;
  readonly contentHash: string | null;
  /** RFC 8785 JSON `{field: {salt, value}}`; null when the row is missing, which is a finding. */
  readonly fields: string | null;
}

/** Exact, ANDed; absent means any. Times are half-open `[fromMs, toMs)`. */
export interface DecisionFilter {
  readonly serviceName?: string | undefined;
  readonly decisionType?: string | undefined;
  readonly status?: string | undefined;
  readonly modelProvider?: string | undefined;
  readonly modelName?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Where a list starts: at a place in it (pages), or after a decision (keyset). */
export type ListStart = { readonly offset: number } | { readonly after: string };

/** A decision's key and the octets its content takes, so that readers can page by octets. */
export interface DecisionKey {
  readonly decisionId: string;
  readonly bytes: number;
}

/** What an erasure can take from an entry; names only. */
export interface ErasableEntry {
  readonly index: number;
  readonly id: string;
  readonly kind: string;
  readonly fields: readonly string[];
  /** Of replays: the output is the recorded one, simulated or answered once more. */
  readonly repeatsOutput: boolean;
}

/** A field that is gone, and the entry it is gone from. */
export interface ErasedField {
  readonly entryId: string;
  readonly field: string;
}

export interface LedgerReader extends TileReader {
  head(): Promise<StoredHead | undefined>;
  /** The checkpoint of exactly this size. */
  checkpoint(size: number): Promise<StoredCheckpoint | undefined>;
  checkpointsAbove(size: number, limit: number): Promise<readonly StoredCheckpoint[]>;
  /** By index from `from`, fewer than asked when octets run out, at least one while there are more. */
  entries(from: number, to: number, limit: number): Promise<readonly EntryRow[]>;
  /** Headers alone, by index, all of [from, to). The caller bounds their number. */
  headers(from: number, to: number): Promise<readonly string[]>;
  decision(decisionId: string): Promise<DecisionEntries | undefined>;
  /** The decision as it was right after the entry at `index`. */
  decisionAsOf(decisionId: string, index: number): Promise<DecisionEntries | undefined>;
  isRecorded(decisionId: string): Promise<boolean>;
  /** Newest first. */
  decisionKeys(
    filter: DecisionFilter,
    start: ListStart,
    limit: number,
  ): Promise<readonly DecisionKey[]>;
  /** The decisions of these ids, newest first. The caller bounds their octets. */
  decisions(decisionIds: readonly string[]): Promise<readonly DecisionEntries[]>;
  /** From counters; a filter by time counts the range. */
  countDecisions(filter: DecisionFilter): Promise<number>;
  /** Indexes of the entries about a decision, oldest first. */
  historyIndexes(decisionId: string): Promise<readonly number[]>;
  /** The entry at each index, oldest first. The caller bounds their number. */
  entriesAt(indexes: readonly number[]): Promise<readonly StoredEntry[]>;
  /** The index of an entry other than a decision, by the id it created. */
  indexOf(id: string): Promise<number | undefined>;
  /** Entries about a decision, oldest first, and the names of the content fields they still have. */
  erasableEntries(decisionId: string): Promise<readonly ErasableEntry[]>;
  /** Whether the newest `content_held` entry about the decision holds it. */
  isHeld(decisionId: string): Promise<boolean>;
  /** The first entry of the keyed batch that recorded this one, while its request is not erased. */
  batchRequestOf(index: number): Promise<number | undefined>;
  /** The entries about a decision, and the erasures that took fields of them, oldest first. */
  evidenceIndexes(decisionId: string): Promise<readonly number[]>;
  /** Indexes in [to, size) of the erasures that took fields of entries in [from, to). */
  erasuresAfter(from: number, to: number, size: number): Promise<readonly number[]>;
  /** Fields that were erased from any entry. */
  countErased(): Promise<number>;
  /** Every field that was erased from the entries about a decision, oldest entry first. */
  erasedFields(decisionId: string): Promise<readonly ErasedField[]>;
  request(requestKey: string): Promise<RequestRow | undefined>;
}
