/** Flags and corrections: a human's word about a decision, each a new entry (CONTRACT, DESIGN §3). */
import { z } from "zod";
import { CorrectionCreate, MarkIncorrect } from "../../corrections/schema.ts";
import { draftEntry, type EntryInput } from "../../ledger/draft.ts";
import { Decision } from "../../ledger/schema.ts";
import {
  coveredBy,
  drafting,
  json,
  keyedFrom,
  land,
  landedBefore,
  Receipt,
  receiptOf,
  ReceiptQuery,
  replayedHeader,
} from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { decisionAt } from "./decision-answer.ts";

const DecisionParams = z.object({ decision_id: z.string() });

const answer = (description: string) => ({
  description,
  content: { "application/json": { schema: Decision.extend({ receipt: Receipt }) } },
});

type ReviewCall = Pick<
  Call<z.infer<typeof DecisionParams>, z.infer<typeof ReceiptQuery>, unknown>,
  "params" | "query" | "request" | "path" | "sentBody" | "ledger" | "principal" | "services"
>;

/** Appends an entry about an existing decision and answers the decision with it. */
async function review(
  call: ReviewCall,
  entry: Pick<EntryInput, "kind" | "fields">,
): Promise<Response> {
  const { params, query, ledger, principal, services } = call;
  const { decision_id } = params;
  const keyed = keyedFrom(call);
  let landed = await landedBefore(ledger, keyed);
  if (landed === undefined) {
    if ((await ledger.reader.historyIndexes(decision_id)).length === 0) {
      throw new Problem(404, `Decision ${decision_id} not found`);
    }
    const draft = drafting(() =>
      draftEntry(
        { ...entry, decisionId: decision_id, actor: principal.actor, facts: {}, keyed },
        services.random,
      ),
    );
    landed = await land(ledger, [draft], keyed);
  }
  const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
  const [decision, covered] = await Promise.all([
    decisionAt(ledger, index),
    coveredBy(ledger, landed),
  ]);
  const receipt = await receiptOf(ledger, index, covered, query);
  return json({ ...decision, receipt }, replayedHeader(landed));
}

const markIncorrect = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/incorrect",
    scope: "review",
    operationId: "markIncorrect",
    tag: "Corrections",
    summary: "Flag a decision as incorrect",
    description:
      "Repeatable, from any status; the newest flag is the one shown, every one stays in the history.",
    params: DecisionParams,
    query: ReceiptQuery,
    body: { schema: MarkIncorrect, required: false },
    answer: answer("The decision, flagged"),
    problems: [404, 413, 415, 422, 503],
  },
  (call) => {
    const reason = call.body?.reason ?? null;
    return review(call, { kind: "decision_flagged", fields: { reason } });
  },
);

const attachCorrection = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/correction",
    scope: "review",
    operationId: "attachCorrection",
    tag: "Corrections",
    summary: "Say what the output should have been",
    description:
      "Repeatable; the newest correction is the one shown. The original output and its hashes never change.",
    params: DecisionParams,
    query: ReceiptQuery,
    body: { schema: CorrectionCreate, required: true },
    answer: answer("The decision, corrected"),
    problems: [404, 413, 415, 422, 503],
  },
  (call) => {
    const { correction, corrected_by, notes } = call.body;
    const fields = { correction, corrected_by, notes: notes ?? null };
    return review(call, { kind: "correction_attached", fields });
  },
);

export const correctionEndpoints: readonly Endpoint[] = [markIncorrect, attachCorrection];
