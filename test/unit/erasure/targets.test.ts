/** What an erasure takes: everything asked for, every copy of it, and never the record of it. */
import { expect, test } from "vitest";
import { assert, property, subarray } from "fast-check";
import { chunkTargets, erasureTargets, nameOf } from "../../../src/erasure/targets.ts";
import { HEADER_BYTES_MAX } from "../../../src/ledger/limits.ts";
import type { ErasableEntry } from "../../../src/ledger/read.ts";

function entry(index: number, id: string, kind: string, fields: string[], repeatsOutput = false) {
  return { index, id, kind, fields, repeatsOutput };
}

const recorded = entry(3, "dec_1", "decision_recorded", ["request", "output", "model", "input"]);
const flagged = entry(5, "flg_1", "decision_flagged", ["reason"]);
const corrected = entry(8, "cor_1", "correction_attached", ["correction", "notes", "request"]);
const simulated = entry(9, "rep_1", "replay_completed", ["replay_output", "overrides"], true);
const live = entry(10, "rep_2", "replay_completed", ["replay_output"]);
const held = entry(11, "hld_1", "content_held", ["note"]);
const erasure = entry(12, "era_1", "content_erased", ["note", "request_id"]);
const history: readonly ErasableEntry[] = [
  recorded,
  flagged,
  corrected,
  simulated,
  live,
  held,
  erasure,
];

function namesOf(entries: readonly ErasableEntry[]): Set<string> {
  return new Set(entries.flatMap((one) => one.fields.map((field) => nameOf(one, field))));
}

function targetsOf(requested?: readonly string[], known = namesOf(history)) {
  return erasureTargets(history, requested, known);
}

test("without fields everything goes, but for what erasures and holds say about themselves", () => {
  expect(targetsOf()).toEqual({
    ok: true,
    targets: [
      { index: 3, fields: ["input", "model", "output", "request"] },
      { index: 5, fields: ["reason"] },
      { index: 8, fields: ["correction", "notes", "request"] },
      { index: 9, fields: ["overrides", "replay_output"] },
      { index: 10, fields: ["replay_output"] },
    ],
  });
});

test("a field takes the unsalted hash of its request with it, which would confirm guesses", () => {
  expect(targetsOf(["input"])).toEqual({
    ok: true,
    targets: [{ index: 3, fields: ["input", "request"] }],
  });
  expect(targetsOf(["cor_1.notes"])).toEqual({
    ok: true,
    targets: [{ index: 8, fields: ["notes", "request"] }],
  });
});

test("the output takes its copies in simulated replays with it, not what a live one produced", () => {
  expect(targetsOf(["output"])).toEqual({
    ok: true,
    targets: [
      { index: 3, fields: ["output", "request"] },
      { index: 9, fields: ["replay_output"] },
    ],
  });
});

test("what a provider said of a request may quote it, and goes with it", () => {
  const failed = entry(13, "rep_3", "replay_completed", ["attempts", "error", "overrides"]);
  const entries = [...history, failed];
  for (const field of ["input", "output"]) {
    const taken = erasureTargets(entries, [field], namesOf(entries));
    const targets = taken.ok ? taken.targets.filter(({ index }) => index === 13) : [];
    expect(targets).toEqual(field === "input" ? [{ index: 13, fields: ["error"] }] : []);
  }
});

test("another entry's field is named behind its id; a bare name is the decision's own", () => {
  expect(targetsOf(["flg_1.reason", "rep_2.replay_output"])).toEqual({
    ok: true,
    targets: [
      { index: 5, fields: ["reason"] },
      { index: 10, fields: ["replay_output"] },
    ],
  });
  expect([nameOf(recorded, "input"), nameOf(flagged, "reason")]).toEqual(["input", "flg_1.reason"]);
});

test("an unknown name is refused as a whole: nothing is erased by half", () => {
  expect(targetsOf(["input", "reason", "flg_2.reason"])).toEqual({
    ok: false,
    unknown: ["reason", "flg_2.reason"],
  });
});

test("the record of an erasure is known but stays, whoever names it", () => {
  expect(targetsOf(["era_1.note", "hld_1.note"])).toEqual({ ok: true, targets: [] });
});

test("erasing what is gone already is no mistake, and nothing to do", () => {
  const gone = history.map((one) => ({ ...one, fields: [] }));
  expect(erasureTargets(gone, ["input", "flg_1.reason"], namesOf(history))).toEqual({
    ok: true,
    targets: [],
  });
  expect(erasureTargets(gone, undefined, namesOf(history))).toEqual({ ok: true, targets: [] });
});

test("whatever is asked, only fields that are there are taken, each once and in order", () => {
  const names = [...namesOf(history)];
  assert(
    property(subarray(names), (requested) => {
      const result = targetsOf([...requested, ...requested]);
      if (!result.ok) return false;
      const indexes = result.targets.map(({ index }) => index);
      expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
      for (const { index, fields } of result.targets) {
        const there = history.find((one) => one.index === index)?.fields ?? [];
        expect(fields).toEqual([...new Set(fields)].toSorted());
        expect(fields.every((field) => there.includes(field))).toBe(true);
      }
      const taken = new Set(
        result.targets.flatMap(({ index, fields }) => {
          const one = history.find((found) => found.index === index) ?? recorded;
          return fields.map((field) => nameOf(one, field));
        }),
      );
      return requested.every((name) => taken.has(name) || /^(era|hld)_/.test(name));
    }),
  );
});

test("a long history takes several entries, and each of them fits a header", () => {
  const fields = ["correction", "corrected_by", "notes", "request", "replay_output", "overrides"];
  const targets = Array.from({ length: 1001 }, (_, i) => ({ index: 9_999_000 + i, fields }));
  const chunks = chunkTargets(targets);
  expect(chunks.flat()).toEqual(targets);
  expect(chunks.length).toBe(3);
  for (const chunk of chunks) {
    // The rest of a header: names, ids and commitments of two fields and a request.
    expect(JSON.stringify(chunk).length).toBeLessThan(HEADER_BYTES_MAX - 4096);
  }
  expect(chunkTargets([])).toEqual([]);
});
