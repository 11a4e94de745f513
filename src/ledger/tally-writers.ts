/**
 * `writer_seq` of each writer as ranges: an honest writer's numbers of a block make one range, a lost
 * record makes a second one. Merging the ranges of all blocks tells what is missing and what came
 * twice, without looking at the records again. Pure.
 */
import { canonicalize } from "./canonical-json.ts";
import { factText } from "./facts.ts";
import type { Header } from "./schema.ts";
import type { TallyRow } from "./tally.ts";

interface Numbered {
  readonly seq: number;
  readonly index: number;
}

export class WriterTally {
  readonly #records = new Map<string, Numbered[]>();

  add(header: Header): void {
    const writer = factText(header, "writer_id");
    const seq = header.facts["writer_seq"];
    if (writer === null || typeof seq !== "number") return;
    const records = this.#records.get(writer);
    const record = { seq, index: header.index };
    if (records === undefined) this.#records.set(writer, [record]);
    else records.push(record);
  }

  rows(): TallyRow[] {
    return [...this.#records].flatMap(([writer, records]) =>
      rangesOf(records).map(({ first, last, indexes }) => ({
        tally: "writer",
        key: canonicalize({ writer, first, last }),
        entries: indexes.length,
        firstIndex: Math.min(...indexes),
        lastIndex: Math.max(...indexes),
      })),
    );
  }
}

/** Numbers without a gap between them; one that came twice is in its range twice. */
function rangesOf(
  numbered: readonly Numbered[],
): { first: number; last: number; indexes: number[] }[] {
  const ranges: { first: number; last: number; indexes: number[] }[] = [];
  for (const { seq, index } of numbered.toSorted((a, b) => a.seq - b.seq)) {
    const range = ranges.at(-1);
    if (range === undefined || seq > range.last + 1)
      ranges.push({ first: seq, last: seq, indexes: [index] });
    else {
      range.last = seq;
      range.indexes.push(index);
    }
  }
  return ranges;
}

/** What a writer's numbers tell, counted from 1. Both ends belong to a gap. */
export interface WriterGaps {
  readonly writerId: string;
  readonly records: number;
  readonly first: number;
  readonly last: number;
  readonly missing: number;
  readonly doubled: number;
  readonly gaps: readonly { readonly first: number; readonly last: number }[];
}

interface WriterRange {
  readonly first: number;
  readonly last: number;
  readonly entries: number;
}

/** @param rows of the tally `writer`, in any order, of one ledger up to some index */
export function writerGaps(rows: readonly Pick<TallyRow, "key" | "entries">[]): WriterGaps[] {
  const writers = new Map<string, WriterRange[]>();
  for (const { key, entries } of rows) {
    const { writer, first, last }: WriterRange & { writer: string } = JSON.parse(key);
    const ranges = writers.get(writer) ?? [];
    ranges.push({ first, last, entries });
    writers.set(writer, ranges);
  }
  return [...writers]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([writerId, ranges]) => gapsOf(writerId, ranges));
}

function gapsOf(writerId: string, ranges: readonly WriterRange[]): WriterGaps {
  const sorted = ranges.toSorted((a, b) => a.first - b.first);
  const gaps: { first: number; last: number }[] = [];
  let last = 0;
  let missing = 0;
  for (const range of sorted) {
    if (range.first > last + 1) {
      gaps.push({ first: last + 1, last: range.first - 1 });
      missing += range.first - 1 - last;
    }
    last = Math.max(last, range.last);
  }
  const records = ranges.reduce((sum, { entries }) => sum + entries, 0);
  const first = sorted[0]?.first ?? 0;
  return { writerId, records, first, last, missing, doubled: records - (last - missing), gaps };
}
