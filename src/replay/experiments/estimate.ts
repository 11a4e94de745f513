/**
 * What an experiment would take, before anybody is paid: from a sample of its decisions, rebuilt as a
 * live replay would. Tokens are the recorded ones where a response body was recorded, else counted
 * from characters. A price that is unknown leaves the cost unknown. Pure.
 */
import type { DecisionWithErasures } from "../../ledger/read-decision.ts";
import type { ProviderConnections } from "../connections.ts";
import { originalAnswer } from "../diff.ts";
import { replayMode } from "../mode.ts";
import type { Usage } from "../outcome.ts";
import { costOf, type PriceList } from "../prices.ts";
import { effectiveProvider, rebuild } from "../rebuild.ts";
import { recordedAnswer } from "../verbatim.ts";
import type { Estimate, ExperimentCreate } from "./schema.ts";

/** Decisions read for an estimate: each may hold a mebibyte. */
export const SAMPLE_MAX = 100;
/** English text; other scripts take more tokens, code a little more. */
const CHARACTERS_PER_TOKEN = 4;

/** Positions spread evenly over a list, so that an estimate does not only know its newest part. */
export function samplePositions(count: number): number[] {
  const size = Math.min(count, SAMPLE_MAX);
  return Array.from({ length: size }, (_, i) => Math.floor((i * count) / size));
}

export interface Sampled {
  readonly kind: "live" | "simulated" | "not_replayable";
  readonly usage: Usage | null;
  readonly cost: number | null;
}

/** @param sampled of `estimateOne`, for each sampled decision */
export function estimate(
  items: number,
  sampled: readonly Sampled[],
  { currency, version: price_version }: PriceList,
): Estimate {
  const counted = (kind: Sampled["kind"]) => sampled.filter((one) => one.kind === kind).length;
  const scale = sampled.length === 0 ? 0 : items / sampled.length;
  const sum = (of: (one: Sampled) => number) =>
    sampled.reduce((total, one) => total + of(one), 0) * scale;
  const live = sampled.filter(({ kind }) => kind === "live");
  const isPriced = live.length > 0 && live.every(({ cost }) => cost !== null);
  const amount = Number(sum(({ cost }) => cost ?? 0).toFixed(9));
  return {
    items,
    sampled: sampled.length,
    live: counted("live"),
    simulated: counted("simulated"),
    not_replayable: counted("not_replayable"),
    input_tokens: Math.round(sum(({ usage }) => usage?.input_tokens ?? 0)),
    output_tokens: Math.round(sum(({ usage }) => usage?.output_tokens ?? 0)),
    cost: isPriced ? { amount, currency, price_version } : null,
    basis: `An estimate: recorded token counts where there are any, else ${CHARACTERS_PER_TOKEN} characters a token and answers as long as the recorded ones.`,
  };
}

/** What one decision would take; small, so that a sample of large ones is never held at once. */
export function estimateOne(
  decision: DecisionWithErasures,
  { mode, overrides }: Pick<ExperimentCreate, "mode" | "overrides">,
  providers: ProviderConnections,
  prices: PriceList,
): Sampled {
  const given = overrides ?? {};
  const nothing = { usage: null, cost: null };
  const { kind } = replayMode(mode, decision, given, providers);
  if (kind === "simulated") return { kind, ...nothing };
  const provider = kind === "refused" ? undefined : effectiveProvider(decision, given);
  const rebuilt = provider && rebuild(decision, given, provider);
  if (provider === undefined || !rebuilt?.ok) return { kind: "not_replayable", ...nothing };
  const { model, body } = rebuilt.request;
  const usage = recordedAnswer(decision)?.usage ?? countedUsage(decision, JSON.stringify(body));
  const cost = costOf(prices, provider.name, [model], usage);
  return { kind: "live", usage, cost: cost?.amount ?? null };
}

function countedUsage(decision: DecisionWithErasures, body: string): Usage {
  const answer = originalAnswer(decision);
  const output = answer?.text ?? JSON.stringify(decision.output ?? {});
  return {
    input_tokens: Math.ceil(body.length / CHARACTERS_PER_TOKEN),
    output_tokens: Math.ceil(output.length / CHARACTERS_PER_TOKEN),
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: 0,
    other_tokens: 0,
  };
}
