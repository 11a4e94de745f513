/**
 * Stored tallies against the entries they count (DESIGN §1.3): a report that adds them up must say
 * what the entries say. Entries are folded as pages come by; a block is compared when it is full.
 */
import type { AuditReader, AuditRow, StoredTally } from "./audit-port.ts";
import { decodeHeader } from "./entry.ts";
import type { Finding } from "./fault.ts";
import { BlockTally, TALLY_BLOCK_ENTRIES, type TallyRow } from "./tally.ts";

export class TallyAudit {
  readonly #reader: AuditReader;
  readonly #full: { readonly block: number; readonly rows: readonly TallyRow[] }[] = [];
  #tally = new BlockTally();
  #entries = 0;

  constructor(reader: AuditReader) {
    this.#reader = reader;
  }

  add(row: AuditRow): void {
    const header = decodeHeader(row.header);
    // Unreadable, or not where it should be: a finding of its own, and its block is never kept.
    if (header?.index === row.index) {
      const { about, ...earlier } = row.tallied;
      const decided = about === null ? null : (decodeHeader(about) ?? null);
      this.#tally.add({ header, about: decided, earlier });
      this.#entries++;
    }
    if ((row.index + 1) % TALLY_BLOCK_ENTRIES !== 0) return;
    const block = Math.floor(row.index / TALLY_BLOCK_ENTRIES);
    if (this.#entries === TALLY_BLOCK_ENTRIES) this.#full.push({ block, rows: this.#tally.rows() });
    this.#tally = new BlockTally();
    this.#entries = 0;
  }

  /** Of the blocks that became full since the last call. A block that is not stored is no finding. */
  async findings(): Promise<Finding[]> {
    const full = this.#full.splice(0);
    const first = full[0]?.block;
    const last = full.at(-1)?.block;
    if (first === undefined || last === undefined) return [];
    const stored = Map.groupBy(await this.#reader.tallies(first, last + 1), ({ block }) => block);
    return full.flatMap(({ block, rows }) => {
      const found = stored.get(block) ?? [];
      return found.length === 0 || sameRows(found, rows) ? [] : [mismatch(block)];
    });
  }
}

function spell({ tally, key, entries, firstIndex, lastIndex }: TallyRow): string {
  return JSON.stringify([tally, key, entries, firstIndex, lastIndex]);
}

function sameRows(stored: readonly StoredTally[], counted: readonly TallyRow[]): boolean {
  const expected = new Set(counted.map(spell));
  return stored.length === expected.size && stored.every((row) => expected.has(spell(row)));
}

function mismatch(block: number): Finding {
  const from = block * TALLY_BLOCK_ENTRIES;
  return {
    index: from,
    decisionId: null,
    fault: "projection_mismatch",
    message: `the tallies of entries ${from} to ${from + TALLY_BLOCK_ENTRIES - 1} are not what the entries count`,
  };
}
