/** Shapes of `/v1/experiments`: what is asked, how far it is, what came of it. */
import { z } from "zod";
import { JsonObject, Name, NullableJsonObject, Timestamp } from "../../ledger/schema.ts";
import { Cost } from "../prices.ts";
import { Overrides } from "../schema.ts";
import { Scorer, SCORERS_MAX } from "./scorers.ts";

/** One frozen list: its ids and its items' rows stay small enough to be read at once. */
export const SELECTION_MAX = 10_000;
/** More at once only earns 429s, and a Worker's connections are few. */
export const CONCURRENCY_MAX = 16;
const CONCURRENCY_DEFAULT = 4;

export const STATES = [
  "queued",
  "running",
  "completed",
  "completed_with_errors",
  "cancelled",
  "budget_exhausted",
] as const;
export type ExperimentState = (typeof STATES)[number];

export function isOver(state: ExperimentState): boolean {
  return state !== "queued" && state !== "running";
}

/** An instant in a body: RFC 3339, or a date, which means its first moment in UTC. */
const Instant = z.union([z.iso.datetime({ offset: true }), z.iso.date()], {
  error: "must be an RFC 3339 time such as 2026-11-22T18:26:55Z, or a date",
});

const SelectionFilter = z
  .strictObject({
    service_name: Name.optional(),
    decision_type: Name.optional(),
    status: z
      .enum(["recorded", "incorrect", "corrected"], {
        error: "must be recorded, incorrect or corrected",
      })
      .optional(),
    model_provider: Name.optional(),
    model_name: Name.optional(),
    from: Instant.optional(),
    to: Instant.optional(),
  })
  .meta({
    description: "As on GET /v1/decisions; newest first.",
    example: { service_name: "support-agent", status: "corrected" },
  });
export type SelectionFilter = z.infer<typeof SelectionFilter>;

const Selection = z
  .strictObject({
    decision_ids: z
      .array(z.string().max(100, { error: "must be an id" }))
      .min(1, { error: "must name at least one decision" })
      .max(SELECTION_MAX, { error: `must name at most ${SELECTION_MAX} decisions` })
      .optional(),
    filter: SelectionFilter.optional(),
  })
  .refine(({ decision_ids, filter }) => (decision_ids === undefined) !== (filter === undefined), {
    error: "must have either decision_ids or filter",
  });
export type Selection = z.infer<typeof Selection>;

/** It is kept with every item's replay. */
export const OVERRIDES_BYTES_MAX = 64 * 1024;

const Items = z
  .int({ error: "must be an integer" })
  .min(1, { error: "must be at least 1" })
  .meta({ description: "the rest of the selection is skipped" });
const Money = z.number().positive({ error: "must be positive" }).meta({
  description:
    "In the currency of GET /v1/prices; what is left then is skipped. What a call costs is known afterwards: the last one may pass it.",
});

/** Unknown members are refused: a budget that is misspelt would be none. */
export const ExperimentCreate = z
  .strictObject({
    name: z.string().max(200, { error: "must be at most 200 characters" }).nullish(),
    selection: Selection,
    overrides: Overrides.optional(),
    mode: z
      .enum(["auto", "live", "simulated"], { error: "must be auto, live or simulated" })
      .default("auto"),
    scorers: z
      .array(Scorer)
      .min(1, { error: "must hold at least one scorer" })
      .max(SCORERS_MAX, { error: `must hold at most ${SCORERS_MAX} scorers` })
      .meta({
        description: "An answer is right when every scorer says so.",
        example: [{ type: "normalized_text" }],
      }),
    ground_truth: z
      .enum(["correction", "correction_or_original"], {
        error: "must be correction or correction_or_original",
      })
      .default("correction")
      .meta({
        description:
          "What answers are held against. `correction`: human corrections alone. `correction_or_original`: where nobody flagged or corrected a decision, its own output is assumed to be right.",
      }),
    max_items: Items.optional(),
    max_cost: Money.optional(),
    concurrency: z
      .int({ error: "must be an integer" })
      .min(1, { error: "must be at least 1" })
      .max(CONCURRENCY_MAX, { error: `must be at most ${CONCURRENCY_MAX}` })
      .default(CONCURRENCY_DEFAULT)
      .meta({ description: "calls at once, for each provider" }),
    dry_run: z.boolean().default(false),
  })
  .meta({ id: "ExperimentCreate" });
export type ExperimentCreate = z.infer<typeof ExperimentCreate>;

/** What runs, as the `experiment_started` entry keeps it. */
export const ExperimentDefinition = z.object(
  ExperimentCreate.omit({ dry_run: true, selection: true }).shape,
);
export type ExperimentDefinition = z.infer<typeof ExperimentDefinition>;

