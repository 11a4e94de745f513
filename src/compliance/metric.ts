/** A metric as the report shows it: a number with what it was counted over. Pure. */
import { z } from "zod";
import { Basis } from "./vocabulary.ts";

export const Metric = z
  .object({
    id: z.string(),
    name: z.string(),
    value: z.number().nullable().meta({ description: "Null: there was nothing to measure." }),
    unit: z.enum(["ratio", "count", "ms", "days", "months"]),
    numerator: z.int().nullable(),
    denominator: z.int().nullable(),
    ci95: z
      .array(z.number())
      .length(2)
      .nullable()
      .meta({ description: "Wilson 95 % interval, where the numbers are a sample of something." }),
    basis: Basis,
    population: z.string(),
    query_id: z.string(),
    recompute: z.string().meta({ description: "How to get the same number from a ledger export." }),
    detail: z.record(z.string(), z.number().nullable()),
  })
  .meta({ id: "ReportMetric" });
export type Metric = z.infer<typeof Metric>;

interface About {
  readonly name: string;
  readonly population: string;
  readonly recompute: string;
  readonly basis?: Basis;
  readonly detail?: Readonly<Record<string, number | null>>;
}

/** A share of a whole that was counted in full: no interval, nothing was estimated. */
export function share(id: string, numerator: number, denominator: number, about: About): Metric {
  return metric(id, {
    ...about,
    unit: "ratio",
    value: ratio(numerator, denominator),
    numerator,
    denominator,
  });
}

/** A share that is an estimate for what was not looked at: with its interval. */
export function rate(id: string, numerator: number, denominator: number, about: About): Metric {
  return {
    ...share(id, numerator, denominator, about),
    ci95: wilson95(numerator, denominator),
  };
}

export function quantity(
  id: string,
  unit: Metric["unit"],
  value: number | null,
  about: About & { readonly denominator?: number },
): Metric {
  return metric(id, {
    ...about,
    unit,
    value,
    numerator: null,
    denominator: about.denominator ?? null,
  });
}

function metric(
  id: string,
  parts: About & Pick<Metric, "unit" | "value" | "numerator" | "denominator">,
): Metric {
  return {
    id,
    name: parts.name,
    value: parts.value,
    unit: parts.unit,
    numerator: parts.numerator,
    denominator: parts.denominator,
    ci95: null,
    basis: parts.basis ?? "measured",
    population: parts.population,
    query_id: `q_${id.slice(2).toLowerCase().replaceAll("-", "_")}`,
    recompute: parts.recompute,
    detail: { ...parts.detail },
  };
}

/** Six decimals: one spelling of a number wherever it is computed. */
export function ratio(numerator: number, denominator: number): number | null {
  return denominator === 0 ? null : rounded(numerator / denominator);
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Two-sided, 0.975 quantile of the normal distribution. */
const Z = 1.959964;

/** Wilson's score interval: sensible also for few and for none. */
export function wilson95(successes: number, trials: number): [number, number] | null {
  if (trials === 0) return null;
  const p = successes / trials;
  const z2 = Z * Z;
  const centre = p + z2 / (2 * trials);
  const spread = Z * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials));
  const scale = 1 + z2 / trials;
  return [
    rounded(Math.max(0, (centre - spread) / scale)),
    rounded(Math.min(1, (centre + spread) / scale)),
  ];
}
