/**
 * Entries, counted by what they have in common: the incremental aggregates behind reports, metrics
 * and gaps. A block of entries is folded once and never again, because entries never change; any
 * `as_of` index is whole blocks plus the entries of one block (DESIGN §1.6).
 *
 * Everything counted follows from headers alone, never from content: an erasure changes no count.
 * Verification folds again and compares, so a stored tally is evidence like any projection.
 * Pure.
 */
import type { JsonObject, JsonValue } from "../lib/json.ts";
import { canonicalize } from "./canonical-json.ts";
import { factText } from "./facts.ts";
import type { Header } from "./schema.ts";
import { bucketOf, LATENCY_EDGES_MS, REVIEW_EDGES_MS, DWELL_EDGES_MS } from "./tally-buckets.ts";
import { WriterTally } from "./tally-writers.ts";
import { isWithinSixMonths } from "./six-months.ts";

/** Fixed by migration 0007: another size is another table. A report reads at most this many headers. */
export const TALLY_BLOCK_ENTRIES = 1024;

/** What an entry cannot tell alone. */
export interface TalliedEntry {
  readonly header: Header;
  /** Of the decision it is about; null where it is about none, or is the decision itself. */
  readonly about: Header | null;
  readonly earlier: EarlierEntries;
}

/** What came before it about the same decision. */
export interface EarlierEntries {
  /** A person's review or correction. */
  readonly reviewed: boolean;
  /** … that found the output wrong. */
  readonly faulted: boolean;
  /** An entry of the same kind. */
  readonly same: boolean;
  /** Distinct persons who confirmed it. */
  readonly confirmers: number;
  /** The kind of the newest flag or correction: what the decision's status was. */
  readonly verdict: string | null;
}

export const NOTHING_EARLIER: EarlierEntries = {
  reviewed: false,
  faulted: false,
  same: false,
  confirmers: 0,
  verdict: null,
};

export interface TallyRow {
  readonly tally: string;
  readonly key: string;
  readonly entries: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** Outcomes of a review that say the output was not to be used as it was. */
export const FAULT_OUTCOMES: ReadonlySet<string> = new Set(["override", "reverse", "not_used"]);

export class BlockTally {
  readonly #rows = new Map<string, { -readonly [member in keyof TallyRow]: TallyRow[member] }>();
  readonly #writers = new WriterTally();

  add(entry: TalliedEntry): void {
    const { header } = entry;
    this.#count(header, "entry", { kind: header.kind });
    for (const [tally, key] of talliesOf(entry)) this.#count(header, tally, key);
    this.#writers.add(header);
  }

