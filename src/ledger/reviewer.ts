/** Who reviewed and why, as corrections and reviews both tell it; facts of their entries. Pure. */
import { z } from "zod";
import { Instant } from "./capture.ts";
import type { JsonObject } from "../lib/json.ts";

const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` });

/** A reference into the operator's own records: a pseudonym where it stands for a person. */
export const Reference = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, { error: "must be 1 to 256 visible ASCII characters" });

const Reviewer = z
  .object({
    ref: Reference.meta({ description: "A pseudonym of yours, the same for the same person." }),
    kind: oneOf("natural_person", "service_account"),
    auth: oneOf("authenticated", "declared").meta({
      description:
        "`authenticated`: your own sign-in vouches for the person. It counts only where the request itself carried a credential.",
    }),
  })
  .meta({
    id: "Reviewer",
    example: { ref: "rev-17", kind: "natural_person", auth: "authenticated" },
  });

export const ReviewFacts = {
  reviewer: Reviewer,
  trigger: oneOf("random_sample", "complaint", "rule", "flag", "every", "other").meta({
    description: "Why this decision was looked at: only a random sample speaks for the others.",
  }),
  opened_at: Instant.meta({ description: "When the reviewer began to look at it." }),
};

type Given = {
  readonly [member in keyof typeof ReviewFacts]?:
    | z.infer<(typeof ReviewFacts)[member]>
    | null
    | undefined;
};

/** Flat, like every fact: `reviewer_ref`, `reviewer_kind`, `reviewer_auth`. */
export function reviewFacts({ reviewer, trigger, opened_at }: Given): JsonObject {
  return {
    ...(reviewer
      ? {
          reviewer_ref: reviewer.ref,
          reviewer_kind: reviewer.kind,
          reviewer_auth: reviewer.auth,
        }
      : {}),
    ...(trigger ? { trigger } : {}),
    ...(opened_at ? { opened_at } : {}),
  };
}
