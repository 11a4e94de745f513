/** Incidents, notices, explanations, requests, declared context, documents: M-INC to M-BIA. Pure. */
import { addMonths } from "../../ledger/six-months.ts";
import type { Header } from "../../ledger/schema.ts";
import { total } from "../aggregates.ts";
import { incidentsOf, type Incident } from "../incidents.ts";
import { quantity, ratio, share, type Metric } from "../metric.ts";
import {
  DAY_MS,
  factOf,
  medianOf,
  numberFact,
  recordsInScope,
  textFact,
  timeFact,
  type MetricInput,
} from "../metric-input.ts";
import { selectionsOf } from "../selections.ts";

export function peopleMetrics(input: MetricInput): Metric[] {
  return [
    ...incidentMetrics(input),
    ...noticeMetrics(input),
    requestMetric(input),
    erasureRequests(input),
    automation(input),
    security(input),
    documents(input),
    declared(input),
    selectionRates(input),
  ];
}

function incidentMetrics(input: MetricInput): Metric[] {
  const incidents = incidentsOf(input);
  const n = incidents.length;
  const some = (which: (incident: Incident) => boolean): number => incidents.filter(which).length;
  const stepShare = (...steps: readonly string[]): number | null =>
    ratio(
      some((incident) => steps.some((step) => incident.steps.includes(step))),
      n,
    );
  const clocked = incidents.filter(({ deadline }) => deadline !== null);
  const linked = incidents.filter(({ linked }) => linked.length > 0);
  return [
    quantity("M-INC-01", "count", n, {
      name: "incidents recorded",
      population: "incident_recorded entries in scope",
      recompute: "by facts.incident_class, with their incident_updated entries",
      denominator: n,
      detail: {
        recorded: n,
        open: some(({ open }) => open),
        linked_decisions: incidents.reduce((sum, { linked }) => sum + linked.length, 0),
        corrected_share: stepShare("corrective_action"),
        provider_informed_share: stepShare("provider_informed"),
        communicated_share: stepShare("provider_informed", "authority_reported"),
        complete_share: ratio(
          some(({ complete }) => complete),
          n,
        ),
      },
    }),
    quantity(
      "M-INC-02",
      "count",
      clocked.length === 0 ? null : clocked.filter(({ overdue }) => overdue).length,
      {
        name: "incidents past their clock",
        population: "incidents with a clock_class of days_15, days_10 or days_2",
        recompute:
          "at of the authority_reported update, or the last entry that counts, against aware_at plus 15, 10 or 2 days",
        denominator: clocked.length,
        detail: { overdue: clocked.filter(({ overdue }) => overdue).length },
      },
    ),
    share(
      "M-INC-03",
      linked.filter((incident) => incident.linked_held === incident.linked.length).length,
      linked.length,
      {
        name: "incidents whose linked decisions are all held",
        population: "incidents with linked decisions",
        recompute: "the newest content_held entry of each linked decision holds it",
      },
    ),
  ];
}

function noticeMetrics({ sums, decisions }: MetricInput): Metric[] {
  // Where no role was told, a decision may affect a person: a few with a role do not speak for the rest.
  const population = sums.decisions.filter(({ decision_role }) => decision_role !== "none");
  const captured = total(population, ({ has }) => has.includes("n"));
  const counts = new Set(population.map(({ decision_role }) => decision_role));
  const recorded = total(
    sums.notices,
    ({ first, in_time, decision_role }) => first && in_time && counts.has(decision_role),
  );
  const withRole = sums.decisions.filter(({ decision_role }) => decision_role !== undefined);
  const explained = withRole.filter(({ provider, model }) => Boolean(provider) && Boolean(model));
  return [
    share("M-NOT-01", captured + recorded, total(population), {
      name: "person-affecting decisions with a notice in time",
      population:
        "decisions in scope but those with decision_role none; one without a role may affect a person",
      recompute:
        "facts.subject_notice, or a first notice_recorded with given_at not after the decision",
      detail: { with_decision: captured, recorded_separately: recorded },
    }),
    share("M-EXP-01", total(explained), decisions, {
      name: "decisions with the role of the AI system and its model told",
      population: "decisions in scope (W)",
      recompute: "facts.decision_role, facts.model_provider and facts.model_name",
      detail: { explanations: total(sums.explanations, ({ first }) => first) },
    }),
  ];
}

interface Request {
  readonly receivedMs: number;
  readonly receivedAt: string;
  readonly answeredMs: number | null;
  readonly outcome: string | null;
}

function requestsOf(input: MetricInput, kinds: ReadonlySet<string>): Request[] {
  const answers = new Map<string, Header>();
  for (const answer of input.data.records.request_answered) {
    const id = textFact(answer, "request_id") ?? "";
    if (!answers.has(id)) answers.set(id, answer);
  }
  return recordsInScope(input, "request_received")
    .filter((header) => kinds.has(textFact(header, "request_kind") ?? ""))
    .map((header) => {
      const answer = answers.get(header.id);
      return {
        receivedMs: timeFact(header, "received_at"),
        receivedAt: textFact(header, "received_at") ?? "",
        answeredMs: answer === undefined ? null : timeFact(answer, "answered_at"),
        outcome: textFact(answer, "outcome") ?? null,
      };
    });
}

