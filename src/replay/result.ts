/** How a run is told in its entry: facts that stay, content that can be erased (DESIGN §3). Pure. */
import type { JsonObject, JsonValue } from "../lib/json.ts";
import { diffLevel, originalAnswer, replayAnswer } from "./diff.ts";
import type { Attempt } from "./execute.ts";
import type { Fidelity } from "./fidelity.ts";
import type { ReplayResult } from "./job.ts";
import { failure, isAnswer, type Reading } from "./outcome.ts";
import type { PreparedRequest } from "./rebuild.ts";
import type { RecordedDecision } from "./recorded-decision.ts";

/** A run's end, with an answer or without. */
export interface Ended {
  readonly reading: Reading;
  readonly attempts: readonly Attempt[];
  readonly latencyMs: number | null;
  readonly request: PreparedRequest | null;
  readonly cost: JsonObject | null;
  readonly fidelity: Fidelity | null;
}

export function notReplayable(message: string, fidelity: Fidelity | null = null): Ended {
  const reading = failure("not_replayable", { status: null, code: null, message }, false);
  return { reading, attempts: [], latencyMs: null, request: null, cost: null, fidelity };
}

/** What the entry will tell. @param decision that an answer is compared with */
export function resultOf(size: number, ended: Ended, decision?: RecordedDecision): ReplayResult {
  const { reading, attempts, latencyMs, request, cost, fidelity } = ended;
  const { outcome, text, toolCalls, usage, servedModel, usageRaw, error } = reading;
  const answered = isAnswer(outcome);
  const calls = toolCalls.map(({ name, arguments: given }) => ({ name, arguments: given }));
  const replay_output = answered
    ? { response: text, ...(calls.length === 0 ? {} : { tool_calls: calls }) }
    : null;
  const original = decision && originalAnswer(decision);
  const changed =
    replay_output !== null && original !== undefined && original !== null
      ? diffLevel(original, replayAnswer(replay_output)) === "changed"
      : replay_output !== null;
  return {
    size,
    facts: {
      // 0.1's word for a replay that brought no answer.
      execution_mode: answered ? "live" : "error",
      execution_status: answered ? "completed" : "failed",
      outcome,
      output_changed: changed,
      provider: request?.provider.name ?? null,
      requested_model: request?.model ?? null,
      served_model: servedModel,
      usage: asJson(usage),
      cost,
      latency_ms: latencyMs,
    },
    content: {
      replay_output,
      error: asJson(error),
      fidelity: asJson(fidelity),
      attempts: asJson(attempts),
      usage_raw: usageRaw,
    },
  };
}

/** Members that are undefined are not there, as on the wire. */
function asJson(value: object | null): JsonValue {
  return value === null ? null : JSON.parse(JSON.stringify(value));
}
