import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64, toHex, utf8 } from "../../../src/lib/bytes.ts";
import {
  formatNote,
  formatVerifierKey,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKeyOf,
  type NoteSignature,
} from "../../../src/ledger/note.ts";
import { testSigner } from "../../support/note-signer.ts";
import { flipBit, sha256Of } from "../../support/reference-tree.ts";

const TEXT = "One line.\n\nAfter an empty one.\n";
const alice = await testSigner("alice.example/log", 1);
const bob = await testSigner("bob.example", 2);
const witness = await testSigner("witness.example", 3);
const note = await signNote(TEXT, [alice, bob]);

function signature(overrides: Partial<NoteSignature> = {}): NoteSignature {
  return { name: "a", keyId: "00000000", signature: new Uint8Array(64), ...overrides };
}

/** The signatures of a note, which must be one. */
function signaturesOf(text: string): readonly NoteSignature[] {
  return parseNote(text)?.signatures ?? [];
}

describe("verifier keys", () => {
  const SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

  test("are read and written alike", () => {
    const key = parseVerifierKey(SPEC_KEY);
    expect(key).toMatchObject({ name: "example.com/foo", keyId: "530d903a", type: 0x01 });
    expect(key && formatVerifierKey(key)).toBe(SPEC_KEY);
    const cosigner = formatVerifierKey(witness.cosignerKey);
    expect(parseVerifierKey(cosigner)).toEqual(witness.cosignerKey);
    expect(witness.cosignerKey.keyId).not.toBe(witness.key.keyId);
  });

  test("every shortened or changed one is refused", () => {
    const positions = [...Array(SPEC_KEY.length + 1).keys()];
    const shortened = positions.flatMap((to) =>
      positions.slice(0, to).map((from) => SPEC_KEY.slice(from, to)),
    );
    const changed = positions.flatMap((at) =>
      ["+", " ", "A", "f", "F", "\n", "=", "é"].map(
        (other) => SPEC_KEY.slice(0, at) + other + SPEC_KEY.slice(at + 1),
      ),
    );
    const accepted = [...shortened, ...changed].filter(
      (text) => parseVerifierKey(text) !== undefined,
    );
    expect(new Set(accepted)).toEqual(new Set([SPEC_KEY]));
    expect(parseVerifierKey(`${SPEC_KEY}\n`)).toBeUndefined();
    expect(parseVerifierKey(SPEC_KEY.replace("530d903a", "530D903A"))).toBeUndefined();
  });

  test.each([0x00, 0x02, 0x05, 0x06, 0xff])(
    "of type %i is not supported, though its id fits",
    (type) => {
      const octets = Uint8Array.of(type, ...alice.publicKey);
      const id = toHex(sha256Of(utf8("alice\n"), octets).slice(0, 4));
      const foreign = `alice+${id}+${toBase64(octets)}`;
      expect(parseVerifierKey(foreign)).toBeUndefined();
    },
  );

  test("a bad name or key is our mistake and does not pass", () => {
    expect(() => verifierKeyOf("", alice.publicKey)).toThrow("Assertion failed");
    expect(() => verifierKeyOf("two words", alice.publicKey)).toThrow("Assertion failed");
    expect(() => verifierKeyOf("a+b", alice.publicKey)).toThrow("Assertion failed");
    expect(() => verifierKeyOf("a", alice.publicKey.slice(1))).toThrow("Assertion failed");
  });
});

