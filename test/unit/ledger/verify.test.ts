import { beforeAll, describe, expect, test } from "vitest";
import type { EntryRow } from "../../../src/ledger/read.ts";
import { rootOfEdge } from "../../../src/ledger/merkle.ts";
import { EntryVerifier, startOfLedger, type CheckedRow } from "../../../src/ledger/verify.ts";
import { sha256Hex, sortedJson } from "../../support/audit-ledger.ts";
import { ReferenceTree, sha256Of } from "../../support/reference-tree.ts";
import { decisions, flag, TestLedger } from "../../support/test-ledger.ts";

/** Five entries, a second apart: a keyed decision, two decisions, a flag of the second, a decision. */
let rows: readonly EntryRow[];
beforeAll(async () => {
  const ledger = new TestLedger();
  const append = async (request: ReturnType<typeof decisions>): Promise<string> => {
    ledger.now += 1000;
    const told = await ledger.sequencer.append(request);
    return told.kind === "appended" ? (told.entries[0]?.id ?? "") : "";
  };
  await append(decisions(ledger.random, { key: "k" }));
  const decision = { metadata: { ticket: 7 }, prompt: {}, tool_calls: [] };
  const second = await append(decisions(ledger.random, { decision }));
  await append(decisions(ledger.random));
  await append(flag(ledger.random, second, "wrong tone"));
  await append(decisions(ledger.random));
  rows = ledger.store.rows();
});

/** What a pass over these rows finds: index and fault, in order; absent fields after the rest. */
function faultsIn(checked: readonly CheckedRow[], start = startOfLedger("main")): string[] {
  const verifier = new EntryVerifier(start);
  return checked.flatMap((row) => {
    const { findings, absent } = verifier.check(row);
    expect(findings.every(({ message }) => message.length > 0)).toBe(true);
    return [
      ...findings.map(({ index, fault }) => `${index} ${fault}`),
      ...absent.map((field) => `${row.index} absent ${field}`),
    ];
  });
}

function rootOf(checked: readonly CheckedRow[]): string {
  const verifier = new EntryVerifier(startOfLedger("main"));
  for (const row of checked) verifier.check(row);
  return rootSeen(verifier);
}

/** The root over everything a verifier has seen, in hex. */
function rootSeen({ edge }: EntryVerifier): string {
  return edge === undefined ? "none" : Buffer.from(rootOfEdge(edge)).toString("hex");
}

function at(index: number): EntryRow {
  const row = rows[index];
  if (row === undefined) throw new Error(`no row ${index}`);
  return row;
}

/** The rows with the one at `index` changed. */
function withRow(index: number, change: Partial<CheckedRow>): CheckedRow[] {
  return rows.map((row) => (row.index === index ? { ...row, ...change } : row));
}

/** The same with its content replaced, text for text. */
function withContent(index: number, pattern: string | RegExp, replacement: string): CheckedRow[] {
  const before = at(index).fields ?? "";
  const fields = before.replace(pattern, replacement);
  expect(fields).not.toBe(before);
  return withRow(index, { fields });
}

type Members = Record<string, unknown>;

function contentOf(index: number): Record<string, { salt: string; value: unknown }> {
  const content: Record<string, { salt: string; value: unknown }> = JSON.parse(
    at(index).fields ?? "{}",
  );
  return content;
}

function leftOut(header: Members, member: string): Members {
  return Object.fromEntries(Object.entries(header).filter(([key]) => key !== member));
}

/** A forger who owns the database: changes a header, then hashes and links everything anew. */
function relinked(
  index: number,
  change: (header: Members) => Members,
  write: (header: Members) => string = sortedJson,
): CheckedRow[] {
  let previous = "0".repeat(64);
  return rows.map((row) => {
    const parsed: Members = JSON.parse(row.header);
    const linked = { ...parsed, previous };
    const header = row.index === index ? write(change(linked)) : sortedJson(linked);
    previous = sha256Hex(`\0${header}`);
    return { ...row, header, chainHash: previous };
  });
}

