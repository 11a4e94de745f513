/** Replay shapes, CONTRACT "Replay", "Compare", "Overrides". */
import { z } from "zod";
import { isObject, type JsonObject as JsonObjectValue } from "../lib/json.ts";
import { Diff } from "./diff.ts";
import { ACTIONS, LEVELS } from "./fidelity.ts";
import { OUTCOMES } from "./outcome.ts";
import { Cost } from "./prices.ts";
import { JsonObject, Model, NullableJsonObject, Timestamp } from "../ledger/schema.ts";

const CREDENTIAL = /^(?:(?:x-)?api[-_]?key|authorization|headers|access[-_]?token|secret)$/i;

/** Members that clients of other tools put a key into: everything here is kept, and shown to readers. */
function credentialsIn(overrides: JsonObjectValue): string[][] {
  const { model } = overrides;
  const inModel = isObject(model) ? Object.keys(model) : [];
  const paths = [
    ...Object.keys(overrides).map((name) => [name]),
    ...inModel.map((name) => ["model", name]),
  ];
  return paths.filter((path) => CREDENTIAL.test(path.at(-1) ?? ""));
}

/**
 * What replaces the recorded request. `input` replaces it whole, `model` and `prompt` merge
 * shallowly. Other members are kept with the replay and change nothing.
 */
export const Overrides = JsonObject.superRefine((overrides, context) => {
  const known = z.object({
    input: JsonObject.optional(),
    model: Model.optional(),
    prompt: JsonObject.optional(),
    params: JsonObject.optional(),
    tools: z.array(JsonObject).nullish(),
    messages: z.array(JsonObject).optional(),
    body: JsonObject.optional(),
  });
  for (const path of credentialsIn(overrides))
    context.addIssue({
      code: "custom",
      path,
      message: "would be kept with the replay: credentials are the operator's to configure",
    });
  const parsed = known.safeParse(overrides);
  for (const issue of parsed.error?.issues ?? []) {
    context.addIssue({ code: "custom", path: issue.path, message: issue.message });
  }
})
  .nullable()
  .meta({
    type: ["object", "null"],
    additionalProperties: true,
    properties: {
      input: { type: "object", description: "replaces the whole input" },
      model: { type: "object", description: "merges shallowly over the recorded model" },
      prompt: { type: "object", description: "merges shallowly over the recorded prompt" },
      params: {
        type: "object",
        description:
          "live: parameters by their Chat Completions names, translated; other names are set on the body as they are; null deletes",
      },
      tools: {
        type: "array",
        description: "live: replaces the tools, in the request's own format",
      },
      messages: {
        type: "array",
        description: "live: replaces the messages, in the request's own format",
      },
      body: {
        type: "object",
        description:
          "live: RFC 7396 merge patch on the provider body, before the other overrides; where the format changes, members it has no counterpart for are set on the body that is sent",
      },
    },
    example: { prompt: { template: "support_v2" } },
  });

export const ReplayCreate = z
  .object({
    decision_id: z.string().meta({ example: "dec_019abf2e6f0e70008000000000a1b2c3" }),
    overrides: Overrides.optional(),
    triggered_by: z.string().default("sdk"),
    mode: z
      .enum(["auto", "live", "simulated"], { error: "must be auto, live or simulated" })
      .default("auto")
      .meta({
        description: "auto: live when the effective provider is configured, else simulated",
      }),
  })
  .meta({ id: "ReplayCreate" });
export type ReplayCreate = z.infer<typeof ReplayCreate>;

const Attempts = z.array(
  z.object({
    n: z.int(),
    status: z.int().nullable(),
    outcome: z.string(),
    latency_ms: z.number(),
    wait_ms: z.number(),
  }),
);

const Fidelity = z.object({
  level: z.enum(LEVELS),
  notes: z.array(z.object({ path: z.string(), action: z.enum(ACTIONS), reason: z.string() })),
});

const Usage = z.object({
  input_tokens: z.number(),
  output_tokens: z.number(),
  cache_read_tokens: z.number(),
  cache_write_tokens: z.number(),
  // Older entries do not tell these.
  cache_write_1h_tokens: z.number().default(0),
  reasoning_tokens: z.number(),
  other_tokens: z.number().default(0),
});

const ReplayError = z.object({
  class: z.string(),
  status: z.int().nullable(),
  code: z.string().nullable(),
  message: z.string(),
});

/** What content and facts of an entry are read with: they are ours, and old ones have less. */
export const STORED = { Attempts, Fidelity, Usage, ReplayError, Cost };

export const Replay = z
  .object({
    replay_id: z.string(),
    decision_id: z.string(),
    created_at: Timestamp,
    triggered_by: z.string().nullable(),
    experiment_id: z.string().nullable().meta({ description: "The experiment it is part of." }),
    overrides: NullableJsonObject,
    replay_output: NullableJsonObject,
    execution_status: z.enum(["completed", "failed", "pending", "running"]),
    execution_mode: z.enum(["live", "simulated", "error"]),
    output_changed: z.boolean(),
    diff_summary: z.string().nullable(),
    error: ReplayError.nullable().meta({ description: "Why there is no replay output." }),
    outcome: z.enum(OUTCOMES).nullable().meta({ description: "Null where no model was asked." }),
    fidelity: Fidelity.nullable(),
    attempts: Attempts,
    provider: z.string().nullable(),
    requested_model: z.string().nullable(),
    served_model: z.string().nullable(),
    usage: Usage.nullable(),
    usage_raw: z.unknown(),
    cost: Cost.nullable().meta({ description: "Null where a price is unknown." }),
    latency_ms: z.number().nullable(),
    diff: Diff.nullable(),
  })
  .meta({ id: "Replay" });
export type Replay = z.infer<typeof Replay>;

/** In lists: what would need the decision is left to the replay itself. */
export const ListedReplay = Replay.omit({ diff: true, diff_summary: true });

export const ReplayAccepted = z
  .object({
    replay_id: z.string(),
    decision_id: z.string(),
    execution_status: z.literal("pending"),
  })
  .meta({ id: "ReplayAccepted" });

export const Compare = z
  .object({
    decision_id: z.string(),
    replay_id: z.string(),
    original_output: NullableJsonObject,
    replay_output: NullableJsonObject,
    output_changed: z.boolean(),
    diff_summary: z.string().nullable(),
    diff: Diff.nullable(),
  })
  .meta({ id: "Compare" });
