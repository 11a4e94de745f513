/** Reading entries by kind: what people told the ledger besides decisions. */
import type { Header } from "./schema.ts";

export interface KindFilter {
  readonly kind: string;
  /** Whether entries of this kind are about a decision. */
  readonly aboutDecision: boolean;
}

export interface PlacedHeader {
  readonly index: number;
  readonly header: Header;
  readonly chainHash: string;
  /** A field of its content was erased. */
  readonly isErased: boolean;
}

export interface KeptDecision {
  readonly decisionId: string;
  readonly serviceName: string;
  readonly decisionType: string;
  readonly recordedAt: string;
}

export interface LedgerRecords {
  /** Indexes below `before` of entries of these kinds, newest first; of one decision where given. */
  indexes(
    kinds: readonly KindFilter[],
    decisionId: string | undefined,
    before: number,
    limit: number,
  ): Promise<readonly number[]>;
  /** Headers below `size` of entries of this kind that are about no decision, newest first. */
  headers(kind: string, size: number, limit: number): Promise<readonly Header[]>;
  /** Decisions with content left, recorded before `beforeMs`, oldest first, behind `after`. */
  withContent(beforeMs: number, after: string, limit: number): Promise<readonly KeptDecision[]>;
  /** Headers at these indexes, in no order. The caller bounds their number. */
  headersAt(indexes: readonly number[]): Promise<readonly PlacedHeader[]>;
  /** Of these decisions, those that the newest `content_held` entry below `size` holds. */
  heldAt(decisionIds: readonly string[], size: number): Promise<ReadonlySet<string>>;
  /** How many decisions were recorded between two entries, of one service. The caller bounds the range. */
  decisionsBetween(serviceName: string, from: Header, to: Header | undefined): Promise<number>;
}
