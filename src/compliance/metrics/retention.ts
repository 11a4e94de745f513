/** How long records are kept, what was pruned and what was erased: M-RET, M-PRV-02. Pure. */
import { z } from "zod";
import { RETENTION_EXPIRED } from "../../ledger/tally.ts";
import { total } from "../aggregates.ts";
import { quantity, type Metric } from "../metric.ts";
import { DAY_MS, type MetricInput } from "../metric-input.ts";

const Classes = z.array(
  z.object({
    class: z.string(),
    months: z.number(),
    service_name: z.string().optional(),
    decision_type: z.string().optional(),
  }),
);

/** The classes of the newest policy that may apply to the scope. */
export function retentionClasses({ data }: MetricInput): z.infer<typeof Classes> {
  const policy = data.records.retention_policy_set.at(-1);
  const { serviceName, decisionType } = data.scope;
  return (Classes.safeParse(policy?.facts["classes"]).data ?? []).filter(
    ({ service_name, decision_type }) =>
      (service_name === undefined || serviceName === undefined || service_name === serviceName) &&
      (decision_type === undefined || decisionType === undefined || decision_type === decisionType),
  );
}

/** Of each class: the longest of those that cover all of it, for that one wins (records/retention.ts). */
function keptMonths(input: MetricInput): number[] {
  const { serviceName, decisionType } = input.data.scope;
  const classes = retentionClasses(input);
  return classes.map((own) => {
    const service = own.service_name ?? serviceName;
    const type = own.decision_type ?? decisionType;
    const covering = classes.filter(
      ({ service_name = service, decision_type = type }) =>
        service_name === service && decision_type === type,
    );
    return covering.reduce((most, { months }) => Math.max(most, months), own.months);
  });
}

export function retentionMetrics(input: MetricInput): Metric[] {
  const { data, sums, asOfMs } = input;
  const months = keptMonths(input);
  const prunes = sums.erasures.filter(({ reason }) => reason === RETENTION_EXPIRED);
  const asked = sums.erasures.filter(({ reason }) => reason !== RETENTION_EXPIRED);
  const ages = prunes.flatMap(({ age_days }) => age_days ?? []);
  const first = data.firstRecordedAt === null ? null : Date.parse(data.firstRecordedAt);
  return [
    quantity("M-RET-01", "months", months.length === 0 ? null : Math.min(...months), {
      name: "shortest configured retention",
      population: "classes of the newest retention policy that may apply to the scope",
      recompute:
        "facts.classes of the newest retention_policy_set entry: of each class the most months of those that cover all of it (the longest wins), of these the least",
      denominator: months.length,
    }),
    quantity("M-RET-02", "days", first === null ? null : Math.floor((asOfMs - first) / DAY_MS), {
      name: "age of the ledger",
      population: "the ledger",
      recompute: "recorded_at of the last entry that counts minus that of entry 0",
    }),
    quantity("M-RET-03", "days", ages.length === 0 ? null : Math.min(...ages), {
      name: "youngest content that was pruned",
      population: `content_erased entries with reason_code ${RETENTION_EXPIRED}`,
      recompute: "for each: its recorded_at minus the decision's, in whole days",
      denominator: total(prunes),
      detail: {
        prunes: total(prunes),
        under_floor: total(prunes, ({ inside_floor }) => inside_floor === true),
      },
    }),
    quantity(
      "M-RET-04",
      "count",
      total(asked, ({ inside_floor }) => inside_floor === true),
      {
        name: "erasures inside the floor that were asked for",
        population: "content_erased entries with any other reason_code",
        recompute:
          "those less than six calendar months after the decision; they are listed, not failures",
        denominator: total(asked),
        detail: { erased_entries: total(sums.erasures) },
      },
    ),
    quantity("M-PRV-02", "count", data.pastRetention, {
      name: "decisions with content past its retention class",
      population:
        "decisions in the ledger at the last entry that counts; erased since counts as erased",
      recompute:
        "decisions older than the longest class that applies whose content fields are not all erased",
    }),
  ];
}
