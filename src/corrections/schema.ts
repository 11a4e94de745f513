/** What people say about decisions, CONTRACT "Mark incorrect" and "Correction". */
import { z } from "zod";
import { ReviewFacts } from "../ledger/reviewer.ts";
import { JsonObject } from "../ledger/schema.ts";

/** The body may be absent, empty, null, `{}` or hold a reason. */
export const MarkIncorrect = z
  .object({ reason: z.string().nullish() })
  .nullish()
  .meta({ id: "MarkIncorrect", example: { reason: "Customer was charged twice" } });
export type MarkIncorrect = z.infer<typeof MarkIncorrect>;

export const CorrectionCreate = z
  .object({
    correction: JsonObject,
    corrected_by: z.string(),
    notes: z.string().nullish(),
    reviewer: ReviewFacts.reviewer.nullish(),
    trigger: ReviewFacts.trigger.nullish(),
    opened_at: ReviewFacts.opened_at.nullish(),
  })
  .meta({
    id: "CorrectionCreate",
    description:
      "`corrected_by` is a name as it was said. `reviewer` says who that is to your own sign-in; without it a correction counts as the review of a declared person.",
    example: {
      correction: { response: "You were charged twice; a refund is on its way." },
      corrected_by: "jane",
    },
  });
export type CorrectionCreate = z.infer<typeof CorrectionCreate>;
