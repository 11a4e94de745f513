/**
 * Scorers, reference §6.5: whether an answer is right, held against a human's correction. Declared
 * as data, so that an experiment can be repeated from its own entry.
 */
import { RE2JS } from "re2js";
import { z } from "zod";
import { Model } from "../../ledger/schema.ts";

/** As many as are worth combining; each is a pass over every answer. */
export const SCORERS_MAX = 10;
const FIELDS_MAX = 50;
const PATTERN_LENGTH_MAX = 1_000;
const INSTRUCTIONS_LENGTH_MAX = 8_000;

/** RFC 6901. */
const Pointer = z
  .string()
  .max(500, { error: "must be at most 500 characters" })
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/, { error: "must be a JSON Pointer such as /total" })
  .meta({ example: "/total" });

/** Instructions of a compiled pattern: time is this times the text. A long list of words takes less. */
const PROGRAM_SIZE_MAX = 2_000;

/** RE2: linear in the answer, whatever the pattern. A backtracking engine could be made to hang. */
const Pattern = z
  .string()
  .min(1, { error: "must not be empty" })
  .max(PATTERN_LENGTH_MAX, { error: `must be at most ${PATTERN_LENGTH_MAX} characters` })
  .refine((pattern) => programSize(pattern) > 0, { error: "must be an RE2 regular expression" })
  .refine((pattern) => programSize(pattern) <= PROGRAM_SIZE_MAX, {
    error: "must be a smaller pattern: its repetitions multiply",
  });

/** 0 for what does not compile. */
function programSize(pattern: string): number {
  try {
    return RE2JS.compile(pattern).programSize();
  } catch {
    return 0;
  }
}

/** Where to look in an answer, and in the correction where that is elsewhere. */
const places = { path: Pointer.optional(), truth_path: Pointer.optional() };

const Exact = z.strictObject({ type: z.literal("exact"), ...places }).meta({
  description: "the same text, or the same JSON (RFC 8785)",
});
const NormalizedText = z.strictObject({ type: z.literal("normalized_text"), ...places }).meta({
  description: "the same words and signs: Unicode NFKC, case, punctuation and spacing aside",
});
const JsonFields = z
  .strictObject({
    type: z.literal("json_fields"),
    fields: z
      .array(Pointer)
      .min(1, { error: "must name at least one field" })
      .max(FIELDS_MAX, { error: `must name at most ${FIELDS_MAX} fields` }),
    ...places,
  })
  .meta({ description: "the same JSON at each of `fields`" });
const Numeric = z
  .strictObject({
    type: z.literal("numeric"),
    tolerance: z.number().nonnegative({ error: "must not be negative" }).default(0),
    relative: z.boolean().default(false).meta({ description: "the tolerance is a share" }),
    pattern: Pattern.optional().meta({
      description: "finds the number: its first group, or the whole match",
    }),
    ...places,
  })
  .meta({ description: "the number, else the last number in the text, within `tolerance`" });
const Contains = z
  .strictObject({
    type: z.literal("contains"),
    text: z
      .string()
      .min(1, { error: "must not be empty" })
      .optional()
      .meta({ description: "default: the correction's own text" }),
    ignore_case: z.boolean().default(true),
    ...places,
  })
  .meta({ description: "the text stands in the answer" });
const Regex = z
  .strictObject({
    type: z.literal("regex"),
    pattern: Pattern,
    ignore_case: z.boolean().default(false),
    ...places,
  })
  .meta({ description: "the RE2 pattern is found in the answer; no correction is needed" });
const Label = z
  .strictObject({
    type: z.literal("label"),
    labels: z
      .array(z.string().min(1))
      .min(2, { error: "must hold at least two labels" })
      .max(1_000, { error: "must hold at most 1000 labels" })
      .optional()
      .meta({ description: "what there is to choose from; the answer must name exactly one" }),
    ...places,
  })
  .meta({ description: "the same label, case and spacing aside" });
const EditSimilarity = z
  .strictObject({
    type: z.literal("edit_similarity"),
    at_least: z
      .number()
      .min(0, { error: "must be from 0 to 1" })
      .max(1, { error: "must be from 0 to 1" })
      .default(0.9),
    ...places,
  })
  .meta({
    description:
      "1 - edits / length of the longer text, at least `at_least`; of long texts the first 20,000 characters",
  });
const Judge = z
  .strictObject({
    type: z.literal("judge"),
    model: Model.meta({ example: { provider: "openai", name: "gpt-4o" } }),
    instructions: z
      .string()
      .max(INSTRUCTIONS_LENGTH_MAX, {
        error: `must be at most ${INSTRUCTIONS_LENGTH_MAX} characters`,
      })
      .optional(),
  })
  .meta({
    description:
      "a model compares the answer with the correction; every run of it is an entry. A model's opinion, never ground truth",
  });

export const Scorer = z
  .discriminatedUnion(
    "type",
    [Exact, NormalizedText, JsonFields, Numeric, Contains, Regex, Label, EditSimilarity, Judge],
    {
      error:
        "must be exact, normalized_text, json_fields, numeric, contains, regex, label, edit_similarity or judge",
    },
  )
  .meta({ id: "Scorer" });
export type Scorer = z.infer<typeof Scorer>;
export type JudgeScorer = z.infer<typeof Judge>;
/** Those that are computed here. */
export type ComputedScorer = Exclude<Scorer, JudgeScorer>;
