/** What a reader should see first: failures, then what the report cannot know. Pure. */
import { z } from "zod";
import { isBaselineStale } from "./applicability.ts";
import { LEGAL_BASELINE } from "./legal-baseline.ts";
import type { Metric } from "./metric.ts";
import type { MetricInput } from "./metric-input.ts";

export const ReportException = z.object({
  code: z.string(),
  severity: z.enum(["failure", "warning"]),
  message: z.string(),
  metric: z.string().nullable(),
});
export type ReportException = z.infer<typeof ReportException>;

export function exceptionsOf(
  { data, context, thresholds }: MetricInput,
  metrics: ReadonlyMap<string, Metric>,
): ReportException[] {
  const found: ReportException[] = [];
  const say = (
    severity: ReportException["severity"],
    code: string,
    message: string,
    metric: string | null = null,
  ) => found.push({ code, severity, message, metric });
  const value = (id: string): number => metrics.get(id)?.value ?? 0;
  const detail = (id: string, of: string): number => metrics.get(id)?.detail[of] ?? 0;

  const { valid, message } = data.integrity;
  if (valid === false)
    say("failure", "integrity_failed", `The ledger does not verify: ${message}.`, "M-INT-01");
  if (valid === null) say("warning", "integrity_not_fully_checked", `${message}.`, "M-INT-01");
  const overdue = detail("M-INC-02", "overdue");
  if (overdue > 0)
    say(
      "failure",
      "incident_clock_overdue",
      `Incidents past their reporting clock: ${overdue}.`,
      "M-INC-02",
    );
  const underFloor = detail("M-RET-03", "under_floor");
  if (underFloor > 0)
    say(
      "failure",
      "pruned_under_the_floor",
      `Prunes that took content younger than six months: ${underFloor}.`,
      "M-RET-03",
    );
  if (value("M-HO-08") > 0)
    say(
      "failure",
      "recorded_while_halted",
      `Decisions recorded while their service was halted: ${value("M-HO-08")}.`,
      "M-HO-08",
    );
  if (value("M-LOG-04") > 0)
    say(
      "failure",
      "records_lost",
      `Records that writers numbered and the ledger does not hold: ${value("M-LOG-04")}.`,
      "M-LOG-04",
    );
  if (value("M-PRV-02") > 0)
    say(
      "failure",
      "content_past_retention",
      `Decisions with content past its retention class: ${value("M-PRV-02")}.`,
      "M-PRV-02",
    );
  const late = detail("M-EXP-02", "overdue");
  if (late > 0)
    say(
      "failure",
      "requests_overdue",
      `Requests that were or are open longer than ${detail("M-EXP-02", "sla_days")} days: ${late}.`,
      "M-EXP-02",
    );
  const unidentified = detail("M-HO-02", "declared");
  if (unidentified > 0)
    say(
      "warning",
      "reviewers_not_identified",
      `Reviews by persons who were only named, corrections through LoopGrid 0.1's route among them: ${unidentified}.`,
      "M-HO-02",
    );
  if (context === undefined)
    say(
      "warning",
      "context_not_declared",
      "Nobody declared the operator's role, the risk class or the purpose: what depends on them is judged without.",
      "M-CTX-01",
    );
  if (metrics.get("M-LOG-04")?.value === null)
    say(
      "warning",
      "loss_not_measurable",
      "No writer numbers its records: lost ones would not be noticed.",
      "M-LOG-04",
    );
  if (value("M-HO-07") > 0)
    say(
      "warning",
      "hasty_approvals",
      `Approvals in less than ${thresholds.dwell_ms_min / 1000} seconds: ${metrics.get("M-HO-07")?.numerator ?? 0}.`,
      "M-HO-07",
    );
  if (data.recordsCut)
    say(
      "warning",
      "records_cut",
      "There are more records of some kind than a report reads; the newest were read.",
    );
  if (isBaselineStale(data.generatedAt))
    say(
      "warning",
      "legal_baseline_stale",
      `The legal baseline of ${LEGAL_BASELINE.set} should have been looked at again by ${LEGAL_BASELINE.stale_after}.`,
    );
  return found;
}
