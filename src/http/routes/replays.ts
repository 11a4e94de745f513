/** Replays and comparisons, CONTRACT "Replay". */
import { z } from "zod";
import { toDecision } from "../../ledger/decision.ts";
import { draftEntry, type KeyedRequest } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import type { Decision } from "../../ledger/schema.ts";
import { toReplay } from "../../replay/replay.ts";
import { Compare, Replay, ReplayCreate } from "../../replay/schema.ts";
import { replayed } from "../../replay/simulate.ts";
import { json, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import type { LedgerService } from "../services.ts";
import { decisionWithErasures } from "./decision-answer.ts";

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

/** A replay of content that an erasure took meanwhile would bring a copy of it back: never committed. */
async function replayDraft(
  { body, ledger, principal, services }: Call<unknown, unknown, ReplayCreate>,
  keyed: KeyedRequest | undefined,
): Promise<EntryDraft> {
  const { decision_id, overrides = null, triggered_by } = body;
  const size = (await ledger.reader.head())?.size ?? 0;
  const decision = await decisionWithErasures(ledger, decision_id);
  const { facts, replay_output, error } = replayed(decision, decision.erased, overrides);
  const fields = { overrides, replay_output, error, triggered_by };
  const input = {
    kind: "replay_completed",
    decisionId: decision_id,
    facts,
    fields,
    keyed,
  } as const;
  return {
    ...draftEntry({ ...input, actor: principal.actor }, services.random),
    onlyIf: { size, kinds: ["content_erased"] },
  };
}

const createReplay = endpoint(
  {
    method: "post",
    path: "/v1/replays",
    scope: "replay",
    keyed: true,
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
    const { ledger } = call;
    const appended = await appendOnce(call, async (keyed) => [await replayDraft(call, keyed)]);
    const [entry] = await ledger.reader.entriesAt([appended?.index ?? 0]);
    if (entry === undefined) throw new Problem(500, "the replay cannot be read back");
    return json({ ...toReplay(entry), receipt: appended?.receipt }, appended?.headers);
  },
);

const getReplay = endpoint(
  {
    method: "get",
    path: "/v1/replays/{replay_id}",
    scope: "read",
    access: { logged: "read" },
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
    access: { logged: "read" },
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
