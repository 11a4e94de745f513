/** Replays and comparisons, CONTRACT "Replay". */
import { z } from "zod";
import { toDecision } from "../../ledger/decision.ts";
import type { KeyedRequest } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import type { Decision } from "../../ledger/schema.ts";
import { toOpenReplay, toReplay } from "../../replay/replay.ts";
import { Compare, Replay, ReplayAccepted, ReplayCreate } from "../../replay/schema.ts";
import { simulatedDraft } from "../../replay/simulated-draft.ts";
import { json, keyedFrom, landedBefore, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import type { LedgerService } from "../services.ts";
import { decisionWithErasures } from "./decision-answer.ts";
import { createLive, isLive, replayAt, replayOf } from "./live-replay.ts";

async function existingDecision({ reader }: LedgerService, decisionId: string): Promise<Decision> {
  const entries = await reader.decision(decisionId);
  if (entries === undefined) throw new Problem(404, `Decision ${decisionId} not found`);
  return toDecision(entries);
}

async function existingReplay(
  {
    ledger: { reader, replays },
    services,
  }: Pick<Call<unknown, unknown, unknown>, "ledger" | "services">,
  replayId: string,
): Promise<Replay> {
  const notFound = new Problem(404, `Replay ${replayId} not found`);
  if (!replayId.startsWith("rep_")) throw notFound;
  // The job first: between the two looks it may become an entry, never the other way round.
  const open = await replays.jobs.find(replayId);
  const index = await reader.indexOf(replayId);
  const [entry] = index === undefined ? [] : await reader.entriesAt([index]);
  if (entry !== undefined && entry.header.kind !== "replay_completed") throw notFound;
  if (entry !== undefined) return replayOf(reader, entry);
  if (open === undefined) throw notFound;
  services.defer(replays.run(replayId)); // joins it, or takes it up again
  return toOpenReplay(open);
}

async function replayDraft(
  { body, ledger, principal, services }: Call<unknown, unknown, ReplayCreate>,
  keyed: KeyedRequest | undefined,
): Promise<EntryDraft> {
  const { decision_id: decisionId, overrides = null, triggered_by: triggeredBy } = body;
  const size = (await ledger.reader.head())?.size ?? 0;
  const decision = await decisionWithErasures(ledger, decisionId);
  const replay = { decisionId, overrides, triggeredBy, actor: principal.actor, keyed };
  return simulatedDraft(replay, decision, size, services.random);
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
      "Live: the recorded request is sent again, but for the overrides; a failure is an answer with its outcome. `Prefer: respond-async` answers 202 at once. Simulated: no model runs and no output is invented; where the request would differ the recorded output comes back marked `simulated`.",
    query: ReceiptQuery,
    body: { schema: ReplayCreate, required: true },
    answer: {
      description: "The replay",
      content: { "application/json": { schema: Replay.extend({ receipt: Receipt }) } },
    },
    accepted: { description: "It runs: GET it until it is there", schema: ReplayAccepted },
    problems: [404, 413, 415, 422, 503],
  },
  async (call) => {
    const { ledger, body } = call;
    const keyed = keyedFrom(call);
    const before = await landedBefore(ledger, keyed);
    if (before !== undefined) return replayAt(call, before);
    const decision = await decisionWithErasures(ledger, body.decision_id);
    if (isLive(call, decision)) return createLive(call, decision, keyed);
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
  async ({ params: { replay_id }, ...call }) => json(await existingReplay(call, replay_id)),
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
  async ({ params: { decision_id, replay_id }, ...call }) => {
    const decision = await existingDecision(call.ledger, decision_id);
    const replay = await existingReplay(call, replay_id);
    if (replay.decision_id !== decision_id) {
      throw new Problem(400, `Replay ${replay_id} is not for decision ${decision_id}`);
    }
    const { replay_output, output_changed, diff_summary, diff } = replay;
    return json({
      decision_id,
      replay_id,
      original_output: decision.output,
      replay_output,
      output_changed,
      diff_summary,
      diff,
    });
  },
);

export const replayEndpoints: readonly Endpoint[] = [createReplay, getReplay, compareReplay];
