/**
 * Simulated replay, CONTRACT "Overrides": no model runs and no words are invented. The effective
 * request is compared with the recorded one; the output is the recorded one, marked.
 * Pure.
 */
import { canonicalize } from "../ledger/canonical-json.ts";
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";

/** What a replay starts from, as recorded. */
export interface RecordedRequest {
  readonly input: JsonObject | null;
  readonly model: JsonObject | null;
  readonly prompt: JsonObject | null;
}

export interface SimulatedOutput {
  readonly output: JsonObject;
  readonly changed: boolean;
}

/** The rule a reader of `simulated.rule` can look up. */
const RULE =
  "No model ran. This is the recorded output; only the request differs, at the paths in `overridden`.";

/** Paths at which the effective request differs from the recorded one; none: nothing to replay. */
export function overriddenPaths(recorded: RecordedRequest, overrides: JsonObject | null): string[] {
  const paths: string[] = [];
  const { input } = overrides ?? {};
  if (input !== undefined && !same(input, recorded.input)) paths.push("input");
  for (const part of ["model", "prompt"] as const) {
    const members = overrides?.[part];
    if (!isObject(members)) continue;
    const before = recorded[part] ?? {};
    for (const [member, value] of Object.entries(members)) {
      if (!Object.hasOwn(before, member) || !same(value, before[member]))
        paths.push(`${part}.${member}`);
    }
  }
  return paths.toSorted();
}

export function simulate(
  output: JsonObject,
  recorded: RecordedRequest,
  overrides: JsonObject | null,
): SimulatedOutput {
  const overridden = overriddenPaths(recorded, overrides);
  if (overridden.length === 0) return { output, changed: false };
  return { output: { ...output, simulated: { rule: RULE, overridden } }, changed: true };
}

/** What a replay is made of; without any of it there is nothing to replay. */
const REPLAYED_FIELDS: ReadonlySet<string> = new Set([
  "input",
  "model",
  "prompt",
  "tool_calls",
  "output",
]);

/**
 * A replay's entry: facts and content. A decision whose content was erased cannot be replayed.
 * @param erased names of the decision's own fields that are gone: a field may also never have been
 */
export function replayed(
  decision: RecordedRequest & { readonly output: JsonObject | null },
  erased: readonly string[],
  overrides: JsonObject | null,
): { facts: JsonObject; replay_output: JsonObject | null; error: JsonObject | null } {
  const missing = erased.filter((field) => REPLAYED_FIELDS.has(field));
  if (decision.output === null || missing.length > 0) return notReplayable(missing);
  const { output, changed } = simulate(decision.output, decision, overrides);
  return {
    facts: { execution_mode: "simulated", execution_status: "completed", output_changed: changed },
    replay_output: output,
    error: null,
  };
}

function notReplayable(missing: readonly string[]) {
  return {
    facts: {
      execution_mode: "error",
      execution_status: "failed",
      outcome: "not_replayable",
      output_changed: false,
    },
    replay_output: null,
    error: { class: "not_replayable", message: `content was erased: ${missing.join(", ")}` },
  };
}

/** One readable sentence, derived on read because paths quote content (DESIGN §3). */
export function simulatedDiffSummary(replayOutput: JsonObject | null): string | null {
  const simulated = replayOutput?.["simulated"];
  const overridden = isObject(simulated) ? simulated["overridden"] : undefined;
  if (!Array.isArray(overridden)) return null;
  return `Simulated: no model ran. The request would differ at ${overridden.map(String).join(", ")}; the output shown is the recorded one.`;
}

function same(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return canonicalize(a ?? null) === canonicalize(b ?? null);
}