describe("a ledger nobody touched", () => {
  test("has no finding, and its root is that of its headers", () => {
    expect(rows).toHaveLength(5);
    expect(faultsIn(rows)).toEqual([]);
    const leaves = rows.map(({ chainHash }) => new Uint8Array(Buffer.from(chainHash, "hex")));
    const root = Buffer.from(new ReferenceTree(leaves).root(0, 5)).toString("hex");
    expect(rootOf(rows)).toBe(root);
  });

  test("has none without content hashes either, as exports carry none", () => {
    expect(faultsIn(rows.map((row) => ({ ...row, contentHash: undefined })))).toEqual([]);
  });

  test("has none from the middle on, where something vouches for what comes before", () => {
    const verifier = new EntryVerifier(startOfLedger("main"));
    for (const row of rows.slice(0, 3)) verifier.check(row);
    const { edge, recordedAt, size } = verifier;
    const start = { ledger: "main", from: size, previous: at(2).chainHash, recordedAt, edge };
    expect(size).toBe(3);
    expect(faultsIn(rows.slice(3), start)).toEqual([]);
    expect(faultsIn(rows.slice(3), { ...start, previous: undefined })).toEqual([]);
    const other = { ...start, previous: at(1).chainHash };
    expect(faultsIn(rows.slice(3), other)).toEqual(["3 chain_broken"]);
    const later = { ...start, recordedAt: "2027-01-01T00:00:00.000Z" };
    expect(faultsIn(rows.slice(3), later)).toEqual(["3 time_reversed"]);
    const rest = new EntryVerifier(start);
    for (const row of rows.slice(3)) rest.check(row);
    expect(rootSeen(rest)).toBe(rootOf(rows));
  });

  test("rebuilt link by link is the same ledger, so that the probes below probe one thing", () => {
    expect(relinked(2, (header) => header)).toEqual(rows);
  });
});

describe("one octet of a header", () => {
  test("changed at any place is found at that entry", () => {
    const { header } = at(1);
    for (let place = 0; place < header.length; place++) {
      const other = header[place] === "0" ? "1" : "0";
      const changed = header.slice(0, place) + other + header.slice(place + 1);
      const faults = faultsIn(withRow(1, { header: changed }));
      expect(faults).toContain("1 chain_broken");
      expect(faults.filter((fault) => !/^1 |^2 time_reversed$/.test(fault))).toEqual([]);
    }
  });

  test("added or taken away anywhere is found at that entry", () => {
    const { header } = at(1);
    for (let place = 0; place <= header.length; place++) {
      const longer = `${header.slice(0, place)} ${header.slice(place)}`;
      expect(faultsIn(withRow(1, { header: longer }))).toContain("1 chain_broken");
      const shorter = header.slice(0, place) + header.slice(place + 1);
      if (place === header.length) continue;
      expect(faultsIn(withRow(1, { header: shorter }))).toContain("1 chain_broken");
    }
  });

  test("that leaves no header at all is one finding more, not an exception", () => {
    for (const header of ["", "null", "[]", "{", "{}", '"text"', "\ud800"]) {
      expect(faultsIn(withRow(1, { header }))).toEqual(["1 chain_broken", "1 chain_broken"]);
    }
  });
});

describe("a chain hash", () => {
  test("changed is found at its entry and at the one that links to it", () => {
    const faults = faultsIn(withRow(1, { chainHash: at(0).chainHash }));
    expect(faults).toEqual(["1 chain_broken", "2 chain_broken"]);
  });

  test("in upper case is not the same chain hash", () => {
    const faults = faultsIn(withRow(4, { chainHash: at(4).chainHash.toUpperCase() }));
    expect(faults).toEqual(["4 chain_broken"]);
  });

  test("hashed anew over a changed header leaves the link behind it open", () => {
    const header = at(1).header.replace('"anonymous"', '"key_other"');
    expect(header).not.toBe(at(1).header);
    const faults = faultsIn(withRow(1, { header, chainHash: sha256Hex(`\0${header}`) }));
    expect(faults).toEqual(["2 chain_broken"]);
  });

  test("of everything hashed anew leaves only the root to tell", () => {
    const forged = relinked(1, (header) => ({ ...header, actor: "key_other" }));
    expect(faultsIn(forged)).toEqual([]);
    expect(rootOf(forged)).not.toBe(rootOf(rows));
  });
});

