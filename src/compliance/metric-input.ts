/** What every metric may look at, and how records are read. Pure. */
import type { Header } from "../ledger/schema.ts";
import type { JsonValue } from "../lib/json.ts";
import { aggregate, total, type Aggregates } from "./aggregates.ts";
import type { ListedKind, ReportData } from "./report-data.ts";
import { thresholdsWith, type Thresholds } from "./thresholds.ts";

export const DAY_MS = 86_400_000;

export interface MetricInput {
  readonly data: ReportData;
  readonly sums: Aggregates;
  readonly thresholds: Thresholds;
  /** Decisions in scope. */
  readonly decisions: number;
  /** Ages are measured at the last entry that counts, so that the same index gives the same ages. */
  readonly asOfMs: number;
  /** The newest declaration, if any. */
  readonly context: Header | undefined;
}

export function metricInput(data: ReportData): MetricInput {
  const sums = aggregate(data.tallies, data.scope);
  return {
    data,
    sums,
    thresholds: thresholdsWith(data.overrides),
    decisions: total(sums.decisions),
    asOfMs: Date.parse(data.asOf?.recordedAt ?? data.generatedAt.toISOString()),
    context: data.records.context_declared.at(-1),
  };
}

/** Records of a kind that are in scope: of its service or of none, and of its period. */
export function recordsInScope({ data }: MetricInput, kind: ListedKind): readonly Header[] {
  const { serviceName, fromDay, toDay } = data.scope;
  return data.records[kind].filter(({ facts, recorded_at }) => {
    const day = recorded_at.slice(0, 10);
    const service = facts["service_name"];
    return (
      (serviceName === undefined || service === undefined || service === serviceName) &&
      (fromDay === undefined || day >= fromDay) &&
      (toDay === undefined || day < toDay)
    );
  });
}

export function factOf(header: Header | undefined, fact: string): JsonValue | undefined {
  return header?.facts[fact];
}

export function textFact(header: Header | undefined, fact: string): string | undefined {
  const value = factOf(header, fact);
  return typeof value === "string" ? value : undefined;
}

export function numberFact(header: Header | undefined, fact: string): number | undefined {
  const value = factOf(header, fact);
  return typeof value === "number" ? value : undefined;
}

/** NaN where there is none. */
export function timeFact(header: Header | undefined, fact: string): number {
  return Date.parse(textFact(header, fact) ?? "");
}

export function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
