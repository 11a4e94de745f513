import { describe, expect, test } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../../src/ledger/checkpoint.ts";
import type { Fault } from "../../../src/ledger/fault.ts";
import { parseNote, signNote } from "../../../src/ledger/note.ts";
import { auditLedger, type Receipt } from "../../support/audit-ledger.ts";
import {
  decisions,
  ORIGIN,
  signer,
  synchronousSigner,
  TestLedger,
} from "../../support/test-ledger.ts";

const stranger = await synchronousSigner(ORIGIN, 9);
const namesake = await synchronousSigner("loopgrid.local/other", 7);

/** A ledger of commits of these sizes, its sequencer evicted; `seed` decides every salt and id. */
async function ledgerOf(counts: readonly number[], seed = 1) {
  const ledger = new TestLedger(seed);
  const receipts: Receipt[] = [];
  for (const count of counts) {
    const told = await ledger.sequencer.append(decisions(ledger.random, { count }));
    if (told.kind === "appended") receipts.push(told);
  }
  expect(receipts).toHaveLength(counts.length);
  ledger.evict();
  return { ledger, receipts };
}

/** Why appends are refused, by outcome and by status alike; not one row is written meanwhile. */
async function refusalOf(ledger: TestLedger): Promise<unknown> {
  const before = structuredClone(ledger.store.tables);
  const memory = ledger.memory.value;
  const { refusal } = await ledger.sequencer.status();
  for (const _ of ["at first", "and still"]) {
    const told = await ledger.sequencer.append(decisions(ledger.random, { key: "k" }));
    expect(told).toEqual({ kind: "refused", ...refusal });
  }
  expect(ledger.store.tables).toEqual(before);
  expect(ledger.memory.value).toEqual(memory);
  return refusal;
}

function refusal(fault: Fault, detail: RegExp = /./): object {
  return { fault, detail: expect.stringMatching(detail) };
}

/** Appends one more, and audits that what was acknowledged is all there. The size then. */
async function goesOn(ledger: TestLedger, receipts: readonly Receipt[]): Promise<number> {
  expect((await ledger.sequencer.status()).refusal).toBeNull();
  const told = await ledger.sequencer.append(decisions(ledger.random));
  expect(told.kind).toBe("appended");
  return auditLedger(ledger, told.kind === "appended" ? [...receipts, told] : receipts).length;
}

/** A checkpoint row as it would be had `by` signed `change` of it. */
async function forge(
  { store }: TestLedger,
  size: number,
  by: typeof signer,
  change: { size?: number; rootHash?: Uint8Array; origin?: string } = {},
): Promise<void> {
  const row = store.tables.checkpoints.get(size);
  const checkpoint = parseCheckpoint(parseNote(row?.note ?? "")?.text ?? "");
  if (row === undefined || checkpoint === undefined) throw new Error("no such checkpoint");
  const note = await signNote(formatCheckpoint({ ...checkpoint, ...change }), [by]);
  store.tables.checkpoints.set(size, { ...row, note });
}

describe("a ledger that is as it was left", () => {
  test.each([[[1]], [[255, 1]], [[256]], [[257]], [[3, 509]], [[600, 1, 1]]])(
    "in commits of %j goes on after a restart",
    async (counts) => {
      const { ledger, receipts } = await ledgerOf(counts);
      expect(await goesOn(ledger, receipts)).toBe(counts.reduce((sum, count) => sum + count, 1));
    },
  );

  test("goes on when the sequencer's storage was lost, under the same key", async () => {
    const { ledger, receipts } = await ledgerOf([2, 1]);
    ledger.memory.value = undefined;
    expect(await goesOn(ledger, receipts)).toBe(4);
    expect(ledger.memory.value).toMatchObject({ size: 4 });
  });

  test("goes on when the sequencer's storage is older, past as many checkpoints as there are", async () => {
    const { ledger, receipts } = await ledgerOf(Array.from({ length: 230 }, () => 1));
    const [oldest] = receipts;
    ledger.memory.value = { size: 1, rootHash: oldest?.rootHash ?? "" };
    expect(await goesOn(ledger, receipts)).toBe(231);
    expect(ledger.memory.value).toMatchObject({ size: 231 });
  });

  test("may have a key made only while it is empty and nothing was ever acknowledged", async () => {
    const asked: boolean[] = [];
    const { ledger, receipts } = await ledgerOf([1]);
    const { keys } = ledger;
    ledger.keys = (ledgerIsEmpty) => {
      asked.push(ledgerIsEmpty);
      return keys(ledgerIsEmpty);
    };
    ledger.evict();
    expect(await goesOn(ledger, receipts)).toBe(2);
    ledger.evict();
    ledger.store.rollBack(0);
    await ledger.sequencer.status();
    expect(asked.includes(true)).toBe(false);
    const fresh = new TestLedger();
    fresh.keys = ledger.keys;
    await fresh.sequencer.status();
    expect(asked.at(-1)).toBe(true);
  });
});

