/** Tallies (ledger/tally.ts) as a report adds them up: parsed, and narrowed to its scope. Pure. */
import type { TallyRow } from "../ledger/tally.ts";
import { writerGaps, type WriterGaps } from "../ledger/tally-writers.ts";

/** Which decisions a report is about. Days are UTC; `toDay` is not part of it. */
export interface Scope {
  readonly serviceName: string | undefined;
  readonly decisionType: string | undefined;
  readonly fromDay: string | undefined;
  readonly toDay: string | undefined;
}

interface Placed {
  readonly service?: string;
  readonly type?: string;
  /** Of the decision. */
  readonly day?: string;
}

interface OfModel {
  readonly provider?: string;
  readonly model?: string;
  readonly model_version?: string;
}

export interface DecisionKey extends Placed, OfModel {
  readonly system_version?: string;
  readonly capture_mode?: string;
  readonly automation_level?: string;
  readonly decision_role?: string;
  readonly has: string;
}

export interface ReviewKey extends Placed, OfModel {
  /** The month it was recorded in. */
  readonly at: string;
  readonly event: "correction_attached" | "decision_flagged" | "review_recorded";
  readonly before: string;
  readonly basis: "authenticated" | "declared" | "service_account" | "none";
  readonly outcome: string;
  /** It names a reviewer_ref. */
  readonly named: boolean;
  readonly trigger?: string;
  readonly first: boolean;
  readonly first_fault: boolean;
  readonly itself: boolean;
  /** Of a first one. */
  readonly within?: number;
}

/** A person's review, by whose it was. */
interface ReviewerKey extends Placed {
  /** The day it was recorded. */
  readonly at: string;
  readonly reviewer: string;
  readonly fault: boolean;
}

interface ReplayKey extends Placed {
  readonly mode?: string;
  readonly status?: string;
  readonly changed?: boolean;
  readonly unmodified: boolean;
}

interface ErasureKey extends Placed {
  readonly at: string;
  readonly reason?: string;
  readonly inside_floor?: boolean;
  readonly age_days?: number;
}

interface NoticeKey extends Placed {
  readonly decision_role?: string;
  readonly first: boolean;
  readonly in_time: boolean;
}

export type Counted<Key> = Key & {
  readonly entries: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
};

export interface Aggregates {
  readonly decisions: readonly Counted<DecisionKey>[];
  readonly latencies: readonly Counted<Placed & { readonly bucket: number }>[];
  readonly reviews: readonly Counted<ReviewKey>[];
  readonly reviewers: readonly Counted<ReviewerKey>[];
  /** How long persons looked at what they confirmed. */
  readonly dwells: readonly Counted<Placed & { readonly bucket: number }>[];
  readonly replays: readonly Counted<ReplayKey>[];
  readonly erasures: readonly Counted<ErasureKey>[];
  readonly notices: readonly Counted<NoticeKey>[];
  readonly explanations: readonly Counted<NoticeKey>[];
  readonly actions: readonly Counted<Placed & { readonly confirmers: number }>[];
  /** Of the whole ledger, whatever the scope: entries by kind. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Of writers that recorded for the scope's service; their numbers count for all they recorded. */
  readonly writers: readonly WriterGaps[];
}

/** Of decisions in scope, by day of the decision. */
export const DAILY_TALLIES: readonly string[] = [
  "decision",
  "review",
  "replay",
  "erasure",
  "notice_recorded",
  "explanation_recorded",
  "action_recorded",
];
/** Read without the decision's day: no report asks for it, and sums over all days are few. */
export const DAYLESS_TALLIES: readonly string[] = ["latency", "reviewer", "dwell"];

export function aggregate(rows: readonly TallyRow[], scope: Scope): Aggregates {
  const of = <Key extends Placed>(tally: string): Counted<Key>[] =>
    rows
      .filter((row) => row.tally === tally)
      .map((row): Counted<Key> => ({ ...JSON.parse(row.key), ...countsOf(row) }))
      .filter((row) => isInScope(tally, row, scope));
  const everyWriter = rows.filter(({ tally }) => tally === "writer_service");
  const serving = new Set(
    everyWriter
      .map(({ key }): { writer: string; service: string } => JSON.parse(key))
      .filter(({ service }) => scope.serviceName === undefined || service === scope.serviceName)
      .map(({ writer }) => writer),
  );
  return {
    decisions: of("decision"),
    latencies: of("latency"),
    reviews: of("review"),
    reviewers: of("reviewer"),
    dwells: of("dwell"),
    replays: of("replay"),
    erasures: of("erasure"),
    notices: of("notice_recorded"),
    explanations: of("explanation_recorded"),
    actions: of("action_recorded"),
    kinds: new Map(
      rows
        .filter(({ tally }) => tally === "entry")
        .map(({ key, entries }): [string, number] => [JSON.parse(key).kind, entries]),
    ),
    writers: writerGaps(rows.filter(({ tally }) => tally === "writer")).filter(({ writerId }) =>
      serving.has(writerId),
    ),
  };
}

function countsOf({ entries, firstIndex, lastIndex }: TallyRow) {
  return { entries, firstIndex, lastIndex };
}

/** Those read without their day (DAYLESS_TALLIES) were narrowed to the scope's days before. */
function isInScope(tally: string, { service, type, day = "" }: Placed, scope: Scope): boolean {
  const isDayless = DAYLESS_TALLIES.includes(tally);
  return (
    (scope.serviceName === undefined || service === scope.serviceName) &&
    (scope.decisionType === undefined || type === scope.decisionType) &&
    (isDayless || scope.fromDay === undefined || day >= scope.fromDay) &&
    // What is about no decision has no day, and is in no period.
    (isDayless || scope.toDay === undefined || (day !== "" && day < scope.toDay))
  );
}

export function total<Row extends { readonly entries: number }>(
  rows: readonly Row[],
  which: (row: Row) => boolean = () => true,
): number {
  return rows.reduce((sum, row) => sum + (which(row) ? row.entries : 0), 0);
}

/** A review by a person, identified or only named. */
export function isHuman({ basis }: ReviewKey): boolean {
  return basis === "authenticated" || basis === "declared";
}

/** Counts by what a function tells of a row, in the order of what it tells. */
export function countsBy<Row extends { readonly entries: number }>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const key = keyOf(row);
    counts.set(key, (counts.get(key) ?? 0) + row.entries);
  }
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
