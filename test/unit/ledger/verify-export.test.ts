/**
 * A ledger export proves itself to somebody who has a key and nothing else (DESIGN §5): what is whole
 * is verified, what is missing a piece is unproven, what contradicts itself is tampered with, and
 * where. Files are made by the code that serves them; then one thing is changed.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { canonicalize } from "../../../src/ledger/canonical-json.ts";
import { provenEntryLine } from "../../../src/ledger/entry-line.ts";
import { formatVerifierKey } from "../../../src/ledger/note.ts";
import { proveInclusion } from "../../../src/ledger/proof.ts";
import { NO_KEY } from "../../../src/ledger/verdict.ts";
import { ExportVerifier } from "../../../src/ledger/verify-export.ts";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";
import {
  appended,
  erasure,
  exportText,
  faultsOf,
  linesOf,
  sampleLedger,
  verifyExport,
  type Sample,
} from "../../support/proof-files.ts";
import {
  decisions,
  ORIGIN,
  signer,
  synchronousSigner,
  TestLedger,
} from "../../support/test-ledger.ts";

let sample: Sample;
let whole: string;
/** [1, 6): an edge, a consistency proof, and a later erasure of the flag. */
let range: string;
/** Another history of the same ledger, of the same length: other ids, salts and times. */
let otherHistory: string;
/** Somebody else's ledger under another name. */
let foreign: string;
const stranger = await synchronousSigner(ORIGIN, 99);
const elsewhere = await synchronousSigner("example.org/main", 7);

beforeAll(async () => {
  sample = await sampleLedger();
  whole = await exportText(sample.ledger);
  range = await exportText(sample.ledger, { from: 1, to: 6 });
  otherHistory = await exportText((await sampleLedger(2)).ledger);
  const other = new TestLedger(3);
  other.ledger = "other";
  other.origin = "loopgrid.local/other";
  const key = await synchronousSigner(other.origin, 7);
  other.keys = async () => ({ signer: key, others: [] });
  other.evict();
  for (let i = 0; i < 11; i++) await appended(other, decisions(other.random));
  foreign = await exportText(other, {}, { keys: [key.key] });
});

function withLines(text: string, change: (lines: string[]) => void): string {
  const lines = linesOf(text);
  change(lines);
  const changed = lines.map((line) => `${line}\n`).join("");
  expect(changed).not.toBe(text);
  return changed;
}

/** One line as JSON, changed and written canonically again, as a forger would. */
function withLine(text: string, at: number, change: (line: JsonObject) => void): string {
  return withLines(text, (lines) => {
    const line: JsonObject = JSON.parse(lines.at(at) ?? "");
    change(line);
    lines[at < 0 ? lines.length + at : at] = canonicalize(line);
  });
}

function list(value: JsonValue | undefined): JsonValue[] {
  if (!Array.isArray(value)) throw new Error("no list");
  return value;
}

function object(value: JsonValue | undefined): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("none");
  return value;
}

function flippedHex(value: JsonValue | undefined): string {
  const hex = typeof value === "string" ? value : "";
  return `${hex.startsWith("0") ? "1" : "0"}${hex.slice(1)}`;
}

