/** Erasure and holds, DESIGN §3: content goes for good, the proof and the record of the erasure stay. */
import { z } from "zod";
import { ErasureCreate, HoldCreate } from "../../erasure/schema.ts";
import { chunkTargets, erasureTargets, nameOf, type ErasureTarget } from "../../erasure/targets.ts";
import { draftEntry, type KeyedRequest } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import { Decision } from "../../ledger/schema.ts";
import type { JsonObject } from "../../lib/json.ts";
import {
  append,
  coveredBy,
  drafting,
  json,
  keyedFrom,
  land,
  landedAs,
  landedBefore,
  Receipt,
  receiptOf,
  ReceiptQuery,
  replayedHeader,
  type Landed,
} from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";
import { decisionWithErasures } from "./decision-answer.ts";

const DecisionParams = z.object({ decision_id: z.string() });

/** Somebody else wrote about the decision between reading and committing: read again, this often. */
const ROUNDS_MAX = 5;

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
    const keyed = keyedFrom(call);
    const landed = (await landedBefore(call.ledger, keyed)) ?? (await erase(call, keyed));
    const decision = await decisionWithErasures(call.ledger, call.params.decision_id);
    if (landed === undefined) return json({ ...decision, receipt: null });
    const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
    const receipt = await receiptOf(
      call.ledger,
      index,
      await coveredBy(call.ledger, landed),
      call.query,
    );
    return json({ ...decision, receipt }, replayedHeader(landed));
  },
);

/** Undefined when nothing is left to erase: the state asked for is there already. */
async function erase(
  call: ErasureCall,
  keyed: KeyedRequest | undefined,
): Promise<Landed | undefined> {
  const { params, body, ledger, principal, services } = call;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { size, targets } = await readTargets(call);
    if (targets.length === 0) return undefined;
    const drafts = drafting(() =>
      chunkTargets(targets).map((chunk, i): EntryDraft => ({
        ...draftEntry(
          {
            kind: "content_erased",
            decisionId: params.decision_id,
            actor: principal.actor,
            facts: { reason_code: body.reason_code, targets: chunk.map(asFact) },
            fields: { request_id: body.request_id, note: body.note },
            keyed: i === 0 ? keyed : undefined,
          },
          services.random,
        ),
        onlyIf: { size },
      })),
    );
    const outcome = await append(ledger, drafts, keyed);
    if (outcome.kind !== "stale") return landedAs(ledger, outcome, keyed);
  }
  throw new Problem(503, "The decision kept changing; nothing was erased", {
    headers: { "Retry-After": "1" },
  });
}

function asFact({ index, fields }: ErasureTarget): JsonObject {
  return { index, fields: [...fields] };
}

/** What there is to erase, and the size it was read at: the commit checks that nothing came after. */
async function readTargets({ params: { decision_id }, body, ledger: { reader } }: ErasureCall) {
  const size = (await reader.head())?.size ?? 0;
  const [entries, erased, held] = await Promise.all([
    reader.erasableEntries(decision_id),
    reader.erasedFields(decision_id),
    reader.isHeld(decision_id),
  ]);
  if (entries.length === 0) throw new Problem(404, `Decision ${decision_id} not found`);
  if (held)
    throw new Problem(409, `Decision ${decision_id} is held; release the hold before erasing`);
  const known = new Set([
    ...entries.flatMap((entry) => entry.fields.map((field) => nameOf(entry, field))),
    ...erased.map(({ entryId, field }) =>
      entryId === decision_id ? field : `${entryId}.${field}`,
    ),
  ]);
  const result = erasureTargets(entries, body.fields ?? undefined, known);
  if (!result.ok) {
    throw invalid(
      result.unknown.map((name) => ({
        path: "fields",
        message: `${name} is no field of this decision`,
      })),
    );
  }
  // A batch's request hash covers this decision too, and stands with the batch's first entry.
  const batch =
    result.targets.length > 0 ? await reader.batchRequestOf(entries[0]?.index ?? 0) : undefined;
  const covered = result.targets.some(
    (target) => target.index === batch && target.fields.includes("request"),
  );
  const targets =
    batch === undefined || covered ? result.targets : mergeTarget(result.targets, batch);
  return { size, targets };
}

function mergeTarget(targets: readonly ErasureTarget[], index: number): ErasureTarget[] {
  const others = targets.filter((target) => target.index !== index);
  const same = targets.find((target) => target.index === index);
  return [...others, { index, fields: [...(same?.fields ?? []), "request"].toSorted() }].toSorted(
    (a, b) => a.index - b.index,
  );
}

const holdDecision = endpoint(
  {
    method: "post",
    path: "/v1/decisions/{decision_id}/hold",
    scope: "erase",
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
    const keyed = keyedFrom(call);
    let landed = await landedBefore(ledger, keyed);
    if (landed === undefined) {
      if ((await ledger.reader.historyIndexes(decision_id)).length === 0) {
        throw new Problem(404, `Decision ${decision_id} not found`);
      }
      const draft = drafting(() =>
        draftEntry(
          {
            kind: "content_held",
            decisionId: decision_id,
            actor: principal.actor,
            facts: { held: body.held, reason_code: body.reason_code },
            fields: { note: body.note },
            keyed,
          },
          services.random,
        ),
      );
      landed = await land(ledger, [draft], keyed);
    }
    const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
    const receipt = await receiptOf(ledger, index, await coveredBy(ledger, landed), call.query);
    return json({ decision_id, held: body.held, receipt }, replayedHeader(landed));
  },
);

export const erasureEndpoints: readonly Endpoint[] = [eraseDecision, holdDecision];
