/**
 * A second implementation of the ledger's formats, written from DESIGN §3 and §5 and the documents
 * they name alone: RFC 8785, RFC 6962 and 9162, C2SP signed-note and tlog-checkpoint. It imports
 * nothing of src/, so that an error there cannot hide here. Everything that does not hold throws.
 */
import { createHash, createPublicKey, verify } from "node:crypto";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: Json;
}

/** An entry whose line holds in itself and in its place in the chain. */
export interface CheckedEntry {
  readonly index: number;
  readonly kind: string;
  readonly id: string;
  readonly decisionId: string | undefined;
  readonly recordedAt: string;
  readonly actor: string;
  readonly facts: JsonObject;
  /** Values by field; an erased one is absent. */
  readonly content: JsonObject;
  readonly erased: readonly string[];
  readonly chainHash: string;
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly rootHash: string;
}

const HEADER_BYTES_MAX = 65_535;
const ZEROS = "0".repeat(64);
const HEX_64 = /^[0-9a-f]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const HEADER_MEMBERS = [
  "v",
  "ledger",
  "index",
  "kind",
  "id",
  "recorded_at",
  "actor",
  "facts",
  "commitments",
  "previous",
];
const ID_PREFIXES: Readonly<Record<string, string>> = {
  decision_recorded: "dec_",
  decision_flagged: "flg_",
  correction_attached: "cor_",
  replay_completed: "rep_",
  content_erased: "era_",
};

class NotVerified extends Error {
  override readonly name = "NotVerified";
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new NotVerified(what);
}

export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** RFC 8785 of a parsed value: ECMAScript's numbers and strings, members in UTF-16 order. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isObject(value)) {
    const members = Object.keys(value).toSorted((a, b) => (a < b ? -1 : 1));
    const written = members.map(
      (name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`,
    );
    return `{${written.join(",")}}`;
  }
  if (typeof value === "string") demand(value.isWellFormed(), "a lone surrogate");
  return JSON.stringify(value);
}

/** CONTRACT "Hashes of 0.1". */
export function contentHash(decision: JsonObject): string {
  const hashed = [
    "service_name",
    "decision_type",
    "input",
    "model",
    "output",
    "prompt",
    "tool_calls",
    "metadata",
  ].map((member) => [member, decision[member] ?? null] as const);
  return sha256(canonical(Object.fromEntries(hashed)));
}

/** The entries of one ledger, taken one line at a time from index 0. */
export class IndependentLedger {
  readonly name: string;
  readonly entries: CheckedEntry[] = [];
  /** By SHA-256 of the Idempotency-Key: where its first entry is and how many there are. */
  readonly requests = new Map<string, { readonly firstIndex: number; readonly count: number }>();
  readonly #byId = new Map<string, CheckedEntry>();
  /** Roots of the perfect subtrees, largest first, and the root at every size. */
  #edge: { readonly size: number; readonly root: string }[] = [];
  readonly #roots: string[] = [sha256("")];

  constructor(name: string) {
    this.name = name;
  }

  get chainHash(): string {
    return this.entries.at(-1)?.chainHash ?? ZEROS;
  }

  rootAt(size: number): string {
    const root = this.#roots[size];
    demand(root !== undefined, `size ${size} is beyond the ledger's ${this.entries.length}`);
    return root;
  }

  entry(id: string): CheckedEntry | undefined {
    return this.#byId.get(id);
  }

  /** Takes the next entry line. @throws NotVerified unless every part of it holds */
  add(line: string): CheckedEntry {
    const at = `entry ${this.entries.length}`;
    const parsed = parseCanonical(line, `${at}: line`);
    onlyMembers(parsed, ["chain_hash", "content", "header"], `${at}: line`);
    const { header: octets, chain_hash, content } = parsed;
    demand(typeof octets === "string", `${at}: header is no string`);
    demand(Buffer.byteLength(octets) <= HEADER_BYTES_MAX, `${at}: header is too long`);
    demand(isObject(content), `${at}: content is no object`);

    const header = parseCanonical(octets, `${at}: header`);
    const { id, kind, decision_id: decisionId, recorded_at: recordedAt, actor, facts } = header;
    const members = decisionId === undefined ? [] : ["decision_id"];
    onlyMembers(header, [...HEADER_MEMBERS, ...members], `${at}: header`);
    demand(header["v"] === 1, `${at}: another version`);
    demand(header["ledger"] === this.name, `${at}: of another ledger`);
    demand(header["index"] === this.entries.length, `${at}: another index`);
    demand(typeof kind === "string" && /^[a-z_]+$/.test(kind), `${at}: kind`);
    demand(typeof id === "string" && /^[a-z]+_[0-9a-f]+$/.test(id), `${at}: id`);
    demand(id.startsWith(ID_PREFIXES[kind] ?? ""), `${at}: ${id} is no id of a ${kind}`);
    demand(!this.#byId.has(id), `${at}: ${id} was there before`);
    demand(typeof recordedAt === "string" && TIME.test(recordedAt), `${at}: recorded_at`);
    const before = this.entries.at(-1);
    demand(recordedAt >= (before?.recordedAt ?? ""), `${at}: time runs backwards`);
    demand(typeof actor === "string" && actor !== "", `${at}: actor`);
    demand(isObject(facts), `${at}: facts`);
    demand(header["previous"] === this.chainHash, `${at}: previous is another hash`);
    demand(chain_hash === sha256(Uint8Array.of(0), octets), `${at}: chain_hash of other octets`);
    if (kind === "decision_recorded") demand(decisionId === id, `${at}: about another decision`);
    demand(decisionId === undefined || typeof decisionId === "string", `${at}: decision_id`);
    if (decisionId !== undefined && decisionId !== id) {
      const about = this.#byId.get(decisionId);
      demand(about?.kind === "decision_recorded", `${at}: no ${decisionId} before it`);
    }
    const { commitments } = header;
    demand(isObject(commitments), `${at}: commitments`);
    const values = checkContent(commitments, content, at);

    const entry: CheckedEntry = {
      index: this.entries.length,
      kind,
      id,
      decisionId,
      recordedAt,
      actor,
      facts,
      content: values,
      erased: Object.keys(commitments).filter((field) => !Object.hasOwn(values, field)),
      chainHash: chain_hash,
    };
    this.#noteRequest(entry, Object.hasOwn(commitments, "request"), at);
    this.#byId.set(id, entry);
    this.entries.push(entry);
    this.#grow(chain_hash);
    return entry;
  }

  /** DESIGN §2 "Idempotency": the key's hash in the facts, what was asked in the content. */
  #noteRequest({ index, facts, content }: CheckedEntry, committed: boolean, at: string): void {
    const key = facts["request_key"];
    demand((key !== undefined) === committed, `${at}: request_key without request, or reverse`);
    if (key === undefined) return;
    demand(typeof key === "string" && HEX_64.test(key), `${at}: request_key`);
    demand(
      !this.requests.has(key),
      `${at}: the key of entry ${this.requests.get(key)?.firstIndex}`,
    );
    const asked = content["request"];
    demand(isObject(asked), `${at}: request`);
    onlyMembers(asked, ["method", "path", "body_sha256", "count"], `${at}: request`);
    const { count } = asked;
    demand(typeof count === "number" && Number.isSafeInteger(count) && count > 0, `${at}: count`);
    this.requests.set(key, { firstIndex: index, count });
  }

  /** RFC 9162 §2.1.2: merge equal subtrees, then fold the rest from the right. */
  #grow(leaf: string): void {
    let node = { size: 1, root: leaf };
    for (let left = this.#edge.at(-1); left?.size === node.size; left = this.#edge.at(-1)) {
      this.#edge.pop();
      node = { size: left.size * 2, root: nodeHash(left.root, node.root) };
    }
    this.#edge.push(node);
    this.#roots.push(
      this.#edge.map(({ root }) => root).reduceRight((right, left) => nodeHash(left, right)),
    );
  }
}

