/**
 * A list's filter as SQL: conditions with numbered parameters, values only ever bound, and the index
 * that serves it. SQLite keeps no statistics here and would walk the primary key, so it is told.
 */
import type { DecisionFilter } from "../ledger/read.ts";
import { DecisionStatus } from "../ledger/schema.ts";

export class DecisionWhere {
  readonly values: (string | number)[] = [];
  readonly #conditions: string[] = [];
  /** The table, to be named `d`, with the index that the filter's rarest condition has. */
  readonly decisions: string;

  constructor(ledger: string, filter: DecisionFilter) {
    this.add("d.ledger = ?", ledger);
    if (filter.serviceName !== undefined) this.add("d.service_name = ?", filter.serviceName);
    if (filter.decisionType !== undefined) this.add("d.decision_type = ?", filter.decisionType);
    if (filter.status !== undefined) this.#addStatus(filter.status);
    if (filter.modelProvider !== undefined) this.add("d.model_provider = ?", filter.modelProvider);
    if (filter.modelName !== undefined) this.add("d.model_name = ?", filter.modelName);
    // The id begins with the milliseconds at which the entry was recorded (lib/ids.ts).
    if (filter.fromMs !== undefined) this.add("d.decision_id >= ?", firstIdAt(filter.fromMs));
    if (filter.toMs !== undefined) this.add("d.decision_id < ?", firstIdAt(filter.toMs));
    this.decisions = `decision AS d ${indexFor(filter)}`;
  }

  /** An unknown status is an empty list (CONTRACT): found out without looking. */
  #addStatus(status: string): void {
    if (DecisionStatus.safeParse(status).success) this.add("d.status = ?", status);
    else this.#conditions.push("false");
    if (isReviewed(status)) this.#conditions.push("d.status <> 'recorded'"); // what the partial index says
  }

  /** `condition` holds one `?`. */
  add(condition: string, value: string | number): void {
    this.#conditions.push(condition.replace("?", this.parameter(value)));
  }

  parameter(value: string | number): string {
    this.values.push(value);
    return `?${this.values.length}`;
  }

  get sql(): string {
    return this.#conditions.join(" AND ");
  }
}

/** Reviewed decisions are few, so their index comes first. */
function indexFor({ status, serviceName }: DecisionFilter): string {
  if (isReviewed(status)) return "INDEXED BY decision_by_status";
  return serviceName === undefined ? "" : "INDEXED BY decision_by_service";
}

function isReviewed(status: string | undefined): boolean {
  return status === "incorrect" || status === "corrected";
}

/** Sorts before every decision of this millisecond and after all earlier ones. */
export function firstIdAt(ms: number): string {
  const inRange = Math.min(Math.max(Math.ceil(ms), 0), 2 ** 48 - 1);
  return `dec_${inRange.toString(16).padStart(12, "0")}`;
}
