/**
 * Verifying a ledger export offline, DESIGN §5: line by line, in memory of one line and of the
 * fields that are absent so far. Server, command line and browsers run the same code.
 * Pure but for WebCrypto.
 */
import { equalBytes, fromHex, toHex } from "../lib/bytes.ts";
import { canonicalize } from "./canonical-json.ts";
import { chainHashOf } from "./entry.ts";
import { EntryLine, ExportEnd, EXPORT_FORMAT, ExportStart, type ProvenEntry } from "./documents.ts";
import { erasedTargets } from "./facts.ts";
import type { Fault, Finding } from "./fault.ts";
import { GENESIS, type Hash } from "./hash.ts";
import { rootOfEdge, verifyConsistency, verifyInclusion, type Edge } from "./merkle.ts";
import type { VerifierKey } from "./note.ts";
import type { Header } from "./schema.ts";
import { statusFrom, type Verdict } from "./verdict.ts";
import { checkFileCheckpoint } from "./verify-checkpoint.ts";
import { readLine } from "./verify-line.ts";
import { EntryVerifier } from "./verify.ts";

/** Findings kept: the first tells what happened, a thousand more would not. */
const FINDINGS_MAX = 100;

export class ExportVerifier {
  readonly #trusted: readonly VerifierKey[];
  /** Sizes at which the caller wants to compare the root: older checkpoints somebody kept. */
  readonly #watched: ReadonlySet<number>;
  readonly #rootsAt = new Map<number, Hash>();
  readonly #findings: Finding[] = [];
  readonly #unproven: string[] = [];
  /** Absent fields by entry, until an erasure explains them. */
  readonly #absent = new Map<number, Set<string>>();
  #erased = 0;
  #lines = 0;
  #start: ExportStart | undefined;
  #entries: EntryVerifier | undefined;
  #end: ExportEnd | undefined;

  constructor(trusted: readonly VerifierKey[], watchedSizes: readonly number[] = []) {
    this.#trusted = trusted;
    this.#watched = new Set(watchedSizes);
  }

  get entries(): number {
    return this.#entries === undefined || this.#start === undefined
      ? 0
      : this.#entries.size - this.#start.from;
  }

  /** The root over the first `size` entries, where the file shows it. */
  rootAt(size: number): Hash | undefined {
    return this.#rootsAt.get(size);
  }

