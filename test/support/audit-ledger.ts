/**
 * A look at a ledger from outside: everything is recomputed from what the store holds, with Node's
 * crypto and the naive tree, so that it shares no line with what it checks.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { expect } from "vitest";
import type { Placed } from "../../src/ledger/sequencing.ts";
import type { MemoryStore } from "./memory-store.ts";
import { ReferenceTree, sha256Of } from "./reference-tree.ts";

/** What somebody was told: these places, covered by that head. */
export interface Receipt {
  readonly entries: readonly Placed[];
  readonly size: number;
  readonly rootHash: string;
  readonly checkpoint: string;
}

export interface Audited {
  readonly ledger: string;
  readonly origin: string;
  /** Whose signatures the checkpoint of a size carries, and no others. */
  signersOf(size: number): readonly { readonly publicKey: Uint8Array }[];
  readonly store: MemoryStore;
}

/** A header as it stands in the ledger. */
export interface AuditedHeader {
  readonly v: number;
  readonly ledger: string;
  readonly index: number;
  readonly kind: string;
  readonly id: string;
  readonly decision_id?: string;
  readonly recorded_at: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly commitments: Readonly<Record<string, string>>;
  readonly previous: string;
}

/** Fails unless the ledger is whole, linear, signed, and holds every receipt. Returns its headers. */
export function auditLedger(audited: Audited, receipts: readonly Receipt[]): AuditedHeader[] {
  const { ledger, origin, store } = audited;
  const { tables } = store;
  const size = tables.head?.size ?? 0;
  expect([...tables.entries.keys()].toSorted((a, b) => a - b)).toEqual([...Array(size).keys()]);
  expect([...tables.contents.keys()].toSorted((a, b) => a - b)).toEqual([...Array(size).keys()]);

  const leaves: Uint8Array[] = [];
  const headers: AuditedHeader[] = [];
  let previous = "0".repeat(64);
  let recordedAt = "";
  for (let index = 0; index < size; index++) {
    const { header: text, chainHash } = tables.entries.get(index) ?? { header: "", chainHash: "" };
    const header: AuditedHeader = JSON.parse(text);
    const leaf = sha256Of(Uint8Array.of(0), Buffer.from(text, "utf8"));
    expect(chainHash).toBe(hex(leaf));
    expect(sortedJson(header)).toBe(text);
    expect(header).toMatchObject({ v: 1, ledger, index, previous });
    expect(header.recorded_at >= recordedAt).toBe(true);
    auditContent(header, tables.contents.get(index)?.fields ?? "");
    previous = chainHash;
    recordedAt = header.recorded_at;
    leaves.push(leaf);
    headers.push(header);
  }
  expect(tables.head?.chainHash ?? "0".repeat(64)).toBe(previous);
  expect(new Set(headers.map(({ id }) => id)).size).toBe(size);

  const tree = new ReferenceTree(leaves);
  auditCheckpoints(store, size, (note, at) => {
    const lines = [origin, String(at), Buffer.from(tree.root(0, at)).toString("base64")];
    const keys = audited.signersOf(at).map(({ publicKey }) => publicKey);
    expect(openNote(note, origin, keys)).toBe(lines.map((line) => `${line}\n`).join(""));
  });
  auditTiles(store, size, tree);
  auditRequests(store, headers);
  for (const receipt of receipts) {
    expect(receipt.size).toBeLessThanOrEqual(size);
    expect(receipt.rootHash).toBe(hex(tree.root(0, receipt.size)));
    expect(tables.checkpoints.get(receipt.size)?.note).toBe(receipt.checkpoint);
    for (const { index, id, recordedAt: at, chainHash } of receipt.entries) {
      expect(index).toBeLessThan(receipt.size);
      expect(tables.entries.get(index)?.chainHash).toBe(chainHash);
      expect(headers[index]).toMatchObject({ id, recorded_at: at });
    }
  }
  return headers;
}

/** Every value opens its commitment, and nothing else is stored. */
function auditContent(header: AuditedHeader, fields: string): void {
  const content: Record<string, { salt: string; value: unknown }> = JSON.parse(fields);
  const commitments = Object.entries(content).map(([field, { salt, value }]) => [
    field,
    hex(sha256Of(Buffer.from(salt, "hex"), Buffer.from(sortedJson([field, value])))),
  ]);
  expect(Object.fromEntries(commitments)).toEqual(header.commitments);
  const salts = Object.values(content).map(({ salt }) => salt);
  expect(new Set(salts).size).toBe(salts.length);
}

/** Each checkpoint names the one before it, back to 0; the newest is the head's. */
function auditCheckpoints(
  { tables }: MemoryStore,
  size: number,
  audit: (note: string, size: number) => void,
): void {
  let previous = 0;
  for (const row of [...tables.checkpoints.values()].toSorted((a, b) => a.size - b.size)) {
    expect(row.previousSize).toBe(previous);
    expect(row.size).toBeGreaterThan(previous);
    audit(row.note, row.size);
    previous = row.size;
  }
  expect(previous).toBe(size);
}

/** The full tiles of a tree of this size, and no others. */
function auditTiles({ tables }: MemoryStore, size: number, tree: ReferenceTree): void {
  const names: string[] = [];
  for (let level = 0; 256 ** (level + 1) <= size; level++) {
    const leaves = 256 ** (level + 1);
    for (let index = 0; (index + 1) * leaves <= size; index++) {
      names.push(`${level}/${index}`);
      const tile = tables.tiles.get(`${level}/${index}`);
      expect(tile?.hashes.map(hex)).toEqual(tree.tile(level, index, 256).map(hex));
      expect(tile && hex(tile.rootHash)).toBe(hex(tree.root(index * leaves, (index + 1) * leaves)));
    }
  }
  expect([...tables.tiles.keys()].toSorted()).toEqual(names.toSorted());
}

/** Every key leads to the entry that carries it, and every such entry is led to. */
function auditRequests({ tables }: MemoryStore, headers: readonly AuditedHeader[]): void {
  const carried = headers.flatMap(({ index, facts }) =>
    typeof facts["request_key"] === "string" ? [[facts["request_key"], index] as const] : [],
  );
  const led = [...tables.requests.values()].map((row) => [row.requestKey, row.firstIndex] as const);
  expect(led.toSorted(byIndex)).toEqual(carried);
}

function byIndex([, a]: readonly [string, number], [, b]: readonly [string, number]): number {
  return a - b;
}

/** The signed text of a note with one signature by each of these keys, under this name. */
function openNote(note: string, name: string, publicKeys: readonly Uint8Array[]): string {
  const blank = note.lastIndexOf("\n\n");
  const text = note.slice(0, blank + 1);
  const lines = note.slice(blank + 2, -1).split("\n");
  expect(lines).toHaveLength(publicKeys.length);
  for (const [i, publicKey] of publicKeys.entries()) {
    const [, signer, encoded = ""] = /^— (\S+) (\S+)$/.exec(lines[i] ?? "") ?? [];
    expect(signer).toBe(name);
    const octets = Buffer.from(encoded, "base64");
    const keyId = sha256Of(Buffer.from(`${name}\n`), Uint8Array.of(1), publicKey).slice(0, 4);
    expect(octets.subarray(0, 4).toString("hex")).toBe(hex(keyId));
    const x = Buffer.from(publicKey).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    expect(verify(null, Buffer.from(text), key, octets.subarray(4))).toBe(true);
  }
  return text;
}

/** Enough of RFC 8785 for what tests record: sorted keys, plain numbers. */
export function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${sortedJson(member)}`);
  return `{${members.join(",")}}`;
}

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}
