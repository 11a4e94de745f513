/** Whether a requirement applies at an instant. The clock comes in. Pure. */
import { LEGAL_BASELINE, REGIMES, type RegimeName } from "./legal-baseline.ts";
import type { Applicability } from "./vocabulary.ts";

/** @param riskClass as declared; Annex I systems are half a year and more behind Annex III ones */
export function applicabilityAt(
  name: RegimeName,
  riskClass: string | undefined,
  now: Date,
): Applicability {
  const regime = REGIMES[name];
  const { note } = regime;
  if (name === "voluntary") return { state: "voluntary", from: null, note };
  const from =
    "annex_i_from" in regime && riskClass === "annex_i" ? regime.annex_i_from : regime.from;
  if (from !== null && now.getTime() < Date.parse(`${from}T00:00:00Z`))
    return { state: "not_yet", from, note };
  // Once the rule that says what is high-risk applies, nothing is left to contest.
  const { ai_act_high_risk: rule } = REGIMES;
  const ruled = riskClass === "annex_i" ? rule.annex_i_from : rule.from;
  const classified = now.getTime() >= Date.parse(`${ruled}T00:00:00Z`);
  const state =
    regime.contested && !classified ? "formally_in_application_contested" : "in_application";
  return { state, from, note };
}

export function isBaselineStale(now: Date): boolean {
  return now.getTime() >= Date.parse(`${LEGAL_BASELINE.stale_after}T00:00:00Z`);
}