  /** Takes the next line, without its line feed. */
  line(text: string): void {
    this.#lines++;
    if (this.#start === undefined) return this.#first(text);
    if (this.#end !== undefined)
      return this.#report(
        null,
        "content_mismatch",
        `line ${this.#lines} stands behind the closing line`,
      );
    if (
      this.#entries !== undefined &&
      this.#entries.size < this.#start.to &&
      !text.startsWith('{"checkpoint"')
    ) {
      return this.#entry(text, this.#entries);
    }
    const end = readLine(ExportEnd, text);
    if (end.ok) this.#end = end.value;
    else this.#malformed(end);
  }

  async finish(): Promise<Verdict> {
    const { checkpoint } = (await this.#close()) ?? { checkpoint: undefined };
    for (const [index, fields] of this.#absent) {
      this.#unproven.push(
        `entry ${index}: ${[...fields].join(", ")} absent, and no erasure in the file explains it`,
      );
    }
    const findings = this.#findings.slice(0, FINDINGS_MAX);
    return {
      status: statusFrom(findings, this.#unproven),
      format: EXPORT_FORMAT,
      origin: this.#start?.origin ?? null,
      size: checkpoint?.size ?? null,
      rootHash: checkpoint === undefined ? null : toHex(checkpoint.rootHash),
      entries: this.entries,
      erased: this.#erased,
      findings,
      unproven: this.#unproven.slice(0, FINDINGS_MAX),
      limits: this.#limits(),
    };
  }

  #limits(): string[] {
    const limits = ["It shows what was recorded, not that it was true when it was recorded."];
    if ((this.#start?.from ?? 0) > 0)
      limits.push(`It covers entries from ${this.#start?.from} on, not the ones before.`);
    return limits;
  }

  #first(text: string): void {
    const start = readLine(ExportStart, text);
    if (!start.ok) {
      this.#start = undefined;
      return this.#malformed(start);
    }
    const { from, to, origin } = start.value;
    const edge = start.value.edge.map((hex) => fromHex(hex) ?? new Uint8Array());
    this.#start = start.value;
    const fits = from <= to && edge.length === bitsOf(from);
    if (!fits) {
      this.#report(
        null,
        "root_mismatch",
        `the edge of ${edge.length} hashes does not fit entries ${from} to ${to}`,
      );
    }
    const ledger = origin.slice(origin.lastIndexOf("/") + 1);
    this.#entries = new EntryVerifier({
      ledger,
      from,
      previous: from === 0 ? GENESIS : undefined,
      recordedAt: "",
      edge: fits ? edge : undefined,
    });
    this.#watch(from, this.#entries.edge);
  }

  #entry(text: string, entries: EntryVerifier): void {
    const line = readLine(EntryLine, text);
    if (!line.ok) return this.#malformed(line);
    const index = entries.size;
    const { header, findings, absent } = entries.check({
      index,
      header: line.value.header,
      chainHash: line.value.chain_hash,
      contentHash: undefined,
      fields: canonicalize(line.value.content),
    });
    this.#findings.push(...findings.slice(0, FINDINGS_MAX));
    if (absent.length > 0) this.#absent.set(index, new Set(absent));
    if (header !== undefined) this.#explain(header);
    this.#watch(entries.size, entries.edge);
  }

  #watch(size: number, edge: Edge | undefined): void {
    if (edge !== undefined && this.#watched.has(size)) this.#rootsAt.set(size, rootOfEdge(edge));
  }

  /** An erasure explains the absent fields it names. */
  #explain(erasure: Header): void {
    for (const { index, fields } of erasedTargets(erasure)) {
      const absent = this.#absent.get(index);
      if (absent === undefined) continue;
      for (const field of fields) if (absent.delete(field)) this.#erased++;
      if (absent.size === 0) this.#absent.delete(index);
    }
  }

  async #close() {
    const [start, entries, end] = [this.#start, this.#entries, this.#end];
    if (start === undefined || entries === undefined || end === undefined) {
      this.#unproven.push("the file ends without its closing line: it is incomplete");
      return undefined;
    }
    if (end.count !== start.to - start.from || entries.size !== start.to) {
      this.#report(
        null,
        "truncated",
        `expected entries ${start.from} to ${start.to - 1}, found ${entries.size - start.from} of ${end.count}`,
      );
    }
    const checked = await checkFileCheckpoint(
      end.checkpoint,
      start.origin,
      start.verifier_keys,
      this.#trusted,
    );
    this.#findings.push(...checked.findings);
    this.#unproven.push(...checked.unproven);
    const { checkpoint } = checked;
    if (checkpoint === undefined) return undefined;
    if (entries.edge === undefined) return { checkpoint }; // reported where it broke
    const root = rootOfEdge(entries.edge);
    const proof = end.proof.map((hex) => fromHex(hex) ?? new Uint8Array());
    const consistent =
      checkpoint.size === entries.size
        ? proof.length === 0 && equalBytes(root, checkpoint.rootHash)
        : verifyConsistency({
            from: entries.size,
            to: checkpoint.size,
            fromRoot: root,
            toRoot: checkpoint.rootHash,
            proof,
          });
    if (!consistent) {
      this.#report(
        null,
        "root_mismatch",
        `the entries make root ${toHex(root)} at size ${entries.size}, which is not part of the signed tree of size ${checkpoint.size}`,
      );
    }
    let after = entries.size - 1;
    for (const erasure of end.erasures) {
      if (erasure.index <= after)
        this.#report(erasure.index, "index_gap", "the later erasures are not in order");
      after = erasure.index;
      this.#laterErasure(erasure, checkpoint.size, checkpoint.rootHash, start.origin);
    }
    return { checkpoint };
  }

  #laterErasure(erasure: ProvenEntry, size: number, rootHash: Hash, origin: string): void {
    const ledger = origin.slice(origin.lastIndexOf("/") + 1);
    const { header, findings, absent, proven } = checkProvenEntry(erasure, ledger, size, rootHash);
    this.#findings.push(...findings);
    if (absent.length > 0) this.#absent.set(erasure.index, new Set(absent));
    if (!proven)
      this.#report(erasure.index, "root_mismatch", "the later erasure is not in the signed tree");
    if (header?.kind !== "content_erased")
      this.#report(erasure.index, "content_mismatch", "the later entry is no erasure");
    else this.#explain(header);
  }

  #malformed({ readable, message }: { readable: boolean; message: string }): void {
    if (readable) this.#report(null, "content_mismatch", `line ${this.#lines}: ${message}`);
    else this.#unproven.push(`line ${this.#lines} is unreadable: ${message}`);
  }

  #report(index: number | null, fault: Fault, message: string): void {
    this.#findings.push({ index, decisionId: null, fault, message });
  }
}

/** One entry with an inclusion proof, checked by itself: no neighbour vouches for its link. */
export function checkProvenEntry(entry: ProvenEntry, ledger: string, size: number, rootHash: Hash) {
  const verifier = new EntryVerifier({
    ledger,
    from: entry.index,
    previous: undefined,
    recordedAt: "",
    edge: undefined,
  });
  const checked = verifier.check({
    index: entry.index,
    header: entry.header,
    chainHash: entry.chain_hash,
    contentHash: undefined,
    fields: canonicalize(entry.content),
  });
  const proven = verifyInclusion({
    index: entry.index,
    size,
    leafHash: chainHashOf(entry.header),
    proof: entry.proof.map((hex) => fromHex(hex) ?? new Uint8Array()),
    rootHash,
  });
  return { ...checked, proven };
}

/** How many perfect subtrees a tree of this size has. */
function bitsOf(size: number): number {
  return size.toString(2).replaceAll("0", "").length;
}
