/** What people say about decisions, CONTRACT "Mark incorrect" and "Correction". */
import { z } from "zod";
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
  })
  .meta({
    id: "CorrectionCreate",
    example: {
      correction: { response: "You were charged twice; a refund is on its way." },
      corrected_by: "jane",
    },
  });
export type CorrectionCreate = z.infer<typeof CorrectionCreate>;
