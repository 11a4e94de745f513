/**
 * Entries, version 1, DESIGN §3: sealing content with salted commitments, encoding the header.
 * Pure: salts come in. What is stored here is hashed octet for octet and never re-serialised.
 */
import { toHex, utf8 } from "../lib/bytes.ts";
import type { JsonObject, JsonValue } from "../lib/json.ts";
import { canonicalize } from "./canonical-json.ts";
import { commitmentOf, leafHash, sha256, type Hash } from "./hash.ts";
import { Header, type EntryKind } from "./schema.ts";

/** Each field has its own salt: an erased value cannot be confirmed by guessing it. */
export const SALT_BYTES = 32;

/** The fields `content_hash` covers, in canonical (sorted) order: LoopGrid 0.1's eight. */
const CONTENT_HASH_FIELDS = [
  "decision_type",
  "input",
  "metadata",
  "model",
  "output",
  "prompt",
  "service_name",
  "tool_calls",
] as const;

/** Content fields of an entry, each value in its canonical form. Absent and null fields are left out. */
export type CanonicalFields = Readonly<Record<string, string>>;

/** Content as it is stored: committed field by field. */
export interface SealedContent {
  /** RFC 8785 JSON `{field: {salt, value}}`, the `content` member of an entry line (DESIGN §5). */
  readonly text: string;
  readonly commitments: Readonly<Record<string, string>>;
}

/** One entry minus its place in the ledger: what a Worker prepares and the sequencer places. */
export interface EntryDraft {
  readonly kind: EntryKind;
  /** Given only where the id must be known before the commit (a replay); else minted with the index. */
  readonly id?: string;
  /** The decision this is about; absent where the entry creates it, or is about none. */
  readonly decisionId?: string;
  readonly actor: string;
  /** Canonical JSON object: small, never personal, never erased. */
  readonly facts: JsonObject;
  readonly commitments: Readonly<Record<string, string>>;
  /** UTF-8 of `SealedContent.text`: octets, because a string may travel at two octets a character. */
  readonly content: Uint8Array;
  readonly contentHash: string | null;
  /** Append only if what was read still holds; checked inside the commit's transaction. */
  readonly onlyIf?: Condition;
}

/** No entry of these kinds about the draft's decision at or beyond `size`: nothing came between. */
export interface Condition {
  readonly size: number;
  /** Absent: of any kind. */
  readonly kinds?: readonly string[];
}

/** Leaves out what is not there: null and absent fields are not committed, empty objects are (DESIGN §3). */
export function canonicalFields(
  fields: Readonly<Record<string, JsonValue | undefined>>,
): CanonicalFields {
  const canonical: Record<string, string> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null) canonical[field] = canonicalize(value);
  }
  return canonical;
}

/** Octets of content that count against CONTENT_BYTES_MAX: the canonical values, without salts. */
export function contentBytes(fields: CanonicalFields): number {
  return Object.values(fields).reduce((bytes, value) => bytes + utf8(value).length, 0);
}

/** Commits to every field. @param random SALT_BYTES octets for each field. */
export function sealContent(fields: CanonicalFields, random: Uint8Array): SealedContent {
  const commitments: Record<string, string> = {};
  const members = Object.keys(fields)
    .toSorted()
    .map((field, i) => {
      const value = fields[field] ?? "null";
      const salt = random.subarray(i * SALT_BYTES, (i + 1) * SALT_BYTES);
      commitments[field] = commitmentOf(salt, field, value);
      return `${JSON.stringify(field)}:{"salt":"${toHex(salt)}","value":${value}}`;
    });
  return { text: `{${members.join(",")}}`, commitments };
}

/** LoopGrid 0.1's content hash, CONTRACT "Hashes of 0.1": absent ones are null. */
export function contentHashOf(
  fields: CanonicalFields,
  serviceName: string,
  decisionType: string,
): string {
  const all: Readonly<Record<string, string>> = {
    ...fields,
    service_name: canonicalize(serviceName),
    decision_type: canonicalize(decisionType),
  };
  const members = CONTENT_HASH_FIELDS.map((field) => `"${field}":${all[field] ?? "null"}`);
  return toHex(sha256(utf8(`{${members.join(",")}}`)));
}

/** The header's exact octets, as text; they are stored and hashed as they are. */
export function encodeHeader(header: Header): string {
  const { decision_id, ...rest } = header;
  return canonicalize(decision_id === undefined ? rest : { ...rest, decision_id });
}

/** Parses a stored header; undefined when it is not a version 1 header. */
export function decodeHeader(text: string): Header | undefined {
  try {
    const parsed = Header.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The chain hash, which is also the RFC 6962 leaf hash (DESIGN §3). */
export function chainHashOf(headerText: string): Hash {
  return leafHash(utf8(headerText));
}

/** One committed value with its salt, as stored. */
export interface SaltedValue {
  readonly salt: string;
  readonly value: JsonValue;
}