function checkContent(commitments: JsonObject, content: JsonObject, at: string): JsonObject {
  for (const field of Object.keys(content)) {
    demand(Object.hasOwn(commitments, field), `${at}: ${field} is not committed to`);
  }
  const values: [string, Json][] = [];
  for (const [field, commitment] of Object.entries(commitments)) {
    demand(typeof commitment === "string" && HEX_64.test(commitment), `${at}: ${field} commitment`);
    const salted = content[field];
    if (salted === undefined) continue;
    demand(isObject(salted), `${at}: ${field}`);
    onlyMembers(salted, ["salt", "value"], `${at}: ${field}`);
    const { salt, value = null } = salted;
    demand(typeof salt === "string" && HEX_64.test(salt), `${at}: ${field}.salt`);
    demand(value !== null, `${at}: ${field} is null, and null is not committed`);
    const expected = sha256(Buffer.from(salt, "hex"), canonical([field, value]));
    demand(commitment === expected, `${at}: ${field} is not what was committed to`);
    values.push([field, value]);
  }
  return Object.fromEntries(values);
}

/** Facts that a client tells about how a decision came about; they come back with it. */
const CAPTURED: ReadonlySet<string> = new Set([
  "occurred_at",
  "started_at",
  "ended_at",
  "capture_mode",
  "system_version",
  "automation_level",
  "decision_role",
  "subject_notice",
  "writer_id",
  "writer_seq",
]);

