/** Who may speak for which checkpoint over a ledger's life, read from the ledger's own entries. */
import { expect, test } from "vitest";
import { appendDrafts, EMPTY_HEAD } from "../../../src/ledger/append.ts";
import {
  keyChangeDraft,
  keyRanges,
  keysIn,
  verifiersAt,
  vkeyOf,
} from "../../../src/ledger/keys.ts";
import { openCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { auditLedger as auditFromOutside } from "../../support/audit-ledger.ts";
import { appended } from "../../support/proof-files.ts";
import {
  decisions,
  ORIGIN,
  signer,
  synchronousSigner,
  TestLedger,
  type RequestOptions,
} from "../../support/test-ledger.ts";

const [a, b, c] = [signer, await synchronousSigner(ORIGIN, 8), await synchronousSigner(ORIGIN, 9)];
const [keyA, keyB, keyC] = [vkeyOf(a), vkeyOf(b), vkeyOf(c)];

/** The header of a change of key at this index. */
function change(index: number, from = a, to = b): string {
  const drafts = [keyChangeDraft(from, to)];
  const { entries } = appendDrafts("main", EMPTY_HEAD, drafts, 0, new Uint8Array(6));
  return (entries[0]?.headerText ?? "").replace('"index":0', `"index":${index}`);
}

test("without a change one key speaks for every size", () => {
  const ranges = keyRanges([], keyA);
  expect(ranges).toEqual([{ key: keyA, fromSize: 0, toSize: null }]);
  for (const size of [0, 1, 256, 2 ** 53 - 1])
    expect(verifiersAt(ranges, size)).toMatchObject([{ name: ORIGIN, publicKey: a.publicKey }]);
});

test("a change at entry i ends the old key's range at size i and begins the new one's behind it", () => {
  const ranges = keyRanges([change(7), change(12, b, c)], keyC);
  expect(ranges).toEqual([
    { key: keyC, fromSize: 13, toSize: null },
    { key: keyB, fromSize: 8, toSize: 12 },
    { key: keyA, fromSize: 0, toSize: 7 },
  ]);
});

test("exactly one key speaks for each size, whatever changes there were", () => {
  const ranges = keyRanges([change(1), change(2, b, c), change(9, c, a)], keyA);
  const speaking = Array.from({ length: 12 }, (_, size) => verifiersAt(ranges, size));
  expect(speaking.every(({ length }) => length === 1)).toBe(true);
  const names = new Map([a, b, c].map((key, i) => [key.publicKey.join(), "ABC"[i]]));
  expect(speaking.map(([key]) => names.get(key?.publicKey.join() ?? "")).join("")).toBe(
    "AABCCCCCCCAA",
  );
});

test("a key that came back is named once, where it is newest", () => {
  const ranges = keyRanges([change(1), change(2, b, a), change(9, a, c)], keyC);
  expect(ranges.map(({ key }) => key)).toEqual([keyC, keyA, keyB, keyA]);
  expect(keysIn(ranges)).toEqual([keyC, keyA, keyB]);
});

test("a change that cannot be read is left to verification; the others count", () => {
  expect(keyRanges(["{", change(12, b, c)], keyC)).toEqual([
    { key: keyC, fromSize: 13, toSize: null },
    { key: keyB, fromSize: 0, toSize: 12 },
  ]);
});

test("a key in a range that is none verifies nothing", () => {
  expect(verifiersAt([{ key: "no key", fromSize: 0, toSize: null }], 3)).toEqual([]);
});

test("a change of key names both, holds no content, and is the sequencer's own doing", () => {
  expect(keyChangeDraft(a, b)).toMatchObject({
    kind: "signing_key_changed",
    actor: "sequencer",
    facts: { old_key: keyA, new_key: keyB },
    commitments: {},
    contentHash: null,
  });
});

test("a changed key signs its own change together with the old one, and both stay verifiable", async () => {
  const ledger = new TestLedger(1);
  const record = (options: RequestOptions = {}) =>
    appended(ledger, decisions(ledger.random, options));
  await record();
  await record({ count: 2 });
  ledger.keys = async () => ({ signer: b, others: [a] });
  ledger.evict();
  const [changed] = await record();
  expect(changed?.index).toBe(4); // the change itself is entry 3
  await record();
  const { keys } = await ledger.sequencer.status();
  expect(keys).toEqual([
    { key: keyB, fromSize: 4, toSize: null },
    { key: keyA, fromSize: 0, toSize: 3 },
  ]);
  const { checkpoints } = ledger.store.tables;
  const signersOf = async (size: number) => {
    const note = checkpoints.get(size)?.note ?? "";
    const opened = await Promise.all([a, b].map(({ key }) => openCheckpoint(note, [key])));
    return opened.map(({ ok }, i) => (ok ? "AB"[i] : "")).join("");
  };
  expect(await Promise.all([1, 3, 5, 6].map(signersOf))).toEqual(["A", "A", "AB", "B"]);
  ledger.signersOf = (size) => (size === 5 ? [b, a] : size < 5 ? [a] : [b]);
  auditFromOutside(ledger, []);
});