describe("a header that hashes and links but says what it must not", () => {
  test.each<[string, (header: Members) => Members, string[]]>([
    ["another ledger", (header) => ({ ...header, ledger: "moved" }), ["2 chain_broken"]],
    ["another index", (header) => ({ ...header, index: 3 }), ["2 index_gap"]],
    ["version 2", (header) => ({ ...header, v: 2 }), ["2 chain_broken"]],
    ["a member more", (header) => ({ ...header, note: "" }), ["2 chain_broken"]],
    ["no facts", (header) => leftOut(header, "facts"), ["2 chain_broken"]],
    ["no commitments", (header) => leftOut(header, "commitments"), ["2 chain_broken"]],
    [
      "another previous",
      (header) => ({ ...header, previous: "ab".repeat(32) }),
      ["2 chain_broken"],
    ],
    [
      "an earlier time",
      (header) => ({ ...header, recorded_at: "2026-11-22T18:26:56.933Z" }),
      ["2 time_reversed"],
    ],
    [
      "a later time",
      (header) => ({ ...header, recorded_at: "2026-11-22T18:26:59.935Z" }),
      ["3 time_reversed"],
    ],
    [
      "a time in another zone",
      (header) => ({ ...header, recorded_at: "2026-11-22T19:26:58.934+01:00" }),
      ["2 chain_broken"],
    ],
    [
      "other facts than its content hash is over",
      (header) => ({ ...header, facts: { service_name: "other", decision_type: "reply" } }),
      ["2 content_mismatch"],
    ],
    [
      "no commitment to what is stored",
      (header) => ({ ...header, commitments: {} }),
      [...Array<string>(4).fill("2 content_mismatch")],
    ],
    [
      "a commitment to what is not stored",
      (header) => ({
        ...header,
        commitments: { ...Object(header["commitments"]), notes: "00".repeat(32) },
      }),
      ["2 absent notes"],
    ],
    [
      "a kind that has no content hash",
      (header) => ({ ...header, kind: "decision_imported" }),
      ["2 content_mismatch"],
    ],
  ])("%s is found", (_, change, faults) => {
    expect(faultsIn(relinked(2, change))).toEqual(faults);
  });

  test("a kind that is not known is no fault: a new one needs no migration", () => {
    const forged = relinked(3, (header) => ({ ...header, kind: "decision_admired" }));
    expect(faultsIn(forged)).toEqual([]);
  });

  test.each<[string, (header: Members) => string]>([
    ["a space", (header) => sortedJson(header).replace(",", ", ")],
    ["members in another order", (header) => JSON.stringify({ v: 1, ...header })],
    ["a number spelled otherwise", (header) => sortedJson(header).replace('"v":1', '"v":1.0')],
    ["an escape too many", (header) => sortedJson(header).replace("main", "\\u006dain")],
    ["a key twice", (header) => sortedJson(header).replace("{", '{"v":1,')],
  ])("and is spelled with %s is not in canonical form", (_, write) => {
    expect(faultsIn(relinked(2, (header) => header, write))).toEqual(["2 chain_broken"]);
  });
});

