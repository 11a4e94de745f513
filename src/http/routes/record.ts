/** Recording decisions, one or up to a thousand, CONTRACT and DESIGN §4. */
import { z } from "zod";
import { capturedFacts } from "../../ledger/capture.ts";
import type { StoredEntry } from "../../ledger/decision.ts";
import { draftDecision } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import { BATCH_DECISIONS_MAX } from "../../ledger/limits.ts";
import { Decision, DecisionCreate } from "../../ledger/schema.ts";
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
import { endpoint, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { decisionAt, type DecisionWithReceipt } from "./decision-answer.ts";

const BatchCreate = z
  .object({
    decisions: z
      .array(DecisionCreate)
      .min(1, { error: "must hold at least one decision" })
      .max(BATCH_DECISIONS_MAX, { error: `must hold at most ${BATCH_DECISIONS_MAX} decisions` }),
  })
  .meta({ id: "DecisionBatchCreate" });

export const BatchAnswer = z
  .object({
    count: z.int(),
    decisions: z.array(
      z.object({
        decision_id: z.string(),
        index: z.int(),
        created_at: z.string(),
        content_hash: z.string().nullable(),
        chain_hash: z.string(),
      }),
    ),
    receipt: z.object({
      ledger: z.string(),
      first_index: z.int(),
      size: z.int(),
      root_hash: z.string(),
      checkpoint: z.string(),
    }),
  })
  .meta({ id: "DecisionBatch" });

const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema } },
});

const recordDecision = endpoint(
  {
    method: "post",
    path: "/v1/decisions",
    scope: "record",
    keyed: true,
    operationId: "recordDecision",
    tag: "Decisions",
    summary: "Record a decision",
    description:
      "Answered once the entry and a signed checkpoint over it are committed. With an Idempotency-Key every retry is safe, for ever.",
    query: ReceiptQuery,
    body: { schema: DecisionCreate, required: true },
    answer: answer("The decision as recorded", Decision.extend({ receipt: Receipt })),
    problems: [413, 415, 422, 503],
  },
  async (call) => {
    const { body, query, ledger, principal, services } = call;
    const keyed = keyedFrom(call);
    const before = await landedBefore(ledger, keyed);
    const draft = before
      ? undefined
      : await drafting(() => draftDecision(body, principal.actor, services.random, keyed));
    const landed = before ?? (await land(ledger, draft ? [draft] : [], keyed));
    const covered = await coveredBy(ledger, landed);
    if (landed.replayed || draft === undefined) {
      const decision = await decisionAt(ledger, landed.replayed ? landed.firstIndex : 0);
      return json(
        { ...decision, receipt: await receiptOf(ledger, decision.index, covered, query) },
        replayedHeader(landed),
      );
    }
    const [placed] = landed.outcome.entries;
    if (placed === undefined) throw new Problem(500, "the append answered no entry");
    const decision: DecisionWithReceipt = {
      decision_id: placed.id,
      created_at: placed.recordedAt,
      service_name: body.service_name,
      decision_type: body.decision_type,
      input: body.input,
      model: body.model,
      output: body.output,
      status: "recorded",
      content_hash: draft.contentHash,
      chain_hash: placed.chainHash,
      prompt: body.prompt ?? null,
      tool_calls: body.tool_calls ?? null,
      metadata: body.metadata ?? null,
      incorrect_reason: null,
      incorrect_at: null,
      correction: null,
      ledger: ledger.name,
      index: placed.index,
      ...capturedFacts(draft.facts),
      receipt: await receiptOf(ledger, placed.index, covered, query),
    };
    return json(decision);
  },
);

const recordDecisions = endpoint(
  {
    method: "post",
    path: "/v1/decisions/batch",
    scope: "record",
    keyed: true,
    operationId: "recordDecisions",
    tag: "Decisions",
    summary: "Record up to 1000 decisions, all or nothing",
    body: { schema: BatchCreate, required: true },
    answer: answer("Consecutive entries and one receipt", BatchAnswer),
    problems: [413, 415, 422, 503],
  },
  async (call) => {
    const { ledger, principal, services } = call;
    const { decisions } = call.body;
    const keyed = keyedFrom(call, decisions.length);
    const before = await landedBefore(ledger, keyed);
    const draftAt = (create: DecisionCreate, i: number): EntryDraft =>
      draftDecision(create, principal.actor, services.random, i === 0 ? keyed : undefined);
    const drafts = before
      ? []
      : await Promise.all(
          decisions.map((create, i) => drafting(() => draftAt(create, i), `decisions[${i}]`)),
        );
    const landed = before ?? (await land(ledger, drafts, keyed));
    const covered = await coveredBy(ledger, landed);
    const rows = landed.replayed
      ? await recordedRows(ledger.reader.entriesAt(range(landed.firstIndex, landed.count)))
      : landed.outcome.entries.map((placed, i) => ({
          decision_id: placed.id,
          index: placed.index,
          created_at: placed.recordedAt,
          content_hash: drafts[i]?.contentHash ?? null,
          chain_hash: placed.chainHash,
        }));
    return json(
      {
        count: rows.length,
        decisions: rows,
        receipt: {
          ledger: ledger.name,
          first_index: rows[0]?.index ?? 0,
          size: covered.size,
          root_hash: covered.rootHash,
          checkpoint: covered.checkpoint,
        },
      },
      replayedHeader(landed),
    );
  },
);

async function recordedRows(reading: Promise<readonly StoredEntry[]>) {
  return (await reading).map(({ header, chainHash, contentHash }) => ({
    decision_id: header.id,
    index: header.index,
    created_at: header.recorded_at,
    content_hash: contentHash,
    chain_hash: chainHash,
  }));
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

export const recordEndpoints: readonly Endpoint[] = [recordDecision, recordDecisions];
