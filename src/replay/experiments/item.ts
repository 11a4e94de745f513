/** One item of an experiment: its state, and what is kept of it. */
import { z } from "zod";
import { OUTCOMES } from "../outcome.ts";

export const ITEM_STATES = ["pending", "running", "succeeded", "failed", "skipped"] as const;
export type ItemState = (typeof ITEM_STATES)[number];

const ScorerVerdict = z.object({
  type: z.string(),
  original: z.boolean().nullable(),
  replay: z.boolean().nullable(),
});

/** What is kept of an item: verdicts and numbers, nothing that quotes content. */
export const ItemResult = z.object({
  /** Why it was skipped, or is not judged. */
  reason: z.string().nullable(),
  execution_mode: z.enum(["live", "simulated", "error"]).nullable(),
  outcome: z.enum(OUTCOMES).nullable(),
  ground_truth: z.enum(["correction", "assumed_original"]).nullable(),
  original_right: z.boolean().nullable(),
  replay_right: z.boolean().nullable(),
  scores: z.array(ScorerVerdict),
  difference: z.enum(["identical", "equivalent", "changed"]).nullable(),
  fidelity: z.string().nullable(),
  cost: z.number().nullable(),
  /** Something of it was paid for, and nobody knows how much. */
  unpriced: z.boolean(),
  currency: z.string().nullable(),
  original_cost: z.number().nullable(),
  latency_ms: z.number().nullable(),
  original_latency_ms: z.number().nullable(),
});
export type ItemResult = z.infer<typeof ItemResult>;

/** Before anything is known. */
export const NO_RESULT: ItemResult = {
  reason: null,
  execution_mode: null,
  outcome: null,
  ground_truth: null,
  original_right: null,
  replay_right: null,
  scores: [],
  difference: null,
  fidelity: null,
  cost: null,
  unpriced: false,
  currency: null,
  original_cost: null,
  latency_ms: null,
  original_latency_ms: null,
};

/** A line of `/items`. */
export const ExperimentItem = ItemResult.extend({
  position: z.int(),
  decision_id: z.string(),
  state: z.enum(ITEM_STATES),
  replay_id: z.string().nullable(),
}).meta({ id: "ExperimentItem" });
export type ExperimentItem = z.infer<typeof ExperimentItem>;
