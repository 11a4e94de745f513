/**
 * What experiments need from a ledger's database, DESIGN §8: rows that survive a restart. One runner
 * an experiment writes them; cancel and resume are the only other writers, and each is one statement
 * or one transaction.
 */
import type { DecisionFilter } from "../../ledger/read.ts";
import type { ItemResult, ItemState } from "./item.ts";
import type { ExperimentReport, ExperimentState, Progress } from "./schema.ts";

export interface Selected {
  readonly decisionId: string;
  /** As recorded; '' where it was not. */
  readonly provider: string;
}

export interface ExperimentRow {
  readonly experimentId: string;
  readonly state: ExperimentState;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly actor: string;
  readonly maxItems: number | null;
  readonly maxCost: number | null;
  readonly endedEntryId: string | null;
  readonly report: ExperimentReport | null;
}

export interface ItemRow {
  readonly position: number;
  readonly decisionId: string;
  readonly provider: string;
  readonly state: ItemState;
  readonly replayId: string | null;
  /** Of every attempt so far, judges included; null while none of them has a price. */
  readonly cost: number | null;
  readonly result: ItemResult | null;
}

export interface Budget {
  readonly maxItems: number | null;
  readonly maxCost: number | null;
}

/** What was used of a budget. */
export interface Spent {
  readonly items: number;
  readonly cost: number;
  /** Of the dearest item; null before the first that has a price. */
  readonly dearest: number | null;
  /** Whether an answer came whose price is unknown. */
  readonly unpriced: boolean;
}

export const NOTHING_SPENT: Spent = { items: 0, cost: 0, dearest: null, unpriced: false };

export interface Experiments {
  /** Matching decisions, newest first. */
  select(filter: DecisionFilter, limit: number): Promise<readonly Selected[]>;
  /** Those of the ids that are recorded, in their order. */
  selectIds(decisionIds: readonly string[]): Promise<readonly Selected[]>;
  /** Freezes the list. All of it is there once this resolves, or none of it counts. */
  create(
    experimentId: string,
    selected: readonly Selected[],
    at: { readonly createdAt: string; readonly actor: string } & Budget,
  ): Promise<void>;
  /** A twin of the same request was faster. */
  discard(experimentId: string): Promise<void>;
  find(experimentId: string): Promise<ExperimentRow | undefined>;
  /** Newest first, those that sort below `before`. */
  list(before: string | undefined, limit: number): Promise<readonly ExperimentRow[]>;
  progress(experimentId: string): Promise<Progress>;
  items(experimentId: string, from: number, limit: number): Promise<readonly ItemRow[]>;
  /** No item is begun from now on. @returns whether it was running or queued */
  cancel(experimentId: string, actor: string): Promise<boolean>;
  /** What failed or was skipped is pending again. @returns whether there was anything to resume */
  resume(experimentId: string, actor: string, budget: Budget): Promise<boolean>;
}

/** The runner's own part. */
export interface RunnerRows {
  row(): Promise<ExperimentRow | undefined>;
  begin(startedAt: string): Promise<void>;
  /** A list that was frozen for an entry that never came. */
  discard(): Promise<void>;
  progress(): Promise<Progress>;
  spent(): Promise<Spent>;
  /** Providers with pending items. */
  waiting(): Promise<readonly string[]>;
  pending(provider: string, limit: number): Promise<readonly ItemRow[]>;
  running(): Promise<readonly ItemRow[]>;
  items(from: number, limit: number): Promise<readonly ItemRow[]>;
  /** Before anything is paid for. @returns whether it was still pending */
  claim(position: number, replayId: string): Promise<boolean>;
  /** Only while the item still waits for this replay: once. */
  settle(
    claimed: { readonly position: number; readonly replayId: string },
    state: ItemState,
    result: ItemResult,
    cost: number | null,
  ): Promise<void>;
  skipRest(reason: string): Promise<void>;
  /** Kept before the entry is appended, so that it is appended once. @returns the id that was first */
  nameEnd(entryId: string): Promise<string>;
  end(state: ExperimentState, endedAt: string, report: ExperimentReport): Promise<void>;
}

/** What the HTTP layer sees. */
export interface LedgerExperiments extends Experiments {
  /** Makes sure that it runs; harmless when it does, or is over. */
  wake(experimentId: string): Promise<void>;
}
