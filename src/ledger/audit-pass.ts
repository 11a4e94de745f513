/** One pass of the server's verification over consecutive pages, see audit.ts. Memory of one page. */
import { equalBytes, toHex } from "../lib/bytes.ts";
import type { AuditReader, AuditRequest, AuditRow, StoredTile } from "./audit-port.ts";
import { checkProjections } from "./audit-projections.ts";
import { TallyAudit } from "./audit-tally.ts";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { Fault, Finding } from "./fault.ts";
import type { Hash } from "./hash.ts";
import { verifiersAt } from "./keys.ts";
import { rootOfEdge, type Edge } from "./merkle.ts";
import { parseNote, parseVerifierKey, type OpenNote, type VerifierKey } from "./note.ts";
import type { StoredCheckpoint, StoredHead } from "./ports.ts";
import type { Header } from "./schema.ts";
import { extendTree, type Tile, type Tree } from "./tiles.ts";
import { EntryVerifier } from "./verify.ts";

export class AuditPass {
  readonly findings: Finding[] = [];
  readonly #reader: AuditReader;
  readonly #request: AuditRequest;
  readonly #verifier: EntryVerifier;
  readonly #tallies: TallyAudit;
  #tree: Tree;
  #chainHash: string;
  /** After a gap every later root differs: said once, not for each checkpoint and tile. */
  #gap = false;
  /** Likewise: one changed entry makes every later root differ. */
  #rootBroken = false;

