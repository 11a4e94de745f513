/**
 * The audit every ledger test over HTTP ends in: the whole ledger is read through its public routes
 * and recomputed by independent-ledger.ts, then the server's own verdict is asked for. Both have to
 * agree.
 */
import type { ExpectStatic } from "vitest";
import { get, getText, listIn, textIn } from "./clients.ts";
import {
  decisionsOf,
  IndependentLedger,
  openCheckpoint,
  provesInclusion,
  type Json,
  type JsonObject,
} from "./independent-ledger.ts";

export interface AuditedLedger {
  readonly ledger: IndependentLedger;
  readonly verifierKey: string;
  readonly origin: string;
  /** Decisions as the entries tell them, by id, oldest first. */
  readonly decisions: ReadonlyMap<string, Json>;
}

/** Audits a server nobody writes to at the moment. */
export async function auditOverHttp(url: string, expect: ExpectStatic): Promise<AuditedLedger> {
  const { body: head } = await get(url, "/v1/ledger");
  const ledger = await readEntries(url, textIn(head, "ledger"));
  const size = ledger.entries.length;
  const origin = textIn(head, "origin");
  const [verifierKey = ""] = listIn(head, "verifier_keys").map(String);
  expect(head).toMatchObject({
    origin: expect.stringMatching(new RegExp(`/${ledger.name}$`)),
    size,
    root_hash: ledger.rootAt(size),
    chain_hash: ledger.chainHash,
    first_recorded_at: ledger.entries[0]?.recordedAt,
    last_recorded_at: ledger.entries.at(-1)?.recordedAt,
  });

  const note = await getText(url, "/v1/ledger/checkpoint");
  expect(openCheckpoint(note, verifierKey, origin)).toEqual({
    origin,
    size,
    rootHash: ledger.rootAt(size),
  });

  const decisions = decisionsOf(ledger);
  const { body: exported } = await get(url, "/v1/export/decisions?format=json");
  // Newest first, every field, and nothing that no entry tells.
  expect(exported).toEqual({
    decisions: [...decisions.values()].toReversed(),
    total: decisions.size,
  });

  await expectVerifiedByServer(url, expect, { size, total: decisions.size });
  return { ledger, verifierKey, origin, decisions };
}

/** Follows the server's own verification to the head, however many calls it takes. */
async function expectVerifiedByServer(
  url: string,
  expect: ExpectStatic,
  { size, total }: { readonly size: number; readonly total: number },
): Promise<void> {
  let from = 0;
  for (;;) {
    const { status, body } = await get(url, `/v1/integrity/verify?from=${from}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ findings: [], size, total, broken_at: null });
    const checked = body["checked"];
    expect(checked).toEqual({ from, to: expect.any(Number) });
    const cursor = body["next_cursor"];
    if (typeof cursor !== "string") {
      expect(checked).toEqual({ from, to: size });
      if (from === 0) expect(body).toMatchObject({ valid: true, complete: true });
      return;
    }
    expect(Number(cursor)).toBeGreaterThan(from);
    from = Number(cursor);
  }
}

/** Reads and recomputes every entry. @throws NotVerified when one does not hold */
async function readEntries(url: string, name: string): Promise<IndependentLedger> {
  const ledger = new IndependentLedger(name);
  for (;;) {
    const from = ledger.entries.length;
    const text = await getText(url, `/v1/ledger/entries?from=${from}&limit=1000`);
    if (text === "") return ledger;
    if (!text.endsWith("\n")) throw new Error(`entries from ${from} are cut short`);
    for (const line of text.slice(0, -1).split("\n")) ledger.add(line);
  }
}

/**
 * A receipt against the ledger as it became: signed by the ledger's key, over a prefix of it, and
 * holding the entry it was given for; with a proof also by itself.
 */
export function expectReceiptHolds(
  receipt: JsonObject,
  index: number,
  { ledger, verifierKey, origin }: AuditedLedger,
  expect: ExpectStatic,
): void {
  const signed = openCheckpoint(textIn(receipt, "checkpoint"), verifierKey, origin);
  const { size, rootHash } = signed;
  expect(receipt).toMatchObject({ ledger: ledger.name, size, root_hash: rootHash });
  expect(rootHash).toBe(ledger.rootAt(size));
  expect(size).toBeGreaterThan(index);
  if (receipt["proof"] === undefined) return;
  const leaf = ledger.entries[index]?.chainHash ?? "";
  const proof = listIn(receipt, "proof").map(String);
  expect(provesInclusion(leaf, index, size, proof, rootHash)).toBe(true);
}
