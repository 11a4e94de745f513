/**
 * What every route does that appends about a decision: find the key, or build, append and, where the
 * ledger moved in between, build again; then the receipt. Recording has its own faster path.
 */
import type { z } from "zod";
import type { KeyedRequest } from "../ledger/draft.ts";
import type { EntryDraft } from "../ledger/entry.ts";
import {
  append,
  coveredBy,
  drafting,
  keyedFrom,
  landedAs,
  landedBefore,
  receiptOf,
  replayedHeader,
  type Landed,
  type Receipt,
  type ReceiptQuery,
} from "./answers.ts";
import type { Call } from "./endpoint.ts";
import { Problem } from "./problem.ts";

export type AppendingCall = Pick<
  Call<unknown, z.infer<typeof ReceiptQuery>, unknown>,
  "query" | "request" | "path" | "sentBody" | "ledger"
>;

export interface AppendedOnce {
  /** Of the first entry. */
  readonly index: number;
  readonly receipt: z.infer<typeof Receipt>;
  readonly headers: Readonly<Record<string, string>>;
}

/** A draft's condition may fail because somebody else was faster: read and decide again, this often. */
const ROUNDS_MAX = 5;

/**
 * @param build reads what it needs and makes the drafts; none: there is nothing to append
 * @throws Problem 503 when the outcome is unknown, or when others kept being faster
 */
export async function appendOnce(
  call: AppendingCall,
  build: (keyed: KeyedRequest | undefined) => Promise<readonly EntryDraft[]>,
): Promise<AppendedOnce | undefined> {
  const { ledger } = call;
  const keyed = keyedFrom(call);
  const landed = (await landedBefore(ledger, keyed)) ?? (await landNew(call, keyed, build));
  if (landed === undefined) return undefined;
  const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
  const receipt = await receiptOf(ledger, index, await coveredBy(ledger, landed), call.query);
  return { index, receipt, headers: replayedHeader(landed) };
}

async function landNew(
  { ledger }: AppendingCall,
  keyed: KeyedRequest | undefined,
  build: (keyed: KeyedRequest | undefined) => Promise<readonly EntryDraft[]>,
): Promise<Landed | undefined> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const drafts = await drafting(() => build(keyed));
    if (drafts.length === 0) return undefined;
    const outcome = await append(ledger, drafts, keyed);
    if (outcome.kind !== "stale") return landedAs(ledger, outcome, keyed);
  }
  throw new Problem(503, "The decision kept changing; nothing was written", {
    headers: { "Retry-After": "1" },
  });
}
