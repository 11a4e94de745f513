/** A decision as an appending route answers it: with a receipt, as of some entry. */
import type { z } from "zod";
import { toDecision } from "../../ledger/decision.ts";
import { readDecision, type DecisionWithErasures } from "../../ledger/read-decision.ts";
import type { Decision } from "../../ledger/schema.ts";
import type { Receipt } from "../answers.ts";
import { Problem } from "../problem.ts";
import type { LedgerService } from "../services.ts";

export type DecisionWithReceipt = Decision & { receipt: z.infer<typeof Receipt> };

/** @throws Problem 404 */
export async function requireDecision(
  { reader }: LedgerService,
  decisionId: string,
): Promise<void> {
  if (await reader.isRecorded(decisionId)) return;
  throw new Problem(404, `Decision ${decisionId} not found`);
}

/** The decision as it is now, with the name of every field that was erased from its entries. @throws Problem 404 */
export async function decisionWithErasures(
  { reader }: LedgerService,
  decisionId: string,
): Promise<DecisionWithErasures> {
  const decision = await readDecision(reader, decisionId);
  if (decision === undefined) throw new Problem(404, `Decision ${decisionId} not found`);
  return decision;
}

/** The decision that the entry at `index` is about, as it was right after that entry. */
export async function decisionAt({ reader }: LedgerService, index: number): Promise<Decision> {
  const [entry] = await reader.entriesAt([index]);
  const entries = await reader.decisionAsOf(entry?.header.decision_id ?? "", index);
  if (entries === undefined) throw new Problem(500, `entry ${index} is about no decision`);
  return toDecision(entries);
}