describe("a ledger that was rolled back", () => {
  test.each([5, 3])("to %i of 6 entries is refused, until it is whole again", async (size) => {
    const { ledger, receipts } = await ledgerOf([3, 2, 1]);
    const whole = ledger.store.tables;
    ledger.store.rollBack(size);
    expect(await refusalOf(ledger)).toEqual(
      refusal("rolled_back", new RegExp(`holds ${size} .* 6 were acknowledged`)),
    );
    ledger.store.tables = whole;
    expect(await goesOn(ledger, receipts)).toBe(7);
  });

  test("while the sequencer was running is refused too", async () => {
    const { ledger, receipts } = await ledgerOf([3, 2]);
    expect(await goesOn(ledger, receipts)).toBe(6); // the head is in memory now
    ledger.store.rollBack(3);
    const told = await ledger.sequencer.append(decisions(ledger.random));
    expect(told).toMatchObject({ kind: "refused", fault: "rolled_back" });
    expect(await refusalOf(ledger)).toEqual(
      refusal("rolled_back", /holds 3 entries, but 6 were acknowledged/),
    );
  });

  test("to nothing is refused: the sequencer remembers", async () => {
    const { ledger } = await ledgerOf([3, 2]);
    ledger.store.rollBack(0);
    expect(await refusalOf(ledger)).toEqual(
      refusal("rolled_back", /holds no entry, but 5 entries were acknowledged/),
    );
  });

  test("together with the sequencer's storage only shows to who kept a checkpoint", async () => {
    const { ledger, receipts } = await ledgerOf([3, 2]);
    ledger.store.rollBack(3);
    ledger.memory.value = { size: 3, rootHash: receipts[0]?.rootHash ?? "" };
    expect(await goesOn(ledger, receipts.slice(0, 1))).toBe(4);
    expect(() => auditLedger(ledger, receipts)).toThrow("to be");
  });
});

describe("another history under the same key", () => {
  test.each([
    ["of the same size", [3, 2]],
    ["that is longer", [3, 2, 4]],
    ["that is much longer", [300]],
  ])("%s is refused", async (_, counts) => {
    const { ledger } = await ledgerOf([3, 2]);
    const { ledger: other } = await ledgerOf(counts, 2);
    ledger.store.tables = other.store.tables;
    expect(await refusalOf(ledger)).toEqual(
      refusal("rolled_back", /first 5 entries make root .* was acknowledged/),
    );
  });

  test("that parts from ours after what was acknowledged is only a newer ledger", async () => {
    const { ledger, receipts } = await ledgerOf([3]);
    const { ledger: newer } = await ledgerOf([3, 2]);
    ledger.store.tables = newer.store.tables;
    expect(await goesOn(ledger, receipts)).toBe(6);
  });
});

describe("a foreign key or name", () => {
  test("another signing key is refused, with the storage and without", async () => {
    const { ledger } = await ledgerOf([3]);
    ledger.keys = async () => ({ signer: stranger, others: [] });
    expect(await refusalOf(ledger)).toEqual(
      refusal("signature_invalid", /none of the configured keys/),
    );
    ledger.memory.value = undefined;
    expect(await refusalOf(ledger)).toEqual(
      refusal("signature_invalid", /none of the configured keys/),
    );
  });

  test.each([
    ["with the key under its name", namesake],
    ["with the old key", signer],
  ])("another origin, %s, is refused: it was frozen by the first commit", async (_, key) => {
    const { ledger } = await ledgerOf([3]);
    ledger.origin = "loopgrid.local/other";
    ledger.keys = async () => ({ signer: key, others: [] });
    ledger.evict();
    expect(await refusalOf(ledger)).toEqual(
      refusal(
        "signature_invalid",
        /origin is loopgrid\.local\/main, .* says loopgrid\.local\/other/,
      ),
    );
  });
});

