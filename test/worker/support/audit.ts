/**
 * The ledger recomputed from its rows by somebody who read DESIGN §3 and nothing else: WebCrypto,
 * a naive Merkle tree, no line shared with src/. Says what is wrong, in words; nothing: all is right.
 */
import { env } from "cloudflare:workers";
import type { TestContext } from "vitest";
import { get, verify, type Receipt } from "./client.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Header {
  readonly v: number;
  readonly ledger: string;
  readonly index: number;
  readonly kind: string;
  readonly id: string;
  readonly decision_id?: string;
  readonly recorded_at: string;
  readonly actor: string;
  readonly facts: Readonly<Record<string, Json>>;
  readonly commitments: Readonly<Record<string, string>>;
  readonly previous: string;
}

interface Row {
  readonly entry_index: number;
  readonly header: string;
  readonly chain_hash: string;
  readonly content_hash: string | null;
  readonly fields: string | null;
}

type Cells = Readonly<Record<string, string | number | null>>;

const LEDGER = "main";
const encoder = new TextEncoder();

export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function unbase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** RFC 8785: keys by UTF-16 code units; JSON.stringify spells scalars as it demands. */
function jcs(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jcs(member)}`).join(",")}}`;
}

/** RFC 9162 §2.1.1, from its recursive definition. Ranges that never change are remembered. */
class NaiveTree {
  readonly #leaves: readonly Uint8Array[];
  readonly #roots = new Map<string, Promise<Uint8Array>>();

  constructor(leaves: readonly Uint8Array[]) {
    this.#leaves = leaves;
  }

  root(from: number, to: number): Promise<Uint8Array> {
    const known = this.#roots.get(`${from}-${to}`);
    if (known !== undefined) return known;
    const root = this.#compute(from, to);
    this.#roots.set(`${from}-${to}`, root);
    return root;
  }

  async #compute(from: number, to: number): Promise<Uint8Array> {
    if (to === from) return sha256();
    if (to - from === 1) return this.#leaves[from] ?? new Uint8Array();
    let k = 1;
    while (2 * k < to - from) k *= 2;
    const [left, right] = await Promise.all([this.root(from, from + k), this.root(from + k, to)]);
    return sha256(Uint8Array.of(1), left, right);
  }
}

