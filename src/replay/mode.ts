/** Whether a replay asks a model, CONTRACT "Replay" and DESIGN §4: by what was asked for and who can answer. Pure. */
import type { JsonObject } from "../lib/json.ts";
import type { ProviderConnections } from "./connections.ts";
import { effectiveProvider } from "./rebuild.ts";
import type { RecordedDecision } from "./recorded-decision.ts";

/** What is gone cannot be sent again: such a replay is recorded as what it is, without a call. */
export type Erasable = RecordedDecision & { readonly erased: readonly string[] };

export type AskedMode = "auto" | "live" | "simulated";

export type ReplayMode =
  | { readonly kind: "live" | "simulated" }
  /** Live was asked for, and nobody is configured to answer. */
  | { readonly kind: "refused"; readonly message: string };

const SENT_FIELDS: ReadonlySet<string> = new Set([
  "input",
  "model",
  "prompt",
  "tool_calls",
  "output",
]);

export function replayMode(
  asked: AskedMode,
  decision: Erasable,
  overrides: JsonObject,
  providers: ProviderConnections,
): ReplayMode {
  if (asked === "simulated" || decision.erased.some((field) => SENT_FIELDS.has(field)))
    return { kind: "simulated" };
  const provider = effectiveProvider(decision, overrides);
  if (provider !== undefined && providers.connection(provider) !== undefined)
    return { kind: "live" };
  if (asked === "auto") return { kind: "simulated" };
  const message =
    provider === undefined
      ? "live: the decision names no provider that is known here; GET /v1/providers lists them"
      : `live: provider ${provider.name} is not configured; GET /v1/providers says what it needs`;
  return { kind: "refused", message };
}