describe("content", () => {
  const MISMATCH = "1 content_mismatch";

  test.each<[string, string | RegExp, string, string[]]>([
    ["a changed salt", /"salt":"./, '"salt":"x', [MISMATCH]],
    ["another salt", /"salt":"../, '"salt":"00', [MISMATCH]],
    ["a changed value", "charged twice", "charged thrice", [MISMATCH, MISMATCH]],
    ["a space between members", ',"model"', ', "model"', [MISMATCH]],
    ["a space before the end", /\}$/, " }", [MISMATCH]],
    ["a line break after the end", /$/, "\n", [MISMATCH]],
    ["a number spelled otherwise", '"ticket":7', '"ticket":7.0', [MISMATCH]],
    ["an escape too many", "charged", "\\u0063harged", [MISMATCH]],
    ["half a character", "charged", "\\ud800", [MISMATCH]],
    ["a key twice", '{"ticket":7', '{"ticket":7,"ticket":7', [MISMATCH]],
    ["a salt in upper case", /"salt":"[^"]*/, `"salt":"${"AB".repeat(32)}`, [MISMATCH]],
    ["a shorter salt", /"salt":"../, '"salt":"', [MISMATCH]],
    ["a salt that is a number", /"salt":"[^"]*"/, '"salt":7', [MISMATCH]],
    ["no salt", /"salt":"[^"]*",/, "", [MISMATCH]],
    ["a field that is not an object", /^\{/, '{"a":null,', [MISMATCH]],
    [
      "a member more beside a value",
      '"value":{"ticket":7}',
      '"value":{"ticket":7},"x":1',
      [MISMATCH],
    ],
    ["a field more", /^\{/, `{"added":{"salt":"${"00".repeat(32)}","value":1},`, [MISMATCH]],
    ["a list around it", /^.*$/, "[]", [MISMATCH]],
    ["null in its place", /^.*$/, "null", [MISMATCH]],
    ["nothing in its place", /^.*$/, "", [MISMATCH]],
    ["a broken end", /\}$/, "", [MISMATCH]],
  ])("with %s is found", (_, pattern, replacement, faults) => {
    expect(faultsIn(withContent(1, pattern, replacement))).toEqual(faults);
  });

  test("changed in the fingerprint of a keyed request is found, though no content hash covers it", () => {
    const changed = withContent(0, '"count":1', '"count":2');
    expect(faultsIn(changed)).toEqual(["0 content_mismatch"]);
  });

  test("of an entry that is no decision is checked alike", () => {
    expect(faultsIn(withContent(3, "wrong", "right"))).toEqual(["3 content_mismatch"]);
  });

  test.each([31, 33, 0])(
    "under a salt of %i octets is found, though its commitment is right",
    (octets) => {
      const salt = Buffer.alloc(octets, 7);
      const { value } = contentOf(3)["reason"] ?? {};
      const commitment = sha256Of(salt, Buffer.from(sortedJson(["reason", value])));
      const commitments = { reason: Buffer.from(commitment).toString("hex") };
      const fields = sortedJson({ reason: { salt: salt.toString("hex"), value } });
      const forged = relinked(3, (header) => ({ ...header, commitments }));
      expect(faultsIn(forged.map((row) => (row.index === 3 ? { ...row, fields } : row)))).toEqual([
        "3 content_mismatch",
      ]);
    },
  );

  test("exchanged between two entries is found at both", () => {
    const [a, b] = [at(2), at(4)];
    const exchanged = rows.map((row) =>
      row === a ? { ...a, fields: b.fields } : row === b ? { ...b, fields: a.fields } : row,
    );
    const faults = faultsIn(exchanged);
    expect(new Set(faults)).toEqual(new Set(["2 content_mismatch", "4 content_mismatch"]));
    expect(faults).toHaveLength(6); // input, model and output of each; the values are the same
  });

  test("that is not there at all is missing", () => {
    expect(faultsIn(withRow(1, { fields: null }))).toEqual(["1 content_missing"]);
  });
});

/** The row at `index` with its output taken away. */
function withoutOutput(index: number): Partial<CheckedRow> {
  return { fields: (at(index).fields ?? "").replace(/"output":\{.*?\}\},/, "") };
}

describe("a field", () => {
  test("taken away with its content hash is absent, unless an erasure names it", () => {
    const taken = { ...withoutOutput(1), contentHash: null };
    expect(faultsIn(withRow(1, taken))).toEqual(["1 absent output"]);
    expect(faultsIn(withRow(1, { ...taken, erased: new Set(["output"]) }))).toEqual([]);
    expect(faultsIn(withRow(1, { ...taken, erased: new Set(["input"]) }))).toEqual([
      "1 content_mismatch", // the input was erased and is there
      "1 absent output",
    ]);
  });

  test("erased, with the content hash left behind, is found: the hash would confirm guesses", () => {
    const erased = new Set(["output"]);
    expect(faultsIn(withRow(1, { ...withoutOutput(1), erased }))).toEqual(["1 content_mismatch"]);
  });

  test("erased and put back is found", () => {
    expect(faultsIn(withRow(1, { erased: new Set(["output"]) }))).toEqual(["1 content_mismatch"]);
  });
});

describe("a content hash", () => {
  test("of another decision, or none, is found", () => {
    const { contentHash } = at(2);
    expect(faultsIn(withRow(1, { contentHash }))).toEqual(["1 content_mismatch"]);
    expect(faultsIn(withRow(1, { contentHash: null }))).toEqual(["1 content_mismatch"]);
  });

  test("beside an entry that has none is found", () => {
    const { contentHash } = at(2);
    expect(faultsIn(withRow(3, { contentHash }))).toEqual(["3 content_mismatch"]);
  });
});

describe("the order of entries", () => {
  test("exchanged is found at both places and at the links between", () => {
    const exchanged = rows.map((row, index) => ({
      ...at(index === 1 ? 2 : index === 2 ? 1 : index),
      index: row.index,
    }));
    expect(faultsIn(exchanged)).toEqual([
      "1 chain_broken",
      "1 index_gap",
      "2 chain_broken",
      "2 index_gap",
      "2 time_reversed",
      "3 chain_broken",
    ]);
  });

  test("with one left out is a gap", () => {
    expect(faultsIn(rows.filter(({ index }) => index !== 2))).toEqual([
      "3 index_gap",
      "3 chain_broken",
    ]);
  });

  test("with the first left out is a gap", () => {
    expect(faultsIn(rows.slice(1))).toEqual(["1 index_gap", "1 chain_broken"]);
  });

  test("with one twice is found at the second", () => {
    const twice = rows.toSpliced(2, 0, at(1));
    expect(faultsIn(twice)).toEqual(["1 index_gap", "1 chain_broken"]);
  });

  test("cut off at the end shows in the size and the root alone", () => {
    const cut = rows.slice(0, 4);
    expect(faultsIn(cut)).toEqual([]);
    expect(rootOf(cut)).not.toBe(rootOf(rows));
  });
});

test("under another ledger's name every entry is found", () => {
  expect(faultsIn(rows, startOfLedger("other"))).toEqual(
    rows.map(({ index }) => `${index} chain_broken`),
  );
});

test("a finding names the decision it is about", () => {
  const verifier = new EntryVerifier(startOfLedger("main"));
  const decisionIds = rows.map((row) => {
    const { header, findings } = verifier.check({ ...row, fields: null });
    return [header?.decision_id, findings[0]?.decisionId];
  });
  expect(decisionIds[3]?.[0]).toBe(decisionIds[1]?.[0]);
  for (const [own, found] of decisionIds) expect(found).toBe(own);
});
