/**
 * The ledger export, DESIGN §5: NDJSON that verifies itself. A range proves itself too: its edge, the
 * consistency of its end with the checkpoint, and the later erasures that explain absent fields.
 * Pure over the reader; bounded by one page.
 */
import { toHex } from "../lib/bytes.ts";
import { canonicalize } from "../ledger/canonical-json.ts";
import { EXPORT_FORMAT } from "../ledger/documents.ts";
import { entryLine, provenEntryLine } from "../ledger/entry-line.ts";
import { edgeAt, proveConsistency, proveInclusion } from "../ledger/proof.ts";
import type { LedgerReader } from "../ledger/read.ts";

export interface ExportRange {
  readonly from: number;
  /** Frozen when the export begins: entries appended meanwhile are not part of it. */
  readonly to: number;
}

export interface ExportSource {
  readonly origin: string;
  readonly verifierKeys: readonly string[];
  readonly reader: LedgerReader;
}

const PAGE_ENTRIES = 1000;

/** Pieces of the file, whole lines each. */
export async function* exportLedger(
  source: ExportSource,
  { from, to }: ExportRange,
): AsyncGenerator<string> {
  const { origin, verifierKeys, reader } = source;
  const edge = from === 0 ? [] : await edgeAt(from, reader);
  yield `${canonicalize({
    edge: edge.map(toHex),
    format: EXPORT_FORMAT,
    from,
    origin,
    to,
    verifier_keys: [...verifierKeys],
  })}\n`;
  for (let next = from; next < to;) {
    const rows = await reader.entries(next, to, PAGE_ENTRIES);
    if (rows.length === 0) throw new Error(`entries ${next} to ${to - 1} cannot be read`); // cut short, visibly
    yield rows.map((row) => `${entryLine(row)}\n`).join("");
    next += rows.length;
  }
  yield `${await closingLine(reader, { from, to })}\n`;
}

/**
 * Written last and read last: an erasure may land while the export runs, and only a checkpoint taken
 * after the last content was read covers it.
 */
async function closingLine(reader: LedgerReader, { from, to }: ExportRange): Promise<string> {
  const head = await reader.head();
  if (head === undefined || head.size < to) throw new Error("the ledger shrank during the export");
  const { size, checkpoint } = head;
  const proof = size === to ? [] : await proveConsistency(to, size, reader);
  const erasures: string[] = [];
  for (const index of await reader.erasuresAfter(from, to, size)) {
    const [row] = await reader.entries(index, index + 1, 1);
    if (row !== undefined)
      erasures.push(provenEntryLine(row, await proveInclusion(index, size, reader)));
  }
  return `{"checkpoint":${JSON.stringify(checkpoint)},"count":${to - from},"erasures":[${erasures.join(",")}],"proof":${JSON.stringify(proof.map(toHex))}}`;
}
