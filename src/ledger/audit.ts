/**
 * The server's own verification, DESIGN §4 `/v1/integrity/verify`: everything that is stored is
 * recomputed from the headers' octets, in pages, with bounded memory: contents and commitments,
 * chain, tree, tiles, checkpoints and their signatures, and every projection.
 * Pure over its port.
 */
import { toHex } from "../lib/bytes.ts";
import { AuditPass } from "./audit-pass.ts";
import type { AuditReader, AuditRequest } from "./audit-port.ts";
import type { Finding } from "./fault.ts";
import { GENESIS } from "./hash.ts";
import { CorruptLedger, type StoredHead } from "./ports.ts";
import { rootAt } from "./proof.ts";
import { readTree } from "./read-tree.ts";
import { TALLY_BLOCK_ENTRIES } from "./tally.ts";
import { EMPTY_TREE, rootOf } from "./tiles.ts";

export interface AuditResult {
  readonly size: number;
  /** Null when the tree cannot be read. */
  readonly rootHash: string | null;
  /** What this call covered, half-open. */
  readonly checked: { readonly from: number; readonly to: number };
  readonly findings: readonly Finding[];
}

/** Past pages of about this many entries the rate grows no more. */
const PAGE_ENTRIES = 1000;
/** An answer lists this many findings: one suffices to refuse, more help to see what was done. */
const FINDINGS_MAX = 100;

export async function auditLedger(
  reader: AuditReader,
  request: AuditRequest,
): Promise<AuditResult> {
  const head = await reader.head();
  const size = head?.size ?? 0;
  const to = Math.min(request.to ?? size, size);
  const from = Math.min(request.from, to);
  try {
    return await auditRange(reader, request, head, { from, to });
  } catch (error) {
    // The tree at `from` cannot even be read: that is the finding.
    if (!(error instanceof CorruptLedger)) throw error;
    const finding: Finding = {
      index: null,
      decisionId: null,
      fault: "root_mismatch",
      message: error.message,
    };
    return { size, rootHash: null, checked: { from, to: from }, findings: [finding] };
  }
}

async function auditRange(
  reader: AuditReader,
  request: AuditRequest,
  head: StoredHead | undefined,
  { from, to }: { from: number; to: number },
): Promise<AuditResult> {
  const size = head?.size ?? 0;
  const pass = await startPass(reader, request, from);
  let next = from < to ? reader.page(from, to, PAGE_ENTRIES) : undefined;
  while (next !== undefined) {
    const rows = await next;
    const last = rows.at(-1)?.index;
    if (last === undefined) {
      pass.report(
        pass.size,
        "truncated",
        `expected entries up to ${to - 1}, found none from ${pass.size} on`,
      );
      break;
    }
    const more = last + 1 < to && pass.findings.length < FINDINGS_MAX && request.mayContinue();
    next = more ? reader.page(last + 1, to, PAGE_ENTRIES) : undefined; // read while this one is checked
    await Promise.all([pass.checkPage(rows), next]);
  }
  const atHead = pass.size >= size;
  if (atHead) {
    pass.checkHead(head);
    pass.findings.push(...(await reader.strays()));
  }
  const rootHash = atHead ? toHex(rootOf(pass.tree)) : await readRoot(reader, size, pass);
  return {
    size,
    rootHash,
    checked: { from, to: Math.min(pass.size, size) },
    findings: pass.findings.slice(0, FINDINGS_MAX),
  };
}

/** A tree that cannot be read is one more finding, not the loss of those that say where. */
async function readRoot(
  reader: AuditReader,
  size: number,
  pass: AuditPass,
): Promise<string | null> {
  try {
    return toHex(await rootAt(size, reader));
  } catch (error) {
    if (!(error instanceof CorruptLedger)) throw error;
    pass.report(null, "root_mismatch", error.message);
    return null;
  }
}

async function startPass(
  reader: AuditReader,
  request: AuditRequest,
  from: number,
): Promise<AuditPass> {
  if (from === 0) return new AuditPass(reader, request, EMPTY_TREE, GENESIS);
  const [before] = await reader.page(from - 1, from, 1);
  const pass = new AuditPass(
    reader,
    request,
    await readTree(from, reader),
    before?.chainHash ?? "",
  );
  let next = from - (from % TALLY_BLOCK_ENTRIES);
  while (next < from) {
    const rows = await reader.page(next, from, PAGE_ENTRIES);
    pass.countEarlier(rows);
    const last = rows.at(-1)?.index;
    if (last === undefined) break;
    next = last + 1;
  }
  return pass;
}
