/**
 * A thousand ledgers that lived differently: none raises a false alarm, every one proves itself and
 * its growth, and in every one a single tampering is found (issue 3, "Must show").
 */
import { expect, test } from "vitest";
import { auditLedger } from "../../../src/ledger/audit.ts";
import { openCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { parseVerifierKey } from "../../../src/ledger/note.ts";
import { proveConsistency } from "../../../src/ledger/proof.ts";
import { checkGrowth } from "../../../src/ledger/verify-growth.ts";
import { memoryAuditReader } from "../../support/memory-reader.ts";
import { exportText, verifyExport } from "../../support/proof-files.ts";
import { randomLedger, type RandomLedger } from "../../support/random-ledger.ts";
import { TAMPERINGS } from "../../support/memory-tamper.ts";
import { ReferenceTree, sha256Of } from "../../support/reference-tree.ts";

const LEDGERS = 1000;
const TILE_CHANGED = TAMPERINGS.findIndex(({ name }) => name === "a tile changed");
/** Each in a test of its own, so that a failure names its seed and the runner can breathe. */
const BATCH = 100;

async function keysOf({ ledger }: RandomLedger) {
  const { keys, refusal } = await ledger.sequencer.status();
  const texts = new Set(keys.map(({ key }) => key)); // a key may have come back
  return { keys, refusal, named: [...texts].flatMap((text) => parseVerifierKey(text) ?? []) };
}

/** What the server's own verification finds, as routes ask it: the sequencer's refusal included. */
async function alarms(random: RandomLedger): Promise<{ found: string[]; rootHash: string | null }> {
  const { ledger } = random;
  const { keys, refusal } = await keysOf(random);
  const { findings, rootHash } = await auditLedger(memoryAuditReader(ledger.store), {
    ledger: ledger.ledger,
    origin: ledger.origin,
    keys,
    from: 0,
    mayContinue: () => true,
  });
  const all = refusal === null ? findings : [{ index: null, ...refusal }, ...findings];
  return { found: all.map(({ index, fault }) => `${index} ${fault}`), rootHash };
}

function referenceOf({ ledger }: RandomLedger): ReferenceTree {
  return new ReferenceTree(
    ledger.store.rows().map(({ header }) => sha256Of(Uint8Array.of(0), Buffer.from(header))),
  );
}

async function checkIntact(random: RandomLedger, where: string): Promise<void> {
  const { ledger, newest, kept, erased, below } = random;
  const tree = referenceOf(random);
  const size = tree.leaves.length;
  const root = tree.root(0, size);
  const { found, rootHash } = await alarms(random);
  expect([where, found]).toEqual([where, []]);
  expect(rootHash).toBe(Buffer.from(root).toString("hex"));

  const { named } = await keysOf(random);
  const whole = await verifyExport(await exportText(ledger, {}, { keys: named }), [newest.key]);
  expect({ where, ...whole }).toMatchObject({ where, status: "verified", entries: size, erased });
  const from = below(size);
  const to = from + 1 + below(size - from);
  const range = await exportText(ledger, { from, to }, { keys: named });
  expect([where, from, to, (await verifyExport(range, [newest.key])).status]).toEqual([
    where,
    from,
    to,
    "verified",
  ]);

  for (const note of [kept.at(0), kept.at(below(Math.max(kept.length, 1)))]) {
    if (note === undefined) continue;
    const opened = await openCheckpoint(note, named);
    if (!opened.ok) throw new Error(`${where}: ${opened.reason}`);
    const older = opened.checkpoint;
    const proof = await proveConsistency(older.size, size, ledger.store);
    expect(proof).toEqual(tree.consistency(older.size, size));
    expect(checkGrowth({ older, newer: { size, rootHash: root }, proof })).toBeUndefined();
  }
}

interface Outcome {
  readonly name: string;
  /** By the server's own verification. */
  readonly found: readonly string[];
  /** Of an export made afterwards; undefined where it would not show there. */
  readonly status: string | undefined;
}

async function tamper(random: RandomLedger): Promise<Outcome> {
  const { ledger, newest, below } = random;
  const { named } = await keysOf(random);
  const hasTile = ledger.store.tables.tiles.size > 0 && below(2) === 0; // few have one
  const first = hasTile ? TILE_CHANGED : below(TAMPERINGS.length);
  for (let i = 0; i < TAMPERINGS.length; i++) {
    const tampering = TAMPERINGS[(first + i) % TAMPERINGS.length];
    if (tampering === undefined || !(await tampering.apply(ledger, below))) continue;
    const { name, showsInExport } = tampering;
    ledger.evict();
    const { found } = await alarms(random);
    if (!showsInExport) return { name, found, status: undefined };
    const status = await exportText(ledger, {}, { keys: named }).then(
      async (text) => (await verifyExport(text, [newest.key])).status,
      () => "cut short", // the source itself could not be read
    );
    return { name, found, status };
  }
  throw new Error("nothing to tamper with");
}

const EVENTS = [
  "record",
  "crowd",
  "review",
  "erase",
  "retry",
  "rotate",
  "restart",
  "fails after the write",
  "lands at the next commit",
  "conflicts after the write",
];
const tally = new Map<string, number>();

function count(what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

test.for(Array.from({ length: LEDGERS / BATCH }, (_, i) => i * BATCH))(
  "from seed %i: no false alarm, and every tampering is found",
  { timeout: 60_000 },
  async (first) => {
    for (let seed = first; seed < first + BATCH; seed++) {
      const random = await randomLedger(seed);
      const where = `seed ${seed}: ${random.events.join(", ")}`;
      await checkIntact(random, where);
      const { name, found, status } = await tamper(random);
      expect([where, name, found]).not.toEqual([where, name, []]);
      expect([where, name, status]).not.toEqual([where, name, "verified"]);
      count(name);
      for (const event of new Set(random.events)) count(event);
    }
  },
);

test("every kind of event and of tampering happened, in more than a handful of ledgers", () => {
  const rare = [...TAMPERINGS.map(({ name }) => name), ...EVENTS].filter(
    (what) => (tally.get(what) ?? 0) < 6,
  );
  expect(rare).toEqual([]);
});
