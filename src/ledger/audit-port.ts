/** What verification reads (audit.ts), and what it is asked. */
import type { ProjectionRows } from "./audit-projections.ts";
import type { Finding } from "./fault.ts";
import type { StoredCheckpoint, StoredHead } from "./ports.ts";
import type { TileReader } from "./proof.ts";
import type { EntryRow } from "./read.ts";
import type { KeyRange } from "./sequencing.ts";
import type { EarlierEntries, TallyRow } from "./tally.ts";

/** An entry with the rows that were derived from it. */
export interface AuditRow extends EntryRow, ProjectionRows {
  /** What its tally takes from elsewhere (tally.ts); the decision's header as text. */
  readonly tallied: EarlierEntries & { readonly about: string | null };
}

export interface StoredTile {
  readonly level: number;
  readonly index: number;
  readonly rootHash: string;
  /** Lower-case hex, joined. */
  readonly hashes: string;
}

export interface StoredTally extends TallyRow {
  readonly block: number;
}

export interface AuditReader extends TileReader {
  head(): Promise<StoredHead | undefined>;
  /** By index, bounded by octets, at least one while there are more. Must survive corrupt rows. */
  page(from: number, to: number, limit: number): Promise<readonly AuditRow[]>;
  /** Checkpoints with `from` < size ≤ `to`, oldest first. */
  checkpoints(from: number, to: number): Promise<readonly StoredCheckpoint[]>;
  /** The size of the newest checkpoint at or below `size`; 0 when there is none. */
  checkpointSizeAt(size: number): Promise<number>;
  /** Tiles that are full at size `to` and were not at size `from`, by level, then index. */
  tiles(from: number, to: number): Promise<readonly StoredTile[]>;
  /** The stored tallies of blocks [from, to). */
  tallies(from: number, to: number): Promise<readonly StoredTally[]>;
  /** Rows that no entry explains, and counters that do not add up; one consistent look. */
  strays(): Promise<readonly Finding[]>;
}

export interface AuditRequest {
  readonly ledger: string;
  readonly origin: string;
  /** Keys and the checkpoint sizes they speak for. */
  readonly keys: readonly KeyRange[];
  readonly from: number;
  /** Absent: up to the head as it is now. */
  readonly to?: number | undefined;
  /** Stops between pages once it is false, so that a caller can answer in time. */
  readonly mayContinue: () => boolean;
}