  constructor(reader: AuditReader, request: AuditRequest, tree: Tree, previous: string) {
    this.#reader = reader;
    this.#request = request;
    this.#tree = tree;
    this.#chainHash = previous;
    this.#tallies = new TallyAudit(reader);
    const { ledger } = request;
    this.#verifier = new EntryVerifier({
      ledger,
      from: tree.size,
      previous,
      recordedAt: "",
      edge: tree.edge,
    });
  }

  get size(): number {
    return this.#verifier.size;
  }

  get tree(): Tree {
    return this.#tree;
  }

  /** Entries before the pass begins, of the block it begins in: needed for that block's tally alone. */
  countEarlier(rows: readonly AuditRow[]): void {
    for (const row of rows) this.#tallies.add(row);
  }

  report(index: number | null, fault: Fault, message: string): void {
    this.findings.push({ index, decisionId: null, fault, message });
  }

  async checkPage(rows: readonly AuditRow[]): Promise<void> {
    const from = this.size;
    const to = (rows.at(-1)?.index ?? from - 1) + 1;
    const [checkpoints, before, tiles] = await Promise.all([
      this.#reader.checkpoints(from, to),
      this.#reader.checkpointSizeAt(from),
      this.#reader.tiles(from, to),
    ]);
    const { leaves, edges } = this.#checkEntries(
      rows,
      new Set(checkpoints.map(({ size }) => size)),
    );
    this.findings.push(...(await this.#tallies.findings()));
    if (this.#gap) return;
    const { tree, full } = extendTree(this.#tree, leaves);
    this.#tree = tree;
    this.#checkTiles(full, tiles, from);
    this.#checkSizes(checkpoints, before);
    await this.#checkCheckpoints(checkpoints, edges);
  }

  /** The head row is the last entry's, and a checkpoint covers it. */
  checkHead(head: StoredHead | undefined): void {
    if (head === undefined) return;
    if (head.chainHash !== this.#chainHash) {
      this.report(
        head.size - 1,
        "projection_mismatch",
        `the head says ${head.chainHash}, the last entry ${this.#chainHash}`,
      );
    }
    if (!head.checkpoint) {
      this.report(head.size - 1, "signature_invalid", `no checkpoint covers size ${head.size}`);
    }
  }

  #checkEntries(
    rows: readonly AuditRow[],
    checkpointSizes: ReadonlySet<number>,
  ): { leaves: Hash[]; edges: Map<number, Edge> } {
    const leaves: Hash[] = [];
    const edges = new Map<number, Edge>();
    for (const row of rows) {
      if (row.index !== this.size) this.#gap = true;
      this.#tallies.add(row);
      const { header, leaf, findings, absent } = this.#verifier.check(row);
      this.findings.push(...findings, ...absent.map((field) => missing(row.index, header, field)));
      if (header !== undefined) this.findings.push(...checkProjections(row, header));
      leaves.push(leaf);
      const { edge } = this.#verifier;
      if (edge !== undefined && checkpointSizes.has(this.size)) edges.set(this.size, edge);
      this.#chainHash = row.chainHash;
    }
    return { leaves, edges };
  }

  async #checkCheckpoints(
    rows: readonly StoredCheckpoint[],
    edges: ReadonlyMap<number, Edge>,
  ): Promise<void> {
    const { keys } = this.#request;
    // Of a ledger that came back to an old key, each key once.
    const known = [...new Set(keys.map(({ key }) => key))].flatMap(
      (key) => parseVerifierKey(key) ?? [],
    );
    const opened = await Promise.all(rows.map(({ note }) => openCheckpoint(note, known)));
    for (const [i, { note, size }] of rows.entries()) {
      const checkpoint = opened[i];
      if (checkpoint?.ok) this.#checkRoot(checkpoint.checkpoint, size, edges.get(size) ?? []);
      const fault = checkpoint?.ok
        ? signatureFault(note, checkpoint, verifiersAt(keys, size))
        : (checkpoint?.reason ?? "missing");
      if (fault !== undefined)
        this.report(size - 1, "signature_invalid", `the checkpoint of size ${size}: ${fault}`);
    }
  }

  #checkRoot({ origin, size, rootHash }: Checkpoint, rowSize: number, edge: Edge): void {
    if (origin !== this.#request.origin) {
      this.report(
        rowSize - 1,
        "signature_invalid",
        `the checkpoint of size ${rowSize} is of origin ${origin}`,
      );
    }
    const root = rootOfEdge(edge);
    if ((size === rowSize && equalBytes(rootHash, root)) || this.#rootBroken) return;
    this.#rootBroken = true;
    this.report(
      rowSize - 1,
      "root_mismatch",
      `the entries make root ${toHex(root)} at size ${rowSize}, the checkpoint says ${toHex(rootHash)} at size ${size}`,
    );
  }

  /** Each checkpoint names the one before it, back to 0: a removed one shows. */
  #checkSizes(checkpoints: readonly StoredCheckpoint[], before: number): void {
    let previous = before;
    for (const { size, previousSize } of checkpoints) {
      if (previousSize !== previous) {
        this.report(
          size - 1,
          "root_mismatch",
          `the checkpoint of size ${size} names ${previousSize} before it, found ${previous}`,
        );
      }
      previous = size;
    }
  }

  /** Stored tiles are exactly those the entries fill, hash for hash. */
  #checkTiles(expected: readonly Tile[], stored: readonly StoredTile[], from: number): void {
    const found = new Map(stored.map((tile) => [`${tile.level}/${tile.index}`, tile]));
    for (const tile of expected) {
      const name = `${tile.level}/${tile.index}`;
      const row = found.get(name);
      found.delete(name);
      const hashes = tile.hashes.map(toHex).join("");
      if (row?.hashes !== hashes || row.rootHash !== toHex(tile.rootHash)) {
        this.report(
          from,
          "root_mismatch",
          `tile ${name} is ${row ? "not made of the entries" : "missing"}`,
        );
      }
    }
    for (const name of found.keys()) {
      this.report(from, "root_mismatch", `tile ${name} is stored but not full`);
    }
  }
}

function missing(index: number, header: Header | undefined, field: string): Finding {
  return {
    index,
    decisionId: header?.decision_id ?? null,
    fault: "content_missing",
    message: `${field} is absent and no erasure explains it`,
  };
}

/**
 * The key in force must have signed, and nobody but the ledger's keys, each once: a strange or
 * repeated line says nothing, but nothing unsaid is left in a row that is evidence.
 */
function signatureFault(
  note: string,
  { verified }: OpenNote,
  inForce: readonly VerifierKey[],
): string | undefined {
  const signed = ({ keyId }: VerifierKey) => verified.some(({ key }) => key.keyId === keyId);
  if (!inForce.some(signed)) return "the key in force has not signed it";
  const lines = parseNote(note)?.signatures.length ?? 0;
  return lines === verified.length ? undefined : "it has signatures that are not the ledger's own";
}
