import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64 } from "../../../src/lib/bytes.ts";
import {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  type Checkpoint,
} from "../../../src/ledger/checkpoint.ts";
import { formatNote, signNote } from "../../../src/ledger/note.ts";
import { testSigner } from "../../support/note-signer.ts";

const ORIGIN = "loopgrid.local/main";
const ROOT = "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=";
const checkpoint: Checkpoint = {
  origin: ORIGIN,
  size: 41,
  rootHash: new Uint8Array(32).fill(5),
  extensions: [],
};
const text = formatCheckpoint(checkpoint);
const log = await testSigner(ORIGIN, 1);
const newKey = await testSigner(ORIGIN, 2);
const otherLog = await testSigner("loopgrid.local/other", 3);
const witness = await testSigner("witness.example", 4);

describe("the text of a checkpoint", () => {
  test("is origin, size and root hash, a line each", () => {
    expect(text).toBe(`${ORIGIN}\n41\n${toBase64(checkpoint.rootHash)}\n`);
  });

  test("whatever is written is read back as it was", () => {
    const lines = fc.stringMatching(/^[^\n]{1,20}$/);
    const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const origins = fc.record({
      origin: lines,
      size: fc.maxSafeNat(),
      rootHash: hashes,
      extensions: fc.array(lines, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(origins, (any) => {
        expect(parseCheckpoint(formatCheckpoint(any))).toEqual(any);
      }),
    );
  });

  test.each([
    ["nothing", ""],
    ["no origin", `\n1\n${ROOT}\n`],
    ["two lines", "o\n1\n"],
    ["no final newline", `o\n1\n${ROOT}`],
    ["an empty line after", `o\n1\n${ROOT}\n\n`],
    ["an empty extension", `o\n1\n${ROOT}\n\nx\n`],
    ["no size", `o\n\n${ROOT}\n`],
    ["a zero in front", `o\n01\n${ROOT}\n`],
    ["two zeros", `o\n00\n${ROOT}\n`],
    ["a plus", `o\n+1\n${ROOT}\n`],
    ["a minus", `o\n-1\n${ROOT}\n`],
    ["a fraction", `o\n1.0\n${ROOT}\n`],
    ["an exponent", `o\n1e3\n${ROOT}\n`],
    ["hex", `o\n0x10\n${ROOT}\n`],
    ["a space before the size", `o\n 1\n${ROOT}\n`],
    ["a carriage return", `o\n1\r\n${ROOT}\n`],
    ["digits of another script", `o\n١\n${ROOT}\n`],
    ["a size past 2^53", `o\n9007199254740992\n${ROOT}\n`],
    ["31 octets", `o\n1\n${toBase64(new Uint8Array(31))}\n`],
    ["33 octets", `o\n1\n${toBase64(new Uint8Array(33))}\n`],
    ["no padding", `o\n1\n${ROOT.slice(0, -1)}\n`],
    ["stray bits", `o\n1\n${ROOT.replace("b0=", "b1=")}\n`],
  ])("with %s is refused", (_, malformed) => {
    expect(parseCheckpoint(malformed)).toBeUndefined();
  });

  test("what a checkpoint cannot carry is our mistake and is not written", () => {
    expect(() => formatCheckpoint({ ...checkpoint, origin: "" })).toThrow("Assertion failed");
    expect(() => formatCheckpoint({ ...checkpoint, origin: "two\nlines" })).toThrow(
      "Assertion failed",
    );
    expect(() => formatCheckpoint({ ...checkpoint, origin: `o\n1\n${ROOT}` })).toThrow(
      "Assertion failed",
    );
    expect(() => formatCheckpoint({ ...checkpoint, size: -1 })).toThrow("Assertion failed");
    expect(() => formatCheckpoint({ ...checkpoint, size: 1e21 })).toThrow("Assertion failed");
    expect(() => formatCheckpoint({ ...checkpoint, rootHash: new Uint8Array(31) })).toThrow(
      "Assertion failed",
    );
    expect(() => formatCheckpoint({ ...checkpoint, extensions: [""] })).toThrow("Assertion failed");
    expect(() => formatCheckpoint({ ...checkpoint, extensions: ["two\nlines"] })).toThrow(
      "Assertion failed",
    );
  });
});

describe("opening a signed checkpoint", () => {
  test("the log's own key is enough", async () => {
    const note = await signNote(text, [log]);
    expect(await openCheckpoint(note, [log.key])).toEqual({
      ok: true,
      text,
      checkpoint,
      verified: [{ key: log.key }],
      unverified: [],
    });
  });

  test("during a rotation either key is enough, and both count", async () => {
    const note = await signNote(text, [log, newKey]);
    expect(await openCheckpoint(note, [log.key])).toMatchObject({ ok: true });
    expect(await openCheckpoint(note, [newKey.key])).toMatchObject({ ok: true });
    const both = { verified: [{ key: log.key }, { key: newKey.key }] };
    expect(await openCheckpoint(note, [newKey.key, log.key])).toMatchObject(both);
  });

  test("the key of another log cannot sign for this one", async () => {
    const note = await signNote(text, [otherLog]);
    const refused = { ok: false, reason: "origin_unsigned", origin: ORIGIN };
    expect(await openCheckpoint(note, [otherLog.key, log.key])).toEqual(refused);
  });

  test("a witness alone does not speak for the log, not even under its name", async () => {
    for (const cosigner of [witness, log]) {
      const note = formatNote(text, [await cosigner.cosign(text, 1)]);
      const opened = await openCheckpoint(note, [cosigner.cosignerKey]);
      expect(opened).toEqual({ ok: false, reason: "origin_unsigned", origin: ORIGIN });
    }
  });

  test("a signed text that is not a checkpoint is refused", async () => {
    const note = await signNote(`${ORIGIN}\n041\n${ROOT}\n`, [log]);
    const refused = { ok: false, reason: "checkpoint_malformed" };
    expect(await openCheckpoint(note, [log.key])).toEqual(refused);
  });

  test("what is wrong with the note is passed on", async () => {
    const note = await signNote(text, [log]);
    expect(await openCheckpoint(text, [log.key])).toMatchObject({ reason: "note_malformed" });
    expect(await openCheckpoint(note, [])).toMatchObject({ reason: "signature_missing" });
    const altered = note.replace("\n41\n", "\n42\n");
    expect(await openCheckpoint(altered, [log.key])).toMatchObject({ reason: "signature_invalid" });
  });
});
