/** What callers and the sequencer say to each other, DESIGN §2 "Outcomes". */
import type { EntryDraft } from "./entry.ts";
import type { Fault } from "./fault.ts";
import type { Acknowledged } from "./ports.ts";

export interface AppendRequest {
  readonly drafts: readonly EntryDraft[];
  /** hex(SHA-256(Idempotency-Key)); the first draft's facts carry it too. */
  readonly requestKey?: string;
  /** Only as the very first entry; stale when the ledger has any. */
  readonly onlyIfEmpty?: boolean;
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
  /** A draft's condition does not hold: nothing was written; read again and decide again. */
  | { readonly kind: "stale" }
  /** Not written; stays so until an operator acts. */
  | { readonly kind: "refused"; readonly fault: Fault; readonly detail: string }
  /** Unknown, or not even tried: the same request with the same key finds out. */
  | { readonly kind: "unavailable"; readonly detail: string };

/** A key and the checkpoint sizes it speaks for. */
export interface KeyRange {
  /** C2SP verifier key. */
  readonly key: string;
  readonly fromSize: number;
  /** Null for the key that signs now. */
  readonly toSize: number | null;
}

export interface SequencerStatus {
  /** Newest first. */
  readonly keys: readonly KeyRange[];
  readonly acknowledged: Acknowledged | null;
  readonly refusal: { readonly fault: Fault; readonly detail: string } | null;
}

/** A concurrent twin of a keyed request learns where the first one's entries are. */
export function asRepeat(first: AppendOutcome): AppendOutcome {
  if (first.kind !== "appended") return first;
  return {
    kind: "repeated",
    firstIndex: first.entries[0]?.index ?? 0,
    count: first.entries.length,
  };
}