describe("a newest checkpoint", () => {
  test.each<[string, Fault, (ledger: TestLedger) => void | Promise<void>]>([
    ["signed by a stranger", "signature_invalid", (ledger) => forge(ledger, 5, stranger)],
    [
      "over another root",
      "root_mismatch",
      (ledger) => forge(ledger, 5, signer, { rootHash: new Uint8Array(32) }),
    ],
    ["of another size", "root_mismatch", (ledger) => forge(ledger, 5, signer, { size: 4 })],
    [
      "of another origin",
      "signature_invalid",
      (ledger) => forge(ledger, 5, signer, { origin: "loopgrid.local/other" }),
    ],
    [
      "with a changed signature",
      "signature_invalid",
      ({ store }) => {
        const row = store.tables.checkpoints.get(5);
        if (row === undefined) throw new Error("no such checkpoint");
        const note = row.note.replace(/(.)(.{6})\n$/, (_, digit: string, rest: string) =>
          digit === "A" ? `B${rest}\n` : `A${rest}\n`,
        );
        expect(note).not.toBe(row.note);
        store.tables.checkpoints.set(5, { ...row, note });
      },
    ],
    [
      "that is missing",
      "signature_invalid",
      ({ store }) => void store.tables.checkpoints.delete(5),
    ],
  ])("%s is refused, with the storage and without", async (_, fault, tamper) => {
    const { ledger } = await ledgerOf([3, 2]);
    await tamper(ledger);
    expect(await refusalOf(ledger)).toEqual(refusal(fault));
    ledger.memory.value = undefined;
    expect(await refusalOf(ledger)).toEqual(refusal(fault));
  });
});

describe("checkpoints between what was acknowledged and the newest", () => {
  test.each<[string, Fault, (ledger: TestLedger) => Promise<void>]>([
    ["signed by a stranger", "signature_invalid", (ledger) => forge(ledger, 4, stranger)],
    [
      "over another root",
      "root_mismatch",
      (ledger) => forge(ledger, 4, signer, { rootHash: new Uint8Array(32) }),
    ],
    ["of another size", "root_mismatch", (ledger) => forge(ledger, 4, signer, { size: 3 })],
  ])("one %s is refused", async (_, fault, tamper) => {
    const { ledger, receipts } = await ledgerOf([2, 1, 1, 1]);
    const [first] = receipts;
    await tamper(ledger);
    ledger.memory.value = { size: 2, rootHash: first?.rootHash ?? "" };
    expect(await refusalOf(ledger)).toEqual(refusal(fault, /checkpoint of size 4/));
  });
});

describe("entries that are not those the checkpoint is over", () => {
  test.each<[string, Fault, (ledger: TestLedger) => void]>([
    ["a changed chain hash", "root_mismatch", ({ store }) => replaceHash(store, 259)],
    ["a missing entry", "root_mismatch", ({ store }) => void store.tables.entries.delete(258)],
    ["a missing tile", "root_mismatch", ({ store }) => void store.tables.tiles.delete("0/0")],
    [
      "a head that says fewer",
      "signature_invalid",
      ({ store }) => (store.tables.head = { size: 259, chainHash: hashAt(store, 258) }),
    ],
    [
      "a head that says another chain hash",
      "chain_broken",
      ({ store }) => (store.tables.head = { size: 260, chainHash: hashAt(store, 3) }),
    ],
  ])("with %s are refused", async (_, fault, tamper) => {
    const { ledger } = await ledgerOf([258, 2]);
    tamper(ledger);
    expect(await refusalOf(ledger)).toEqual(refusal(fault));
  });
});

type Store = TestLedger["store"];

function hashAt({ tables }: Store, index: number): string {
  return tables.entries.get(index)?.chainHash ?? "";
}

function replaceHash({ tables }: Store, index: number): void {
  const row = tables.entries.get(index);
  tables.entries.set(index, { header: row?.header ?? "", chainHash: "ab".repeat(32) });
}
