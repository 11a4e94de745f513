/**
 * Retention: which class a decision's content falls into and whether its time is over. The longest
 * class that applies wins; what no class covers is kept. Pure.
 */
import { z } from "zod";
import { addMonths } from "../ledger/six-months.ts";
import type { Header } from "../ledger/schema.ts";

const Policy = z.object({
  classes: z.array(
    z.object({
      class: z.string(),
      months: z.int(),
      service_name: z.string().optional(),
      decision_type: z.string().optional(),
    }),
  ),
});
export type RetentionClass = z.infer<typeof Policy>["classes"][number];

/** The classes a `retention_policy_set` entry names. */
export function classesOf(policy: Header): readonly RetentionClass[] {
  return Policy.safeParse(policy.facts).data?.classes ?? [];
}

export interface Aged {
  readonly serviceName: string;
  readonly decisionType: string;
  readonly recordedAt: string;
}

export function isExpired(decision: Aged, classes: readonly RetentionClass[], now: Date): boolean {
  const applying = classes.filter(
    ({ service_name, decision_type }) =>
      (service_name === undefined || service_name === decision.serviceName) &&
      (decision_type === undefined || decision_type === decision.decisionType),
  );
  if (applying.length === 0) return false;
  const months = Math.max(...applying.map(({ months }) => months));
  return addMonths(decision.recordedAt, months) <= now;
}

/** Nothing recorded at or after this can be expired. */
export function latestExpiry(classes: readonly RetentionClass[], now: Date): Date {
  const shortest = Math.min(...classes.map(({ months }) => months));
  const before = addMonths(now.toISOString(), -shortest);
  // Adding months to the end of a shorter month lands early: a few days more are looked at.
  return new Date(before.getTime() + 4 * 86_400_000);
}
