/** Files that verify themselves, made in memory by the code that the server makes them with. */
import { evidenceBundle } from "../../src/export/evidence.ts";
import { exportLedger, type ExportRange } from "../../src/export/ledger-export.ts";
import { draftEntry, type EntryInput } from "../../src/ledger/draft.ts";
import { formatVerifierKey, type VerifierKey } from "../../src/ledger/note.ts";
import type { AppendRequest, Placed } from "../../src/ledger/sequencing.ts";
import type { JsonValue } from "../../src/lib/json.ts";
import type { Verdict } from "../../src/ledger/verdict.ts";
import { ExportVerifier } from "../../src/ledger/verify-export.ts";
import { memoryReader } from "./memory-reader.ts";
import { decisions, flag, signer, TestLedger } from "./test-ledger.ts";

/** Appends, a second later. @throws unless it was appended */
export async function appended(
  ledger: TestLedger,
  request: AppendRequest,
): Promise<readonly Placed[]> {
  ledger.now += 1000;
  const outcome = await ledger.sequencer.append(request);
  if (outcome.kind !== "appended") throw new Error(JSON.stringify(outcome));
  return outcome.entries;
}

/** The one entry that an append made. */
export async function appendedOne(ledger: TestLedger, request: AppendRequest): Promise<Placed> {
  const [placed] = await appended(ledger, request);
  if (placed === undefined) throw new Error("nothing was appended");
  return placed;
}

export function entry(ledger: TestLedger, input: Omit<EntryInput, "actor">): AppendRequest {
  return { drafts: [draftEntry({ ...input, actor: "key_1" }, ledger.random)] };
}

export function erasure(
  ledger: TestLedger,
  decisionId: string,
  targets: readonly { readonly index: number; readonly fields: readonly string[] }[],
  note?: string,
): AppendRequest {
  const facts = {
    reason_code: "gdpr_article_17",
    targets: targets.map(({ index, fields }): JsonValue => ({ index, fields: [...fields] })),
  };
  return entry(ledger, { kind: "content_erased", decisionId, facts, fields: { note } });
}

/** What is hard to spell: numbers where languages differ, and characters that escape or sort oddly. */
export const AWKWARD: JsonValue = {
  "1e21": 1e21,
  "1e-7": 1e-7,
  tenth: 0.1,
  tiny: 5e-324,
  huge: 1.7976931348623157e308,
  safe: 9007199254740991,
  fraction: -123456789.125,
  "\u20ac": "Euro",
  "\ud83d\ude00": "sorts before \ufb33",
  "\ufb33": '\u0000\u001f\u007f \b\t\n\f\r "\\/ \u2028\u2029',
  ["__proto__"]: "a member like any other",
  nested: [[], {}, [null, true, false], { a: { b: [{ c: "" }] } }],
};

/** Where the things are in the sample ledger. */
export interface Sample {
  readonly ledger: TestLedger;
  /** Recorded with a key, flagged, corrected, replayed; its input is erased, then its flag's reason. */
  readonly story: Placed;
  readonly flagged: Placed;
  /** Of the story's input: within [0, size of the first export). */
  readonly erased: Placed;
  /** Another decision, whole. */
  readonly other: Placed;
  /** Of the story's flag: the last entry but one. */
  readonly erasedLater: Placed;
  readonly size: number;
}

/** Every kind of entry, unicode, numbers, keys, two erasures: eleven entries in nine commits. */
export async function sampleLedger(seed = 1): Promise<Sample> {
  const ledger = new TestLedger(seed);
  const { random } = ledger;
  const decision = { input: { question: "caf\u00e9", awkward: AWKWARD }, metadata: {}, prompt: {} };
  const story = await appendedOne(ledger, decisions(random, { key: "k-1", decision }));
  const other = await appendedOne(ledger, decisions(random));
  const flagged = await appendedOne(ledger, flag(random, story.id, "Jane Doe complained", "k-2"));
  await appended(
    ledger,
    entry(ledger, {
      kind: "correction_attached",
      decisionId: story.id,
      facts: {},
      fields: { correction: { response: "\ud83d\ude00" }, corrected_by: "jane" },
    }),
  );
  await appended(
    ledger,
    entry(ledger, {
      kind: "replay_completed",
      decisionId: story.id,
      facts: { execution_mode: "simulated", output_changed: false },
      fields: { overrides: {}, replay_output: { response: 1e21 } },
    }),
  );
  await appended(ledger, decisions(random, { count: 2, key: "k-3" }));
  const erased = await appendedOne(
    ledger,
    erasure(ledger, story.id, [{ index: story.index, fields: ["input", "request"] }], "case 7"),
  );
  await appended(ledger, decisions(random));
  const erasedLater = await appendedOne(
    ledger,
    erasure(ledger, story.id, [{ index: flagged.index, fields: ["reason", "request"] }], "case 8"),
  );
  await appended(ledger, decisions(random));
  const size = ledger.store.tables.head?.size ?? 0;
  return { ledger, story, flagged, erased, other, erasedLater, size };
}

export interface FileOptions {
  readonly origin?: string;
  /** As the file names them. */
  readonly keys?: readonly VerifierKey[];
}

function sourceOf(ledger: TestLedger, { origin, keys = [signer.key] }: FileOptions) {
  return {
    origin: origin ?? ledger.origin,
    verifierKeys: keys.map(formatVerifierKey),
    reader: memoryReader(ledger.store),
  };
}

export async function exportText(
  ledger: TestLedger,
  range: Partial<ExportRange> = {},
  options: FileOptions = {},
): Promise<string> {
  const to = range.to ?? ledger.store.tables.head?.size ?? 0;
  return joined(exportLedger(sourceOf(ledger, options), { from: range.from ?? 0, to }));
}

export async function evidenceText(
  ledger: TestLedger,
  decisionId: string,
  options: FileOptions = {},
): Promise<string> {
  const source = sourceOf(ledger, options);
  const head = await source.reader.head();
  if (head === undefined) throw new Error("the ledger is empty");
  return joined(
    evidenceBundle(source, await source.reader.evidenceIndexes(decisionId), {
      size: head.size,
      checkpoint: head.checkpoint,
    }),
  );
}

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

/** Lines without their line feeds, as the command line reads them. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

export function verifyExport(
  text: string,
  trusted: readonly VerifierKey[] = [signer.key],
): Promise<Verdict> {
  const verifier = new ExportVerifier(trusted);
  for (const line of linesOf(text)) verifier.line(line);
  return verifier.finish();
}

/** `index fault`, in order. */
export function faultsOf({ findings }: Verdict): string[] {
  return findings.map(({ index, fault }) => `${index} ${fault}`);
}
