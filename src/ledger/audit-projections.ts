/**
 * Projections against the entries they come from, DESIGN §1.3: what a list, a status or an
 * idempotency look-up says must follow from headers, or it is a `projection_mismatch`.
 * Pure.
 */
import { factText } from "./facts.ts";
import type { Finding } from "./fault.ts";
import type { Header } from "./schema.ts";

/** The rows found for one entry; null where there is none. */
export interface ProjectionRows {
  /** Fields that a `content_erased` entry took from this one. */
  readonly erased: ReadonlySet<string>;
  /** `decision`, by the entry's id. */
  readonly decision: DecisionRow | null;
  /** `entry_ref`, by the entry's id. */
  readonly ref: {
    readonly index: number;
    readonly kind: string;
    readonly decisionId: string | null;
  } | null;
  /** `request`, by the entry's `facts.request_key`. */
  readonly request: { readonly firstIndex: number; readonly count: number } | null;
  /** The `decision` row of the decision this entry is about. */
  readonly reviewed: {
    readonly flagIndex: number | null;
    readonly correctionIndex: number | null;
  } | null;
}

export interface DecisionRow {
  readonly index: number;
  readonly serviceName: string;
  readonly decisionType: string;
  readonly modelProvider: string | null;
  readonly modelName: string | null;
  /** Where the row points, and what stands there. */
  readonly flag: ReviewPointer | null;
  readonly correction: ReviewPointer | null;
}

export interface ReviewPointer {
  readonly index: number;
  readonly kind: string | null;
  readonly decisionId: string | null;
}

export function checkProjections(
  rows: ProjectionRows & { readonly fields: string | null },
  header: Header,
): Finding[] {
  const findings: Finding[] = [];
  const expect = (holds: boolean, message: string): void => {
    if (holds) return;
    findings.push({
      index: header.index,
      decisionId: header.decision_id ?? null,
      fault: "projection_mismatch",
      message,
    });
  };
  if (header.kind === "decision_recorded") checkDecision(rows.decision, header, expect);
  else checkReference(rows, header, expect);
  checkRequest(rows, header, expect);
  return findings;
}

type Expect = (holds: boolean, message: string) => void;

function checkDecision(row: DecisionRow | null, header: Header, expect: Expect): void {
  if (row === null) return expect(false, "the decision is in no list");
  expect(
    row.index === header.index &&
      row.serviceName === (factText(header, "service_name") ?? "") &&
      row.decisionType === (factText(header, "decision_type") ?? "") &&
      row.modelProvider === factText(header, "model_provider") &&
      row.modelName === factText(header, "model_name"),
    "the list shows other facts than the entry",
  );
  expect(
    pointsAt(row.flag, "decision_flagged", header.id),
    "the shown flag is not a flag of this decision",
  );
  expect(
    pointsAt(row.correction, "correction_attached", header.id),
    "the shown correction is not a correction of this decision",
  );
}

function pointsAt(pointer: ReviewPointer | null, kind: string, decisionId: string): boolean {
  return pointer === null || (pointer.kind === kind && pointer.decisionId === decisionId);
}

function checkReference({ ref, reviewed }: ProjectionRows, header: Header, expect: Expect): void {
  expect(
    ref?.index === header.index &&
      ref.kind === header.kind &&
      ref.decisionId === (header.decision_id ?? null),
    "the entry's id does not lead to it",
  );
  // With every pointer leading to a review of its decision, this makes it the newest one.
  const { kind, index } = header;
  if (kind === "decision_flagged") {
    expect(
      (reviewed?.flagIndex ?? -1) >= index,
      "the decision does not show this flag or a newer one",
    );
  }
  if (kind === "correction_attached") {
    expect(
      (reviewed?.correctionIndex ?? -1) >= index,
      "the decision does not show this correction or a newer one",
    );
  }
}

/** The look-up leads to the first entry of the request and says how many it made. */
function checkRequest(
  rows: ProjectionRows & { readonly fields: string | null },
  header: Header,
  expect: Expect,
): void {
  if (factText(header, "request_key") === null) return;
  const count = committedCount(rows.fields);
  expect(
    rows.request?.firstIndex === header.index &&
      (count === undefined || rows.request.count === count),
    "the idempotency key does not lead to this request",
  );
}

/** The content is checked against its commitments elsewhere; here it is only read. */
function committedCount(fields: string | null): number | undefined {
  try {
    const content: { request?: { value?: { count?: unknown } } } = JSON.parse(fields ?? "{}");
    const count = content.request?.value?.count;
    return typeof count === "number" ? count : undefined;
  } catch {
    return undefined;
  }
}