describe("an untouched export", () => {
  test("is verified: its entries, its signed tree and its erasures are counted", async () => {
    expect(await verifyExport(whole)).toEqual({
      status: "verified",
      format: "loopgrid-ledger/1",
      origin: ORIGIN,
      size: 11,
      rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: 11,
      erased: 4,
      findings: [],
      unproven: [],
      limits: ["It shows what was recorded, not that it was true when it was recorded."],
    });
  });

  test("is verified in every range, with the erasures of that range, and says what it leaves out", async () => {
    const gone = [sample.story.index, sample.flagged.index];
    for (let from = 0; from < sample.size; from++) {
      for (let to = from + 1; to <= sample.size; to++) {
        const verdict = await verifyExport(await exportText(sample.ledger, { from, to }));
        const erased = 2 * gone.filter((index) => from <= index && index < to).length;
        expect(verdict).toMatchObject({
          status: "verified",
          entries: to - from,
          erased,
          size: sample.size,
          findings: [],
          unproven: [],
        });
        expect(verdict.limits.length).toBe(from === 0 ? 1 : 2);
      }
    }
  });

  test("is verified in ranges that begin and end beside the boundaries of tiles", async () => {
    const ledger = new TestLedger(4);
    await appended(ledger, decisions(ledger.random, { count: 255 }));
    for (let i = 0; i < 3; i++) await appended(ledger, decisions(ledger.random));
    await appended(ledger, decisions(ledger.random, { count: 260 }));
    const edges = [0, 1, 128, 255, 256, 257, 258, 511, 512, 513, 518];
    for (const from of edges) {
      for (const to of edges.filter((to) => to > from)) {
        const verdict = await verifyExport(await exportText(ledger, { from, to }));
        expect([from, to, verdict.status, verdict.entries]).toEqual([
          from,
          to,
          "verified",
          to - from,
        ]);
      }
    }
  }, 30_000);

  test("is verified while it was erased in the middle of being written", async () => {
    const { ledger, other } = await sampleLedger(5);
    const before = await exportText(ledger);
    const to = sample.size;
    await appended(ledger, erasure(ledger, other.id, [{ index: other.index, fields: ["output"] }]));
    const after = await exportText(ledger, { to });
    // The content was read before the erasure landed, the closing line after.
    const mixed = [...linesOf(before).slice(0, -1), linesOf(after).at(-1) ?? ""].join("\n");
    expect(await verifyExport(mixed)).toMatchObject({ status: "verified", erased: 4 });
    expect(await verifyExport(after)).toMatchObject({ status: "verified", erased: 5 });
  });

  test("is verified without its last line feed: nothing of it is missing", async () => {
    expect((await verifyExport(whole.slice(0, -1))).status).toBe("verified");
  });

  test("by a pinned key among others is verified, also after the ledger came back to an old key", async () => {
    const ledger = new TestLedger(6);
    const [first, second] = [signer, await synchronousSigner(ORIGIN, 8)];
    await appended(ledger, decisions(ledger.random));
    for (const [newest, others] of [
      [second, [first]],
      [first, [first, second]],
    ] as const) {
      ledger.keys = async () => ({ signer: newest, others: [...others] });
      ledger.evict();
      await appended(ledger, decisions(ledger.random));
    }
    const { keys } = await ledger.sequencer.status();
    expect(keys.map(({ key }) => key)).toEqual([first, second, first].map(keyText));
    const named = [first.key, second.key, first.key];
    const text = await exportText(ledger, {}, { keys: named });
    for (const trusted of [[first.key], [first.key, stranger.key], [second.key]]) {
      expect(await verifyExport(text, trusted)).toMatchObject({
        status: "verified",
        findings: [],
      });
    }
  });
});

function keyText({ key }: { key: Parameters<typeof formatVerifierKey>[0] }): string {
  return formatVerifierKey(key);
}

describe("what only lacks something is unproven, never verified", () => {
  test("no key from outside the file", async () => {
    expect(await verifyExport(whole, [])).toMatchObject({
      status: "unproven",
      findings: [],
      unproven: [NO_KEY],
    });
  });

  test("the closing line, wherever the file was cut", async () => {
    const lines = linesOf(whole);
    for (let kept = 0; kept < lines.length; kept++) {
      const cut = lines.slice(0, kept).join("\n");
      const verdict = await verifyExport(cut);
      expect([kept, verdict.status, verdict.findings]).toEqual([kept, "unproven", []]);
      expect(verdict.unproven.join()).toMatch(/incomplete/);
    }
  });

  test("half a line at the end", async () => {
    const cut = whole.slice(0, -20);
    const { status, unproven } = await verifyExport(cut);
    expect([status, ...unproven]).toEqual([
      "unproven",
      expect.stringMatching(/line 13 is unreadable/),
      expect.stringMatching(/incomplete/),
    ]);
  });

  test("an absent field that no erasure explains, and says which", async () => {
    const without = withLine(whole, 2, ({ content }) => delete object(content)["output"]);
    expect(await verifyExport(without)).toMatchObject({
      status: "unproven",
      findings: [],
      unproven: ["entry 1: output absent, and no erasure in the file explains it"],
      erased: 4,
    });
  });

  test("the later erasures that a range needs", async () => {
    const without = withLine(range, -1, (end) => (end["erasures"] = []));
    expect(await verifyExport(without)).toMatchObject({
      status: "unproven",
      findings: [],
      unproven: [expect.stringMatching(/^entry 2: reason, request absent/)],
      erased: 0,
    });
  });

  test("what a later erasure says about itself", async () => {
    const without = withLine(range, -1, (end) => {
      const [erasure] = list(end["erasures"]);
      expect(Object.keys(object(object(erasure)["content"]))).toEqual(["note"]);
      object(erasure)["content"] = {};
    });
    expect(await verifyExport(without)).toMatchObject({
      status: "unproven",
      unproven: [
        `entry ${sample.erasedLater.index}: note absent, and no erasure in the file explains it`,
      ],
    });
  });
});

