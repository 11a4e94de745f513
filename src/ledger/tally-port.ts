/**
 * Where tallies are kept, and how sums over them are read. A block that is full is written once, by
 * whoever comes by first; the rest is folded from entries at each call. Pure over its port.
 */
import type { JsonObject } from "../lib/json.ts";
import { canonicalize } from "./canonical-json.ts";
import { BlockTally, TALLY_BLOCK_ENTRIES, type TalliedEntry, type TallyRow } from "./tally.ts";

export interface TallyFilter {
  /** Which tallies; absent: all. */
  readonly tallies?: readonly string[];
  /** Members of the key; exact. */
  readonly members?: Readonly<Record<string, string>>;
  /** Days of the decision: from the first one, before the last one. */
  readonly fromDay?: string | undefined;
  readonly toDay?: string | undefined;
  /** All the days that are left become one: keys come back without theirs. */
  readonly anyDay?: boolean;
}

export interface TallyStore {
  /** Entries [from, to) in order, with what came before them. The caller bounds their number. */
  entries(from: number, to: number): Promise<readonly TalliedEntry[]>;
  /** Blocks below `blocks` that are not written yet, ascending. */
  missing(blocks: number): Promise<readonly number[]>;
  /** Writes a full block, all or nothing; nothing where somebody was faster. */
  write(block: number, rows: readonly TallyRow[]): Promise<void>;
  /** Sums by tally and key over the blocks below `blocks`, at most `limit` of them. */
  sums(blocks: number, filter: TallyFilter, limit: number): Promise<readonly TallyRow[]>;
}

/** Past this many kinds of entries an answer is no summary any more. */
const ROWS_MAX = 50_000;

/**
 * Blocks folded in one call: 200,000 entries, a few seconds. A ledger that was filled faster is
 * caught up with by several calls, or by the sequencer's alarm.
 */
export const BLOCKS_PER_CALL_MAX = 200;

export type Sums =
  | { readonly kind: "sums"; readonly rows: readonly TallyRow[] }
  | { readonly kind: "behind"; readonly blocks: number }
  | { readonly kind: "too_many"; readonly limit: number };

/** What is counted in the first `size` entries. */
export async function tallySums(
  store: TallyStore,
  size: number,
  filter: TallyFilter,
): Promise<Sums> {
  const blocks = Math.floor(size / TALLY_BLOCK_ENTRIES);
  const { left, unwritten } = await writeMissing(store, blocks, BLOCKS_PER_CALL_MAX);
  if (left > 0) return { kind: "behind", blocks: left };
  const [stored, tail] = await Promise.all([
    store.sums(blocks, filter, ROWS_MAX + 1),
    fold(store, blocks * TALLY_BLOCK_ENTRIES, size),
  ]);
  const sums = new Map(stored.map((row) => [`${row.tally} ${row.key}`, row]));
  for (const row of [...unwritten, ...tail.rows])
    if (matches(row, filter)) addTo(sums, filter.anyDay === true ? withoutDay(row) : row);
  if (sums.size > ROWS_MAX) return { kind: "too_many", limit: ROWS_MAX };
  return { kind: "sums", rows: [...sums.values()] };
}

interface Written {
  /** How many blocks are still missing. */
  readonly left: number;
  /** Of blocks with an entry that cannot be read: those are counted again each time, never kept. */
  readonly unwritten: readonly TallyRow[];
}

export async function writeMissing(
  store: TallyStore,
  blocks: number,
  most: number,
  mayContinue: () => boolean = () => true,
): Promise<Written> {
  const missing = await store.missing(blocks);
  const unwritten: TallyRow[] = [];
  let done = 0;
  for (const block of missing.slice(0, most)) {
    if (!mayContinue()) break;
    const from = block * TALLY_BLOCK_ENTRIES;
    const { rows, entries } = await fold(store, from, from + TALLY_BLOCK_ENTRIES);
    if (entries === TALLY_BLOCK_ENTRIES) await store.write(block, rows);
    else unwritten.push(...rows);
    done++;
  }
  return { left: missing.length - done, unwritten };
}

async function fold(
  store: TallyStore,
  from: number,
  to: number,
): Promise<{ readonly rows: readonly TallyRow[]; readonly entries: number }> {
  const tally = new BlockTally();
  const entries = from === to ? [] : await store.entries(from, to);
  for (const entry of entries) tally.add(entry);
  return { rows: tally.rows(), entries: entries.length };
}

function matches({ tally, key }: TallyRow, filter: TallyFilter): boolean {
  const { tallies, members = {}, fromDay, toDay } = filter;
  if (tallies !== undefined && !tallies.includes(tally)) return false;
  const parsed: Record<string, unknown> = JSON.parse(key);
  const { day } = parsed;
  const at = typeof day === "string" ? day : "";
  return (
    Object.entries(members).every(([member, value]) => parsed[member] === value) &&
    (fromDay === undefined || at >= fromDay) &&
    (toDay === undefined || at < toDay)
  );
}

function withoutDay(row: TallyRow): TallyRow {
  const { day: _, ...key }: JsonObject = JSON.parse(row.key);
  return { ...row, key: canonicalize(key) };
}

function addTo(sums: Map<string, TallyRow>, row: TallyRow): void {
  const name = `${row.tally} ${row.key}`;
  const sum = sums.get(name);
  sums.set(
    name,
    sum === undefined
      ? row
      : {
          ...sum,
          entries: sum.entries + row.entries,
          firstIndex: Math.min(sum.firstIndex, row.firstIndex),
          lastIndex: Math.max(sum.lastIndex, row.lastIndex),
        },
  );
}
