import { describe, expect, test } from "vitest";
import { toBase64 } from "../../../src/lib/bytes.ts";
import { formatCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { signNote } from "../../../src/ledger/note.ts";
import {
  formatTlogProof,
  parseTlogProof,
  verifyTlogProof,
} from "../../../src/ledger/tlog-proof.ts";
import { testSigner } from "../../support/note-signer.ts";
import { ReferenceTree } from "../../support/reference-tree.ts";

const log = await testSigner("loopgrid.local/main", 1);
const tree = ReferenceTree.numbered(300);
const INDEX = 41;
const rootHash = tree.root(0, 300);
const checkpoint = await signNote(
  formatCheckpoint({ origin: log.name, size: 300, rootHash, extensions: [] }),
  [log],
);
const proof = tree.path(INDEX, 0, 300);
const text = formatTlogProof({ index: INDEX, proof, checkpoint });

describe("a tlog-proof", () => {
  test("verifies offline with the log's key", async () => {
    expect(await verifyTlogProof(text, tree.leaf(INDEX), [log.key])).toMatchObject({
      ok: true,
      index: INDEX,
      checkpoint: { origin: log.name, size: 300, rootHash },
      verified: [{ key: log.key }],
    });
  });

  test("is read and written alike, with and without extra data", () => {
    const extra = Uint8Array.of(1, 2, 3);
    const withExtra = formatTlogProof({ index: INDEX, proof, checkpoint, extra });
    expect(withExtra).toBe(text.replace("index", `extra ${toBase64(extra)}\nindex`));
    expect(parseTlogProof(withExtra)).toEqual({ index: INDEX, proof, checkpoint, extra });
    expect(parseTlogProof(text)).toEqual({ index: INDEX, proof, checkpoint });
  });

  test("of the only entry of a log has no hashes", async () => {
    const one = formatCheckpoint({
      origin: log.name,
      size: 1,
      rootHash: tree.leaf(0),
      extensions: [],
    });
    const alone = formatTlogProof({ index: 0, proof: [], checkpoint: await signNote(one, [log]) });
    expect(await verifyTlogProof(alone, tree.leaf(0), [log.key])).toMatchObject({
      ok: true,
      index: 0,
    });
    expect(await verifyTlogProof(alone, tree.leaf(1), [log.key])).toMatchObject({ ok: false });
  });

  test("does not hold for another leaf or index, or with a changed path", async () => {
    const refused = { ok: false, reason: "not_included" };
    const leaf = tree.leaf(INDEX);
    expect(await verifyTlogProof(text, tree.leaf(40), [log.key])).toEqual(refused);
    const moved = formatTlogProof({ index: 40, proof, checkpoint });
    expect(await verifyTlogProof(moved, leaf, [log.key])).toEqual(refused);
    const shorter = formatTlogProof({ index: INDEX, proof: proof.slice(1), checkpoint });
    expect(await verifyTlogProof(shorter, leaf, [log.key])).toEqual(refused);
    const reversed = formatTlogProof({ index: INDEX, proof: proof.toReversed(), checkpoint });
    expect(await verifyTlogProof(reversed, leaf, [log.key])).toEqual(refused);
  });

  test("no character can be changed", async () => {
    for (let i = 0; i < text.length; i++) {
      const other = text[i] === "A" ? "B" : "A";
      const changed = text.slice(0, i) + other + text.slice(i + 1);
      expect(await verifyTlogProof(changed, tree.leaf(INDEX), [log.key])).toMatchObject({
        ok: false,
      });
    }
  });

  test("does not vouch for itself: without a known key it is refused", async () => {
    const stranger = await testSigner(log.name, 2);
    const refused = { ok: false, reason: "signature_missing" };
    expect(await verifyTlogProof(text, tree.leaf(INDEX), [])).toEqual(refused);
    expect(await verifyTlogProof(text, tree.leaf(INDEX), [stranger.key])).toEqual(refused);
  });

  const HASH = toBase64(new Uint8Array(32));
  test.each([
    ["nothing", ""],
    ["another first line", "c2sp.org/tlog-proof@v2\nindex 0\n\nc\n"],
    ["no index", "c2sp.org/tlog-proof@v1\n\nc\n"],
    ["an index with a zero in front", "c2sp.org/tlog-proof@v1\nindex 01\n\nc\n"],
    ["an index past 2^53", "c2sp.org/tlog-proof@v1\nindex 9007199254740992\n\nc\n"],
    ["two spaces", "c2sp.org/tlog-proof@v1\nindex  0\n\nc\n"],
    ["no empty line", `c2sp.org/tlog-proof@v1\nindex 0\n${HASH}\nc\n`],
    ["no checkpoint", `c2sp.org/tlog-proof@v1\nindex 0\n${HASH}\n\n`],
    [
      "a hash of 31 octets",
      `c2sp.org/tlog-proof@v1\nindex 0\n${toBase64(new Uint8Array(31))}\n\nc\n`,
    ],
    ["a hash without padding", `c2sp.org/tlog-proof@v1\nindex 0\n${HASH.slice(0, -1)}\n\nc\n`],
    ["carriage returns", "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nc\r\n"],
    ["empty extra data", "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nc\n"],
    ["extra data twice", "c2sp.org/tlog-proof@v1\nextra AA==\nextra AA==\nindex 0\n\nc\n"],
    ["extra data after the index", "c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\nc\n"],
    ["extra data with stray bits", "c2sp.org/tlog-proof@v1\nextra AB==\nindex 0\n\nc\n"],
  ])("with %s is refused", async (_, malformed) => {
    expect(parseTlogProof(malformed)).toBeUndefined();
    const refused = { ok: false, reason: "proof_malformed" };
    expect(await verifyTlogProof(malformed, tree.leaf(0), [log.key])).toEqual(refused);
  });

  test("what a proof cannot carry is our mistake and is not written", () => {
    expect(() => formatTlogProof({ index: -1, proof, checkpoint })).toThrow("Assertion failed");
    expect(() => formatTlogProof({ index: 0, proof: [new Uint8Array(31)], checkpoint })).toThrow(
      "Assertion failed",
    );
    expect(() => formatTlogProof({ index: 0, proof, checkpoint: "" })).toThrow("Assertion failed");
    expect(() => formatTlogProof({ index: 0, proof, checkpoint, extra: new Uint8Array() })).toThrow(
      "Assertion failed",
    );
  });
});
