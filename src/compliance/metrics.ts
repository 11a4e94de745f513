/** The metric catalogue: every number of the report, in its order. Pure. */
import type { Metric } from "./metric.ts";
import type { MetricInput } from "./metric-input.ts";
import { oversightMetrics } from "./metrics/oversight.ts";
import { peopleMetrics } from "./metrics/people.ts";
import { performanceMetrics } from "./metrics/performance.ts";
import { recordingMetrics } from "./metrics/recording.ts";
import { retentionMetrics } from "./metrics/retention.ts";

export function metricsOf(input: MetricInput): Metric[] {
  return [
    ...recordingMetrics(input),
    ...retentionMetrics(input),
    ...oversightMetrics(input),
    ...performanceMetrics(input),
    ...peopleMetrics(input),
  ];
}
