/** Replay shapes, CONTRACT "Replay", "Compare", "Overrides". */
import { z } from "zod";
import { JsonObject, Model, NullableJsonObject, Timestamp } from "../ledger/schema.ts";

/**
 * What replaces the recorded request. `input` replaces it whole, `model` and `prompt` merge
 * shallowly. Other members are kept with the replay and change nothing.
 */
const Overrides = JsonObject.superRefine((overrides, context) => {
  const known = z.object({
    input: JsonObject.optional(),
    model: Model.optional(),
    prompt: JsonObject.optional(),
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
    },
    example: { prompt: { template: "support_v2" } },
  });

export const ReplayCreate = z
  .object({
    decision_id: z.string().meta({ example: "dec_019abf2e6f0e70008000000000a1b2c3" }),
    overrides: Overrides.optional(),
    triggered_by: z.string().default("sdk"),
  })
  .meta({ id: "ReplayCreate" });
export type ReplayCreate = z.infer<typeof ReplayCreate>;

export const Replay = z
  .object({
    replay_id: z.string(),
    decision_id: z.string(),
    created_at: Timestamp,
    triggered_by: z.string().nullable(),
    overrides: NullableJsonObject,
    replay_output: NullableJsonObject,
    execution_status: z.enum(["completed", "failed"]),
    execution_mode: z.enum(["live", "simulated", "error"]),
    output_changed: z.boolean(),
    diff_summary: z.string().nullable(),
    error: z
      .object({ class: z.string(), message: z.string() })
      .nullable()
      .meta({ description: "Why there is no replay output." }),
  })
  .meta({ id: "Replay" });
export type Replay = z.infer<typeof Replay>;

export const Compare = z
  .object({
    decision_id: z.string(),
    replay_id: z.string(),
    original_output: NullableJsonObject,
    replay_output: NullableJsonObject,
    output_changed: z.boolean(),
    diff_summary: z.string().nullable(),
  })
  .meta({ id: "Compare" });
