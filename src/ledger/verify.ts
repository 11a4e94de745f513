/**
 * Verification of entries, DESIGN §3: every octet of a header and of its content is recomputed.
 * One pass, any number of entries, memory of one. The server, the command line and browsers run this
 * same code over different sources.
 * Pure. A fault is an answer, not an exception: it says where, what, expected and found.
 */
import { fromHex, toHex } from "../lib/bytes.ts";
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { canonicalize, isCanonical } from "./canonical-json.ts";
import {
  chainHashOf,
  contentHashOf,
  decodeHeader,
  type CanonicalFields,
  SALT_BYTES,
} from "./entry.ts";
import { factText } from "./facts.ts";
import type { Fault, Finding } from "./fault.ts";
import { commitmentOf, GENESIS, type Hash } from "./hash.ts";
import { extendEdge, type Edge } from "./merkle.ts";
import type { EntryRow } from "./read.ts";
import type { Header } from "./schema.ts";

/** Where a pass begins: at the first entry, or behind entries that something else vouches for. */
export interface VerifyStart {
  readonly ledger: string;
  readonly from: number;
  /** chain_hash of entry `from - 1`, GENESIS at 0; undefined where nobody knows it. */
  readonly previous: string | undefined;
  readonly recordedAt: string;
  /** Roots of the perfect subtrees of 0..from; undefined where no tree is recomputed. */
  readonly edge: Edge | undefined;
}

export function startOfLedger(ledger: string): VerifyStart {
  return { ledger, from: 0, previous: GENESIS, recordedAt: "", edge: [] };
}

/** An entry to check. `contentHash` is undefined where the source does not carry one (exports). */
export interface CheckedRow extends Omit<EntryRow, "contentHash"> {
  readonly contentHash: string | null | undefined;
  /** Fields that an erasure names: absent with cause. */
  readonly erased?: ReadonlySet<string>;
}

export interface CheckedEntry {
  /** Undefined when it cannot be read at all. */
  readonly header: Header | undefined;
  readonly leaf: Hash;
  readonly findings: readonly Finding[];
  /** Committed fields that are not stored, and that no known erasure explains. */
  readonly absent: readonly string[];
}

const NOTHING_ERASED: ReadonlySet<string> = new Set();

export class EntryVerifier {
  readonly #ledger: string;
  #size: number;
  #previous: string | undefined;
  #recordedAt: string;
  #edge: Edge | undefined;

  constructor(start: VerifyStart) {
    this.#ledger = start.ledger;
    this.#size = start.from;
    this.#previous = start.previous;
    this.#recordedAt = start.recordedAt;
    this.#edge = start.edge;
  }

  /** Entries seen, counted from the ledger's first. */
  get size(): number {
    return this.#size;
  }

  /** Of everything up to `size`, from the headers as they are; behind a gap there is none to tell. */
  get edge(): Edge | undefined {
    return this.#edge;
  }

  get recordedAt(): string {
    return this.#recordedAt;
  }

  /** Checks the next entry. */
  check(row: CheckedRow): CheckedEntry {
    const header = decodeHeader(row.header);
    const findings: Finding[] = [];
    const decisionId = header?.decision_id ?? null;
    const report = (fault: Fault, message: string): void => {
      findings.push({ index: row.index, decisionId, fault, message });
    };
    const leaf = this.#checkPlace(row, header, report);
    const absent = header === undefined ? [] : checkContent(row, header, report);
    return { header, leaf, findings, absent };
  }

  #checkPlace(row: CheckedRow, header: Header | undefined, report: Report): Hash {
    if (row.index !== this.#size) {
      report("index_gap", `expected entry ${this.#size}, found ${row.index}`);
      this.#size = row.index;
      this.#edge = undefined;
    }
    const leaf = chainHashOf(row.header);
    const computed = toHex(leaf);
    if (row.chainHash !== computed) {
      report("chain_broken", `the header hashes to ${computed}, chain_hash says ${row.chainHash}`);
    }
    if (header === undefined || !isCanonical(row.header)) {
      report("chain_broken", "the header is not a version 1 header in canonical form");
    } else {
      this.#checkHeader(header, row.index, report);
    }
    this.#edge &&= extendEdge(this.#edge, this.#size, leaf);
    this.#size++;
    this.#previous = row.chainHash;
    return leaf;
  }

  #checkHeader(header: Header, index: number, report: Report): void {
    if (this.#previous !== undefined && header.previous !== this.#previous) {
      report(
        "chain_broken",
        `previous is ${header.previous}, the entry before has ${this.#previous}`,
      );
    }
    if (header.index !== index)
      report("index_gap", `stored at ${index}, the header says ${header.index}`);
    if (header.ledger !== this.#ledger) {
      report("chain_broken", `the header belongs to ledger ${header.ledger}, not ${this.#ledger}`);
    }
    if (header.recorded_at < this.#recordedAt) {
      report(
        "time_reversed",
        `recorded at ${header.recorded_at}, the entry before at ${this.#recordedAt}`,
      );
    }
    this.#recordedAt = header.recorded_at;
  }
}

