/** One old checkpoint is enough: whoever kept it sees whether the ledger only grew (DESIGN §1.4). */
import { beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint, type Checkpoint } from "../../../src/ledger/checkpoint.ts";
import { proveConsistency } from "../../../src/ledger/proof.ts";
import { checkGrowth, openKept } from "../../../src/ledger/verify-growth.ts";
import { ExportVerifier } from "../../../src/ledger/verify-export.ts";
import { appended, exportText, linesOf } from "../../support/proof-files.ts";
import { numberedLeaf, ReferenceTree } from "../../support/reference-tree.ts";
import {
  decisions,
  ORIGIN,
  signer,
  synchronousSigner,
  TestLedger,
} from "../../support/test-ledger.ts";

const tree = ReferenceTree.numbered(70);

function treeOf(size: number, of = tree) {
  return { size, rootHash: of.root(0, size) };
}

test("a tree that grew is recognised at every pair of sizes", () => {
  for (let from = 1; from <= 70; from++) {
    for (let to = from; to <= 70; to++) {
      const growth = { older: treeOf(from), newer: treeOf(to), proof: tree.consistency(from, to) };
      expect(checkGrowth(growth)).toBeUndefined();
    }
  }
});

test("one that was rewritten anywhere before the old size is not, by whatever proof", () => {
  for (const changed of [0, 1, 31, 32, 40]) {
    const leaves = tree.leaves.map((leaf, i) => (i === changed ? numberedLeaf(1000) : leaf));
    const rewritten = new ReferenceTree(leaves);
    for (const to of [41, 42, 64, 70]) {
      const newer = treeOf(to, rewritten);
      for (const proof of [tree.consistency(41, to), rewritten.consistency(41, to), []]) {
        expect(checkGrowth({ older: treeOf(41), newer, proof })).toMatchObject({
          index: null,
          fault: "rolled_back",
          message: expect.stringContaining("history was rewritten"),
        });
      }
    }
  }
});

test("two roots of one size are a split view, and no proof explains them", () => {
  const other = new ReferenceTree(tree.leaves.with(5, numberedLeaf(1000)));
  const growth = { older: treeOf(41), newer: treeOf(41, other), proof: [] };
  expect(checkGrowth(growth)).toMatchObject({ fault: "rolled_back" });
  expect(checkGrowth({ ...growth, newer: treeOf(41) })).toBeUndefined();
});

test("a tree that shrank, or a proof between other sizes, shows no growth", () => {
  const shrunk = { older: treeOf(50), newer: treeOf(41), proof: tree.consistency(41, 50) };
  expect(checkGrowth(shrunk)?.fault).toBe("rolled_back");
  const elsewhere = { older: treeOf(41), newer: treeOf(70), proof: tree.consistency(42, 70) };
  expect(checkGrowth(elsewhere)?.fault).toBe("rolled_back");
});

async function checkpointsOf({ store }: TestLedger): Promise<Checkpoint[]> {
  const notes = [...store.tables.checkpoints.values()].toSorted((a, b) => a.size - b.size);
  return Promise.all(
    notes.map(async ({ note }) => {
      const opened = await openCheckpoint(note, [signer.key]);
      if (!opened.ok) throw new Error(opened.reason);
      return opened.checkpoint;
    }),
  );
}

describe("of a ledger", () => {
  let ledger: TestLedger;
  let kept: Checkpoint[];

  beforeAll(async () => {
    ledger = new TestLedger(1);
    for (const count of [1, 2, 251, 1, 1, 1, 3])
      await appended(ledger, decisions(ledger.random, { count }));
    kept = await checkpointsOf(ledger);
  });

  test("every checkpoint proves to be the beginning of every later one", async () => {
    for (const older of kept) {
      for (const newer of kept.filter(({ size }) => size >= older.size)) {
        const proof =
          older.size === newer.size
            ? []
            : await proveConsistency(older.size, newer.size, ledger.store);
        expect(checkGrowth({ older, newer, proof })).toBeUndefined();
      }
    }
  });

  test("an export shows the root at any size it covers, for a checkpoint that was kept", async () => {
    const sizes = kept.map(({ size }) => size);
    const verifier = new ExportVerifier([signer.key], sizes);
    for (const line of linesOf(await exportText(ledger))) verifier.line(line);
    for (const { size, rootHash } of kept) expect(verifier.rootAt(size)).toEqual(rootHash);
    expect((await verifier.finish()).status).toBe("verified");
  });

  test("a rewritten one, signed with the very same key, contradicts every checkpoint behind the change", async () => {
    const rewritten = new TestLedger(1);
    for (const count of [1, 2, 251, 1, 1, 1, 3]) {
      const output = { response: count === 2 ? "another answer" : "Your account looks fine." };
      await appended(rewritten, decisions(rewritten.random, { count, decision: { output } }));
    }
    const file = linesOf(await exportText(rewritten));
    const verifier = new ExportVerifier(
      [signer.key],
      kept.map(({ size }) => size),
    );
    for (const line of file) verifier.line(line);
    expect((await verifier.finish()).status).toBe("verified"); // by itself nothing shows
    for (const older of kept) {
      const rootHash = verifier.rootAt(older.size) ?? new Uint8Array();
      const found = checkGrowth({ older, newer: { size: older.size, rootHash }, proof: [] });
      expect([older.size, found?.fault]).toEqual([
        older.size,
        older.size < 2 ? undefined : "rolled_back",
      ]);
    }
  });

  test("a kept checkpoint counts only when a trusted key signed it", async () => {
    const note = ledger.store.tables.checkpoints.get(254)?.note ?? "";
    expect(await openKept(note, [signer.key])).toMatchObject({ checkpoint: { size: 254 } });
    const stranger = await synchronousSigner(ORIGIN, 99);
    for (const [text, key] of [
      [note, stranger.key],
      [note.replace("\n254\n", "\n253\n"), signer.key],
      ["nothing", signer.key],
    ] as const) {
      expect(await openKept(text, [key])).toMatchObject({
        finding: { fault: "signature_invalid" },
      });
    }
  });
});
