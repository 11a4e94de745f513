/**
 * Which kind of file it is, and its verdict. An export streams: a line in memory at a time, so that
 * a ledger of millions of entries verifies in bounded memory. The other kinds are one text.
 */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { Hash } from "../../ledger/hash.ts";
import { parseCheckpoint } from "../../ledger/checkpoint.ts";
import { parseNote, type VerifierKey } from "../../ledger/note.ts";
import { statusFrom, type Verdict } from "../../ledger/verdict.ts";
import { verifyEvidence } from "../../ledger/verify-evidence.ts";
import { ExportVerifier } from "../../ledger/verify-export.ts";
import { verifyNote, verifyProofFile } from "../../ledger/verify-note.ts";
import { InputError } from "../json-lines.ts";
import { reportIn, verifyReport } from "./report.ts";
import type { Terminal } from "../terminal.ts";

export interface VerifyOptions {
  readonly trusted: readonly VerifierKey[];
  readonly leaf: Hash | undefined;
  /** An older signed checkpoint, verbatim. */
  readonly kept: string | undefined;
  readonly progress: Terminal | undefined;
}

export interface CheckedFile {
  readonly verdict: Verdict;
  readonly kept: string | undefined;
  /** The root at the kept checkpoint's size, where the file itself shows it. */
  readonly rootAtKept: Hash | undefined;
}

/** An export's line holds one entry: its content in two spellings at most, and its header. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** A bundle or proof is read whole; a decision's history of a hundred megabytes is no file to mail. */
const TEXT_BYTES_MAX = 256 * 1024 * 1024;
const SNIFF_BYTES = 64;
const NEWLINE = 0x0a;

export async function verifyFile(file: string, options: VerifyOptions): Promise<CheckedFile> {
  const start = await sniff(file);
  const kept = options.kept;
  if (start.startsWith('{"edge":')) return verifyExport(file, options);
  const text = await readWhole(file);
  const verdict = text === undefined ? unreadable() : await verifyText(text, options);
  return { verdict, kept, rootAtKept: undefined };
}

function verifyText(text: string, { trusted, leaf }: VerifyOptions): Promise<Verdict> {
  const report = text.startsWith("{") ? reportIn(text) : undefined;
  if (report !== undefined) return verifyReport(report, trusted);
  if (text.startsWith("{"))
    return verifyEvidence(text.endsWith("\n") ? text.slice(0, -1) : text, trusted);
  if (text.startsWith("c2sp.org/tlog-proof@")) return verifyProofFile(text, trusted, leaf);
  return verifyNote(text, trusted);
}

async function verifyExport(
  file: string,
  { trusted, kept, progress }: VerifyOptions,
): Promise<CheckedFile> {
  const keptSize = parseCheckpoint(parseNote(kept ?? "")?.text ?? "")?.size;
  const verifier = new ExportVerifier(trusted, keptSize === undefined ? [] : [keptSize]);
  const { size } = await stat(file);
  const bar = progress?.progress(size);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const { octets, bytes } of lines(file)) {
    let text: string;
    try {
      text = decoder.decode(octets);
    } catch {
      text = ""; // not UTF-8: unreadable, like any line that is not JSON
    }
    verifier.line(text);
    bar?.advance(bytes);
  }
  bar?.finish();
  const verdict = await verifier.finish();
  return {
    verdict,
    kept,
    rootAtKept: keptSize === undefined ? undefined : verifier.rootAt(keptSize),
  };
}

/** Lines as octets; a last one without its line feed counts. Cut pieces are joined once, not each time. */
async function* lines(file: string): AsyncGenerator<{ octets: Uint8Array; bytes: number }> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of createReadStream(file)) {
    if (!(chunk instanceof Uint8Array)) continue;
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const octets = Buffer.concat([...pieces, chunk.subarray(from, end)]);
      yield { octets, bytes: octets.length + 1 };
      pieces = [];
      held = 0;
      from = end + 1;
    }
    if (from < chunk.length) pieces.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > LINE_BYTES_MAX)
      throw new InputError(`${file} holds a line of more than ${LINE_BYTES_MAX} octets`);
  }
  if (pieces.length > 0) {
    const octets = Buffer.concat(pieces);
    yield { octets, bytes: octets.length };
  }
}

async function sniff(file: string): Promise<string> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
      return buffer.toString("latin1", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new InputError(`${file} cannot be read`, { cause: error });
  }
}

/** Undefined when it is not UTF-8. */
async function readWhole(file: string): Promise<string | undefined> {
  const { size } = await stat(file);
  if (size > TEXT_BYTES_MAX)
    throw new InputError(`${file} is larger than ${TEXT_BYTES_MAX} octets`);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    let text = "";
    for await (const chunk of createReadStream(file)) {
      if (chunk instanceof Uint8Array) text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch {
    return undefined;
  }
}

function unreadable(): Verdict {
  const unproven = ["the file is not UTF-8 text"];
  return {
    status: statusFrom([], unproven),
    format: "unknown",
    origin: null,
    size: null,
    rootHash: null,
    entries: 0,
    erased: 0,
    findings: [],
    unproven,
    limits: [],
  };
}
