/**
 * An evidence bundle proves each entry about a decision by itself, to somebody who has a key and
 * nothing else (DESIGN §5), and says what it cannot prove.
 */
import { beforeAll, expect, test } from "vitest";
import { canonicalize } from "../../../src/ledger/canonical-json.ts";
import { provenEntryLine } from "../../../src/ledger/entry-line.ts";
import { formatVerifierKey } from "../../../src/ledger/note.ts";
import { proveInclusion } from "../../../src/ledger/proof.ts";
import { NO_KEY } from "../../../src/ledger/verdict.ts";
import { verifyEvidence } from "../../../src/ledger/verify-evidence.ts";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";
import {
  appended,
  evidenceText,
  faultsOf,
  sampleLedger,
  type Sample,
} from "../../support/proof-files.ts";
import { decisions, ORIGIN, signer, synchronousSigner } from "../../support/test-ledger.ts";

let sample: Sample;
/** Of the story: recorded, flagged, corrected, replayed, and its two erasures. */
let bundle: string;
const stranger = await synchronousSigner(ORIGIN, 99);

beforeAll(async () => {
  sample = await sampleLedger();
  bundle = await evidenceText(sample.ledger, sample.story.id);
});

interface Bundle extends JsonObject {
  checkpoint: string;
  entries: JsonObject[];
  origin: string;
  verifier_keys: string[];
}

function parsed(text = bundle): Bundle {
  const value: Bundle = JSON.parse(text);
  return value;
}

/** The bundle, changed and written canonically again, as a forger would. */
function changed(change: (bundle: Bundle) => unknown): string {
  const value = parsed();
  change(value);
  const text = canonicalize(value);
  expect(text).not.toBe(bundle);
  return text;
}

function verify(text: string, trusted = [signer.key]) {
  return verifyEvidence(text, trusted);
}

/** Any entry of the ledger, rightly proven. */
async function proven(index: number): Promise<JsonObject> {
  const row = sample.ledger.store.rows()[index];
  if (row === undefined) throw new Error(`no row ${index}`);
  const proof = await proveInclusion(index, sample.size, sample.ledger.store);
  const entry: JsonObject = JSON.parse(provenEntryLine(row, proof));
  return entry;
}

function contentOf(entry: JsonObject | undefined): JsonObject {
  const content = entry?.["content"];
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw new Error();
  return content;
}

test("an untouched bundle is verified and says what it cannot show", async () => {
  expect(await verify(bundle)).toEqual({
    status: "verified",
    format: "loopgrid-evidence/1",
    origin: ORIGIN,
    size: sample.size,
    rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    entries: 6,
    erased: 4,
    findings: [],
    unproven: [],
    limits: [expect.stringContaining("not that there are no others"), expect.any(String)],
  });
});

test("a bundle of every decision is verified, at whatever size the ledger is", async () => {
  for (const count of [0, 1, 240, 1, 1, 1, 255]) {
    if (count > 0) await appended(sample.ledger, decisions(sample.ledger.random, { count }));
    for (const { id } of [sample.story, sample.other]) {
      const verdict = await verify(await evidenceText(sample.ledger, id));
      expect(verdict).toMatchObject({ status: "verified", findings: [], unproven: [] });
    }
  }
  sample = await sampleLedger();
});

test("without a key it is unproven, with another one tampered", async () => {
  expect(await verify(bundle, [])).toMatchObject({ status: "unproven", unproven: [NO_KEY] });
  expect(faultsOf(await verify(bundle, [stranger.key]))).toEqual(["null signature_invalid"]);
  const vouched = changed((b) => (b.verifier_keys = [formatVerifierKey(stranger.key)]));
  for (const trusted of [[], [signer.key], [stranger.key]])
    expect((await verify(vouched, trusted)).status).toBe("tampered");
});

test("of a ledger signed by another key it verifies by that key only", async () => {
  const forged = await sampleLedger(2);
  forged.ledger.keys = async () => ({ signer: stranger, others: [signer] });
  forged.ledger.evict();
  await appended(forged.ledger, decisions(forged.ledger.random)); // changes the key
  await appended(forged.ledger, decisions(forged.ledger.random));
  const keys = [stranger.key, signer.key];
  const text = await evidenceText(forged.ledger, forged.story.id, { keys });
  expect((await verify(text, [stranger.key])).status).toBe("verified");
  expect((await verify(text)).status).toBe("tampered");
});

test("cut anywhere it is unreadable, which is no proof of anything", async () => {
  for (let length = 0; length < bundle.length; length += 97) {
    const { status, findings } = await verify(bundle.slice(0, length));
    expect([status, findings]).toEqual(["unproven", []]);
  }
});

test("an entry of another decision does not belong, though it is in the ledger", async () => {
  for (const index of [sample.other.index, 5, 8]) {
    const foreign = await proven(index);
    const text = changed((b) => {
      b.entries.push(foreign);
      b.entries.sort((x, y) => Number(x["index"]) - Number(y["index"]));
    });
    expect(faultsOf(await verify(text))).toEqual([`${index} content_mismatch`]);
  }
});