type Report = (fault: Fault, message: string) => void;

/** @returns committed fields that are not there */
function checkContent(row: CheckedRow, header: Header, report: Report): readonly string[] {
  const { fields: text, erased = NOTHING_ERASED } = row;
  const committed = Object.entries(header.commitments);
  if (text === null) {
    report("content_missing", "the entry has no content row");
    return [];
  }
  const opened = openContent(text);
  if (opened === undefined) {
    report("content_mismatch", "the content is not canonical {field: {salt, value}}");
    return [];
  }
  for (const [field, commitment] of committed) {
    const found = opened.get(field);
    if (found !== undefined && found.commitment !== commitment) {
      report(
        "content_mismatch",
        `${field} commits to ${found.commitment}, the header says ${commitment}`,
      );
    }
  }
  for (const field of opened.keys()) {
    if (!Object.hasOwn(header.commitments, field)) {
      report("content_mismatch", `${field} is stored, the header does not commit to it`);
    } else if (erased.has(field)) {
      report("content_mismatch", `${field} was erased and is stored again`);
    }
  }
  checkContentHash(row, header, opened, report);
  return committed
    .map(([field]) => field)
    .filter((field) => !opened.has(field) && !erased.has(field));
}

interface OpenField {
  readonly canonicalValue: string;
  readonly commitment: string;
}

/** Parses stored content; undefined unless it is octet for octet what `sealContent` writes. */
function openContent(text: string): ReadonlyMap<string, OpenField> | undefined {
  try {
    const content: JsonValue = JSON.parse(text);
    return isObject(content) ? openFields(content, text) : undefined;
  } catch {
    return undefined; // not JSON, or JSON without a canonical form (a lone surrogate)
  }
}

function openFields(content: JsonObject, text: string): ReadonlyMap<string, OpenField> | undefined {
  const fields = new Map<string, OpenField>();
  const members: string[] = [];
  for (const field of Object.keys(content).toSorted()) {
    const salted = content[field];
    if (!isObject(salted)) return undefined;
    const { salt, value } = salted;
    const saltOctets = typeof salt === "string" ? fromHex(salt) : undefined;
    if (saltOctets?.length !== SALT_BYTES || value === undefined) return undefined;
    const canonicalValue = canonicalize(value);
    members.push(
      `${JSON.stringify(field)}:{"salt":"${toHex(saltOctets)}","value":${canonicalValue}}`,
    );
    fields.set(field, {
      canonicalValue,
      commitment: commitmentOf(saltOctets, field, canonicalValue),
    });
  }
  return `{${members.join(",")}}` === text ? fields : undefined;
}

/** The fields of a decision that `content_hash` covers; an erased one takes the hash with it. */
const HASHED_FIELDS = ["input", "model", "prompt", "tool_calls", "output", "metadata"];

function checkContentHash(
  row: CheckedRow,
  header: Header,
  opened: ReadonlyMap<string, OpenField>,
  report: Report,
): void {
  if (row.contentHash === undefined) return;
  const expected = expectedContentHash(header, opened);
  if (row.contentHash !== expected) {
    report("content_mismatch", `content_hash is ${row.contentHash}, expected ${expected}`);
  }
}

function expectedContentHash(
  header: Header,
  opened: ReadonlyMap<string, OpenField>,
): string | null {
  if (header.kind !== "decision_recorded") return null;
  const committed = HASHED_FIELDS.filter((field) => Object.hasOwn(header.commitments, field));
  if (committed.some((field) => !opened.has(field))) return null;
  const fields: CanonicalFields = Object.fromEntries(
    committed.map((field) => [field, opened.get(field)?.canonicalValue ?? "null"]),
  );
  return contentHashOf(
    fields,
    factText(header, "service_name") ?? "",
    factText(header, "decision_type") ?? "",
  );
}