export const ExperimentResume = z
  .strictObject({ max_items: Items.nullish(), max_cost: Money.nullish() })
  .meta({
    id: "ExperimentResume",
    description: "A budget given here replaces the earlier one; null lifts it.",
  });

export const FrozenSelection = z.object({
  count: z.int(),
  hash: z.string().meta({
    description: "hex(SHA-256(JCS of the array of decision ids, in the order of the items))",
  }),
  size: z.int().meta({ description: "of the ledger: corrections up to it are the ground truth" }),
});
export type FrozenSelection = z.infer<typeof FrozenSelection>;

export const Progress = z.object({
  total: z.int(),
  pending: z.int().meta({ description: "those that run included" }),
  running: z.int(),
  succeeded: z
    .int()
    .meta({ description: "answered, whatever the model said; simulated replays included" }),
  failed: z.int(),
  skipped: z.int(),
});
export type Progress = z.infer<typeof Progress>;

const Pairs = z.object({
  n: z.int(),
  both_right: z.int(),
  fixed: z.int().meta({ description: "the original was wrong, the replay is right" }),
  broken: z.int().meta({ description: "the original was right, the replay is wrong" }),
  both_wrong: z.int(),
});
export type Pairs = z.infer<typeof Pairs>;

const Rate = z.number().nullable();
const Interval = z.object({ low: z.number(), high: z.number() }).nullable();
const Latency = z.object({ n: z.int(), p50: z.number().nullable(), p95: z.number().nullable() });

export const ExperimentReport = Pairs.extend({
  original_rate: Rate,
  replay_rate: Rate,
  intervals: z
    .object({ original: Interval, replay: Interval })
    .meta({ description: "Wilson score intervals, 95 %." }),
  mcnemar_p: z.number().nullable().meta({ description: "Exact, two-sided, of fixed and broken." }),
  cost: z.object({
    replay: z.number().meta({ description: "of every call that has a price, judges included" }),
    currency: z.string().nullable(),
    unpriced: z.int().meta({ description: "items whose cost is not known" }),
    compared: z
      .object({ n: z.int(), original: z.number(), replay: z.number(), delta: z.number() })
      .meta({
        description:
          "Items whose original cost can be told from its recorded usage at today's prices; judges aside.",
      }),
  }),
  latency_ms: z.object({ replay: Latency, original: Latency, delta_p50: z.number().nullable() }),
  ground_truth: z.object({ correction: z.int(), assumed_original: z.int(), none: z.int() }),
  excluded: z
    .object({ failed: z.int(), skipped: z.int(), simulated: z.int(), unscored: z.int() })
    .meta({ description: "Not in n, and why. Simulated replays are never counted." }),
  outcomes: z.record(z.string(), z.int()),
  fidelity: z.record(z.string(), z.int()),
  differences: z.object({ identical: z.int(), equivalent: z.int(), changed: z.int() }),
  by_scorer: z.array(Pairs.extend({ type: z.string() })),
  regressions: z.array(z.string()).meta({ description: "the broken ones, by decision" }),
  fixes: z.array(z.string()),
}).meta({ id: "ExperimentReport" });
export type ExperimentReport = z.infer<typeof ExperimentReport>;

export const Experiment = z
  .object({
    experiment_id: z.string().meta({ example: "exp_019abf2e6f0e70008000000000a1b2c3" }),
    name: z.string().nullable(),
    state: z.enum(STATES),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    ended_at: Timestamp.nullable(),
    selection: FrozenSelection,
    mode: z.enum(["auto", "live", "simulated"]),
    overrides: NullableJsonObject,
    scorers: z.array(JsonObject),
    ground_truth: z.enum(["correction", "correction_or_original"]),
    concurrency: z.int(),
    max_items: z.int().nullable(),
    max_cost: z.number().nullable(),
    progress: Progress,
    report: ExperimentReport.nullable().meta({ description: "Once it has ended." }),
  })
  .meta({ id: "Experiment" });
export type Experiment = z.infer<typeof Experiment>;

export const Estimate = z
  .object({
    items: z.int().meta({ description: "that would run" }),
    sampled: z.int().meta({ description: "decisions that the rest was estimated from" }),
    live: z.int().meta({ description: "of the sampled" }),
    simulated: z.int(),
    not_replayable: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    cost: Cost.nullable().meta({
      description: "Null where a price is unknown, or nobody would be asked. Judges aside.",
    }),
    basis: z.string(),
  })
  .meta({ id: "ExperimentEstimate" });
export type Estimate = z.infer<typeof Estimate>;

export const DryRun = z
  .object({ dry_run: z.literal(true), selection: FrozenSelection, estimate: Estimate })
  .meta({ id: "ExperimentDryRun", description: "Nothing was written and nobody was asked." });

export const ExperimentList = z
  .object({
    experiments: z.array(Experiment.omit({ report: true, overrides: true })),
    has_more: z.boolean(),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: "ExperimentList" });