describe("what contradicts itself is tampered with, and where", () => {
  test("another key than the pinned one signed", async () => {
    const { status, findings } = await verifyExport(whole, [stranger.key]);
    expect(status).toBe("tampered");
    expect(findings.map(({ fault }) => fault)).toEqual(["signature_invalid"]);
    expect(findings[0]?.message).toContain(keyText(stranger));
  });

  test("the keys it names are not those that signed, pinned or not", async () => {
    const swapped = withLine(whole, 0, (start) => (start["verifier_keys"] = [keyText(stranger)]));
    for (const trusted of [[], [signer.key], [stranger.key]]) {
      const { status, findings } = await verifyExport(swapped, trusted);
      expect(status).toBe("tampered");
      expect(findings[0]?.fault).toBe("signature_invalid");
    }
  });

  test.for([
    ["of another origin beside its own", "verifier_keys", [keyText(signer), keyText(elsewhere)]],
    ["that are no keys", "verifier_keys", ["loopgrid.local/main+00000000+AA=="]],
    ["none", "verifier_keys", []],
  ] as const)("it names keys %s", async ([, member, value]) => {
    const changed = withLine(whole, 0, (start) => (start[member] = [...value]));
    expect(await verifyExport(changed)).toMatchObject({ status: "tampered" });
  });

  test("the whole ledger rewritten and signed with another key, consistent in itself", async () => {
    const rewritten = new TestLedger(7);
    rewritten.keys = async () => ({ signer: stranger, others: [] });
    for (let i = 0; i < 11; i++) await appended(rewritten, decisions(rewritten.random));
    const text = await exportText(rewritten, {}, { keys: [stranger.key] });
    expect((await verifyExport(text, [stranger.key])).status).toBe("verified");
    expect((await verifyExport(text, [])).status).toBe("unproven");
    expect(await verifyExport(text)).toMatchObject({ status: "tampered" });
  });

  test.for(Array.from({ length: 11 }, (_, i) => i))(
    "entry %i dropped, doubled, moved, or replaced by another history's",
    async (index) => {
      const at = index + 1;
      const stranger = linesOf(otherHistory)[at] ?? "";
      const swap = (lines: string[]) => {
        const other = at === 11 ? 10 : at + 1;
        [lines[at], lines[other]] = [lines[other] ?? "", lines[at] ?? ""];
      };
      const changes: readonly ((lines: string[]) => unknown)[] = [
        (lines) => lines.splice(at, 1),
        (lines) => lines.splice(at, 0, lines[at] ?? ""),
        swap,
        (lines) => (lines[at] = stranger),
        (lines) => lines.splice(at, 0, stranger),
      ];
      for (const change of changes) {
        const { status, findings } = await verifyExport(withLines(whole, change));
        expect(status).toBe("tampered");
        // The first finding is of this entry or of its neighbour, whose link is cut.
        expect(findings[0]?.index ?? index).toBeGreaterThanOrEqual(index - 1);
        expect(findings[0]?.index ?? index).toBeLessThanOrEqual(index + 1);
      }
    },
  );

  test("an entry that was dropped at the end shows as truncated", async () => {
    const text = withLines(whole, (lines) => lines.splice(-2, 1));
    expect(faultsOf(await verifyExport(text))).toEqual(["null truncated", "null root_mismatch"]);
  });

  test("and cannot be hidden by a smaller `to` and `count`", async () => {
    const text = withLine(
      withLine(
        withLines(whole, (lines) => lines.splice(-2, 1)),
        0,
        (start) => (start["to"] = 10),
      ),
      -1,
      (end) => (end["count"] = 10),
    );
    expect(faultsOf(await verifyExport(text))).toEqual(["null root_mismatch"]);
  });

  test("lines behind the closing line, of whatever kind", async () => {
    const entryLine = linesOf(whole)[1] ?? "";
    for (const line of [entryLine, linesOf(whole).at(-1) ?? "", "", "{}", "not JSON"]) {
      const verdict = await verifyExport(withLines(whole, (lines) => lines.push(line)));
      expect(faultsOf(verdict)).toEqual(["null content_mismatch"]);
      expect(verdict.findings[0]?.message).toContain("line 14");
    }
  });

  test("the closing line of an older export under newer entries", async () => {
    const { ledger } = await sampleLedger();
    const older = linesOf(await exportText(ledger)).at(-1) ?? "";
    await appended(ledger, decisions(ledger.random));
    const text = withLines(await exportText(ledger), (lines) => lines.splice(-1, 1, older));
    expect(faultsOf(await verifyExport(text))).toEqual(["null truncated", "null root_mismatch"]);
  });

  test.for([
    ["a hash changed", (proof: JsonValue[]) => (proof[0] = flippedHex(proof[0]))],
    ["a hash dropped", (proof: JsonValue[]) => proof.pop()],
    ["a hash doubled", (proof: JsonValue[]) => proof.push(proof[0] ?? "")],
    ["the first moved to the end", (proof: JsonValue[]) => proof.push(...proof.splice(0, 1))],
    ["nothing in it", (proof: JsonValue[]) => proof.splice(0)],
  ] as const)("a consistency proof with %s", async ([, change]) => {
    const text = withLine(range, -1, ({ proof }) => change(list(proof)));
    expect(faultsOf(await verifyExport(text))).toContain("null root_mismatch");
  });

  test("a consistency proof where none belongs", async () => {
    const text = withLine(whole, -1, ({ proof }) => list(proof).push("00".repeat(32)));
    expect(faultsOf(await verifyExport(text))).toEqual(["null root_mismatch"]);
  });

  test.for([
    ["a hash changed", (edge: JsonValue[]) => (edge[0] = flippedHex(edge[0]))],
    ["a hash too few", (edge: JsonValue[]) => edge.pop()],
    ["a hash too many", (edge: JsonValue[]) => edge.push(edge[0] ?? "")],
  ] as const)("an edge with %s", async ([, change]) => {
    const text = withLine(range, 0, ({ edge }) => change(list(edge)));
    expect(faultsOf(await verifyExport(text))).toContain("null root_mismatch");
  });

  test("a range that claims to be elsewhere", async () => {
    const text = withLine(range, 0, (start) => {
      start["from"] = 2;
      start["to"] = 7;
    });
    expect((await verifyExport(text)).findings[0]).toMatchObject({ index: 2, fault: "index_gap" });
  });

  test("a later erasure that is no erasure, not in the tree, or out of order", async () => {
    const change = (edit: (erasures: JsonValue[]) => unknown) =>
      verifyExport(withLine(range, -1, ({ erasures }) => edit(list(erasures))));
    const [erasure] = list(JSON.parse(linesOf(range).at(-1) ?? "")["erasures"]);
    const at = sample.erasedLater.index;
    const moved = await change((all) => (object(all[0])["index"] = at - 1));
    expect(faultsOf(moved)).toContain(`${at - 1} root_mismatch`);
    const forged = await change((all) => {
      const { proof } = object(all[0]);
      list(proof)[0] = flippedHex(list(proof)[0]);
    });
    expect(faultsOf(forged)).toEqual([`${at} root_mismatch`]);
    const twice = await change((all) => all.push(erasure ?? null));
    expect(faultsOf(twice)).toEqual([`${at} index_gap`]);
    const early = await change((all) => (object(all[0])["index"] = 3));
    expect(faultsOf(early)).toContain("3 index_gap");
    // An entry of the tree, rightly proven, that erases nothing.
    const impostor = await provenEntry(sample, 10);
    const noErasure = await change((all) => (all[0] = impostor));
    expect(faultsOf(noErasure)).toEqual(["10 content_mismatch"]);
    expect(noErasure.unproven).toEqual([expect.stringMatching(/^entry 2: reason/)]);
  });

  test("entries of another ledger, under its name or ours", async () => {
    const named = withLine(foreign, 0, (start) => {
      start["origin"] = ORIGIN;
      start["verifier_keys"] = [keyText(signer)];
    });
    const found = faultsOf(await verifyExport(named));
    expect(found).toContain("0 chain_broken");
    expect(found).toContain("null signature_invalid");
    const moved = withLines(whole, (lines) => (lines[1] = linesOf(foreign)[1] ?? ""));
    expect((await verifyExport(moved)).findings[0]).toMatchObject({
      index: 0,
      fault: "chain_broken",
      message: "the header belongs to ledger other, not main",
    });
    const closing = linesOf(foreign).at(-1) ?? "";
    const signed = withLines(whole, (lines) => lines.splice(-1, 1, closing));
    expect((await verifyExport(signed)).status).toBe("tampered");
    expect((await verifyExport(foreign)).findings).toMatchObject([{ fault: "signature_invalid" }]);
  });

  test("content: another value, another salt, a field nobody committed to", async () => {
    expect(
      await withContent(({ output }) => (object(output)["value"] = { response: "no" })),
    ).toEqual(["1 content_mismatch"]);
    expect(
      await withContent(({ input }) => (object(input)["salt"] = flippedHex(object(input)["salt"]))),
    ).toEqual(["1 content_mismatch"]);
    expect(await withContent((content) => (content["extra"] = content["input"] ?? null))).toEqual([
      "1 content_mismatch",
    ]);
    expect(
      await withContent((content) => {
        [content["input"], content["output"]] = [
          content["output"] ?? null,
          content["input"] ?? null,
        ];
      }),
    ).toEqual(["1 content_mismatch", "1 content_mismatch"]);
  });

  test("one character of a header, with its chain hash and everything after it made anew", async () => {
    const rewritten = new TestLedger();
    for (let i = 0; i < 3; i++) await appended(rewritten, decisions(rewritten.random));
    const honest = await exportText(rewritten);
    const forger = new TestLedger();
    for (let i = 0; i < 3; i++) {
      if (i === 1) forger.now -= 500; // half a second earlier than it was
      await appended(forger, decisions(forger.random));
    }
    const forged = withLines(await exportText(forger), (lines) => {
      lines.splice(-1, 1, linesOf(honest).at(-1) ?? "");
    });
    expect(faultsOf(await verifyExport(forged))).toEqual(["null root_mismatch"]);
  });

  test.for([
    ["spaces", (line: string) => line.replace('{"chain_hash":', '{ "chain_hash":')],
    ["a carriage return", (line: string) => `${line}\r`],
    ["members in another order", (line: string) => reordered(line)],
    ["a member twice", (line: string) => line.replace("{", '{"chain_hash":"",')],
    [
      "a needless escape",
      (line: string) => line.replace("recorded_at", String.raw`\u0072ecorded_at`),
    ],
    ["an unknown member", (line: string) => line.replace(/\}$/, ',"zzz":1}')],
    ["a member named __proto__", (line: string) => line.replace("{", '{"__proto__":1,')],
    ["a number spelled otherwise", (line: string) => line.replace('\\"v\\":1', '\\"v\\":1.0')],
    [
      "upper case in a hash",
      (line: string) =>
        line.replace(/(?<=")(?=\d*[a-f])[0-9a-f]{64}(?=")/, (hash) => hash.toUpperCase()),
    ],
  ] as const)("a line with %s", async ([, change]) => {
    for (const at of [0, 2, 12]) {
      const line = linesOf(whole)[at] ?? "";
      const changed = change(line);
      if (changed === line) continue; // not in this line
      const { status } = await verifyExport(withLines(whole, (lines) => (lines[at] = changed)));
      expect([at, status]).toEqual([at, "tampered"]);
    }
  });

  test("CRLF line ends", async () => {
    expect((await verifyExport(whole.replaceAll("\n", "\r\n"))).status).toBe("tampered");
  });
});

