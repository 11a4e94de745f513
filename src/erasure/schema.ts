/** Shapes of erasures and holds, DESIGN §3 and §4. */
import { z } from "zod";
import { RETENTION_EXPIRED } from "../ledger/tally.ts";

/** A code, not a text: facts are never erased, so nothing personal may stand there. */
const ReasonCode = z
  .string()
  .regex(/^[a-z0-9_]{1,64}$/, { error: "must be 1 to 64 of a-z, 0-9 and _" });

const FIELDS_MAX = 1000;

export const ErasureCreate = z
  .object({
    fields: z
      .array(z.string())
      .min(1, { error: "must name at least one field; leave it out to erase everything" })
      .max(FIELDS_MAX)
      .nullish(),
    reason_code: ReasonCode.refine((code) => code !== RETENTION_EXPIRED, {
      error: `must not be ${RETENTION_EXPIRED}: that is what a prune says`,
    }),
    request_id: z.string().nullish(),
    note: z.string().nullish(),
  })
  .meta({
    id: "ErasureCreate",
    example: { reason_code: "gdpr_article_17", request_id: "DSR-2026-114" },
  });

export const HoldCreate = z
  .object({
    held: z.boolean().default(true),
    reason_code: ReasonCode,
    note: z.string().nullish(),
  })
  .meta({ id: "HoldCreate", example: { reason_code: "litigation", held: true } });