  /** In no order: each has its own tally and key. */
  rows(): TallyRow[] {
    return [...this.#rows.values(), ...this.#writers.rows()];
  }

  #count({ index }: Header, tally: string, key: JsonObject): void {
    const text = canonicalize(key);
    const row = this.#rows.get(`${tally} ${text}`);
    if (row === undefined) {
      const first = { tally, key: text, entries: 1, firstIndex: index, lastIndex: index };
      this.#rows.set(`${tally} ${text}`, first);
      return;
    }
    row.entries++;
    row.lastIndex = index;
  }
}

function* talliesOf(entry: TalliedEntry): Iterable<[tally: string, key: JsonObject]> {
  const { header } = entry;
  const { facts } = header;
  switch (header.kind) {
    case "decision_recorded":
      yield ["decision", decisionKey(header)];
      yield* latencyOf(header);
      if (facts["writer_seq"] !== undefined)
        yield [
          "writer_service",
          given({ writer: facts["writer_id"], service: facts["service_name"] }),
        ];
      return;
    case "correction_attached":
    case "decision_flagged":
    case "review_recorded":
      yield ["review", reviewKey(entry)];
      yield* reviewerOf(entry);
      return;
    case "replay_completed":
      yield ["replay", replayKey(entry)];
      return;
    case "content_erased":
      yield ["erasure", erasureKey(entry)];
      return;
    case "notice_recorded":
    case "explanation_recorded":
      yield [header.kind, { ...scopeOf(entry.about), ...noticeOf(entry) }];
      return;
    case "action_recorded":
      yield [
        header.kind,
        { ...scopeOf(entry.about), confirmers: Math.min(entry.earlier.confirmers, 2) },
      ];
      return;
    default:
  }
}

/** Where a report's filters look: service, type and day of the decision. */
function scopeOf(decision: Header | null): JsonObject {
  if (decision === null) return {};
  return given({
    service: decision.facts["service_name"],
    type: decision.facts["decision_type"],
    day: dayOf(decision),
  });
}

function modelOf(decision: Header | null): JsonObject {
  return given({
    provider: decision?.facts["model_provider"],
    model: decision?.facts["model_name"],
    model_version: decision?.facts["model_version"],
  });
}

export function dayOf({ recorded_at }: Header): string {
  return recorded_at.slice(0, 10);
}

/** One letter for each thing that is there, so that those alike are counted together. */
function decisionKey(header: Header): JsonObject {
  const { facts, commitments } = header;
  const has = [
    facts["started_at"] !== undefined && facts["ended_at"] !== undefined ? "u" : "", // use period
    commitments["prompt"] === undefined ? "" : "p",
    facts["subject_notice"] === undefined ? "" : "n",
    facts["writer_seq"] === undefined ? "" : "w",
    facts["occurred_at"] === undefined ? "" : "o",
    commitments["tool_calls"] === undefined ? "" : "t",
  ].join("");
  return given({
    ...scopeOf(header),
    ...modelOf(header),
    system_version: facts["system_version"],
    capture_mode: facts["capture_mode"],
    automation_level: facts["automation_level"],
    decision_role: facts["decision_role"],
    has,
  });
}

function* latencyOf(header: Header): Iterable<[string, JsonObject]> {
  const occurredAt = Date.parse(factText(header, "occurred_at") ?? "");
  if (Number.isNaN(occurredAt)) return;
  const lag = Date.parse(header.recorded_at) - occurredAt;
  yield ["latency", { ...scopeOf(header), bucket: bucketOf(lag, LATENCY_EDGES_MS) }];
}

/** Who reviewed, as strongly as is known: a name that was only said is `declared`. */
function basisOf(header: Header): string {
  const { facts, kind, actor } = header;
  if (kind === "decision_flagged") return "none";
  if (facts["reviewer_kind"] === "service_account") return "service_account";
  return facts["reviewer_auth"] === "authenticated" && actor !== "anonymous"
    ? "authenticated"
    : "declared";
}

/** A correction says what the output should have been: that overrides it. */
export function outcomeOf({ kind, facts }: Header): string {
  if (kind === "correction_attached") return "override";
  const { outcome } = facts;
  return typeof outcome === "string" ? outcome : "none";
}

function reviewKey({ header, about, earlier }: TalliedEntry): JsonObject {
  const { facts, kind } = header;
  const basis = basisOf(header);
  const isHuman = isPerson(basis);
  const isFirst = isHuman && !earlier.reviewed;
  const outcome = outcomeOf(header);
  return given({
    ...scopeOf(about),
    ...modelOf(about),
    at: header.recorded_at.slice(0, 7),
    event: kind,
    before: earlier.verdict ?? "decision_recorded",
    basis,
    outcome,
    named: facts["reviewer_ref"] !== undefined,
    trigger: facts["trigger"],
    first: isFirst,
    first_fault: isHuman && FAULT_OUTCOMES.has(outcome) && !earlier.faulted,
    itself: isHuman && header.actor !== "anonymous" && header.actor === about?.actor,
    within: isFirst && about !== null ? bucketOf(lagMs(header, about), REVIEW_EDGES_MS) : undefined,
  });
}

function isPerson(basis: string): boolean {
  return basis === "declared" || basis === "authenticated";
}

function lagMs(header: Header, about: Header): number {
  return Date.parse(header.recorded_at) - Date.parse(about.recorded_at);
}

/**
 * Who reviewed, and how long they looked. Apart from the review itself: together with its outcome,
 * days and delays nearly every review would be a combination of its own, and nothing a sum.
 */
function* reviewerOf({ header, about }: TalliedEntry): Iterable<[tally: string, key: JsonObject]> {
  if (!isPerson(basisOf(header))) return;
  const outcome = outcomeOf(header);
  const reviewer = factText(header, "reviewer_ref");
  if (reviewer !== null)
    yield [
      "reviewer",
      { ...scopeOf(about), at: dayOf(header), reviewer, fault: FAULT_OUTCOMES.has(outcome) },
    ];
  const dwell = Date.parse(header.recorded_at) - Date.parse(factText(header, "opened_at") ?? "");
  if (outcome === "confirm" && !Number.isNaN(dwell))
    yield ["dwell", { ...scopeOf(about), bucket: bucketOf(dwell, DWELL_EDGES_MS) }];
}

function replayKey({ header: { facts, commitments }, about }: TalliedEntry): JsonObject {
  return given({
    ...scopeOf(about),
    unmodified: commitments["overrides"] === undefined,
    mode: facts["execution_mode"],
    status: facts["execution_status"],
    changed: facts["output_changed"],
  });
}

/** The age is the decision's when its content went; only a prune tells it to the day. */
function erasureKey({ header, about }: TalliedEntry): JsonObject {
  const reason = header.facts["reason_code"];
  const age =
    about === null ? undefined : Date.parse(header.recorded_at) - Date.parse(about.recorded_at);
  return given({
    ...scopeOf(about),
    at: dayOf(header),
    reason,
    inside_floor:
      about === null ? undefined : isWithinSixMonths(about.recorded_at, header.recorded_at),
    age_days:
      reason === RETENTION_EXPIRED && age !== undefined ? Math.floor(age / 86_400_000) : undefined,
  });
}

/** The reason code of a prune: content went because its retention class was over. */
export const RETENTION_EXPIRED = "retention_expired";

/** A notice counts once a decision, and in time when it was given before the decision was. */
function noticeOf({ header, about, earlier }: TalliedEntry): JsonObject {
  const givenAt = Date.parse(factText(header, "given_at") ?? header.recorded_at);
  const decidedAt =
    about === null ? NaN : Date.parse(factText(about, "occurred_at") ?? about.recorded_at);
  return given({
    decision_role: about?.facts["decision_role"],
    first: !earlier.same && about?.facts["subject_notice"] === undefined,
    in_time: givenAt <= decidedAt,
  });
}

function given(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const key: JsonObject = {};
  for (const [member, value] of Object.entries(members)) {
    if (value !== undefined && value !== null) key[member] = value;
  }
  return key;
}
