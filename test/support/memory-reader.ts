/**
 * Read ports over the store in memory: what exports, evidence bundles and the server's own
 * verification read. Projections that the store does not keep are made from its entries.
 */
import type { AuditReader, AuditRow, StoredTile } from "../../src/ledger/audit-port.ts";
import type { Finding } from "../../src/ledger/fault.ts";
import { erasedTargets } from "../../src/ledger/facts.ts";
import { decodeHeader } from "../../src/ledger/entry.ts";
import type { EntryRow, LedgerReader } from "../../src/ledger/read.ts";
import type { Header } from "../../src/ledger/schema.ts";
import { NOTHING_EARLIER } from "../../src/ledger/tally.ts";
import type { MemoryStore } from "./memory-store.ts";

function unread(): never {
  throw new Error("no file needs this");
}

/** What an export asks. Anything else is no business of a file, and says so. */
export function memoryReader(store: MemoryStore): LedgerReader {
  const rows = (from: number, to: number): EntryRow[] =>
    store.rows().filter(({ index }) => from <= index && index < to);
  const headers = (): Header[] => headersOf(store.rows());
  return {
    head: store.head,
    tile: store.tile,
    checkpointsAbove: store.checkpointsAbove,
    checkpoint: async (size) => store.tables.checkpoints.get(size),
    entries: async (from, to, limit) => rows(from, to).slice(0, limit),
    headers: async (from, to) => rows(from, to).map(({ header }) => header),
    historyIndexes: async (decisionId) =>
      headers().flatMap(({ decision_id, index }) => (decision_id === decisionId ? index : [])),
    evidenceIndexes: async (decisionId) => {
      const about = headers().filter(({ decision_id }) => decision_id === decisionId);
      const indexes = new Set(about.map(({ index }) => index));
      for (const header of headers())
        if (erasedTargets(header).some(({ index }) => indexes.has(index)))
          indexes.add(header.index);
      return [...indexes].toSorted((a, b) => a - b);
    },
    erasuresAfter: async (from, to, size) =>
      headers().flatMap((header) => {
        const took = erasedTargets(header).some(({ index }) => from <= index && index < to);
        return took && to <= header.index && header.index < size ? header.index : [];
      }),
    isRecorded: unread,
    decision: unread,
    decisionAsOf: unread,
    decisionKeys: unread,
    decisions: unread,
    countDecisions: unread,
    entriesAt: unread,
    indexOf: unread,
    erasableEntries: unread,
    isHeld: unread,
    batchRequestOf: unread,
    countErased: unread,
    erasedFields: unread,
    request: unread,
  };
}

/** What the server's own verification asks, of a store nobody writes to meanwhile. */
export function memoryAuditReader(store: MemoryStore): AuditReader {
  const { tables } = store;
  const all = store.rows().map((row) => auditRowOf(store, row));
  link(all);
  return {
    head: store.head,
    tile: store.tile,
    page: async (from, to, limit) =>
      all.filter(({ index }) => from <= index && index < to).slice(0, limit),
    checkpoints: async (from, to) =>
      [...tables.checkpoints.entries()]
        .filter(([size]) => from < size && size <= to)
        .toSorted(([a], [b]) => a - b)
        .map(([size, row]) => ({ ...row, size })),
    checkpointSizeAt: async (size) =>
      Math.max(0, ...[...tables.checkpoints.keys()].filter((found) => found <= size)),
    tiles: async (from, to) =>
      [...tables.tiles].flatMap(([name, { hashes, rootHash }]): StoredTile[] => {
        const [level = 0, index = 0] = name.split("/").map(Number);
        const leaves = 256 ** (level + 1);
        const full = (index + 1) * leaves;
        if (full <= from || to < full) return [];
        return [{ level, index, rootHash: hex(rootHash), hashes: hashes.map(hex).join("") }];
      }),
    tallies: async () => [],
    strays: async () => straysOf(store),
  };
}

type LinkedRow = EntryRow & {
  -readonly [member in Exclude<keyof AuditRow, keyof EntryRow>]: AuditRow[member];
};

function auditRowOf({ tables }: MemoryStore, row: EntryRow): LinkedRow {
  const header = decodeHeader(row.header);
  const key = header?.facts["request_key"];
  const request = typeof key === "string" ? tables.requests.get(key) : undefined;
  return {
    ...row,
    erased: new Set(),
    tallied: { about: null, ...NOTHING_EARLIER },
    decision: null,
    ref: null,
    request: request === undefined ? null : request,
    reviewed: null,
  };
}

/** Projections as the commits would have written them. */
function link(rows: readonly LinkedRow[]): void {
  const headers = headersOf(rows);
  const newest = new Map<string, number>();
  for (const { kind, decision_id, index } of headers) newest.set(`${kind} ${decision_id}`, index);
  const erased = new Map<number, Set<string>>();
  for (const { index, fields } of headers.flatMap(erasedTargets))
    erased.set(index, new Set([...(erased.get(index) ?? []), ...fields]));
  for (const row of rows) {
    const header = decodeHeader(row.header);
    if (header === undefined) continue;
    const { kind, id, index, decision_id = null, facts } = header;
    const flagIndex = newest.get(`decision_flagged ${decision_id}`) ?? null;
    const correctionIndex = newest.get(`correction_attached ${decision_id}`) ?? null;
    row.erased = erased.get(row.index) ?? new Set();
    if (kind !== "decision_recorded") {
      row.ref = { index, kind, decisionId: decision_id };
      row.reviewed = { flagIndex, correctionIndex };
      continue;
    }
    const pointer = (at: number | null, kind: string) =>
      at === null ? null : { index: at, kind, decisionId: id };
    row.decision = {
      index,
      serviceName: textOf(facts["service_name"]) ?? "",
      decisionType: textOf(facts["decision_type"]) ?? "",
      modelProvider: textOf(facts["model_provider"]),
      modelName: textOf(facts["model_name"]),
      flag: pointer(flagIndex, "decision_flagged"),
      correction: pointer(correctionIndex, "correction_attached"),
    };
  }
}

/** Rows that no entry explains. */
function straysOf({ tables }: MemoryStore): Finding[] {
  const size = tables.head?.size ?? 0;
  const keys = new Set(
    [...tables.entries.values()].map(
      ({ header }) => decodeHeader(header)?.facts["request_key"] ?? "",
    ),
  );
  const counts = {
    entries: Math.abs(tables.entries.size - size),
    contents: Math.abs(tables.contents.size - size),
    "entries behind the head": [...tables.entries.keys()].filter((at) => at >= size).length,
    checkpoints: [...tables.checkpoints.keys()].filter((at) => at < 1 || at > size).length,
    tiles: [...tables.tiles.keys()].filter((name) => !isFull(name, size)).length,
    keys: [...tables.requests.keys()].filter((key) => !keys.has(key)).length,
  };
  return Object.entries(counts).flatMap(([what, count]): Finding[] =>
    count === 0
      ? []
      : [
          {
            index: null,
            decisionId: null,
            fault: "projection_mismatch",
            message: `${what}: ${count}`,
          },
        ],
  );
}

function isFull(name: string, size: number): boolean {
  const [level = 0, index = 0] = name.split("/").map(Number);
  return (index + 1) * 256 ** (level + 1) <= size;
}

function headersOf(rows: readonly EntryRow[]): Header[] {
  return rows.flatMap(({ header }) => decodeHeader(header) ?? []);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}