/** Faults of the whole export with entry 1's content changed. */
async function withContent(edit: (content: JsonObject) => unknown): Promise<string[]> {
  return faultsOf(await verifyExport(withLine(whole, 2, ({ content }) => edit(object(content)))));
}

describe("what stays bounded", () => {
  test("a file that is wrong in every line keeps a hundred findings, the first ones", async () => {
    const ledger = new TestLedger(8);
    await appended(ledger, decisions(ledger.random, { count: 300 }));
    const lines = linesOf(await exportText(ledger));
    const verifier = new ExportVerifier([signer.key]);
    for (const line of lines) verifier.line(line.replace('"v\\":1', '"v\\":2'));
    const { status, findings } = await verifier.finish();
    expect(status).toBe("tampered");
    expect(findings.length).toBe(100);
    expect(findings[0]?.index).toBe(0);
  });

  test("roots are remembered only at the sizes that were asked for", async () => {
    const verifier = new ExportVerifier([signer.key], [0, 3, 11, 12]);
    for (const line of linesOf(whole)) verifier.line(line);
    await verifier.finish();
    const known = Array.from({ length: 13 }, (_, size) => verifier.rootAt(size) !== undefined);
    expect(known.flatMap((is, size) => (is ? size : []))).toEqual([0, 3, 11]);
  });
});

function reordered(line: string): string {
  return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line)).toReversed()));
}

/** An entry with a right inclusion proof to the newest checkpoint, as `erasures` holds them. */
async function provenEntry({ ledger }: Sample, index: number): Promise<JsonObject> {
  const row = ledger.store.rows()[index];
  if (row === undefined) throw new Error(`no row ${index}`);
  const size = ledger.store.tables.head?.size ?? 0;
  const line: JsonObject = JSON.parse(
    provenEntryLine(row, await proveInclusion(index, size, ledger.store)),
  );
  return line;
}
