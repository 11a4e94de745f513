/**
 * How a decision came about and how it was captured: optional members of DecisionCreate that become
 * facts of its entry (DESIGN §3: small, never personal, never erased), so that a report can count
 * them. Codes, times and references only; whatever may name a person belongs to the content.
 * Pure.
 */
import * as z from "zod";
import type { JsonObject } from "../lib/json.ts";

/** Facts stand in a header of 65,535 octets, escaped, beside four names of NAME_LENGTH_MAX. */
const VERSION_LENGTH_MAX = 128;
const NOTICE_LENGTH_MAX = 256;
/** RFC 3339 with nanoseconds and an offset has 35 characters. */
const INSTANT_LENGTH_MAX = 40;
/** Reports add numbers of many writers up: even of 8,000 the sum is an exact integer. */
const WRITER_SEQ_MAX = 2 ** 40;

export const Instant = z.iso
  .datetime({ offset: true, error: "must be an RFC 3339 time such as 2026-11-22T18:26:55Z" })
  .max(INSTANT_LENGTH_MAX, { error: `must be at most ${INSTANT_LENGTH_MAX} characters` });

const optionalText = (max: number) =>
  z
    .string()
    .min(1, { error: "must not be empty" })
    .max(max, { error: `must be at most ${max} characters` })
    .nullish();

const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` }).nullish();

export const CaptureFacts = z.object({
  occurred_at: Instant.nullish().meta({
    description: "When the system decided; `created_at` is when the ledger took it in.",
  }),
  started_at: Instant.nullish().meta({ description: "When this use of the system began." }),
  ended_at: Instant.nullish().meta({
    description: "When this use ended; not before `started_at`.",
  }),
  capture_mode: oneOf(["automatic", "manual", "import"]).meta({
    description: "`import` is a record made later: it never counts as automatic recording.",
  }),
  system_version: optionalText(VERSION_LENGTH_MAX).meta({
    description: "Version of the system around the model.",
  }),
  automation_level: oneOf(["full", "human_in_the_loop", "human_on_the_loop", "advisory"]).meta({
    description: "Whether and how a person stands between the output and its effect.",
  }),
  decision_role: oneOf(["sole", "principal", "contributing", "none"]).meta({
    description: "The part the system had in the decision about a person.",
  }),
  subject_notice: optionalText(NOTICE_LENGTH_MAX).meta({
    description: "Reference of the notice the person was given, such as `notice-7@v3`. No name.",
  }),
  writer_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, { error: "must be 1 to 128 visible ASCII characters" })
    .nullish()
    .meta({ description: "The process that recorded it; it counts `writer_seq`." }),
  writer_seq: z
    .int({ error: "must be an integer" })
    .min(1, { error: "must be at least 1" })
    .max(WRITER_SEQ_MAX, { error: `must be at most ${WRITER_SEQ_MAX}` })
    .nullish()
    .meta({ description: "Counted from 1 by `writer_id`, without gaps: a lost record shows." }),
});
export type CaptureFacts = z.infer<typeof CaptureFacts>;

/** What no single member can tell. */
export function checkCapture(capture: CaptureFacts, context: z.RefinementCtx): void {
  const { started_at, ended_at, writer_id, writer_seq } = capture;
  if (started_at && ended_at && Date.parse(ended_at) < Date.parse(started_at))
    context.addIssue({
      code: "custom",
      path: ["ended_at"],
      message: "must not be before started_at",
    });
  if (typeof writer_seq === "number" && !writer_id)
    context.addIssue({
      code: "custom",
      path: ["writer_seq"],
      message: "needs writer_id, which counts it",
    });
}

const MEMBERS = CaptureFacts.keyof().options;

/** As the API answers them: present only where given. */
export const CapturedFacts = z.object({
  occurred_at: z.string().optional(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  capture_mode: z.string().optional(),
  system_version: z.string().optional(),
  automation_level: z.string().optional(),
  decision_role: z.string().optional(),
  subject_notice: z.string().optional(),
  writer_id: z.string().optional(),
  writer_seq: z.int().optional(),
});
export type CapturedFacts = z.infer<typeof CapturedFacts>;

/** The members that were given; null is as good as absent. */
export function captureFacts(given: CaptureFacts): JsonObject {
  const facts: JsonObject = {};
  for (const member of MEMBERS) {
    const value = given[member];
    if (value !== undefined && value !== null) facts[member] = value;
  }
  return facts;
}

/** Of a header's facts; whatever is not of the right type is not shown. */
export function capturedFacts(facts: JsonObject): CapturedFacts {
  const captured: Record<string, string | number> = {};
  for (const member of MEMBERS) {
    const value = facts[member];
    if (typeof value === (member === "writer_seq" ? "number" : "string"))
      Object.assign(captured, { [member]: value });
  }
  return captured;
}
