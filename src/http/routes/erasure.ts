/** Erasure and holds, DESIGN §3: content goes for good, the proof and the record of the erasure stay. */
import { z } from "zod";
import { ErasureCreate, HoldCreate } from "../../erasure/schema.ts";
import { chunkTargets } from "../../erasure/targets.ts";
import { draftEntry, withCount, type KeyedRequest } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import { Decision } from "../../ledger/schema.ts";
import { json, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { asFact, readTargets } from "../erasable.ts";
import { decisionWithErasures, requireDecision } from "./decision-answer.ts";

const DecisionParams = z.object({ decision_id: z.string() });

type ErasureCall = Call<
  z.infer<typeof DecisionParams>,
  z.infer<typeof ReceiptQuery>,
  z.infer<typeof ErasureCreate>
>;

const eraseDecision = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/erasure",
    scope: "erase",
    keyed: true,
    operationId: "eraseDecision",
    tag: "Erasure",
    summary: "Erase a decision's content, or some fields of it",
    description:
      "`fields` are the decision's own (`input`) or another entry's (`<entry id>.<field>`); without them everything goes, its flags, corrections and replays included. Facts and commitments stay: the ledger still verifies. A hold answers 409.",
    params: DecisionParams,
    query: ReceiptQuery,
    body: { schema: ErasureCreate, required: true },
    answer: {
      description: "The decision; `erased` names what is gone",
      content: {
        "application/json": {
          schema: Decision.extend({ erased: z.array(z.string()), receipt: Receipt.nullable() }),
        },
      },
    },
    problems: [404, 409, 413, 415, 422, 503],
  },
  async (call) => {
    const appended = await appendOnce(call, (keyed) => erasureDrafts(call, keyed));
    const decision = await decisionWithErasures(call.ledger, call.params.decision_id);
    return json({ ...decision, receipt: appended?.receipt ?? null }, appended?.headers);
  },
);

/** None when nothing is left to erase: the state asked for is there already. */
async function erasureDrafts(
  call: ErasureCall,
  keyed: KeyedRequest | undefined,
): Promise<EntryDraft[]> {
  const { params, body, principal, services } = call;
  const { size, targets } = await readTargets(call.ledger, params.decision_id, body.fields);
  const chunks = chunkTargets(targets);
  return chunks.map((chunk, i): EntryDraft => ({
    ...draftEntry(
      {
        kind: "content_erased",
        decisionId: params.decision_id,
        actor: principal.actor,
        facts: { reason_code: body.reason_code, targets: chunk.map(asFact) },
        fields: { request_id: body.request_id, note: body.note },
        keyed: i === 0 && keyed ? withCount(keyed, chunks.length) : undefined,
      },
      services.random,
    ),
    onlyIf: { size },
  }));
}

const holdDecision = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/hold",
    scope: "erase",
    keyed: true,
    operationId: "holdDecision",
    tag: "Erasure",
    summary: "Hold a decision against erasure, or release it",
    params: DecisionParams,
    query: ReceiptQuery,
    body: { schema: HoldCreate, required: true },
    answer: {
      description: "Whether it is held now",
      content: {
        "application/json": {
          schema: z.object({ decision_id: z.string(), held: z.boolean(), receipt: Receipt }),
        },
      },
    },
    problems: [404, 413, 415, 422, 503],
  },
  async (call) => {
    const { params, body, ledger, principal, services } = call;
    const { decision_id } = params;
    const appended = await appendOnce(call, async (keyed) => {
      await requireDecision(ledger, decision_id);
      const facts = { held: body.held, reason_code: body.reason_code };
      const fields = { note: body.note };
      const input = {
        kind: "content_held",
        decisionId: decision_id,
        facts,
        fields,
        keyed,
      } as const;
      return [draftEntry({ ...input, actor: principal.actor }, services.random)];
    });
    return json({ decision_id, held: body.held, receipt: appended?.receipt }, appended?.headers);
  },
);

export const erasureEndpoints: readonly Endpoint[] = [eraseDecision, holdDecision];