describe("the note format", () => {
  test("the text ends at the last empty line", () => {
    expect(parseNote(note)).toMatchObject({
      text: TEXT,
      signatures: [
        { name: alice.name, keyId: alice.key.keyId },
        { name: bob.name, keyId: bob.key.keyId },
      ],
    });
    expect(formatNote(TEXT, signaturesOf(note))).toBe(note);
  });

  test("whatever is written is read back as it was", () => {
    const names = fc.stringMatching(/^[a-z0-9./:é–-]{1,20}$/);
    const octets = fc.uint8Array({ minLength: 1, maxLength: 100 });
    const ids = fc.stringMatching(/^[0-9a-f]{8}$/);
    const signatures = fc.record({ name: names, keyId: ids, signature: octets });
    const lines = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 });
    const texts = lines.map((list) => list.map((line) => `${line}\n`).join(""));
    fc.assert(
      fc.property(texts, fc.array(signatures, { minLength: 1, maxLength: 5 }), (text, list) => {
        expect(parseNote(formatNote(text, list))).toEqual({ text, signatures: list });
      }),
    );
  });

  const line = "— a AAAAAAA=\n";
  test.each([
    ["nothing", ""],
    ["a text alone", "text\n"],
    ["no signature", "text\n\n"],
    ["no empty line", `text\n${line}`],
    ["no final newline", `text\n\n${line.slice(0, -1)}`],
    ["an empty line at the end", `text\n\n${line}\n`],
    ["a line that is not a signature", `text\n\n${line}more\n`],
    ["a carriage return", `text\r\n\n${line}`],
    ["a tab", `te\txt\n\n${line}`],
    ["a NUL", `text\0\n\n${line}`],
    ["a lone surrogate", `te\ud800xt\n\n${line}`],
    ["a hyphen for the em dash", "text\n\n- a AAAAAAA=\n"],
    ["two spaces", "text\n\n—  a AAAAAAA=\n"],
    ["a space at the end", "text\n\n— a AAAAAAA= \n"],
    ["no name", "text\n\n—  AAAAAAA=\n"],
    ["no signature octets", "text\n\n— a \n"],
    ["only a key id", "text\n\n— a AAAAAA==\n"],
    ["a plus in the name", "text\n\n— a+b AAAAAAA=\n"],
    ["a no-break space in the name", "text\n\n— a\u00a0b AAAAAAA=\n"],
    ["a next-line character in the name", "text\n\n— a\u0085b AAAAAAA=\n"],
    ["an ideographic space in the name", "text\n\n— a\u3000b AAAAAAA=\n"],
    ["base64 without padding", "text\n\n— a AAAAAAA\n"],
    ["base64 with stray bits", "text\n\n— a AAAAAAB=\n"],
    ["base64 of the URL kind", "text\n\n— a AAAAAA_=\n"],
  ])("%s is refused", async (_, text) => {
    expect(parseNote(text)).toBeUndefined();
    expect(await openNote(text, [alice.key])).toEqual({ ok: false, reason: "note_malformed" });
  });

  test("100 signatures are read, 101 are not", () => {
    expect(signaturesOf(`text\n\n${line.repeat(100)}`)).toHaveLength(100);
    expect(parseNote(`text\n\n${line.repeat(101)}`)).toBeUndefined();
  });

  test("what a note cannot carry is our mistake and is not written", () => {
    expect(() => formatNote("no newline", [signature()])).toThrow("Assertion failed");
    expect(() => formatNote("a tab\t\n", [signature()])).toThrow("Assertion failed");
    expect(() => formatNote("text\n", [])).toThrow("Assertion failed");
    expect(() => formatNote("text\n", [signature({ name: "a b" })])).toThrow("Assertion failed");
    expect(() => formatNote("text\n", [signature({ name: "a AAAAAAA=\n— b" })])).toThrow(
      "Assertion failed",
    );
    expect(() => formatNote("text\n", [signature({ keyId: "0000000" })])).toThrow(
      "Assertion failed",
    );
    expect(() => formatNote("text\n", [signature({ keyId: "0000000000" })])).toThrow(
      "Assertion failed",
    );
    expect(() => formatNote("text\n", [signature({ signature: new Uint8Array() })])).toThrow(
      "Assertion failed",
    );
  });
});

