/**
 * What people and systems tell the ledger besides decisions: reviews, incidents, halts, notices,
 * requests, declared context, retention policy … One table: for each kind its entry kind, the members
 * that are facts (codes, times, references: never erased) and those that are content (free text and
 * persons: committed with a salt, erasable), DESIGN §3.
 */
import { z } from "zod";
import { Instant } from "../ledger/capture.ts";
import { Reference, ReviewFacts } from "../ledger/reviewer.ts";
import { Name, type EntryKind } from "../ledger/schema.ts";
import { FLOOR_MONTHS } from "../ledger/six-months.ts";

const TEXT_LENGTH_MAX = 100_000;
const LINKED_MAX = 100;
const CELLS_MAX = 200;
const CLASSES_MAX = 50;

/** A code, not a text: facts are never erased, so nothing personal may stand there. */
const Code = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, { error: "must be 1 to 64 of a-z, 0-9, _, . and -" });
const Text = z
  .string()
  .max(TEXT_LENGTH_MAX, { error: `must be at most ${TEXT_LENGTH_MAX} characters` });
const DecisionId = z
  .string()
  .regex(/^dec_[0-9A-Za-z_-]{1,128}$/, { error: "must be the id of a decision" });
const RecordId = z
  .string()
  .regex(/^[a-z]{2,8}_[0-9A-Za-z_-]{1,128}$/, { error: "must be the id of a record" });
const DecisionIds = z
  .array(DecisionId)
  .max(LINKED_MAX, { error: `must name at most ${LINKED_MAX} decisions` });
const Months = z.int().min(1).max(1200);