test("an erasure of another decision does not belong either", async () => {
  const text = await evidenceText(sample.ledger, sample.other.id);
  const erasure = await proven(sample.erased.index);
  const value = parsed(text);
  value.entries.push(erasure);
  expect(faultsOf(await verify(canonicalize(value)))).toEqual([
    `${sample.erased.index} content_mismatch`,
  ]);
});

test("without the recording it is no evidence of a decision", async () => {
  const text = changed((b) => b.entries.shift());
  expect(faultsOf(await verify(text))).toContain(`${sample.flagged.index} content_mismatch`);
  const only = changed((b) => (b.entries = b.entries.slice(1, 2)));
  expect((await verify(only)).status).toBe("tampered");
  expect((await verify(changed((b) => (b.entries = [])))).status).toBe("tampered");
});

test("without the erasure an absent field is unproven, and named", async () => {
  const text = changed((b) => b.entries.pop());
  expect(await verify(text)).toMatchObject({
    status: "unproven",
    findings: [],
    unproven: ["entry 2: reason, request absent, and no erasure in the file explains it"],
    erased: 2,
  });
});

test("with a field dropped it is unproven, erasures' own notes included", async () => {
  for (const [at, field] of [
    [0, "output"],
    [2, "corrected_by"],
    [4, "note"],
    [5, "note"],
  ] as const) {
    const text = changed((b) => delete contentOf(b.entries[at])[field]);
    const { status, unproven } = await verify(text);
    const index = Number(parsed().entries[at]?.["index"]);
    expect([status, ...unproven]).toEqual([
      "unproven",
      `entry ${index}: ${field} absent, and no erasure in the file explains it`,
    ]);
  }
});

test("an entry left out in the middle is not seen: that is the limit it states", async () => {
  const { status, limits } = await verify(changed((b) => b.entries.splice(2, 1)));
  expect(status).toBe("verified");
  expect(limits.join()).toContain("not that there are no others");
});

const CHANGES: readonly (readonly [string, (b: Bundle) => unknown, string])[] = [
  ["an entry twice", (b: Bundle) => b.entries.splice(1, 0, b.entries[1] ?? {}), "2 content"],
  ["two entries swapped", (b: Bundle) => (b.entries = b.entries.toReversed()), "content_mismatch"],
  ["an index moved", (b: Bundle) => ((b.entries[1] ?? {})["index"] = 1), "1 index_gap"],
  ["a proof of another entry", (b: Bundle) => moveProof(b), "0 root_mismatch"],
  ["a proof cut short", (b: Bundle) => list(b.entries[0]?.["proof"]).pop(), "0 root_mismatch"],
  ["a proof too long", (b: Bundle) => lengthen(b), "0 root_mismatch"],
  ["a value changed", (b: Bundle) => changeValue(b), "0 content_mismatch"],
  ["a chain hash of another", (b: Bundle) => changeHash(b), "0 chain_broken"],
  ["another origin", (b: Bundle) => (b.origin = "loopgrid.local/other"), "signature_invalid"],
  ["an older checkpoint", (b: Bundle) => (b.checkpoint = noteOf(5)), "root_mismatch"],
  ["a note that is none", (b: Bundle) => (b.checkpoint = "x"), "signature_invalid"],
  ["an unknown member", (b: Bundle) => (b["zzz"] = 1), "content_mismatch"],
  ["an unknown member of an entry", (b: Bundle) => ((b.entries[0] ?? {})["zzz"] = 1), "content_"],
];

test.for(CHANGES)("%s is tampered with, and located", async ([, change, fault]) => {
  const { status, findings } = await verify(changed(change));
  expect(status).toBe("tampered");
  expect(findings.map((finding) => `${finding.index} ${finding.fault}`).join()).toContain(fault);
});

test("spelled otherwise it is tampered with", async () => {
  for (const text of [
    JSON.stringify(parsed(), null, 1),
    ` ${bundle}`,
    `${bundle} `,
    bundle.replace('"format"', String.raw`"\u0066ormat"`),
    bundle.replace('"format":', '"format":"","format":'),
  ])
    expect((await verify(text)).status).toBe("tampered");
});

test("its own keys and an honest one pinned beside a stranger's", async () => {
  expect((await verify(bundle, [stranger.key, signer.key])).status).toBe("verified");
});

function list(value: JsonValue | undefined): JsonValue[] {
  if (!Array.isArray(value)) throw new Error("no list");
  return value;
}

function moveProof(b: Bundle): void {
  const [first, second] = b.entries;
  if (first && second) first["proof"] = second["proof"] ?? null;
}

function lengthen(b: Bundle): void {
  list(b.entries[0]?.["proof"]).push("00".repeat(32));
}

function changeValue(b: Bundle): void {
  contentOf(b.entries[0])["output"] = {
    salt: "00".repeat(32),
    value: { response: "another answer" },
  };
}

function changeHash(b: Bundle): void {
  const [first, second] = b.entries;
  if (first && second) first["chain_hash"] = second["chain_hash"] ?? null;
}

function noteOf(size: number): string {
  return sample.ledger.store.tables.checkpoints.get(size)?.note ?? "";
}
