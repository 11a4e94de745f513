/** Query parameters that several routes take. */
import { z } from "zod";
import type { DecisionFilter } from "../ledger/read.ts";

const PAGE_SIZE_MAX = 100;

/** A decimal integer in a query. */
export function integerParam(minimum: number, maximum: number) {
  const error = `must be an integer from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, { error })
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, { error });
}

/** An instant in a query: RFC 3339, or a date, which means its first moment in UTC. */
export const InstantParam = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: "must be an RFC 3339 time such as 2026-11-22T18:26:55Z, or a date",
  })
  .transform((text) => Date.parse(text))
  .meta({ type: "string", format: "date-time" });

export const DecisionFilterQuery = z.object({
  service_name: z.string().optional(),
  decision_type: z.string().optional(),
  status: z
    .string()
    .optional()
    .meta({ description: "recorded, incorrect or corrected; another one matches nothing" }),
  model_provider: z.string().optional(),
  model_name: z.string().optional(),
  from: InstantParam.optional().meta({ type: "string", description: "recorded at or after" }),
  to: InstantParam.optional().meta({ type: "string", description: "recorded before" }),
});

export const PageQuery = z.object({
  page: integerParam(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ type: "integer", minimum: 1, default: 1 }),
  page_size: integerParam(1, PAGE_SIZE_MAX)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: PAGE_SIZE_MAX, default: 20 }),
  limit: integerParam(1, PAGE_SIZE_MAX).optional().meta({
    type: "integer",
    minimum: 1,
    maximum: PAGE_SIZE_MAX,
    description: "with or without `cursor`: keyset pages without a total",
  }),
  cursor: z
    .string()
    .regex(/^dec_[0-9a-f]{32}$/, { error: "must be a next_cursor of this list" })
    .optional(),
});

export function toFilter(query: z.infer<typeof DecisionFilterQuery>): DecisionFilter {
  return {
    serviceName: query.service_name,
    decisionType: query.decision_type,
    status: query.status,
    modelProvider: query.model_provider,
    modelName: query.model_name,
    fromMs: query.from,
    toMs: query.to,
  };
}
