/** Replays and comparisons, CONTRACT "Replay". */
import { z } from "zod";
import { toDecision } from "../../ledger/decision.ts";
import { draftEntry } from "../../ledger/draft.ts";
import type { Decision } from "../../ledger/schema.ts";
import { toReplay } from "../../replay/replay.ts";
import { Compare, Replay, ReplayCreate } from "../../replay/schema.ts";
import { simulate } from "../../replay/simulate.ts";
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
import type { LedgerService } from "../services.ts";

async function existingDecision({ reader }: LedgerService, decisionId: string): Promise<Decision> {
  const entries = await reader.decision(decisionId);
  if (entries === undefined) throw new Problem(404, `Decision ${decisionId} not found`);
  return toDecision(entries);
}

async function existingReplay({ reader }: LedgerService, replayId: string): Promise<Replay> {
  const index = replayId.startsWith("rep_") ? await reader.indexOf(replayId) : undefined;
  const [entry] = index === undefined ? [] : await reader.entriesAt([index]);
  if (entry?.header.kind !== "replay_completed")
    throw new Problem(404, `Replay ${replayId} not found`);
  return toReplay(entry);
}

const createReplay = endpoint(
  {
    method: "post",
    path: "/v1/replays",
    scope: "replay",
    operationId: "createReplay",
    tag: "Replays",
    summary: "Replay a decision, with overrides",
    description:
      "Simulated: no model runs and no output is invented. The effective request is compared with the recorded one; where they differ the recorded output comes back marked `simulated`.",
    query: ReceiptQuery,
    body: { schema: ReplayCreate, required: true },
    answer: {
      description: "The replay",
      content: { "application/json": { schema: Replay.extend({ receipt: Receipt }) } },
    },
    problems: [404, 413, 415, 422, 503],
  },
  async (call) => {
    const { query, ledger, principal, services } = call;
    const { decision_id, overrides = null, triggered_by } = call.body;
    const keyed = keyedFrom(call);
    let landed = await landedBefore(ledger, keyed);
    if (landed === undefined) {
      const decision = await existingDecision(ledger, decision_id);
      const { output, changed } = simulate(decision.output ?? {}, decision, overrides);
      const draft = drafting(() =>
        draftEntry(
          {
            kind: "replay_completed",
            decisionId: decision_id,
            actor: principal.actor,
            facts: {
              execution_mode: "simulated",
              execution_status: "completed",
              output_changed: changed,
            },
            fields: { overrides, replay_output: output, triggered_by },
            keyed,
          },
          services.random,
        ),
      );
      landed = await land(ledger, [draft], keyed);
    }
    const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
    const [[entry], covered] = await Promise.all([
      ledger.reader.entriesAt([index]),
      coveredBy(ledger, landed),
    ]);
    if (entry === undefined) throw new Problem(500, `entry ${index} cannot be read back`);
    const receipt = await receiptOf(ledger, index, covered, query);
    return json({ ...toReplay(entry), receipt }, replayedHeader(landed));
  },
);

const getReplay = endpoint(
  {
    method: "get",
    path: "/v1/replays/{replay_id}",
    scope: "read",
    operationId: "getReplay",
    tag: "Replays",
    summary: "One replay",
    params: z.object({ replay_id: z.string() }),
    answer: { description: "The replay", content: { "application/json": { schema: Replay } } },
    problems: [404],
  },
  async ({ params: { replay_id }, ledger }) => json(await existingReplay(ledger, replay_id)),
);

const compareReplay = endpoint(
  {
    method: "get",
    path: "/v1/decisions/{decision_id}/compare/{replay_id}",
    scope: "read",
    operationId: "compareReplay",
    tag: "Replays",
    summary: "A decision's output beside a replay's",
    params: z.object({ decision_id: z.string(), replay_id: z.string() }),
    answer: { description: "Both outputs", content: { "application/json": { schema: Compare } } },
    problems: [400, 404],
  },
  async ({ params: { decision_id, replay_id }, ledger }) => {
    const decision = await existingDecision(ledger, decision_id);
    const replay = await existingReplay(ledger, replay_id);
    if (replay.decision_id !== decision_id) {
      throw new Problem(400, `Replay ${replay_id} is not for decision ${decision_id}`);
    }
    const { replay_output, output_changed, diff_summary } = replay;
    return json({
      decision_id,
      replay_id,
      original_output: decision.output,
      replay_output,
      output_changed,
      diff_summary,
    });
  },
);

export const replayEndpoints: readonly Endpoint[] = [createReplay, getReplay, compareReplay];
