/**
 * What the ledger needs from a platform. Each port is a contract: durability, atomicity, and what a
 * failure means. One real implementation each (src/worker), and an in-memory one with fault hooks
 * (test/support).
 */
import type { PlacedEntry } from "./append.ts";
import type { Condition } from "./entry.ts";
import type { TileReader } from "./proof.ts";
import type { Tile } from "./tiles.ts";

/** Everything one transaction writes. Built once, then frozen: a retry sends the identical octets. */
export interface Commit {
  readonly ledger: string;
  readonly before: { readonly size: number; readonly chainHash: string };
  readonly after: { readonly size: number; readonly chainHash: string };
  readonly entries: readonly PlacedEntry[];
  readonly requests: readonly RequestRow[];
  readonly conditions: readonly DecisionCondition[];
  readonly tiles: readonly Tile[];
  /** The signed note over `after`. */
  readonly checkpoint: string;
}

/** Where a keyed request's entries are (DESIGN §2, idempotency). */
export interface RequestRow {
  /** hex(SHA-256(Idempotency-Key)) */
  readonly requestKey: string;
  readonly firstIndex: number;
  readonly count: number;
}

/** A draft's condition with the decision it is about. */
export interface DecisionCondition extends Condition {
  readonly decisionId: string;
}

/** The newest entry and checkpoint as stored, with the right edge of the tree. */
export interface StoredHead {
  readonly size: number;
  readonly chainHash: string;
  readonly recordedAt: string;
  readonly checkpoint: string;
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly previousSize: number;
  readonly note: string;
}

/** The transaction was refused by a constraint: nothing of it was written. Any other error: unknown. */
export class CommitConflict extends Error {
  override readonly name = "CommitConflict";
}

/** What is stored contradicts itself where a reader relies on it. Verification says where and how. */
export class CorruptLedger extends Error {
  override readonly name = "CorruptLedger";
}

/** The ledger's tables, one ledger's view of them. Reads go to the primary and see every commit. */
export interface LedgerStore extends TileReader {
  /** Undefined while the ledger has no entry. */
  readonly head: () => Promise<StoredHead | undefined>;
  /**
   * Writes everything in one transaction, only while the head is still `before`.
   * Durable once it resolves. Rejects with CommitConflict when nothing was written; any other
   * rejection means the outcome is unknown.
   */
  commit(commit: Commit): Promise<void>;
  chainHashAt(index: number): Promise<string | undefined>;
  requests(keys: readonly string[]): Promise<readonly RequestRow[]>;
  /** Where entries other than decisions are, by the ids they created; those that are not there are left out. */
  placed(
    ids: readonly string[],
  ): Promise<readonly { readonly id: string; readonly index: number }[]>;
  /** Headers of the entries of a kind that are about no decision, oldest first. They are few. */
  headersOfKind(kind: string): Promise<readonly string[]>;
  /** Which of these conditions do not hold, by position. */
  brokenConditions(conditions: readonly DecisionCondition[]): Promise<readonly number[]>;
  /** Checkpoints with a size above `size`, oldest first. */
  readonly checkpointsAbove: (size: number, limit: number) => Promise<readonly StoredCheckpoint[]>;
}

/** What the sequencer acknowledged last, kept apart from the ledger so that a rolled-back one shows. */
export interface Acknowledged {
  readonly size: number;
  readonly rootHash: string;
}

/** The sequencer's own small store. Synchronous and durable before any answer leaves. */
export interface SequencerMemory {
  acknowledged(): Acknowledged | undefined;
  acknowledge(head: Acknowledged): void;
}
