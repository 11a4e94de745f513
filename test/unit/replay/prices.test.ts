import { describe, expect, test } from "vitest";
import type { Usage } from "../../../src/replay/outcome.ts";
import { costOf, NO_PRICES, priceOf, type Price } from "../../../src/replay/prices.ts";

const USAGE: Usage = {
  input_tokens: 1_000_000,
  output_tokens: 200_000,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cache_write_1h_tokens: 0,
  reasoning_tokens: 150_000,
  other_tokens: 0,
};
const PRICE: Price = { provider: "anthropic", model: "claude-opus-5", input: 5, output: 25 };
const listOf = (...prices: Price[]) => ({ ...NO_PRICES, version: 3, currency: "EUR", prices });

function cost(usage: Partial<Usage>, price: Partial<Price> = {}) {
  const list = listOf({ ...PRICE, ...price });
  return costOf(list, "anthropic", ["claude-opus-5"], { ...USAGE, ...usage });
}

describe("a cost", () => {
  test("is input and output by their prices; thoughts are output already", () => {
    expect(cost({})).toEqual({ amount: 10, currency: "EUR", price_version: 3 });
  });

  test("counts every cached token once, at its own price, and the request", () => {
    const usage = {
      cache_read_tokens: 400_000,
      cache_write_tokens: 300_000,
      cache_write_1h_tokens: 100_000,
    };
    const price = { cache_read: 0.5, cache_write: 6.25, cache_write_1h: 10, per_request: 0.01 };
    // 300,000 fresh, 400,000 read, 200,000 for five minutes, 100,000 for an hour, 200,000 out.
    expect(cost(usage, price)?.amount).toBe(8.96);
  });

  test.for<readonly [string, Partial<Usage>, Partial<Price>]>([
    ["cache reads", { cache_read_tokens: 1 }, {}],
    ["cache writes", { cache_write_tokens: 1 }, { cache_read: 1 }],
    [
      "writes for an hour",
      { cache_write_tokens: 1, cache_write_1h_tokens: 1 },
      { cache_read: 1, cache_write: 1 },
    ],
    ["tokens billed apart", { other_tokens: 1 }, {}],
    ["counters that do not add up", { cache_read_tokens: 2_000_000 }, { cache_read: 1 }],
  ])("is unknown, not 0, with %s of unknown price", ([, usage, price]) => {
    expect(cost(usage, price)).toBeNull();
  });

  test("is unknown without usage, without a price, and of another provider", () => {
    const list = listOf(PRICE);
    expect(costOf(list, "anthropic", ["claude-opus-5"], null)).toBeNull();
    expect(costOf(NO_PRICES, "anthropic", ["claude-opus-5"], USAGE)).toBeNull();
    expect(costOf(list, "openai", ["claude-opus-5"], USAGE)).toBeNull();
  });

  test("goes by the model that served, else by the one that was asked for", () => {
    const served = { ...PRICE, model: "claude-opus-5-20261101", input: 1, output: 0 };
    const list = listOf(PRICE, served);
    const models = ["claude-opus-5-20261101", "claude-opus-5"];
    expect(costOf(list, "anthropic", models, USAGE)?.amount).toBe(1);
    expect(costOf(list, "anthropic", [null, "claude-opus-5"], USAGE)?.amount).toBe(10);
  });

  test("of nothing is nothing", () => {
    expect(cost({ input_tokens: 0, output_tokens: 0 })?.amount).toBe(0);
  });
});

test("the exact name is priced before the longest beginning", () => {
  const [exact, short, long] = ["gpt-5", "gpt-*", "gpt-5*"].map((model) => ({ ...PRICE, model }));
  const list = listOf(...[short, long, exact].filter((price) => price !== undefined));
  expect(priceOf(list, "anthropic", "gpt-5")).toBe(exact);
  expect(priceOf(list, "anthropic", "gpt-5-mini")).toBe(long);
  expect(priceOf(list, "anthropic", "gpt-4o")).toBe(short);
  expect(priceOf(list, "anthropic", "o3")).toBeUndefined();
});
