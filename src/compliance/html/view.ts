/** The report with what every section looks up in it. Pure. */
import type { Metric } from "../metric.ts";
import type { Report } from "../report.ts";
import { thresholdsWith, type Thresholds } from "../thresholds.ts";

export interface View {
  readonly report: Report;
  readonly thresholds: Thresholds;
  metric(id: string): Metric;
}

export function viewOf(report: Report): View {
  const metrics = new Map(report.metrics.map((metric) => [metric.id, metric]));
  return {
    report,
    thresholds: thresholdsWith(report.threshold_set.overrides),
    metric(id) {
      const found = metrics.get(id);
      if (found === undefined) throw new Error(`the report has no metric ${id}`);
      return found;
    },
  };
}
