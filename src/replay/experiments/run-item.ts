/**
 * One item of an experiment, from a claimed row to its verdict: one replay, joined and never repeated
 * after a restart, for its id was minted before anybody was asked. Ports come in.
 */
import { toDecision } from "../../ledger/decision.ts";
import { ContentTooLarge } from "../../ledger/draft.ts";
import { readDecision, type DecisionWithErasures } from "../../ledger/read-decision.ts";
import type { Decision } from "../../ledger/schema.ts";
import { diffLevel } from "../diff.ts";
import { numberAt } from "../json-read.ts";
import { replayMode } from "../mode.ts";
import type { ReplayJob } from "../job.ts";
import { costOf, type PriceList } from "../prices.ts";
import { effectiveProvider } from "../rebuild.ts";
import { toReplay } from "../replay.ts";
import type { Replay } from "../schema.ts";
import { simulatedDraft, type SimulatedReplay } from "../simulated-draft.ts";
import { recordedAnswer, verbatimOf } from "../verbatim.ts";
import { judge, type Judgement, type JudgePorts } from "./judge.ts";
import { NO_RESULT, type ItemResult, type ItemState } from "./item.ts";
import type { ExperimentDefinition } from "./schema.ts";
import { score, type Side, type Verdict } from "./score.ts";
import { originalSide, replaySide, truthOf, type Truth } from "./truth.ts";

/** What an item's run is given beside the ports. */
export interface ItemContext {
  readonly experimentId: string;
  readonly definition: ExperimentDefinition;
  /** The selection's: corrections up to it are the ground truth. */
  readonly size: number;
  readonly actor: string;
}

export interface ItemPorts extends JudgePorts {
  /** Reserves the job and runs it to its entry, or joins the run that is under way. */
  readonly replay: (job: ReplayJob) => Promise<void>;
}

export interface ClaimedItem {
  readonly decisionId: string;
  readonly replayId: string;
}

export interface Settled {
  readonly state: ItemState;
  readonly result: ItemResult;
  /** Of the replay and its judges; null while none of them has a price. */
  readonly cost: number | null;
}

/** @throws when the ledger does not take an entry now: the item stays claimed and is run again */
export async function runItem(
  item: ClaimedItem,
  context: ItemContext,
  ports: ItemPorts,
): Promise<Settled> {
  const { reader } = ports;
  const done = await reader.indexOf(item.replayId);
  try {
    if (done === undefined) await replayOnce(item, context, ports);
  } catch (error) {
    // The recorded output fitted an entry, marked as simulated it does not: it never will.
    if (error instanceof ContentTooLarge) return unrecordable();
    throw error;
  }
  const index = done ?? (await reader.indexOf(item.replayId));
  const [entry] = index === undefined ? [] : await reader.entriesAt([index]);
  if (entry === undefined) throw new Error(`replay ${item.replayId} cannot be read back`);
  // Before the decision is read: what a judge is shown may not have been erased since.
  const size = (await reader.head())?.size ?? 0;
  const entries = await reader.decision(item.decisionId);
  const decision = entries && toDecision(entries);
  // Without the decision: what differs where is for whoever looks at the one replay.
  return settle(toReplay(entry), { decision, size }, item, context, ports);
}

async function replayOnce(
  { decisionId, replayId }: ClaimedItem,
  { experimentId, definition, actor }: ItemContext,
  ports: ItemPorts,
): Promise<void> {
  const size = (await ports.reader.head())?.size ?? 0;
  const decision = await readDecision(ports.reader, decisionId);
  if (decision === undefined) throw new Error(`decision ${decisionId} cannot be read`);
  const overrides = definition.overrides ?? null;
  const triggeredBy = "experiment";
  const replay = { replayId, experimentId, decisionId, overrides, triggeredBy, actor };
  if (isSimulated(definition, decision, ports)) return simulateOnce(replay, decision, size, ports);
  return ports.replay({
    ...replay,
    createdAt: new Date(ports.nowMs()).toISOString(),
    keyed: null,
    patient: true,
  });
}

function unrecordable(): Settled {
  return { state: "failed", result: { ...NO_RESULT, reason: "content_too_large" }, cost: null };
}

/** Live without a provider is a failed replay that says so, not a simulated one. */
function isSimulated(
  { mode, overrides }: ExperimentDefinition,
  decision: DecisionWithErasures,
  { providers }: ItemPorts,
): boolean {
  return replayMode(mode, decision, overrides ?? {}, providers).kind === "simulated";
}

async function simulateOnce(
  replay: Omit<SimulatedReplay, "keyed">,
  decision: DecisionWithErasures,
  size: number,
  ports: ItemPorts,
): Promise<void> {
  const keyed = undefined;
  const draft = simulatedDraft({ ...replay, keyed }, decision, size, ports.randomBytes);
  const outcome = await ports.append({ drafts: [draft] });
  if (outcome.kind !== "appended" && outcome.kind !== "repeated")
    throw new Error(`a simulated replay is not committed yet: ${outcome.kind}`);
}

/** The decision as it is now, and the ledger's size before it was read. */
interface Current {
  readonly decision: Decision | undefined;
  readonly size: number;
}

