/** Selection rates and impact ratios by the categories that an operator supplies (6 RCNY 5-301). Pure. */
import { z } from "zod";
import { ratio } from "./metric.ts";
import { recordsInScope, textFact, type MetricInput } from "./metric-input.ts";

const Groups = z.array(z.object({ group: z.string(), assessed: z.number(), selected: z.number() }));

export interface SelectionGroup {
  readonly service: string;
  readonly category: string;
  readonly group: string;
  readonly assessed: number;
  readonly selected: number;
  readonly selection_rate: number | null;
  /** Over the highest rate of the category; null where nobody of any group was selected. */
  readonly impact_ratio: number | null;
}

/** Records of the same service and category add up. */
export function selectionsOf(input: MetricInput): SelectionGroup[] {
  const counts = new Map<string, { assessed: number; selected: number }>();
  for (const header of recordsInScope(input, "selection_recorded")) {
    const place = [textFact(header, "service_name") ?? "", textFact(header, "category") ?? ""];
    for (const row of Groups.safeParse(header.facts["groups"]).data ?? []) {
      const key = JSON.stringify([...place, row.group]);
      const known = counts.get(key) ?? { assessed: 0, selected: 0 };
      counts.set(key, {
        assessed: known.assessed + row.assessed,
        selected: known.selected + row.selected,
      });
    }
  }
  const rows = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { assessed, selected }]) => {
      const [service = "", category = "", group = ""]: string[] = JSON.parse(key);
      return { service, category, group, assessed, selected };
    });
  const best = new Map<string, number>();
  for (const row of rows)
    best.set(placeOf(row), Math.max(best.get(placeOf(row)) ?? 0, rateOf(row)));
  return rows.map((row) => {
    const highest = best.get(placeOf(row)) ?? 0;
    return {
      ...row,
      selection_rate: ratio(row.selected, row.assessed),
      impact_ratio: row.assessed === 0 || highest === 0 ? null : ratio(rateOf(row), highest),
    };
  });
}

function placeOf({ service, category }: { service: string; category: string }): string {
  return JSON.stringify([service, category]);
}

function rateOf({ assessed, selected }: { assessed: number; selected: number }): number {
  return assessed === 0 ? 0 : selected / assessed;
}
