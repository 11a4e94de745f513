/**
 * A decision as its entries tell it: status, flag and correction are projections of entries
 * (DESIGN §1.3), computed here and nowhere else.
 * Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { capturedFacts } from "./capture.ts";
import type { SaltedValue } from "./entry.ts";
import { factText } from "./facts.ts";
import type { Decision, DecisionStatus, Header } from "./schema.ts";

/** An entry with its content, read back and parsed. */
export interface StoredEntry {
  readonly header: Header;
  readonly chainHash: string;
  readonly contentHash: string | null;
  /** Committed fields that are still there; an erased one is absent. */
  readonly content: Readonly<Record<string, SaltedValue>>;
}

/** The entries that decide how a decision looks: the newest flag and correction win. */
export interface DecisionEntries {
  readonly recorded: StoredEntry;
  readonly flag?: StoredEntry | undefined;
  readonly correction?: StoredEntry | undefined;
}

/** The newest flag or correction decides; a decision may be flagged again after its correction. */
export function statusOf(
  flagIndex: number | undefined,
  correctionIndex: number | undefined,
): DecisionStatus {
  if (correctionIndex !== undefined && correctionIndex > (flagIndex ?? -1)) return "corrected";
  return flagIndex === undefined ? "recorded" : "incorrect";
}

/** Sorts the entries that decide a decision's look by their kind; undefined without the first one. */
export function decisionEntries(entries: readonly StoredEntry[]): DecisionEntries | undefined {
  const ofKind = (kind: string): StoredEntry | undefined =>
    entries.find(({ header }) => header.kind === kind);
  const recorded = ofKind("decision_recorded");
  if (recorded === undefined) return undefined;
  return { recorded, flag: ofKind("decision_flagged"), correction: ofKind("correction_attached") };
}

function valueOf(entry: StoredEntry, field: string): JsonValue {
  return entry.content[field]?.value ?? null;
}

function objectOf(entry: StoredEntry, field: string): JsonObject | null {
  const value = valueOf(entry, field);
  return isObject(value) ? value : null;
}

function textOf(entry: StoredEntry, field: string): string | null {
  const value = valueOf(entry, field);
  return typeof value === "string" ? value : null;
}

function correctionOf(entry: StoredEntry): Decision["correction"] {
  return {
    output: objectOf(entry, "correction"),
    corrected_by: textOf(entry, "corrected_by"),
    corrected_at: entry.header.recorded_at,
    notes: textOf(entry, "notes"),
  };
}

/** The Decision of CONTRACT.md. */
export function toDecision({ recorded, flag, correction }: DecisionEntries): Decision {
  const { header } = recorded;
  const toolCalls = valueOf(recorded, "tool_calls");
  return {
    decision_id: header.id,
    created_at: header.recorded_at,
    service_name: factText(header, "service_name") ?? "",
    decision_type: factText(header, "decision_type") ?? "",
    input: objectOf(recorded, "input"),
    model: objectOf(recorded, "model"),
    output: objectOf(recorded, "output"),
    status: statusOf(flag?.header.index, correction?.header.index),
    content_hash: recorded.contentHash,
    chain_hash: recorded.chainHash,
    prompt: objectOf(recorded, "prompt"),
    tool_calls: Array.isArray(toolCalls) ? toolCalls.filter(isObject) : null,
    metadata: objectOf(recorded, "metadata"),
    incorrect_reason: flag ? textOf(flag, "reason") : null,
    incorrect_at: flag?.header.recorded_at ?? null,
    correction: correction ? correctionOf(correction) : null,
    ledger: header.ledger,
    index: header.index,
    ...capturedFacts(header.facts),
  };
}
