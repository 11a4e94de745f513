/** What a judge said, as an entry about the decision: facts that stay, content that goes with the decision's. */
import { ContentTooLarge, draftEntry } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import type { JsonObject, JsonValue } from "../../lib/json.ts";
import type { Reading } from "../outcome.ts";
import type { Cost } from "../prices.ts";
import type { PreparedRequest } from "../rebuild.ts";
import type { RunPorts } from "../run.ts";
import type { Judged } from "./judge.ts";
import type { Verdict } from "./score.ts";

/** A judge's answer between the call and its entry. */
export interface Answered {
  readonly request: PreparedRequest;
  readonly reading: Reading;
  readonly latencyMs: number;
  readonly verdict: Verdict;
  readonly cost: Cost | null;
}

/** @throws when the ledger does not take the entry now */
export async function recordJudgement(
  id: string,
  judged: Judged,
  answered: Answered,
  ports: RunPorts,
): Promise<void> {
  const onlyIf = { size: judged.size, kinds: ["content_erased"] };
  let outcome = await ports.append({
    drafts: [{ ...draftOf(id, judged, answered, ports), onlyIf }],
  });
  // Erased meanwhile: that it was paid for stays, what it was shown does not.
  if (outcome.kind === "stale")
    outcome = await ports.append({ drafts: [sealed(id, judged, answered, {}, ports)] });
  if (outcome.kind !== "appended" && outcome.kind !== "repeated")
    throw new Error(`a judgement is not recorded: ${outcome.kind}`);
}

/** The question fits (judge.ts); an answer that does not is left out, not the record of the call. */
function draftOf(id: string, judged: Judged, answered: Answered, ports: RunPorts): EntryDraft {
  const { request, reading } = answered;
  const asked = { sent: request.body, error: asJson(reading.error) };
  try {
    const content = { ...asked, received: reading.text, usage_raw: reading.usageRaw };
    return sealed(id, judged, answered, content, ports);
  } catch (error) {
    if (!(error instanceof ContentTooLarge)) throw error;
    return sealed(id, judged, answered, asked, ports);
  }
}

function sealed(
  id: string,
  { experimentId, replayId, scorer, side, actor, decision }: Judged,
  { request, reading, latencyMs, verdict, cost }: Answered,
  fields: JsonObject,
  { randomBytes }: RunPorts,
): EntryDraft {
  const facts: JsonObject = {
    experiment_id: experimentId,
    replay_id: replayId,
    scorer,
    side,
    verdict,
    outcome: reading.outcome,
    provider: request.provider.name,
    requested_model: request.model,
    served_model: reading.servedModel,
    usage: asJson(reading.usage),
    cost,
    latency_ms: latencyMs,
  };
  const decisionId = decision.decision_id;
  const input = { kind: "judgement_recorded", id, decisionId, actor, facts, fields } as const;
  return draftEntry(input, randomBytes);
}

/** Members that are undefined are not there, as on the wire. */
function asJson(value: object | null): JsonValue {
  return value === null ? null : JSON.parse(JSON.stringify(value));
}
