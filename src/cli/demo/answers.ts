/** The parts of the server's answers that the demo shows. Other members are the server's business. */
import { z } from "zod";

const Json = z.record(z.string(), z.unknown());

export const Service = z.object({ name: z.literal("LoopGrid"), version: z.string() });

export const Batch = z.object({
  count: z.int(),
  decisions: z.array(z.object({ decision_id: z.string() })),
});

export const Decision = z.object({
  decision_id: z.string(),
  decision_type: z.string(),
  status: z.string(),
  input: Json.nullable(),
  output: Json.nullable(),
  prompt: Json.nullable(),
  correction: z.object({ output: Json.nullable(), corrected_by: z.string().nullable() }).nullable(),
});
export type Decision = z.infer<typeof Decision>;

export const Replay = z.object({
  replay_id: z.string(),
  execution_mode: z.string(),
  execution_status: z.string(),
});
export type Replay = z.infer<typeof Replay>;

export const Comparison = z.object({
  output_changed: z.boolean(),
  diff_summary: z.string().nullable(),
});
export type Comparison = z.infer<typeof Comparison>;

export const Integrity = z.object({
  valid: z.boolean().nullable(),
  message: z.string(),
  entries: z.int(),
  size: z.int(),
  root_hash: z.string(),
  next_cursor: z.string().nullable(),
});

export const LedgerState = z.object({
  ledger: z.string(),
  origin: z.string(),
  size: z.int(),
  verifier_keys: z.array(z.string()),
});

const Article = z.object({ status: z.string(), status_basis: z.string() });

export const Report = z.object({
  summary: z.object({ total: z.int() }),
  eu_ai_act_mapping: z.object({
    article_12_record_keeping: Article,
    article_14_human_oversight: Article,
    article_9_risk_management: Article,
  }),
});
