/** A replay as its entry tells it, CONTRACT "Replay" and "Compare". Pure. */
import type { z } from "zod";
import type { StoredEntry } from "../ledger/decision.ts";
import { factText } from "../ledger/facts.ts";
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { diffAnswers, diffSentence, originalAnswer, replayAnswer, type Diff } from "./diff.ts";
import type { OpenJob } from "./job.ts";
import { numberAt } from "./json-read.ts";
import { OUTCOMES } from "./outcome.ts";
import type { RecordedDecision } from "./recorded-decision.ts";
import { STORED, type Replay } from "./schema.ts";
import { simulatedDiffSummary } from "./simulate.ts";

function objectIn(entry: StoredEntry, field: string): JsonObject | null {
  const value = entry.content[field]?.value;
  return isObject(value) ? value : null;
}

/**
 * The Replay of CONTRACT.md. `diff` and its summary are derived, for they quote content that can be
 * erased.
 * @param decision that a live answer is compared with; without it there is no diff
 */
export function toReplay(entry: StoredEntry, decision?: RecordedDecision): Replay {
  const { header, content } = entry;
  const { facts } = header;
  const triggeredBy = content["triggered_by"]?.value;
  const output = objectIn(entry, "replay_output");
  const mode = executionMode(facts["execution_mode"]);
  const changed = facts["output_changed"] === true;
  const diff = mode === "live" && output !== null && decision ? diffOf(decision, output) : null;
  const simulated = mode === "simulated" && changed ? simulatedDiffSummary(output) : null;
  return {
    replay_id: header.id,
    decision_id: header.decision_id ?? "",
    created_at: header.recorded_at,
    triggered_by: typeof triggeredBy === "string" ? triggeredBy : null,
    experiment_id: factText(header, "experiment_id"),
    overrides: objectIn(entry, "overrides"),
    replay_output: output,
    execution_status: facts["execution_status"] === "failed" ? "failed" : "completed",
    execution_mode: mode,
    output_changed: changed,
    diff_summary: diff === null ? simulated : diffSentence(diff),
    error: errorIn(entry),
    outcome: OUTCOMES.find((outcome) => outcome === facts["outcome"]) ?? null,
    fidelity: stored(STORED.Fidelity, content["fidelity"]?.value),
    attempts: stored(STORED.Attempts, content["attempts"]?.value) ?? [],
    provider: factText(header, "provider"),
    requested_model: factText(header, "requested_model"),
    served_model: factText(header, "served_model"),
    usage: stored(STORED.Usage, facts["usage"]),
    usage_raw: content["usage_raw"]?.value ?? null,
    cost: stored(STORED.Cost, facts["cost"]),
    latency_ms: numberAt(facts, "latency_ms") ?? null,
    diff,
  };
}

/** A replay that has no entry yet. */
export function toOpenReplay({ job, starts }: OpenJob): Replay {
  return {
    replay_id: job.replayId,
    decision_id: job.decisionId,
    created_at: job.createdAt,
    triggered_by: job.triggeredBy,
    experiment_id: job.experimentId ?? null,
    overrides: job.overrides,
    replay_output: null,
    execution_status: starts === 0 ? "pending" : "running",
    execution_mode: "live",
    output_changed: false,
    diff_summary: null,
    error: null,
    outcome: null,
    fidelity: null,
    attempts: [],
    provider: null,
    requested_model: null,
    served_model: null,
    usage: null,
    usage_raw: null,
    cost: null,
    latency_ms: null,
    diff: null,
  };
}

function diffOf(decision: RecordedDecision, output: JsonObject): Diff | null {
  const original = originalAnswer(decision);
  return original === null ? null : diffAnswers(original, replayAnswer(output));
}

function executionMode(fact: JsonValue | undefined): Replay["execution_mode"] {
  return fact === "live" || fact === "error" ? fact : "simulated";
}

/** Older entries name only class and message. */
function errorIn(entry: StoredEntry): Replay["error"] {
  const error = objectIn(entry, "error");
  return error && stored(STORED.ReplayError, { status: null, code: null, ...error });
}

function stored<T extends z.ZodType>(schema: T, value: JsonValue | undefined): z.infer<T> | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}
