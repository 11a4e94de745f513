import { describe, expect, test } from "vitest";
import {
  decisionEntries,
  statusOf,
  toDecision,
  type StoredEntry,
} from "../../../src/ledger/decision.ts";
import { Decision } from "../../../src/ledger/schema.ts";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";

/** An entry as read back; `fields` are those that are still there. */
function stored(
  index: number,
  kind: string,
  fields: Readonly<Record<string, JsonValue>>,
  facts: JsonObject = {},
): StoredEntry {
  const salt = "00".repeat(32);
  return {
    header: {
      v: 1,
      ledger: "main",
      index,
      kind,
      id: `${kind.slice(0, 3)}_${index}`,
      decision_id: "dec_0",
      recorded_at: `2026-11-22T18:26:55.00${index}Z`,
      actor: "key_1",
      facts,
      commitments: {},
      previous: "00".repeat(32),
    },
    chainHash: "ab".repeat(32),
    contentHash: kind === "decision_recorded" ? "cd".repeat(32) : null,
    content: Object.fromEntries(
      Object.entries(fields).map(([field, value]) => [field, { salt, value }]),
    ),
  };
}

const recorded = stored(
  0,
  "decision_recorded",
  { input: { a: 1 }, model: { name: "gpt-4" }, output: { b: 2 }, tool_calls: [{ c: 3 }] },
  { service_name: "s", decision_type: "t" },
);
const flagged = stored(1, "decision_flagged", { reason: "wrong tone" });
const corrected = stored(2, "correction_attached", {
  correction: { b: 3 },
  corrected_by: "ana",
  notes: "see policy",
});

describe("the status of a decision", () => {
  test.each([
    [undefined, undefined, "recorded"],
    [0, undefined, "incorrect"],
    [undefined, 0, "corrected"],
    [3, 7, "corrected"],
    [7, 3, "incorrect"],
    [1, undefined, "incorrect"],
    [undefined, 1, "corrected"],
  ])("flagged at %j and corrected at %j is %s", (flag, correction, status) => {
    expect(statusOf(flag, correction)).toBe(status);
  });
});

describe("the entries of a decision", () => {
  test("are told apart by their kind, and others are left alone", () => {
    const replayed = stored(3, "replay_completed", {});
    expect(decisionEntries([replayed, corrected, flagged, recorded])).toEqual({
      recorded,
      flag: flagged,
      correction: corrected,
    });
    expect(decisionEntries([recorded])).toEqual({ recorded });
  });

  test("are none without the one that recorded it", () => {
    expect(decisionEntries([])).toBeUndefined();
    expect(decisionEntries([flagged, corrected])).toBeUndefined();
  });
});

describe("a decision", () => {
  test("as recorded has every member, and null where nothing was sent", () => {
    expect(toDecision({ recorded })).toEqual({
      decision_id: "dec_0",
      created_at: "2026-11-22T18:26:55.000Z",
      service_name: "s",
      decision_type: "t",
      input: { a: 1 },
      model: { name: "gpt-4" },
      output: { b: 2 },
      status: "recorded",
      content_hash: "cd".repeat(32),
      chain_hash: "ab".repeat(32),
      prompt: null,
      tool_calls: [{ c: 3 }],
      metadata: null,
      incorrect_reason: null,
      incorrect_at: null,
      correction: null,
      ledger: "main",
      index: 0,
    });
  });

  test("shows its flag and its correction with the times they were recorded", () => {
    expect(toDecision({ recorded, flag: flagged, correction: corrected })).toMatchObject({
      status: "corrected",
      output: { b: 2 }, // never overwritten
      incorrect_reason: "wrong tone",
      incorrect_at: "2026-11-22T18:26:55.001Z",
      correction: {
        output: { b: 3 },
        corrected_by: "ana",
        corrected_at: "2026-11-22T18:26:55.002Z",
        notes: "see policy",
      },
    });
  });

  test("flagged without a reason has none, and a correction without notes has none", () => {
    const flag = stored(3, "decision_flagged", {});
    const correction = stored(2, "correction_attached", { correction: {}, corrected_by: "ana" });
    expect(toDecision({ recorded, flag, correction })).toMatchObject({
      status: "incorrect",
      incorrect_reason: null,
      incorrect_at: "2026-11-22T18:26:55.003Z",
      correction: { output: {}, notes: null },
    });
  });

  test("tells empty from absent", () => {
    const empty = stored(0, "decision_recorded", { prompt: {}, tool_calls: [] });
    expect(toDecision({ recorded: empty })).toMatchObject({ prompt: {}, tool_calls: [] });
  });

  test("whose content was erased is null there, and still a decision", () => {
    const erased = { ...stored(0, "decision_recorded", {}), contentHash: null };
    const decision = toDecision({
      recorded: erased,
      flag: { ...flagged, content: {} },
      correction: { ...corrected, content: {} },
    });
    expect(decision).toMatchObject({
      input: null,
      model: null,
      output: null,
      content_hash: null,
      service_name: "",
      status: "corrected",
      incorrect_reason: null,
      incorrect_at: "2026-11-22T18:26:55.001Z",
      correction: { output: null, corrected_by: null, notes: null },
    });
    expect(Decision.parse(decision)).toEqual(decision);
  });
});
