/** Signed notes and tlog-proofs of any C2SP log, ours and others': what they prove, and to whom. */
import { beforeAll, describe, expect, test } from "vitest";
import { formatCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { leafHash } from "../../../src/ledger/hash.ts";
import { signNote } from "../../../src/ledger/note.ts";
import { proveInclusion } from "../../../src/ledger/proof.ts";
import { formatTlogProof } from "../../../src/ledger/tlog-proof.ts";
import { NO_KEY } from "../../../src/ledger/verdict.ts";
import { verifyNote, verifyProofFile } from "../../../src/ledger/verify-note.ts";
import { utf8 } from "../../../src/lib/bytes.ts";
import { testSigner } from "../../support/note-signer.ts";
import { faultsOf, sampleLedger, type Sample } from "../../support/proof-files.ts";
import { ReferenceTree } from "../../support/reference-tree.ts";
import { ORIGIN, signer, synchronousSigner } from "../../support/test-ledger.ts";

const FOREIGN = "rome2026h1.example.org";
const foreignSigner = await testSigner(FOREIGN, 3);
const witness = await testSigner("witness.example.org", 4);
const stranger = await synchronousSigner(ORIGIN, 99);
const foreignEntry = utf8("an entry of another log, in whatever form it likes");
const foreignTree = new ReferenceTree([
  ...ReferenceTree.numbered(299).leaves.slice(0, 123),
  leafHash(foreignEntry),
  ...ReferenceTree.numbered(299).leaves.slice(123),
]);

let sample: Sample;
let note: string;
/** Of entry 3, with its header as the extra line. */
let proof: string;
let foreignNote: string;
let foreignProof: string;

beforeAll(async () => {
  sample = await sampleLedger();
  const { store } = sample.ledger;
  note = store.tables.checkpoints.get(sample.size)?.note ?? "";
  proof = formatTlogProof({
    index: 3,
    proof: await proveInclusion(3, sample.size, store),
    checkpoint: note,
    extra: utf8(store.rows()[3]?.header ?? ""),
  });
  const text = formatCheckpoint({
    origin: FOREIGN,
    size: 300,
    rootHash: foreignTree.root(0, 300),
    extensions: [],
  });
  foreignNote = await signNote(text, [foreignSigner]);
  foreignProof = formatTlogProof({
    index: 123,
    proof: foreignTree.path(123, 0, 300),
    checkpoint: foreignNote,
  });
});

describe("a signed note", () => {
  test("is verified by its log's key, ours or another's", async () => {
    expect(await verifyNote(note, [signer.key])).toEqual({
      status: "verified",
      format: "note",
      origin: ORIGIN,
      size: sample.size,
      rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: 0,
      erased: 0,
      findings: [],
      unproven: [],
      limits: [],
    });
    expect(await verifyNote(foreignNote, [signer.key, foreignSigner.key])).toMatchObject({
      status: "verified",
      origin: FOREIGN,
      size: 300,
      rootHash: Buffer.from(foreignTree.root(0, 300)).toString("hex"),
    });
  });

  test("without a key is unproven, though it tells what it claims", async () => {
    const verdict = await verifyNote(note, []);
    expect(verdict).toMatchObject({ status: "unproven", unproven: [NO_KEY], size: sample.size });
  });

  test.for([
    ["another log's key", () => [foreignSigner.key]],
    ["another key of the same name", () => [stranger.key]],
    ["a witness' key", () => [witness.cosignerKey]],
  ] as const)("by %s is tampered", async ([, trusted]) => {
    expect(faultsOf(await verifyNote(note, trusted()))).toEqual(["null signature_invalid"]);
  });

  test("a witness alone does not speak for the log; beside the log's key it does no harm", async () => {
    const text = note.slice(0, note.indexOf("\n\n") + 1);
    const cosignature = await witness.cosign(text, 1_767_139_200);
    const octets = Buffer.concat([
      Buffer.from(cosignature.keyId, "hex"),
      cosignature.signature,
    ]).toString("base64");
    const cosigned = `${note}— ${witness.name} ${octets}\n`;
    expect((await verifyNote(cosigned, [signer.key])).status).toBe("verified");
    expect((await verifyNote(cosigned, [signer.key, witness.cosignerKey])).status).toBe("verified");
    expect((await verifyNote(cosigned, [witness.cosignerKey])).status).toBe("tampered");
  });

  test.for([
    ["nothing", ""],
    ["a line", "hello\n"],
    ["binary", "\0\u0001\u0002"],
    ["no signature", "loopgrid.local/main\n1\nAAAA\n"],
  ] as const)("that holds %s is no note: unproven", async ([, text]) => {
    const { status, findings, unproven } = await verifyNote(text, [signer.key]);
    expect([status, findings, unproven.length]).toEqual(["unproven", [], 1]);
  });

  test("of a text that is no checkpoint is unproven: it says nothing about a tree", async () => {
    const signed = await signNote("If you think cryptography is the answer\n", [signer]);
    expect((await verifyNote(signed, [signer.key])).status).toBe("unproven");
  });

  test("with any octet of its text or signature changed is not verified", async () => {
    for (let at = 0; at < note.length; at++) {
      const code = note.charCodeAt(at) ^ 1;
      const other = note.slice(0, at) + String.fromCharCode(code) + note.slice(at + 1);
      expect([at, (await verifyNote(other, [signer.key])).status]).not.toEqual([at, "verified"]);
    }
  });
});

describe("a tlog-proof", () => {
  test("of ours carries its entry, and is verified", async () => {
    expect(await verifyProofFile(proof, [signer.key], undefined)).toMatchObject({
      status: "verified",
      format: "tlog-proof@v1",
      origin: ORIGIN,
      size: sample.size,
      entries: 1,
      findings: [],
    });
  });

  test("of another log is verified with the entry, unproven without", async () => {
    const trusted = [foreignSigner.key];
    const leaf = leafHash(foreignEntry);
    expect(await verifyProofFile(foreignProof, trusted, leaf)).toMatchObject({
      status: "verified",
      origin: FOREIGN,
      size: 300,
    });
    const without = await verifyProofFile(foreignProof, trusted, undefined);
    expect(without).toMatchObject({ status: "unproven", entries: 0, findings: [] });
  });

  test("without a key is unproven", async () => {
    expect(await verifyProofFile(proof, [], undefined)).toMatchObject({
      status: "unproven",
      unproven: [NO_KEY],
    });
  });

  test("by another key, or of another entry, is tampered and says where", async () => {
    expect(faultsOf(await verifyProofFile(proof, [stranger.key], undefined))).toEqual([
      "null signature_invalid",
    ]);
    const wrong = leafHash(utf8("another entry"));
    expect(faultsOf(await verifyProofFile(proof, [signer.key], wrong))).toEqual([
      "3 root_mismatch",
    ]);
    expect(faultsOf(await verifyProofFile(foreignProof, [foreignSigner.key], wrong))).toEqual([
      "123 root_mismatch",
    ]);
  });

  test("with another index, a hash less or another entry's extra is tampered", async () => {
    const lines = proof.split("\n");
    const other = sample.ledger.store.rows()[4]?.header ?? "";
    for (const change of [
      proof.replace("index 3", "index 2"),
      lines.filter((_, i) => i !== 3).join("\n"),
      proof.replace(/^extra .*$/m, `extra ${Buffer.from(other).toString("base64")}`),
    ]) {
      expect(change).not.toBe(proof);
      expect(faultsOf(await verifyProofFile(change, [signer.key], undefined))[0]).toMatch(
        /^\d root_mismatch$/,
      );
    }
  });

  test.for([
    ["of version 2", (text: string) => text.replace("@v1", "@v2")],
    ["cut in its proof", (text: string) => text.slice(0, 120)],
    ["without a checkpoint", (text: string) => `${text.split("\n\n")[0]}\n\nnone\n`],
    ["with an index that is none", (text: string) => text.replace("index 3", "index 03")],
  ] as const)("%s is unproven", async ([, change]) => {
    const { status, findings } = await verifyProofFile(change(proof), [signer.key], undefined);
    expect([status, findings]).toEqual(["unproven", []]);
  });
});
