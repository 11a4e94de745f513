/** Requests rebuilt from decisions in tests, without a server. */
import type { JsonObject } from "../../src/lib/json.ts";
import type { Note } from "../../src/replay/fidelity.ts";
import type { RecordedDecision } from "../../src/replay/recorded-decision.ts";
import { effectiveProvider, rebuild, type PreparedRequest } from "../../src/replay/rebuild.ts";

export const NOTHING: RecordedDecision = {
  input: null,
  model: null,
  prompt: null,
  tool_calls: null,
  output: null,
  metadata: null,
};

/** A decision that carries its provider's own request. */
export function recordedCall(
  provider: string,
  format: string,
  request: JsonObject,
  more: Partial<RecordedDecision> = {},
): RecordedDecision {
  const name = typeof request["model"] === "string" ? request["model"] : "gemini-2.5-pro";
  const metadata = { provider_call: { format } };
  return { ...NOTHING, input: { request }, model: { provider, name }, metadata, ...more };
}

export function rebuilt(decision: RecordedDecision, overrides: JsonObject = {}) {
  const provider = effectiveProvider(decision, overrides);
  if (provider === undefined) throw new Error("no provider answers for it");
  return rebuild(decision, overrides, provider);
}

/** @throws when there is no request */
export function requestOf(decision: RecordedDecision, overrides: JsonObject = {}): PreparedRequest {
  const result = rebuilt(decision, overrides);
  if (!result.ok) throw new Error(result.message);
  return result.request;
}

export function pathsOf(notes: readonly Note[], action: Note["action"] = "dropped"): string[] {
  return notes.filter((note) => note.action === action).map(({ path }) => path);
}
