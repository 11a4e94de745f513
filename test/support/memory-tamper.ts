/** Single tamperings with a ledger in memory, as somebody who owns its database would do them. */
import { formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { signNote } from "../../src/ledger/note.ts";
import { ReferenceTree, sha256Of } from "./reference-tree.ts";
import { ORIGIN, synchronousSigner, type TestLedger } from "./test-ledger.ts";

export interface Tampering {
  readonly name: string;
  /** Whether somebody with an export and a key sees it too, without the server's help. */
  readonly showsInExport: boolean;
  /** False where this ledger has nothing of the kind. */
  apply(ledger: TestLedger, below: (bound: number) => number): boolean | Promise<boolean>;
}

const stranger = await synchronousSigner(ORIGIN, 99);

function sizeOf({ store }: TestLedger): number {
  return store.tables.head?.size ?? 0;
}

function pick<T>(items: Iterable<T>, below: (bound: number) => number): T | undefined {
  const all = [...items];
  return all[below(Math.max(all.length, 1))];
}

function hashOf(header: string): string {
  return Buffer.from(sha256Of(Uint8Array.of(0), Buffer.from(header))).toString("hex");
}

/** Changes one header and hashes and links everything behind it anew, the head included. */
function rewrite({ store }: TestLedger, from: number, change: (header: string) => string): boolean {
  const { entries, head } = store.tables;
  let previous: string | undefined;
  for (const [index, { header }] of [...entries].toSorted(([a], [b]) => a - b)) {
    if (index < from) continue;
    let text = index === from ? change(header) : header;
    if (index === from && text === header) return false;
    if (previous !== undefined)
      text = text.replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${previous}"`);
    previous = hashOf(text);
    entries.set(index, { header: text, chainHash: previous });
  }
  if (head !== undefined && previous !== undefined) head.chainHash = previous;
  return true;
}

/** Every checkpoint made anew over the entries as they are, by somebody else's key. */
async function signAnew({ store, origin }: TestLedger): Promise<void> {
  const { entries, checkpoints } = store.tables;
  const tree = new ReferenceTree(
    [...entries.entries()]
      .toSorted(([a], [b]) => a - b)
      .map(([, { header }]) => sha256Of(Uint8Array.of(0), Buffer.from(header))),
  );
  for (const [size, row] of checkpoints) {
    const text = formatCheckpoint({ origin, size, rootHash: tree.root(0, size), extensions: [] });
    checkpoints.set(size, { ...row, note: await signNote(text, [stranger]) });
  }
}

function swapRows<T>(rows: Map<number, T>, a: number, b: number): boolean {
  const [first, second] = [rows.get(a), rows.get(b)];
  if (first === undefined || second === undefined || a === b) return false;
  rows.set(a, second);
  rows.set(b, first);
  return true;
}

function flipped(hex: string, at: number): string {
  return `${hex.slice(0, at)}${hex[at] === "0" ? "1" : "0"}${hex.slice(at + 1)}`;
}

export const TAMPERINGS: readonly Tampering[] = [
  {
    name: "a character of a header changed",
    showsInExport: true,
    apply: ({ store: { tables } }, below) => {
      const [index, row] = pick(tables.entries, below) ?? [];
      if (index === undefined || row === undefined) return false;
      const at = below(row.header.length);
      const other = String.fromCharCode(row.header.charCodeAt(at) ^ 1);
      const header = row.header.slice(0, at) + other + row.header.slice(at + 1);
      tables.entries.set(index, { ...row, header });
      return true;
    },
  },
  {
    name: "a value or salt changed",
    showsInExport: true,
    apply: ({ store: { tables } }, below) => {
      const full = [...tables.contents].filter(([, { fields }]) => fields.includes("salt"));
      const [index, row] = pick(full, below) ?? [];
      if (index === undefined || row === undefined) return false;
      const at = row.fields.indexOf('"salt":"') + 8 + below(64);
      tables.contents.set(index, { ...row, fields: flipped(row.fields, at) });
      return true;
    },
  },
  {
    name: "a field taken away without an erasure",
    showsInExport: true,
    apply: ({ store: { tables } }, below) => {
      const full = [...tables.contents].filter(([, { fields }]) => fields !== "{}");
      const [index, row] = pick(full, below) ?? [];
      if (index === undefined || row === undefined) return false;
      tables.contents.set(index, { ...row, fields: "{}" });
      return true;
    },
  },
  {
    name: "an erased field stored again",
    showsInExport: false,
    apply: ({ store }, below) => {
      const { contents } = store.tables;
      const before = new Map(
        store.attempts.flatMap(({ entries }) =>
          entries.map((one) => [one.header.index, one] as const),
        ),
      );
      const reduced = [...contents].flatMap(([index, row]) => {
        const placed = before.get(index);
        const fields = Buffer.from(placed?.draft.content ?? []).toString();
        const isThis = placed?.chainHash === store.tables.entries.get(index)?.chainHash;
        return isThis && fields !== row.fields
          ? [{ index, fields, contentHash: placed?.draft.contentHash ?? null }]
          : [];
      });
      const found = pick(reduced, below);
      if (found === undefined) return false;
      contents.set(found.index, found);
      return true;
    },
  },
  {
    name: "a content hash changed",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const hashed = [...tables.contents].filter(([, { contentHash }]) => contentHash !== null);
      const [index, row] = pick(hashed, below) ?? [];
      if (index === undefined || row === undefined) return false;
      tables.contents.set(index, {
        ...row,
        contentHash: flipped(row.contentHash ?? "", below(64)),
      });
      return true;
    },
  },
  {
    name: "an entry deleted",
    showsInExport: true,
    apply: (ledger, below) => {
      const index = below(sizeOf(ledger));
      ledger.store.tables.contents.delete(index);
      return ledger.store.tables.entries.delete(index);
    },
  },
  {
    name: "a content row deleted",
    showsInExport: true,
    apply: ({ store: { tables } }, below) => {
      const full = [...tables.contents].filter(([, { fields }]) => fields !== "{}");
      const [index] = pick(full, below) ?? [];
      return index !== undefined && tables.contents.delete(index);
    },
  },
  {
    name: "two entries swapped",
    showsInExport: true,
    apply: (ledger, below) => {
      const { entries, contents } = ledger.store.tables;
      const [a, b] = [below(sizeOf(ledger)), below(sizeOf(ledger))];
      return swapRows(entries, a, b) && swapRows(contents, a, b);
    },
  },
  {
    name: "an entry in another's place as well",
    showsInExport: true,
    apply: (ledger, below) => {
      const { entries, contents } = ledger.store.tables;
      const [a, b] = [below(sizeOf(ledger)), below(sizeOf(ledger))];
      const [row, content] = [entries.get(a), contents.get(a)];
      if (row === undefined || content === undefined || a === b) return false;
      entries.set(b, row);
      contents.set(b, content);
      return true;
    },
  },
  {
    name: "a time moved, and everything behind it hashed anew",
    showsInExport: true,
    apply: (ledger, below) =>
      rewrite(ledger, below(sizeOf(ledger)), (header) =>
        header.replace('"recorded_at":"2026-', '"recorded_at":"2025-'),
      ),
  },
  {
    name: "everything rewritten and signed with another key",
    showsInExport: true,
    apply: async (ledger, below) => {
      const at = below(sizeOf(ledger));
      if (!rewrite(ledger, at, (header) => header.replace('"actor":"', '"actor":"x'))) return false;
      await signAnew(ledger);
      return true;
    },
  },
  {
    name: "the newest commit taken back",
    showsInExport: false,
    apply: ({ store }) => {
      const [, before] = [...store.tables.checkpoints.keys()].toSorted((a, b) => b - a);
      if (before === undefined) return false;
      store.rollBack(before);
      return true;
    },
  },
  {
    name: "everything deleted",
    showsInExport: false,
    apply: ({ store }) => {
      store.rollBack(0);
      return true;
    },
  },
  {
    name: "a checkpoint changed",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const [size, row] = pick(tables.checkpoints, below) ?? [];
      if (size === undefined || row === undefined) return false;
      tables.checkpoints.set(size, {
        ...row,
        note: row.note.replace(/\n\d+\n/, `\n${size + 1}\n`),
      });
      return true;
    },
  },
  {
    name: "a checkpoint removed",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const size = pick(tables.checkpoints.keys(), below);
      return size !== undefined && tables.checkpoints.delete(size);
    },
  },
  {
    name: "a tile changed",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const [name, tile] = pick(tables.tiles, below) ?? [];
      if (name === undefined || tile === undefined) return false;
      const hashes = tile.hashes.with(below(256), sha256Of(Uint8Array.of(7)));
      tables.tiles.set(name, { ...tile, hashes });
      return true;
    },
  },
  {
    name: "an idempotency key led elsewhere",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const [key, row] = pick(tables.requests, below) ?? [];
      if (key === undefined || row === undefined) return false;
      tables.requests.set(key, { ...row, firstIndex: row.firstIndex + 1 });
      return true;
    },
  },
  {
    name: "an idempotency key forgotten",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      const key = pick(tables.requests.keys(), below);
      return key !== undefined && tables.requests.delete(key);
    },
  },
  {
    name: "the head's hash changed",
    showsInExport: false,
    apply: ({ store: { tables } }, below) => {
      if (tables.head === undefined) return false;
      tables.head.chainHash = flipped(tables.head.chainHash, below(64));
      return true;
    },
  },
];