/** A decision as its entries tell it, in the shape of CONTRACT "Decision". */
function decisionOf(ledger: IndependentLedger, entries: readonly CheckedEntry[]): Json {
  const [recorded] = entries;
  demand(recorded?.kind === "decision_recorded", "a decision begins with its record");
  const { service_name = null, decision_type = null } = recorded.facts;
  const { input = null, model = null, output = null } = recorded.content;
  const { prompt = null, tool_calls = null, metadata = null } = recorded.content;
  const told = { service_name, decision_type, input, model, output, prompt, tool_calls, metadata };
  let review: JsonObject = {
    status: "recorded",
    incorrect_reason: null,
    incorrect_at: null,
    correction: null,
  };
  for (const { kind, content, recordedAt } of entries) {
    if (kind === "decision_flagged") {
      const reason = content["reason"] ?? null;
      review = {
        ...review,
        status: "incorrect",
        incorrect_reason: reason,
        incorrect_at: recordedAt,
      };
    } else if (kind === "correction_attached") {
      const correction = {
        output: content["correction"] ?? null,
        corrected_by: content["corrected_by"] ?? null,
        corrected_at: recordedAt,
        notes: content["notes"] ?? null,
      };
      review = { ...review, status: "corrected", correction };
    }
  }
  const captured = Object.entries(recorded.facts).filter(([fact]) => CAPTURED.has(fact));
  return {
    ...told,
    ...review,
    ...Object.fromEntries(captured),
    decision_id: recorded.id,
    created_at: recorded.recordedAt,
    content_hash: recorded.erased.length === 0 ? contentHash(told) : null,
    chain_hash: recorded.chainHash,
    ledger: ledger.name,
    index: recorded.index,
  };
}

/** Every decision of a ledger by its id, oldest first. */
export function decisionsOf(ledger: IndependentLedger): Map<string, Json> {
  const grouped = new Map<string, CheckedEntry[]>();
  for (const entry of ledger.entries) {
    if (entry.decisionId === undefined) continue;
    const group = grouped.get(entry.decisionId);
    if (group === undefined) grouped.set(entry.decisionId, [entry]);
    else group.push(entry);
  }
  return new Map([...grouped].map(([id, entries]) => [id, decisionOf(ledger, entries)]));
}

/**
 * A C2SP checkpoint, opened with a C2SP verifier key (signed-note: key id = first 4 octets of
 * SHA-256(name, newline, 0x01, public key)). @throws NotVerified unless that key signed it
 */
export function openCheckpoint(note: string, verifierKey: string, origin: string): Checkpoint {
  const [, name, id, key] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(verifierKey) ?? [];
  demand(name === origin, `the verifier key is of ${name}, not of ${origin}`);
  const material = base64(key ?? "");
  demand(material.length === 33 && material[0] === 1, "the verifier key is no Ed25519 key");
  const keyId = sha256(name, "\n", material).slice(0, 8);
  demand(id === keyId, `the key's id is ${keyId}, not ${id}`);

  const end = note.lastIndexOf("\n\n");
  demand(end > 0 && note.endsWith("\n"), "no signed note");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  const ours = lines.filter((line) => {
    const [, signer, signature] = /^\u2014 (\S+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    demand(signature !== undefined, `no signature line: ${line}`);
    return signer === name && base64(signature).toString("hex", 0, 4) === keyId;
  });
  demand(ours.length === 1, `${ours.length} signatures of ${name}+${keyId}`);
  const publicKey = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: material.subarray(1).toString("base64url") },
    format: "jwk",
  });
  const signature = base64(ours[0]?.split(" ")[2] ?? "").subarray(4);
  demand(verify(null, Buffer.from(text), publicKey, signature), "the signature is of another text");

  const [first, size = "", root = "", ...extensions] = text.slice(0, -1).split("\n");
  demand(first === origin, `the checkpoint's origin is ${first}, not ${origin}`);
  demand(/^(?:0|[1-9]\d{0,15})$/.test(size), `the checkpoint's size is ${size}`);
  const rootHash = base64(root);
  demand(rootHash.length === 32, "the checkpoint's root is no SHA-256");
  demand(extensions.length === 0, "the checkpoint has lines nobody asked for");
  return { origin: first, size: Number(size), rootHash: rootHash.toString("hex") };
}

/** RFC 9162 §2.1.3.2, with nothing but a leaf, a path and a root. */
export function provesInclusion(
  leaf: string,
  index: number,
  size: number,
  path: readonly string[],
  rootHash: string,
): boolean {
  if (index >= size || !path.every((hash) => HEX_64.test(hash))) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && hash === rootHash;
}

function nodeHash(left: string, right: string): string {
  return sha256(Uint8Array.of(1), Buffer.from(left, "hex"), Buffer.from(right, "hex"));
}

/** Text that is its own RFC 8785 form; that also rules out duplicate members. */
function parseCanonical(text: string, what: string): JsonObject {
  const value: Json = JSON.parse(text);
  demand(isObject(value), `${what} is no object`);
  demand(canonical(value) === text, `${what} is not canonical JSON`);
  return value;
}

function onlyMembers(object: JsonObject, expected: readonly string[], what: string): void {
  const found = Object.keys(object).toSorted().join();
  demand(found === expected.toSorted().join(), `${what} has the members ${found}`);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Padded, and with no bit to spare: there is one spelling of each value. */
function base64(text: string): Buffer {
  const octets = Buffer.from(text, "base64");
  demand(octets.toString("base64") === text, `${text} is not strict base64`);
  return octets;
}
