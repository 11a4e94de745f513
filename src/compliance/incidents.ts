/** Incidents with their clocks, Art. 73 of the AI Act, and what became of them. Pure. */
import type { Header } from "../ledger/schema.ts";
import { DAY_MS, recordsInScope, textFact, timeFact, type MetricInput } from "./metric-input.ts";

const CLOCK_DAYS: Readonly<Record<string, number>> = { days_15: 15, days_10: 10, days_2: 2 };

/** Fields AI 600-1 GV-4.3-002 asks for, beside the id and the date. */
const TEXTS = [
  "title",
  "description",
  "reporter",
  "source",
  "data_reported",
  "impacts",
  "stakeholders",
];

export interface Incident {
  readonly id: string;
  readonly index: number;
  readonly incident_class: string;
  readonly clock_class: string;
  readonly aware_at: string;
  readonly deadline: string | null;
  readonly reported_at: string | null;
  readonly overdue: boolean;
  readonly steps: readonly string[];
  readonly open: boolean;
  readonly linked: readonly string[];
  readonly linked_held: number;
  readonly complete: boolean;
}

export function incidentsOf(input: MetricInput): Incident[] {
  const updates = input.data.records.incident_updated;
  return recordsInScope(input, "incident_recorded").map((header) =>
    incidentOf(
      header,
      updates.filter(({ facts }) => facts["incident_id"] === header.id),
      input,
    ),
  );
}

function incidentOf(header: Header, updates: readonly Header[], input: MetricInput): Incident {
  const { facts, commitments } = header;
  const clockClass = textFact(header, "clock_class") ?? "none";
  const days = CLOCK_DAYS[clockClass];
  const awareMs = timeFact(header, "aware_at");
  const deadlineMs = days === undefined ? NaN : awareMs + days * DAY_MS;
  const reported = updates.find((update) => update.facts["step"] === "authority_reported");
  const reportedMs = timeFact(reported, "at");
  const steps = updates.map((update) => textFact(update, "step") ?? "");
  const linked = Array.isArray(facts["decision_ids"]) ? facts["decision_ids"].map(String) : [];
  return {
    id: header.id,
    index: header.index,
    incident_class: textFact(header, "incident_class") ?? "",
    clock_class: clockClass,
    aware_at: textFact(header, "aware_at") ?? "",
    deadline: Number.isNaN(deadlineMs) ? null : new Date(deadlineMs).toISOString(),
    reported_at: Number.isNaN(reportedMs) ? null : new Date(reportedMs).toISOString(),
    overdue: (Number.isNaN(reportedMs) ? input.asOfMs : reportedMs) > deadlineMs,
    steps,
    open: !steps.includes("closed"),
    linked,
    linked_held: linked.filter((id) => input.data.held.has(id)).length,
    complete:
      TEXTS.every((field) => commitments[field] !== undefined) &&
      facts["occurred_at"] !== undefined &&
      (facts["system_id"] !== undefined || facts["service_name"] !== undefined),
  };
}
