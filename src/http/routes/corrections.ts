/** Flags and corrections: a human's word about a decision, each a new entry (CONTRACT, DESIGN §3). */
import { z } from "zod";
import { CorrectionCreate, MarkIncorrect } from "../../corrections/schema.ts";
import { draftEntry, type EntryInput } from "../../ledger/draft.ts";
import { reviewFacts } from "../../ledger/reviewer.ts";
import { Decision } from "../../ledger/schema.ts";
import { json, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce, type AppendingCall } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { decisionAt, requireDecision } from "./decision-answer.ts";

const DecisionParams = z.object({ decision_id: z.string() });

const answer = (description: string) => ({
  description,
  content: { "application/json": { schema: Decision.extend({ receipt: Receipt }) } },
});

type ReviewCall = AppendingCall &
  Pick<Call<z.infer<typeof DecisionParams>, unknown, unknown>, "params" | "principal" | "services">;

/** Appends an entry about an existing decision and answers the decision with it. */
async function review(
  call: ReviewCall,
  entry: Pick<EntryInput, "kind" | "facts" | "fields">,
): Promise<Response> {
  const { params, ledger, principal, services } = call;
  const { decision_id } = params;
  const appended = await appendOnce(call, async (keyed) => {
    await requireDecision(ledger, decision_id);
    const input = { ...entry, decisionId: decision_id, keyed };
    return [draftEntry({ ...input, actor: principal.actor }, services.random)];
  });
  const decision = await decisionAt(ledger, appended?.index ?? 0);
  return json({ ...decision, receipt: appended?.receipt }, appended?.headers);
}

const markIncorrect = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/incorrect",
    scope: "review",
    keyed: true,
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
    return review(call, { kind: "decision_flagged", facts: {}, fields: { reason } });
  },
);

const attachCorrection = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/correction",
    scope: "review",
    keyed: true,
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
    return review(call, { kind: "correction_attached", facts: reviewFacts(call.body), fields });
  },
);

export const correctionEndpoints: readonly Endpoint[] = [markIncorrect, attachCorrection];
