/**
 * The shapes of the ledger, DESIGN §3 and CONTRACT "Shapes": declared once with zod; types,
 * validation and the OpenAPI document are inferred from here.
 */
import * as z from "zod";
import { CaptureFacts, CapturedFacts, checkCapture } from "./capture.ts";
import type { JsonObject as JsonObjectValue } from "../lib/json.ts";
import { NAME_LENGTH_MAX } from "./limits.ts";
import { withoutCredentials, withoutRequestCredentials } from "./provider-call.ts";

/**
 * Any JSON object, passed through by reference. Not `z.record`, which copies and on the way drops
 * a member named `__proto__`: what is stored would not be what was sent.
 */
export const JsonObject = z
  .custom<JsonObjectValue>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    { error: ({ input }) => (input === undefined ? "required" : "must be an object") },
  )
  .meta({ type: "object", additionalProperties: true });

/** A nullable one. It names its types: `.nullable()` alone does not reach a type given by `meta`. */
export const NullableJsonObject = JsonObject.nullable().meta({
  type: ["object", "null"],
  additionalProperties: true,
});

export const Name = z
  .string()
  .max(NAME_LENGTH_MAX, { error: `must be at most ${NAME_LENGTH_MAX} characters` });

/** `model`: any object, but what identifies the model must be text, for it becomes facts. */
export const Model = JsonObject.superRefine((model, context) => {
  for (const member of ["provider", "name"] as const) {
    const value = model[member];
    if (value === undefined || value === null) continue;
    const parsed = Name.safeParse(value);
    if (parsed.success) continue;
    context.addIssue({
      code: "custom",
      path: [member],
      message:
        typeof value === "string"
          ? `must be at most ${NAME_LENGTH_MAX} characters`
          : "must be a string",
    });
  }
}).meta({
  type: "object",
  additionalProperties: true,
  description: "Which model decided. `provider` and `name` are strings where given.",
  example: { provider: "openai", name: "gpt-4" },
});

/** What a client sends to record a decision. Unknown keys are ignored, as in 0.1. */
export const DecisionCreate = z
  .object({
    service_name: Name.meta({ example: "support-agent" }),
    decision_type: Name.meta({ example: "customer_support_reply" }),
    input: JsonObject.meta({ example: { message: "I was charged twice" } }),
    model: Model,
    output: JsonObject.meta({ example: { response: "Your account looks fine." } }),
    prompt: NullableJsonObject.optional(),
    tool_calls: z.array(JsonObject).nullish(),
    metadata: NullableJsonObject.transform((metadata) => metadata && withoutCredentials(metadata))
      .meta({
        type: ["object", "null"],
        additionalProperties: true,
        description:
          "Anything. `provider_call` {format, endpoint, headers} belongs to `input.request` and `output.response`; credentials in it, and those for MCP servers in `input.request`, are stripped on arrival.",
      })
      .optional(),
    ...CaptureFacts.shape,
  })
  .superRefine(checkCapture)
  .overwrite(withoutRequestCredentials)
  .meta({ id: "DecisionCreate", description: "One AI decision to record." });
export type DecisionCreate = z.infer<typeof DecisionCreate>;

/** Entry kinds this version writes. A verifier accepts any kind: a new one needs no migration. */
export const EntryKind = z.enum([
  "decision_recorded",
  "decision_flagged",
  "correction_attached",
  "replay_completed",
  "experiment_started",
  "experiment_ended",
  "judgement_recorded",
  "content_erased",
  "content_held",
  "review_recorded",
  "notice_recorded",
  "explanation_recorded",
  "action_recorded",
  "incident_recorded",
  "incident_updated",
  "system_halted",
  "system_resumed",
  "drill_recorded",
  "change_recorded",
  "request_received",
  "request_answered",
  "criterion_recorded",
  "analysis_recorded",
  "competence_recorded",
  "selection_recorded",
  "context_declared",
  "retention_policy_set",
  "report_issued",
  "export_issued",
  "api_key_changed",
  "signing_key_changed",
  "ledger_opened",
]);
export type EntryKind = z.infer<typeof EntryKind>;

const Hex64 = z.string().regex(/^[0-9a-f]{64}$/, { error: "must be 64 lower-case hex characters" });

/** Milliseconds and `Z`, exactly as `Date.prototype.toISOString` writes years 0 to 9999. */
export const Timestamp = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

/** An entry header, version 1 (DESIGN §3). Unknown members are refused. */
export const Header = z.strictObject({
  v: z.literal(1),
  ledger: z.string(),
  index: z.int().nonnegative(),
  kind: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  id: z.string().regex(/^[a-z]{2,8}_[0-9A-Za-z_-]{1,128}$/),
  decision_id: z.string().optional(),
  recorded_at: Timestamp,
  actor: z.string(),
  facts: JsonObject,
  commitments: z.record(z.string(), Hex64),
  previous: Hex64,
});
export type Header = z.infer<typeof Header>;

export const DecisionStatus = z.enum(["recorded", "incorrect", "corrected"]);
export type DecisionStatus = z.infer<typeof DecisionStatus>;

export const Correction = z
  .object({
    output: NullableJsonObject,
    corrected_by: z.string().nullable(),
    corrected_at: Timestamp,
    notes: z.string().nullable(),
  })
  .meta({
    id: "Correction",
    description: "A human's statement of the right output; the newest one.",
  });

/** A decision as every route answers it (CONTRACT "Shapes" and DESIGN §4). */
export const Decision = z
  .object({
    decision_id: z.string().meta({ example: "dec_019abf2e6f0e70008000000000a1b2c3" }),
    created_at: Timestamp,
    service_name: z.string(),
    decision_type: z.string(),
    input: NullableJsonObject,
    model: NullableJsonObject,
    output: NullableJsonObject,
    status: DecisionStatus,
    content_hash: Hex64.nullable(),
    chain_hash: Hex64,
    prompt: NullableJsonObject,
    tool_calls: z.array(JsonObject).nullable(),
    metadata: NullableJsonObject,
    incorrect_reason: z.string().nullable(),
    incorrect_at: Timestamp.nullable(),
    correction: Correction.nullable(),
    ledger: z.string(),
    index: z.int(),
    ...CapturedFacts.shape,
  })
  .meta({ id: "Decision" });
export type Decision = z.infer<typeof Decision>;