/** RFC 9162 §2.1.3.2: the root that an inclusion proof leads to; undefined when it is too short or long. */
async function rootByInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): Promise<string | undefined> {
  let fn = index;
  let sn = size - 1;
  let root = leaf;
  for (const sibling of proof) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      root = await sha256(Uint8Array.of(1), sibling, root);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      root = await sha256(Uint8Array.of(1), root, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? hex(root) : undefined;
}

/** A C2SP signed note over a tlog-checkpoint, verified with a C2SP vkey; undefined when it is not signed. */
async function openNote(
  note: string,
  vkey: string,
): Promise<{ origin: string; size: number; root: string } | undefined> {
  const [name = "", id = "", ...rest] = vkey.split("+");
  const key = unbase64(rest.join("+")); // base64 may hold a + itself
  const end = note.indexOf("\n\n");
  const text = note.slice(0, end + 1);
  const prefix = `— ${name} `;
  const line = note
    .slice(end + 2)
    .split("\n")
    .find((line) => line.startsWith(prefix));
  if (line === undefined || key[0] !== 1) return undefined;
  const signature = unbase64(line.slice(prefix.length));
  if (hex(signature.subarray(0, 4)) !== id) return undefined;
  const publicKey = await crypto.subtle.importKey("raw", key.subarray(1), "Ed25519", false, [
    "verify",
  ]);
  const holds = await crypto.subtle.verify(
    "Ed25519",
    publicKey,
    signature.subarray(4),
    encoder.encode(text),
  );
  const [origin = "", size = "", root = "", ...extra] = text.split("\n");
  if (!holds || extra.join("") !== "") return undefined;
  return { origin, size: Number(size), root: hex(unbase64(root)) };
}

/** An acknowledged append: what a client would keep. */
export interface Kept {
  /** Of the entry the receipt is for, where the answer says it. */
  readonly chainHash?: string;
  readonly receipt: Receipt;
}

export interface Audited {
  readonly problems: readonly string[];
  readonly size: number;
  readonly root: string;
  readonly headers: readonly Header[];
}

/** Recomputes everything. @param kept receipts that were handed out: none may be lost or contradicted */
export async function recompute(kept: readonly Kept[] = []): Promise<Audited> {
  const problems: string[] = [];
  const expect = (holds: boolean, message: string): void => {
    if (!holds) problems.push(message);
  };
  const rows = await table<Row>(
    `SELECT e.entry_index, header, chain_hash, content_hash, fields FROM entry AS e
     LEFT JOIN content AS c ON c.ledger = e.ledger AND c.entry_index = e.entry_index
     WHERE e.ledger = ? ORDER BY e.entry_index`,
  );
  const headers = rows.map((row): Header => JSON.parse(row.header));
  const leaves = await Promise.all(
    rows.map(({ header }) => sha256(Uint8Array.of(0), encoder.encode(header))),
  );
  const tree = new NaiveTree(leaves);
  const erasures = erasedFields(headers);
  let previous = "0".repeat(64);
  let recordedAt = "";
  for (const [i, header] of headers.entries()) {
    const row = rows[i];
    if (row === undefined) break;
    expect(row.entry_index === i && header.index === i, `entry ${i} is dense`);
    expect(jcs(JSON.parse(row.header)) === row.header, `header ${i} is RFC 8785`);
    expect(header.v === 1 && header.ledger === LEDGER, `header ${i} is version 1 of ${LEDGER}`);
    expect(hex(leaves[i] ?? new Uint8Array()) === row.chain_hash, `chain hash ${i}`);
    expect(header.previous === previous, `link ${i}`);
    expect(header.recorded_at >= recordedAt, `time of ${i} does not go back`);
    expect(new Date(header.recorded_at).toISOString() === header.recorded_at, `time of ${i}`);
    previous = row.chain_hash;
    recordedAt = header.recorded_at;
    problems.push(...(await contentProblems(row, header, erasures.get(i))));
  }
  const size = rows.length;
  const root = hex(await tree.root(0, size));
  problems.push(...(await headProblems(size, previous)));
  problems.push(...(await checkpointProblems(tree, size)));
  problems.push(...(await tileProblems(tree, size)));
  problems.push(...(await projectionProblems(headers, rows)));
  for (const { chainHash, receipt } of kept) {
    const { index } = receipt;
    const at = `receipt of ${index}`;
    const found = rows[index]?.chain_hash;
    const same = found !== undefined && (chainHash === undefined || chainHash === found);
    expect(same, `${at}: the entry is lost or another one`);
    expect(receipt.size > index && receipt.size <= size, `${at}: its size covers it`);
    expect(hex(await tree.root(0, receipt.size)) === receipt.root_hash, `${at}: root`);
    if (receipt.proof !== undefined) {
      const led = await rootByInclusion(
        index,
        receipt.size,
        unhex(chainHash ?? found ?? ""),
        receipt.proof.map(unhex),
      );
      expect(led === receipt.root_hash, `${at}: the inclusion proof leads elsewhere`);
    }
    problems.push(...(await noteProblems(receipt.checkpoint, receipt.size, receipt.root_hash)));
  }
  return { problems, size, root, headers };
}

/** How every ledger test ends: our own recomputation, and the server's, agree that all is right. */
export async function auditLedger(
  { expect }: Pick<TestContext, "expect">,
  expected: { size?: number; kept?: readonly Kept[] } = {},
): Promise<Audited> {
  const audited = await recompute(expected.kept);
  expect(audited.problems).toEqual([]);
  if (expected.size !== undefined) expect(audited.size).toBe(expected.size);
  expect(await verify()).toMatchObject({
    valid: true,
    complete: true,
    findings: [],
    size: audited.size,
    root_hash: audited.root,
    total: audited.headers.filter(({ kind }) => kind === "decision_recorded").length,
  });
  return audited;
}

async function table<T = Cells>(sql: string): Promise<readonly T[]> {
  return (await env.DB.prepare(sql).bind(LEDGER).all<T>()).results;
}

const HASHED = ["input", "metadata", "model", "output", "prompt", "tool_calls"];

/** By entry: the fields that a content_erased entry took, and which one. */
function erasedFields(
  headers: readonly Header[],
): ReadonlyMap<number, ReadonlyMap<string, number>> {
  const erased = new Map<number, Map<string, number>>();
  for (const { kind, index: by, facts } of headers) {
    if (kind !== "content_erased" || !isTargets(facts["targets"])) continue;
    for (const { index, fields } of facts["targets"]) {
      const of = erased.get(index) ?? new Map<string, number>();
      erased.set(index, of);
      for (const field of fields) if (!of.has(field)) of.set(field, by);
    }
  }
  return erased;
}

function isTargets(
  value: Json | undefined,
): value is readonly { index: number; fields: readonly string[] }[] {
  return Array.isArray(value);
}

async function contentProblems(
  row: Row,
  header: Header,
  erased: ReadonlyMap<string, number> = new Map(),
): Promise<string[]> {
  const at = `content ${header.index}`;
  if (row.fields === null) return [`${at} is missing`];
  const content: Record<string, { salt: string; value: Json }> = JSON.parse(row.fields);
  const problems: string[] = [];
  if (jcs(content) !== row.fields) problems.push(`${at} is not RFC 8785`);
  const committed = Object.keys(header.commitments)
    .filter((field) => !erased.has(field))
    .toSorted();
  if (jcs(Object.keys(content).toSorted()) !== jcs(committed))
    problems.push(`${at} has ${Object.keys(content).join()}, committed ${committed.join()}`);
  const salts = Object.values(content).map(({ salt }) => salt);
  if (salts.some((salt) => salt.length !== 64) || new Set(salts).size !== salts.length)
    problems.push(`${at}: each field has its own 32-octet salt`);
  for (const [field, { salt, value }] of Object.entries(content)) {
    const commitment = await sha256(unhex(salt), encoder.encode(jcs([field, value])));
    if (hex(commitment) !== header.commitments[field]) problems.push(`${at}.${field}`);
  }
  if (header.kind !== "decision_recorded") {
    if (row.content_hash !== null) problems.push(`${at} has a content hash`);
    return problems;
  }
  if (HASHED.some((field) => erased.has(field))) {
    if (row.content_hash !== null) problems.push(`${at} confirms guesses by its content hash`);
    return problems;
  }
  const { service_name = null, decision_type = null } = header.facts;
  const fields = HASHED.map((field): [string, Json] => [field, content[field]?.value ?? null]);
  const hashed = jcs({ ...Object.fromEntries(fields), service_name, decision_type });
  if (hex(await sha256(encoder.encode(hashed))) !== row.content_hash)
    problems.push(`${at}: content hash`);
  return problems;
}

async function headProblems(size: number, chainHash: string): Promise<string[]> {
  const heads = await table("SELECT size, chain_hash FROM head WHERE ledger = ?");
  const expected = size === 0 ? [] : [{ size, chain_hash: chainHash }];
  return same("head", heads, expected);
}

async function noteProblems(note: string, size: number, root: string): Promise<string[]> {
  const { origin, verifier_keys } = await ledger();
  const opened = await Promise.all(verifier_keys.map((vkey) => openNote(note, vkey)));
  const checkpoint = opened.find((one) => one !== undefined);
  return same(`checkpoint of ${size}`, checkpoint ?? null, { origin, size, root });
}

interface LedgerAnswer {
  readonly origin: string;
  readonly verifier_keys: readonly string[];
}
let known: LedgerAnswer | undefined;

/** Keys do not change within a file, and every receipt asks for them. */
async function ledger(): Promise<LedgerAnswer> {
  return (known ??= await get<LedgerAnswer>("/v1/ledger"));
}

/** After the ledger was started anew. */
export function forgetKeys(): void {
  known = undefined;
}

async function checkpointProblems(tree: NaiveTree, size: number): Promise<string[]> {
  const checkpoints = await table<{ size: number; previous_size: number; note: string }>(
    "SELECT size, previous_size, note FROM checkpoint WHERE ledger = ? ORDER BY size",
  );
  const problems: string[] = [];
  let previous = 0;
  for (const { size, previous_size, note } of checkpoints) {
    if (previous_size !== previous) problems.push(`checkpoint ${size} names ${previous_size}`);
    problems.push(...(await noteProblems(note, size, hex(await tree.root(0, size)))));
    previous = size;
  }
  if (previous !== size) problems.push(`the newest checkpoint covers ${previous} of ${size}`);
  return problems;
}

async function tileProblems(tree: NaiveTree, size: number): Promise<string[]> {
  const expected: Cells[] = [];
  for (let level = 0; 256 ** (level + 1) <= size; level++) {
    const width = 256 ** (level + 1);
    for (let index = 0; (index + 1) * width <= size; index++) {
      const from = index * width;
      const step = 256 ** level;
      const hashes = await Promise.all(
        Array.from({ length: 256 }, (_, i) => tree.root(from + i * step, from + (i + 1) * step)),
      );
      expected.push({
        level,
        tile_index: index,
        root_hash: hex(await tree.root(from, from + width)),
        hashes: hashes.map(hex).join(""),
      });
    }
  }
  const stored = await table(
    "SELECT level, tile_index, root_hash, hashes FROM tile WHERE ledger = ? ORDER BY level, tile_index",
  );
  return same("tiles", stored, expected);
}

/** Lists, counters, references and key look-ups follow from the headers. */
async function projectionProblems(
  headers: readonly Header[],
  rows: readonly Row[],
): Promise<string[]> {
  const stored = await table<{ request_key: string; entry_index: number; entries: number }>(
    "SELECT request_key, entry_index, entries FROM request WHERE ledger = ? ORDER BY entry_index",
  );
  const lookedUp = new Map(stored.map(({ request_key, entries }) => [request_key, entries]));
  const decisions = new Map<string, Record<string, string | number | null>>();
  const refs: Cells[] = [];
  const requests: Cells[] = [];
  for (const [i, header] of headers.entries()) {
    const { kind, id, index, facts, decision_id = null } = header;
    const text = (fact: string) => (typeof facts[fact] === "string" ? facts[fact] : null);
    if (kind === "decision_recorded") {
      decisions.set(id, {
        decision_id: id,
        entry_index: index,
        service_name: text("service_name"),
        decision_type: text("decision_type"),
        model_provider: text("model_provider"),
        model_name: text("model_name"),
        flag_index: null,
        correction_index: null,
        status: "recorded",
      });
    } else {
      refs.push({ id, entry_index: index, kind, decision_id });
    }
    const reviewed = decisions.get(decision_id ?? "");
    if (kind === "decision_flagged" && reviewed)
      Object.assign(reviewed, { flag_index: index, status: "incorrect" });
    if (kind === "correction_attached" && reviewed)
      Object.assign(reviewed, { correction_index: index, status: "corrected" });
    const key = text("request_key");
    if (key !== null) {
      const content: { request?: { value: { count: number } } } = JSON.parse(
        rows[i]?.fields ?? "{}",
      );
      // Erased with the request: then only the look-up still knows.
      const entries = content.request?.value.count ?? lookedUp.get(key) ?? 0;
      requests.push({ request_key: key, entry_index: index, entries });
    }
  }
  const erasures = [...erasedFields(headers)].flatMap(([index, fields]) =>
    [...fields].map(([field, by]) => ({ entry_index: index, field, erased_by: by })),
  );
  const counters = new Map<string, number>();
  for (const row of decisions.values()) {
    const { service_name, decision_type, model_provider, model_name, status } = row;
    const names = [service_name, decision_type, model_provider ?? "", model_name ?? "", status];
    const alike = names.join("\n");
    counters.set(alike, (counters.get(alike) ?? 0) + 1);
  }
  const counted = await table(
    "SELECT service_name, decision_type, model_provider, model_name, status, decisions FROM decision_counter WHERE ledger = ?",
  );
  return [
    ...same(
      "decision rows",
      await table(
        `SELECT decision_id, entry_index, service_name, decision_type, model_provider, model_name,
         flag_index, correction_index, status FROM decision WHERE ledger = ? ORDER BY entry_index`,
      ),
      [...decisions.values()],
    ),
    ...same(
      "entry_ref rows",
      await table(
        "SELECT id, entry_index, kind, decision_id FROM entry_ref WHERE ledger = ? ORDER BY entry_index",
      ),
      refs,
    ),
    ...same("request rows", stored, requests),
    ...same(
      "erasure rows",
      (await table("SELECT entry_index, field, erased_by FROM erasure WHERE ledger = ?"))
        .map((row) => JSON.stringify(row))
        .toSorted(),
      erasures.map((row) => JSON.stringify(row)).toSorted(),
    ),
    ...same(
      "counters",
      counted.map((row) => Object.values(row).join("\n")).toSorted(),
      [...counters].map(([alike, count]) => `${alike}\n${count}`).toSorted(),
    ),
  ];
}

function same(what: string, found: unknown, expected: unknown): string[] {
  const [foundText, expectedText] = [JSON.stringify(found), JSON.stringify(expected)];
  return foundText === expectedText
    ? []
    : [`${what}: found ${foundText.slice(0, 500)}, expected ${expectedText.slice(0, 500)}`];
}