describe("opening a note", () => {
  test("known keys are verified, others set aside", async () => {
    expect(await openNote(note, [bob.key, witness.key])).toEqual({
      ok: true,
      text: TEXT,
      verified: [{ key: bob.key }],
      unverified: [expect.objectContaining({ name: alice.name })],
    });
    expect(await openNote(note, [alice.key, bob.key])).toMatchObject({ ok: true, unverified: [] });
  });

  test("a note that no known key signed is refused", async () => {
    const missing = { ok: false, reason: "signature_missing" };
    expect(await openNote(note, [])).toEqual(missing);
    expect(await openNote(note, [witness.key])).toEqual(missing);
    // The same name with another key, and the same key under another name, are other signers.
    expect(await openNote(note, [(await testSigner(alice.name, 9)).key])).toEqual(missing);
    expect(await openNote(note, [(await testSigner("mallory.example", 1)).key])).toEqual(missing);
  });

  test("one failing signature of a known key refuses the note, though another holds", async () => {
    const [first, second] = signaturesOf(note);
    if (first === undefined || second === undefined) throw new Error("two signatures were made");
    for (const bit of [0, 255, 256, 511]) {
      const forged = formatNote(TEXT, [
        first,
        { ...second, signature: flipBit(second.signature, bit) },
      ]);
      expect(await openNote(forged, [alice.key, bob.key])).toEqual({
        ok: false,
        reason: "signature_invalid",
        name: bob.name,
        keyId: bob.key.keyId,
      });
    }
    const repeated = formatNote(TEXT, [
      first,
      { ...first, signature: flipBit(first.signature, 3) },
    ]);
    expect(await openNote(repeated, [alice.key])).toMatchObject({ reason: "signature_invalid" });
  });

  test("any change of the text breaks the signature", async () => {
    for (let i = 0; i < TEXT.length; i++) {
      const changed = `${TEXT.slice(0, i)}X${TEXT.slice(i + 1)}`;
      expect(await openNote(note.replace(TEXT, changed), [alice.key])).toMatchObject({ ok: false });
    }
    expect(await openNote(`More.\n${note}`, [alice.key])).toMatchObject({ ok: false });
  });

  test("a signature that is cut or has something after it does not hold", async () => {
    const [first = signature()] = signaturesOf(note);
    for (const octets of [first.signature.slice(1), new Uint8Array([...first.signature, 0])]) {
      const changed = formatNote(TEXT, [{ ...first, signature: octets }]);
      expect(await openNote(changed, [alice.key])).toMatchObject({ reason: "signature_invalid" });
    }
  });

  test("two trusted keys of one name and id are refused as ambiguous", async () => {
    const other = { ...bob.key, name: alice.name, keyId: alice.key.keyId };
    const ambiguous = { ok: false, reason: "key_ambiguous", name: alice.name };
    expect(await openNote(note, [alice.key, other])).toMatchObject(ambiguous);
    expect(await openNote(note, [alice.key, alice.key])).toMatchObject(ambiguous);
  });

  test("a signer counts once, however often it signed", async () => {
    const [first = signature()] = signaturesOf(note);
    const stranger = signature();
    const repeated = formatNote(TEXT, [first, first, stranger, stranger]);
    expect(await openNote(repeated, [alice.key])).toMatchObject({
      verified: [{ key: alice.key }],
      unverified: [stranger],
    });
  });
});

describe("cosignatures", () => {
  test("verify and tell when the witness saw the text", async () => {
    const cosigned = formatNote(TEXT, [
      ...signaturesOf(note),
      await witness.cosign(TEXT, 1_767_139_200),
    ]);
    const opened = await openNote(cosigned, [alice.key, witness.cosignerKey]);
    expect(opened).toMatchObject({
      verified: [{ key: alice.key }, { key: witness.cosignerKey, timestamp: 1_767_139_200 }],
    });
  });

  test("no bit can be changed, the time's included", async () => {
    const cosignature = await witness.cosign(TEXT, 1_767_139_200);
    for (let octet = 0; octet < 72; octet++) {
      const changed = { ...cosignature, signature: flipBit(cosignature.signature, octet * 8) };
      const opened = await openNote(formatNote(TEXT, [changed]), [witness.cosignerKey]);
      expect(opened).toMatchObject({ ok: false, reason: "signature_invalid" });
    }
  });

  test("one too short for its time, or of a time past 2^53, does not hold", async () => {
    const short = { ...(await witness.cosign(TEXT, 1)), signature: new Uint8Array(7) };
    const late = await witness.cosign(TEXT, 2n ** 53n);
    for (const cosignature of [short, late]) {
      const opened = await openNote(formatNote(TEXT, [cosignature]), [witness.cosignerKey]);
      expect(opened).toMatchObject({ ok: false, reason: "signature_invalid" });
    }
  });

  test("a note signature cannot pass for a cosignature, nor the other way round", async () => {
    const [plain = signature()] = signaturesOf(await signNote(TEXT, [witness]));
    const cosignature = await witness.cosign(TEXT, 1);
    const disguised = [
      { ...plain, keyId: witness.cosignerKey.keyId },
      { ...cosignature, keyId: witness.key.keyId },
    ];
    for (const line of disguised) {
      const opened = await openNote(formatNote(TEXT, [line]), [witness.key, witness.cosignerKey]);
      expect(opened).toMatchObject({ ok: false, reason: "signature_invalid" });
    }
  });
});
