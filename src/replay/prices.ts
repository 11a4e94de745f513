/**
 * What a replay cost, from prices the operator sets. Nobody's list is built in: an unknown price is
 * null and never 0, also when a part of the usage has none (reference §8.0). Pure.
 */
import { z } from "zod";
import type { Usage } from "./outcome.ts";

const PerMillion = z
  .number({ error: "must be a number" })
  .nonnegative({ error: "must not be negative" })
  .meta({ description: "of a million tokens" });

/** At most so many prices: one list is one row. */
const PRICES_MAX = 2_000;

const Price = z.object({
  provider: z.string().min(1, { error: "must not be empty" }).max(100).meta({ example: "openai" }),
  model: z.string().min(1, { error: "must not be empty" }).max(200).meta({
    description: "A model's name; `gpt-5*` for every name that begins so.",
    example: "gpt-4o*",
  }),
  input: PerMillion,
  output: PerMillion,
  cache_read: PerMillion.optional(),
  cache_write: PerMillion.optional(),
  cache_write_1h: PerMillion.optional(),
  per_request: z.number().nonnegative().optional(),
});
export type Price = z.infer<typeof Price>;

export const PriceListCreate = z
  .object({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, { error: "must be an ISO 4217 code" })
      .default("USD"),
    prices: z
      .array(Price)
      .max(PRICES_MAX, { error: `must hold at most ${PRICES_MAX} prices` })
      .meta({ example: [{ provider: "openai", model: "gpt-4o*", input: 2.5, output: 10 }] }),
  })
  .meta({
    id: "PriceListCreate",
    description: "Replaces the list; older replays keep their cost.",
  });

export const PriceList = PriceListCreate.extend({
  version: z.int().meta({ description: "Counts up with every change; 0: never set." }),
  set_at: z.string().nullable(),
}).meta({ id: "PriceList" });
export type PriceList = z.infer<typeof PriceList>;

export const NO_PRICES: PriceList = { version: 0, set_at: null, currency: "USD", prices: [] };

export const Cost = z
  .object({ amount: z.number(), currency: z.string(), price_version: z.int() })
  .meta({ id: "Cost" });
export type Cost = z.infer<typeof Cost>;

/** @param models by what it may be priced, the most telling first: the served one, the requested one */
export function costOf(
  list: PriceList,
  provider: string,
  models: readonly (string | null)[],
  usage: Usage | null,
): Cost | null {
  if (usage === null) return null;
  const named = models.filter((model) => model !== null);
  const price = named
    .map((model) => priceOf(list, provider, model))
    .find((found) => found !== undefined);
  if (price === undefined) return null;
  const fresh = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens;
  const briefly = usage.cache_write_tokens - usage.cache_write_1h_tokens;
  // Counters that do not add up, or tokens at nobody knows which price, tell no cost.
  if (fresh < 0 || briefly < 0 || usage.other_tokens > 0) return null;
  const parts = [
    part(fresh, price.input),
    part(usage.cache_read_tokens, price.cache_read),
    part(briefly, price.cache_write),
    part(usage.cache_write_1h_tokens, price.cache_write_1h),
    part(usage.output_tokens, price.output),
    price.per_request ?? 0,
  ];
  let amount = 0;
  for (const cost of parts) {
    if (cost === null) return null;
    amount += cost;
  }
  // Nobody bills below a billionth; binary fractions end there.
  return {
    amount: Number(amount.toFixed(9)),
    currency: list.currency,
    price_version: list.version,
  };
}

function part(tokens: number, perMillion: number | undefined): number | null {
  if (tokens === 0) return 0;
  return perMillion === undefined ? null : (tokens * perMillion) / 1_000_000;
}

/** The exact name, else the longest beginning. */
export function priceOf({ prices }: PriceList, provider: string, model: string): Price | undefined {
  const own = prices.filter((price) => price.provider === provider);
  const exact = own.find((price) => price.model === model);
  if (exact !== undefined) return exact;
  return own
    .filter((price) => price.model.endsWith("*") && model.startsWith(price.model.slice(0, -1)))
    .toSorted((a, b) => b.model.length - a.model.length)[0];
}
