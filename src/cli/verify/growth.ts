/** A file against an older checkpoint somebody kept, and against what a server signs now. */
import { z } from "zod";
import { fromHex } from "../../lib/bytes.ts";
import { openCheckpoint } from "../../ledger/checkpoint.ts";
import type { Finding } from "../../ledger/fault.ts";
import type { Hash } from "../../ledger/hash.ts";
import type { VerifierKey } from "../../ledger/note.ts";
import { statusFrom, type Verdict } from "../../ledger/verdict.ts";
import { checkGrowth, openKept } from "../../ledger/verify-growth.ts";
import type { Config } from "../../sdk/javascript/config.ts";
import type { CheckedFile } from "./files.ts";

const FETCH_TIMEOUT_MS = 30_000;

const ConsistencyProof = z.object({ proof: z.array(z.string().regex(/^[0-9a-f]{64}$/)) });

/** `shownUrl` alone is fit for a verdict: the address may hold a key. */
export type Server = Pick<Config, "baseUrl" | "shownUrl" | "authorization">;

interface Tree {
  readonly size: number;
  readonly rootHash: Hash;
}

/** The file's tree must extend the kept one: shown by the file itself, else by a proof from a server. */
export async function checkKept(
  { verdict, kept = "", rootAtKept }: CheckedFile,
  trusted: readonly VerifierKey[],
  server: Server | undefined,
): Promise<Verdict> {
  const file = treeOf(verdict);
  if (file === undefined || trusted.length === 0) return verdict;
  const opened = await openKept(kept, trusted);
  if ("finding" in opened) return withFinding(verdict, opened.finding);
  const { checkpoint } = opened;
  if (checkpoint.origin !== verdict.origin) {
    return withUnproven(verdict, `the kept checkpoint is of ${checkpoint.origin}, another ledger`);
  }
  if (rootAtKept !== undefined) {
    return withFinding(
      verdict,
      checkGrowth({
        older: checkpoint,
        newer: { size: checkpoint.size, rootHash: rootAtKept },
        proof: [],
      }),
    );
  }
  const [older, newer] = checkpoint.size <= file.size ? [checkpoint, file] : [file, checkpoint];
  if (older.size !== newer.size && server === undefined) {
    return withUnproven(
      verdict,
      "the file alone cannot show that it extends the kept checkpoint; pass --server to fetch the proof",
    );
  }
  return compare(verdict, older, newer, server);
}

/** What the server signs now must extend the file's tree, and the kept one: neither may be larger. */
export async function checkServer(
  { verdict, kept }: CheckedFile,
  trusted: readonly VerifierKey[],
  server: Server,
): Promise<Verdict> {
  const file = treeOf(verdict);
  if (file === undefined || trusted.length === 0) return verdict;
  const note = await fetchText(server, "/v1/ledger/checkpoint");
  if (note === undefined) return withUnproven(verdict, `${server.shownUrl} gave no checkpoint`);
  const opened = await openCheckpoint(note, trusted);
  if (!opened.ok)
    return withFinding(verdict, {
      index: null,
      decisionId: null,
      fault: "signature_invalid",
      message: `no trusted key signed what ${server.shownUrl} serves as its checkpoint`,
    });
  const newest = opened.checkpoint;
  if (newest.origin !== verdict.origin)
    return withUnproven(verdict, `${server.shownUrl} serves ${newest.origin}, another ledger`);
  const ofFile = await compareWithNewest(verdict, file, newest, { server, what: "the file shows" });
  const older = kept === undefined ? undefined : await openKept(kept, trusted);
  if (older === undefined || "finding" in older || older.checkpoint.origin !== newest.origin)
    return ofFile; // said by checkKept
  const what = "the kept checkpoint";
  return compareWithNewest(ofFile, older.checkpoint, newest, { server, what });
}

async function compareWithNewest(
  verdict: Verdict,
  older: Tree,
  newest: Tree,
  { server, what }: { server: Server; what: string },
): Promise<Verdict> {
  if (newest.size >= older.size) return compare(verdict, older, newest, server);
  return withFinding(verdict, {
    index: null,
    decisionId: null,
    fault: "rolled_back",
    message: `${server.shownUrl} signs ${newest.size} entries, ${what} ${older.size}`,
  });
}

async function compare(
  verdict: Verdict,
  older: Tree,
  newer: Tree,
  server: Server | undefined,
): Promise<Verdict> {
  if (older.size === newer.size || server === undefined) {
    return withFinding(verdict, checkGrowth({ older, newer, proof: [] }));
  }
  const text = await fetchText(
    server,
    `/v1/ledger/proof/consistency?from=${older.size}&to=${newer.size}`,
  );
  const parsed = text === undefined ? undefined : ConsistencyProof.safeParse(parse(text));
  if (!parsed?.success)
    return withUnproven(
      verdict,
      `${server.shownUrl} gave no consistency proof from ${older.size} to ${newer.size}`,
    );
  const proof = parsed.data.proof.flatMap((hex) => fromHex(hex) ?? []);
  return withFinding(verdict, checkGrowth({ older, newer, proof }));
}

function treeOf({ size, rootHash }: Verdict): Tree | undefined {
  const hash = rootHash === null ? undefined : fromHex(rootHash);
  return size === null || hash === undefined ? undefined : { size, rootHash: hash };
}

function withFinding(verdict: Verdict, finding: Finding | undefined): Verdict {
  if (finding === undefined) return verdict;
  const findings = [...verdict.findings, finding];
  return { ...verdict, findings, status: statusFrom(findings, verdict.unproven) };
}

function withUnproven(verdict: Verdict, reason: string): Verdict {
  const unproven = [...verdict.unproven, reason];
  return { ...verdict, unproven, status: statusFrom(verdict.findings, unproven) };
}

/** Undefined when there is no good answer: that leaves the file unproven, it is no proof of tampering. */
async function fetchText(
  { baseUrl, authorization }: Server,
  path: string,
): Promise<string | undefined> {
  try {
    const response = await fetch(baseUrl + path, {
      headers: authorization === undefined ? {} : { Authorization: authorization },
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
