/** A replay as its entry tells it, CONTRACT "Replay" and "Compare". Pure. */
import type { StoredEntry } from "../ledger/decision.ts";
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import type { Replay } from "./schema.ts";
import { simulatedDiffSummary } from "./simulate.ts";

function objectIn(entry: StoredEntry, field: string): JsonObject | null {
  const value = entry.content[field]?.value;
  return isObject(value) ? value : null;
}

/** The Replay of CONTRACT.md. `diff_summary` is derived, for it quotes content that can be erased. */
export function toReplay(entry: StoredEntry): Replay {
  const { header, content } = entry;
  const triggeredBy = content["triggered_by"]?.value;
  const output = objectIn(entry, "replay_output");
  const changed = header.facts["output_changed"] === true;
  return {
    replay_id: header.id,
    decision_id: header.decision_id ?? "",
    created_at: header.recorded_at,
    triggered_by: typeof triggeredBy === "string" ? triggeredBy : null,
    overrides: objectIn(entry, "overrides"),
    replay_output: output,
    execution_status: header.facts["execution_status"] === "failed" ? "failed" : "completed",
    execution_mode: executionMode(header.facts["execution_mode"]),
    output_changed: changed,
    diff_summary: changed ? simulatedDiffSummary(output) : null,
    error: errorIn(entry),
  };
}

function executionMode(fact: JsonValue | undefined): Replay["execution_mode"] {
  return fact === "live" || fact === "error" ? fact : "simulated";
}

function errorIn(entry: StoredEntry): Replay["error"] {
  const error = objectIn(entry, "error");
  if (error === null) return null;
  return { class: textIn(error, "class"), message: textIn(error, "message") };
}

function textIn(object: JsonObject, member: string): string {
  const value = object[member];
  return typeof value === "string" ? value : "";
}