function isLate({ receivedMs, answeredMs }: Request, days: number, asOfMs: number): boolean {
  return (answeredMs ?? asOfMs) > receivedMs + days * DAY_MS;
}

function requestMetric(input: MetricInput): Metric {
  const requests = requestsOf(input, new Set(["explanation", "human_review", "objection"]));
  const answered = requests.filter(({ answeredMs }) => answeredMs !== null);
  const days = answered.map(({ receivedMs, answeredMs }) =>
    Math.round(((answeredMs ?? 0) - receivedMs) / DAY_MS),
  );
  const slaDays = numberFact(input.context, "request_sla_days") ?? input.thresholds.request_days;
  // Without a request nothing was answered in time: null, so that no condition holds by it.
  const late = (limit: number): number | null =>
    requests.length === 0
      ? null
      : requests.filter((request) => isLate(request, limit, input.asOfMs)).length;
  return quantity("M-EXP-02", "days", medianOf(days), {
    name: "days to answer a request for explanation, human review or objection, median",
    population: "request_received entries in scope of those kinds",
    recompute: "answered_at of the first request_answered minus received_at",
    denominator: requests.length,
    detail: {
      requests: requests.length,
      answered: answered.length,
      open: requests.length - answered.length,
      answered_share: ratio(answered.length, requests.length),
      sla_days: slaDays,
      overdue: late(slaDays),
      over_30_days: late(30),
    },
  });
}

function erasureRequests(input: MetricInput): Metric {
  const requests = requestsOf(input, new Set(["erasure"]));
  const answered = requests.filter(({ answeredMs }) => answeredMs !== null);
  const overOneMonth = requests.filter(
    ({ receivedAt, answeredMs }) =>
      (answeredMs ?? input.asOfMs) > addMonths(receivedAt, 1).getTime(),
  );
  return quantity("M-PRV-01", "count", requests.length, {
    name: "erasure requests",
    population: "request_received entries in scope with request_kind erasure",
    recompute:
      "with their request_answered entries; one calendar month to answer (GDPR, Art. 12(3))",
    denominator: requests.length,
    detail: {
      answered_share: ratio(answered.length, requests.length),
      refused: requests.filter(({ outcome }) => outcome === "refused").length,
      over_one_month: overOneMonth.length,
      executed: total(input.sums.erasures),
    },
  });
}

function automation({ sums, decisions }: MetricInput): Metric {
  const full = sums.decisions.filter(({ automation_level }) => automation_level === "full");
  const told = total(sums.decisions, ({ automation_level }) => automation_level !== undefined);
  return share("M-PRV-03", total(full), decisions, {
    name: "decisions declared solely automated",
    population: "decisions in scope (W)",
    recompute: "facts.automation_level = full",
    basis: "declared",
    detail: { declared_share: ratio(told, decisions) },
  });
}

function security(input: MetricInput): Metric {
  const { sums, thresholds, asOfMs } = input;
  const recent = recordsInScope(input, "drill_recorded").filter(
    ({ facts, recorded_at }) =>
      facts["drill"] === "export" &&
      facts["result"] === "passed" &&
      Date.parse(recorded_at) >= asOfMs - thresholds.export_drill_days * DAY_MS,
  );
  return quantity("M-SEC-01", "count", sums.kinds.get("export_issued") ?? null, {
    name: "exports that left an entry",
    population: "the ledger; under required credentials every export leaves one",
    recompute: "export_issued entries",
    detail: { recent_export_drills: recent.length },
  });
}

function documents({ sums }: MetricInput): Metric {
  const issued = sums.kinds.get("report_issued") ?? 0;
  return share("M-DOC-01", issued, issued, {
    name: "issued reports whose hash is in the ledger",
    population: "report_issued entries: issuing a report is appending its hash",
    recompute: "report_issued entries",
    detail: { issued },
  });
}

function declared({ context }: MetricInput): Metric {
  const has = (fact: string): number => Number(factOf(context, fact) !== undefined);
  const events = factOf(context, "events_enabled");
  return quantity("M-CTX-01", "count", Number(context !== undefined), {
    name: "context declared",
    population: "the newest context_declared entry",
    recompute: "its facts",
    basis: "declared",
    detail: {
      event_kinds: Array.isArray(events) ? new Set(events).size : 0,
      instructions: has("instructions_ref"),
      market_date: has("market_at"),
      worker_notice: has("worker_notice_ref"),
      processing_record: has("processing_record_ref"),
    },
  });
}

function selectionRates(input: MetricInput): Metric {
  const groups = selectionsOf(input);
  // A loop, for as arguments of Math.min many groups overflow the stack.
  let smallest: number | null = null;
  for (const { impact_ratio } of groups)
    if (impact_ratio !== null && (smallest === null || impact_ratio < smallest))
      smallest = impact_ratio;
  return quantity("M-BIA-01", "ratio", smallest, {
    name: "smallest impact ratio of the supplied categories",
    population: "groups that the operator supplied (selection_recorded)",
    recompute: "selection rate of each group over the highest of its category and service",
    basis: "declared",
    denominator: groups.reduce((sum, { assessed }) => sum + assessed, 0),
    detail: { groups: groups.length },
  });
}