const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` });

export type RecordKind =
  | "review"
  | "notice"
  | "explanation"
  | "action"
  | "incident"
  | "incident_update"
  | "halt"
  | "resume"
  | "drill"
  | "change"
  | "request"
  | "answer"
  | "criterion"
  | "analysis"
  | "competence"
  | "selection"
  | "context"
  | "retention_policy";

interface KindSpec {
  readonly entryKind: EntryKind;
  readonly about: "decision" | "nothing";
  readonly facts: z.ZodRawShape;
  readonly content: z.ZodRawShape;
  /** What no single member can tell. */
  readonly check?: (
    record: Readonly<Record<string, unknown>>,
  ) => { readonly path: string[]; readonly message: string } | undefined;
}

const Groups = z
  .array(z.object({ group: Code, assessed: z.int().min(0), selected: z.int().min(0) }))
  .min(1)
  .max(CELLS_MAX);

const Classes = z
  .array(
    z.object({
      class: Code,
      months: Months,
      service_name: Name.optional(),
      decision_type: Name.optional(),
    }),
  )
  .min(1)
  .max(CLASSES_MAX);

function checkGroups({ groups }: Readonly<Record<string, unknown>>) {
  const parsed = Groups.safeParse(groups);
  return parsed.data?.some(({ assessed, selected }) => selected > assessed)
    ? { path: ["groups"], message: "must not hold more selected than assessed" }
    : undefined;
}

/** The floor of Art. 19(1) and 26(6), "unless provided otherwise in the applicable Union or national law". */
function checkFloor({ classes, floor_basis }: Readonly<Record<string, unknown>>) {
  const parsed = Classes.safeParse(classes);
  const short = parsed.data?.some(({ months }) => months < FLOOR_MONTHS);
  return short && floor_basis === undefined
    ? {
        path: ["classes"],
        message: `less than ${FLOOR_MONTHS} months need floor_basis, the law that provides otherwise (AI Act, Art. 19(1), 26(6))`,
      }
    : undefined;
}

/** The nine fields that NIST AI 600-1 GV-4.3-002 asks of an incident: the id is the record's. */
const INCIDENT_TEXTS = {
  title: Text,
  description: Text.optional(),
  reporter: Text.optional(),
  source: Text.optional(),
  data_reported: Text.optional(),
  impacts: Text.optional(),
  stakeholders: Text.optional(),
};

export const KINDS: Readonly<Record<RecordKind, KindSpec>> = {
  review: {
    entryKind: "review_recorded",
    about: "decision",
    facts: {
      reviewer: ReviewFacts.reviewer,
      outcome: oneOf("confirm", "override", "reverse", "not_used", "escalate"),
      trigger: ReviewFacts.trigger.optional(),
      opened_at: ReviewFacts.opened_at.optional(),
    },
    content: { reviewer_name: Text.optional(), notes: Text.optional() },
  },
  notice: {
    entryKind: "notice_recorded",
    about: "decision",
    facts: { notice_ref: Reference, given_at: Instant, channel: Code.optional() },
    content: { note: Text.optional() },
  },
  explanation: {
    entryKind: "explanation_recorded",
    about: "decision",
    facts: { request_id: RecordId.optional() },
    content: { main_elements: Text, role: Text.optional() },
  },
  action: {
    entryKind: "action_recorded",
    about: "decision",
    facts: { action: Code, acted_at: Instant.optional() },
    content: { note: Text.optional() },
  },
  incident: {
    entryKind: "incident_recorded",
    about: "nothing",
    facts: {
      incident_class: Code,
      clock_class: oneOf("days_15", "days_10", "days_2", "none").meta({
        description: "Art. 73(2), (4), (3) of the AI Act; `none` where no clock runs.",
      }),
      aware_at: Instant,
      occurred_at: Instant.optional(),
      service_name: Name.optional(),
      system_id: Reference.optional(),
      decision_ids: DecisionIds.optional(),
    },
    content: INCIDENT_TEXTS,
  },
  incident_update: {
    entryKind: "incident_updated",
    about: "nothing",
    facts: {
      incident_id: RecordId,
      step: oneOf(
        "provider_informed",
        "authority_reported",
        "investigation_started",
        "corrective_action",
        "closed",
      ),
      at: Instant,
    },
    content: { note: Text.optional() },
  },
  halt: {
    entryKind: "system_halted",
    about: "nothing",
    facts: { service_name: Name, trigger: Code, triggered_at: Instant.optional() },
    content: { reason: Text.optional(), halted_by: Text.optional() },
  },
  resume: {
    entryKind: "system_resumed",
    about: "nothing",
    facts: { service_name: Name },
    content: { reason: Text.optional(), resumed_by: Text.optional() },
  },
  drill: {
    entryKind: "drill_recorded",
    about: "nothing",
    facts: {
      drill: oneOf("halt", "override", "export", "restore"),
      result: oneOf("passed", "failed"),
      service_name: Name.optional(),
      duration_ms: z.int().min(0).optional(),
    },
    content: { note: Text.optional() },
  },
  change: {
    entryKind: "change_recorded",
    about: "nothing",
    facts: {
      service_name: Name,
      model_provider: Name.optional(),
      model_name: Name.optional(),
      model_version: Reference.optional(),
      system_version: Reference.optional(),
      change_ref: Reference.optional(),
      effective_at: Instant.optional(),
    },
    content: { description: Text.optional(), approved_by: Text.optional() },
  },
  request: {
    entryKind: "request_received",
    about: "nothing",
    facts: {
      request_kind: oneOf(
        "explanation",
        "human_review",
        "objection",
        "access",
        "erasure",
        "correction",
      ),
      received_at: Instant,
      decision_ids: DecisionIds.optional(),
    },
    content: { requester: Text.optional(), text: Text.optional() },
  },
  answer: {
    entryKind: "request_answered",
    about: "nothing",
    facts: {
      request_id: RecordId,
      outcome: oneOf("answered", "granted", "refused", "withdrawn"),
      answered_at: Instant,
      ground: Code.optional(),
    },
    content: { text: Text.optional(), answered_by: Text.optional() },
  },
  criterion: {
    entryKind: "criterion_recorded",
    about: "nothing",
    facts: {
      criterion_id: Reference,
      metric: Code,
      op: oneOf(">=", "<=", "=="),
      threshold: z.number(),
      service_name: Name.optional(),
    },
    content: { description: Text.optional(), set_by: Text.optional() },
  },
  analysis: {
    entryKind: "analysis_recorded",
    about: "nothing",
    facts: {
      analysis: oneOf("post_market", "risk_review", "access_log_review", "bias_audit"),
      report_ids: z.array(RecordId).max(LINKED_MAX).optional(),
      period_from: Instant.optional(),
      period_to: Instant.optional(),
    },
    content: { signed_by: Text, findings: Text.optional() },
  },
  competence: {
    entryKind: "competence_recorded",
    about: "nothing",
    facts: {
      reviewer_ref: Reference,
      reference: Reference.meta({ description: "Of the training or qualification record." }),
      valid_from: Instant,
      valid_until: Instant.optional(),
    },
    content: { name: Text.optional() },
  },
  selection: {
    entryKind: "selection_recorded",
    about: "nothing",
    facts: {
      service_name: Name,
      category: Code.meta({ description: "Such as `sex`; counts by group, never a person." }),
      period_from: Instant,
      period_to: Instant,
      groups: Groups,
      missing: z.int().min(0).optional(),
    },
    content: { note: Text.optional() },
    check: checkGroups,
  },
  context: {
    entryKind: "context_declared",
    about: "nothing",
    facts: {
      role: oneOf("provider", "deployer", "provider_and_deployer"),
      risk_class: oneOf("annex_iii", "annex_i", "other", "unknown"),
      annex_iii_point: Code.optional(),
      biometric_rbi: z.boolean().optional(),
      interacts_with_people: z.boolean().optional(),
      generates_content: z.boolean().optional(),
      personal_data: z.boolean().optional(),
      go_live_at: Instant.optional(),
      market_at: Instant.optional(),
      review_sla_hours: z.int().min(1).optional(),
      request_sla_days: z.int().min(1).optional(),
      instructions_ref: Reference.optional(),
      fria_ref: Reference.optional(),
      registration_ref: Reference.optional(),
      worker_notice_ref: Reference.optional(),
      processing_record_ref: Reference.optional(),
      not_applicable: z
        .array(z.object({ requirement: z.string().max(64), reason_code: Code }))
        .max(LINKED_MAX)
        .optional(),
      events_enabled: z
        .array(oneOf("incident", "halt", "flag"))
        .max(3)
        .optional(),
    },
    content: {
      organisation: Text.optional(),
      declared_by: Text,
      purposes: Text.optional(),
      systems: Text.optional(),
      not_instrumented: Text.optional(),
    },
  },
  retention_policy: {
    entryKind: "retention_policy_set",
    about: "nothing",
    facts: {
      classes: Classes,
      floor_basis: Code.optional().meta({
        description:
          "The law that allows less than six months; without it a shorter class is refused (AI Act, Art. 19(1) and 26(6)).",
      }),
    },
    content: { note: Text.optional(), set_by: Text.optional() },
    check: checkFloor,
  },
};
