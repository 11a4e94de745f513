/**
 * Everything a report is computed from. It comes from outside (http/report-data.ts), so that the
 * evaluation is pure: the same data make the same report.
 */
import type { TallyRow } from "../ledger/tally.ts";
import type { Header } from "../ledger/schema.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Scope } from "./aggregates.ts";
import type { ThresholdName } from "./thresholds.ts";
import type { Framework } from "./vocabulary.ts";

/** Records that are few and read one by one, oldest first, by entry kind. */
export const LISTED_KINDS = [
  "context_declared",
  "retention_policy_set",
  "incident_recorded",
  "incident_updated",
  "system_halted",
  "system_resumed",
  "drill_recorded",
  "change_recorded",
  "request_received",
  "request_answered",
  "criterion_recorded",
  "analysis_recorded",
  "competence_recorded",
  "selection_recorded",
  "report_issued",
  "experiment_started",
  "experiment_ended",
] as const;
export type ListedKind = (typeof LISTED_KINDS)[number];

export interface IntegritySeen {
  readonly valid: boolean | null;
  readonly broken_at: string | null;
  readonly message: string;
  readonly size: number;
  readonly root_hash: string | null;
  readonly erased: number;
  readonly complete: boolean;
  readonly findings: readonly object[];
}

export interface SampledEntry {
  readonly index: number;
  readonly header: Header;
  readonly chainHash: string;
  readonly isErased: boolean;
}

export interface ReportData {
  readonly generatedAt: Date;
  readonly version: string;
  readonly ledger: string;
  readonly origin: string;
  readonly verifierKeys: readonly string[];
  readonly scope: Scope;
  readonly frameworks: readonly Framework[];
  readonly overrides: Partial<Record<ThresholdName, number>>;
  /** The last entry that counts; null in an empty ledger. */
  readonly asOf: {
    readonly index: number;
    readonly recordedAt: string;
    readonly chainHash: string;
  } | null;
  readonly firstRecordedAt: string | null;
  /** When the scope's first and last decision were recorded. */
  readonly firstDecision: string | null;
  readonly lastDecision: string | null;
  readonly tallies: readonly TallyRow[];
  readonly records: Readonly<Record<ListedKind, readonly Header[]>>;
  /** There were more of some kind than a report reads. */
  readonly recordsCut: boolean;
  /** The texts of the newest declared context, while they are not erased. */
  readonly contextTexts: JsonObject;
  readonly integrity: IntegritySeen;
  readonly checkpoint: string | null;
  readonly lastVerified: { readonly size: number; readonly at: string } | null;
  readonly cosignedSize: number | null;
  /** Decisions linked to incidents that were held when the last entry that counts was written. */
  readonly held: ReadonlySet<string>;
  /** Decisions recorded while halted, by the index of the halt; null: too many halts to count. */
  readonly whileHalted: ReadonlyMap<number, number> | null;
  /** Decisions whose content was past its retention class and still there; null without a policy. */
  readonly pastRetention: number | null;
  readonly samples: readonly SampledEntry[];
  readonly previous: { readonly report_id: string; readonly hash: string } | null;
}
