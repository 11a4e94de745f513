/** What may be asked of a report: its scope, thresholds and the entry it is pinned to. */
import { z } from "zod";
import { ThresholdOverrides } from "../compliance/thresholds.ts";
import { Framework, FRAMEWORKS } from "../compliance/vocabulary.ts";
import { Name } from "../ledger/schema.ts";
import { InstantParam, integerParam } from "./queries.ts";

const DAY_MS = 86_400_000;
/** Beyond it a year has more than four digits, and days do not sort as text. */
const YEAR_10000_MS = Date.UTC(10_000, 0, 1);

const Day = InstantParam.refine((ms) => ms < YEAR_10000_MS, {
  error: "must be before the year 10000",
})
  .refine((ms) => ms % DAY_MS === 0, {
    error: "must be a date, or the start of a day in UTC: a report counts whole days",
  })
  .transform((ms) => new Date(ms).toISOString().slice(0, 10));

export const ReportQuery = z.object({
  service_name: Name.optional(),
  decision_type: Name.optional(),
  from: Day.optional().meta({
    type: "string",
    format: "date",
    description: "recorded on or after",
  }),
  to: Day.optional().meta({ type: "string", format: "date", description: "recorded before" }),
  frameworks: z
    .string()
    .transform((list, context) => {
      const parsed = z.array(Framework).safeParse(list.split(",").map((name) => name.trim()));
      if (parsed.success) return parsed.data;
      const message = `must hold, with commas, any of ${FRAMEWORKS.join(", ")}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    })
    .optional()
    .meta({ type: "string", description: `with commas, any of ${FRAMEWORKS.join(", ")}` }),
  thresholds: ThresholdOverrides.optional().meta({
    type: "string",
    description: "house thresholds to override, such as `coverage_present=0.95`",
  }),
  as_of: integerParam(0, Number.MAX_SAFE_INTEGER).optional().meta({
    type: "integer",
    minimum: 0,
    description: "index of the last entry that counts; absent: the newest",
  }),
});
export type ReportQuery = z.infer<typeof ReportQuery>;

/** The same parameters as a JSON body. They become facts of an entry, so each is bounded. */
export const ReportBody = z
  .object({
    service_name: Name.optional(),
    decision_type: Name.optional(),
    from: Day.optional().meta({ type: "string", format: "date" }),
    to: Day.optional().meta({ type: "string", format: "date" }),
    frameworks: z
      .array(Framework)
      .min(1)
      .overwrite((names) => [...new Set(names)])
      .optional(),
    thresholds: ThresholdOverrides.optional().meta({ type: "string" }),
    as_of: z.int().min(0).optional(),
  })
  .nullish()
  .meta({
    id: "ReportIssue",
    example: { service_name: "support-agent", frameworks: ["eu_ai_act"] },
  });
