/**
 * A live replay between the request and its entry, DESIGN §2 and §8: the row that reserves the key,
 * survives a restart, and goes once the ledger has the result.
 */
import { z } from "zod";
import { JsonObject } from "../ledger/schema.ts";
import type { PriceList, PriceListCreate } from "./prices.ts";

const Keyed = z.object({
  requestKey: z.string(),
  fingerprint: z.object({
    method: z.string(),
    path: z.string(),
    body_sha256: z.string(),
    count: z.int(),
  }),
});

export const ReplayJob = z.object({
  replayId: z.string(),
  decisionId: z.string(),
  createdAt: z.string(),
  actor: z.string(),
  triggeredBy: z.string(),
  overrides: JsonObject.nullable(),
  keyed: Keyed.nullable(),
  /** The experiment it is part of. */
  experimentId: z.string().optional(),
  /** The client does not wait: a model may think for minutes. */
  patient: z.boolean(),
});
export type ReplayJob = z.infer<typeof ReplayJob>;

/** A finished run, as an entry will tell it; kept until it is committed, for it was paid for. */
export const ReplayResult = z.object({
  /** Of the ledger when the decision was read: nothing may have been erased since. */
  size: z.int(),
  facts: JsonObject,
  content: JsonObject,
});
export type ReplayResult = z.infer<typeof ReplayResult>;

export interface OpenJob {
  readonly job: ReplayJob;
  /** How often it was begun; above 0: the provider may have been called. */
  readonly starts: number;
  readonly result: ReplayResult | undefined;
}

export interface ReplayJobs {
  /** Writes the job unless its key has one: then that one is the answer. Durable once it resolves. */
  reserve(job: ReplayJob): Promise<ReplayJob>;
  find(replayId: string): Promise<OpenJob | undefined>;
  open(): Promise<readonly OpenJob[]>;
  /** Counts a start, before anything is paid for. */
  start(replayId: string): Promise<void>;
  keepResult(replayId: string, result: ReplayResult): Promise<void>;
  remove(replayId: string): Promise<void>;
}

export interface ReplayFilter {
  readonly decisionId: string | undefined;
  readonly outcome: string | undefined;
  readonly executionMode: string | undefined;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  readonly experimentId: string | undefined;
}

/** Everything about replays that one ledger's database holds beside its entries. */
export interface LedgerReplays {
  readonly jobs: ReplayJobs;
  /** Entry indexes, newest first, below `before`. */
  list(filter: ReplayFilter, before: number, limit: number): Promise<readonly number[]>;
  /** The newest, or the one of this version. */
  prices(version?: number): Promise<PriceList | undefined>;
  setPrices(list: z.output<typeof PriceListCreate>, at: string): Promise<PriceList>;
  /** Runs a job to its entry, or joins the run that is under way. Goes on when nobody waits. */
  run(replayId: string): Promise<void>;
}