async function settle(
  replay: Replay,
  current: Current,
  item: ClaimedItem,
  context: ItemContext,
  ports: ItemPorts,
): Promise<Settled> {
  const { decision } = current;
  const base = await resultOf(replay, decision, ports);
  const isFailed = replay.execution_status === "failed";
  if (isFailed || replay.execution_mode !== "live" || replay.replay_output === null)
    return { state: isFailed ? "failed" : "succeeded", result: base, cost: base.cost };
  const frozen = await ports.reader.decisionAsOf(item.decisionId, context.size - 1);
  const asFrozen = frozen && toDecision(frozen);
  const truth = asFrozen && truthOf(asFrozen, context.definition.ground_truth);
  const original = decision && originalSide(decision);
  if (decision === undefined || original === undefined)
    return {
      state: "succeeded",
      result: { ...base, reason: "original_erased" },
      cost: base.cost,
    };
  const pair = { original, replay: replaySide(replay.replay_output) };
  const about = { ...current, decision };
  const scored = await scoreAll(pair, truth, about, item, context, ports);
  const { scores, judgements } = scored;
  const judgeCost = judgements.reduce((sum, { cost }) => sum + (cost ?? 0), 0);
  const isPriced = base.cost !== null || judgements.some(({ cost }) => cost !== null);
  const problems = judgements.flatMap(({ problem }) => problem ?? []);
  const result = {
    ...base,
    ground_truth: truth?.basis ?? null,
    reason: truth === undefined ? "no_ground_truth" : (problems[0] ?? null),
    original_right: allOf(scores.map(({ original }) => original)),
    replay_right: allOf(scores.map(({ replay }) => replay)),
    unpriced: base.unpriced || judgements.some(({ isUnpriced }) => isUnpriced),
    scores,
  };
  return {
    // What a judge could not say now it may say when the item is resumed.
    state: problems.includes("judge_failed") ? "failed" : "succeeded",
    result,
    cost: isPriced ? (base.cost ?? 0) + judgeCost : null,
  };
}

interface Pair {
  readonly original: Side;
  readonly replay: Side;
}

async function scoreAll(
  pair: Pair,
  truth: Truth | undefined,
  about: { readonly decision: Decision; readonly size: number },
  { replayId }: ClaimedItem,
  { experimentId, definition, actor }: ItemContext,
  ports: ItemPorts,
): Promise<{ scores: ItemResult["scores"]; judgements: Judgement[] }> {
  const scores: ItemResult["scores"] = [];
  const judgements: Judgement[] = [];
  for (const [i, scorer] of definition.scorers.entries()) {
    const verdict = async (side: "original" | "replay"): Promise<Verdict> => {
      if (scorer.type !== "judge") return score(scorer, pair[side], truth?.side);
      if (truth === undefined) return null;
      const judged = { experimentId, replayId, scorer: i, side, actor, ...about };
      const sides = { answer: pair[side], truth: truth.side };
      const judgement = await judge(scorer, { ...judged, ...sides }, ports);
      judgements.push(judgement);
      return judgement.verdict;
    };
    const [original, replay] = [await verdict("original"), await verdict("replay")];
    scores.push({ type: scorer.type, original, replay });
  }
  return { scores, judgements };
}

/** Right when every scorer says so; no verdict when one of them has none. */
function allOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(null)) return null;
  return verdicts.every((verdict) => verdict === true);
}

async function resultOf(
  replay: Replay,
  decision: Decision | undefined,
  ports: ItemPorts,
): Promise<ItemResult> {
  const prices = await ports.prices();
  return {
    ...NO_RESULT,
    // A provider's message may quote the request; its code does not.
    reason: replay.error?.code ?? null,
    execution_mode: replay.execution_mode,
    outcome: replay.outcome,
    difference: differenceOf(replay, decision),
    fidelity: replay.fidelity?.level ?? null,
    cost: replay.cost?.amount ?? null,
    unpriced: replay.cost === null && replay.execution_mode === "live",
    currency: replay.cost?.currency ?? null,
    original_cost: decision && prices ? originalCost(decision, prices) : null,
    latency_ms: replay.latency_ms,
    original_latency_ms: decision === undefined ? null : originalLatencyMs(decision),
  };
}

function differenceOf(
  { replay_output, execution_mode }: Replay,
  decision: Decision | undefined,
): ItemResult["difference"] {
  const original = decision && originalSide(decision);
  if (original === undefined || replay_output === null || execution_mode !== "live") return null;
  return diffLevel(original, replaySide(replay_output));
}

/** What the recorded call would cost today; known only where its response body was recorded. */
function originalCost(decision: Decision, prices: PriceList): number | null {
  const reading = recordedAnswer(decision);
  const provider = effectiveProvider(decision, {});
  if (reading === undefined || provider === undefined) return null;
  const models = [reading.servedModel, verbatimOf(decision, {})?.model ?? null];
  return costOf(prices, provider.name, models, reading.usage)?.amount ?? null;
}

/** Only where the application recorded it: from begin to end, or as a number of its own. */
function originalLatencyMs({ started_at, ended_at, metadata }: Decision): number | null {
  if (started_at !== undefined && ended_at !== undefined)
    return Date.parse(ended_at) - Date.parse(started_at);
  return numberAt(metadata ?? {}, "latency_ms") ?? null;
}
