import { describe, expect, test } from "vitest";
import {
  checkProjections,
  type DecisionRow,
  type ProjectionRows,
} from "../../../src/ledger/audit-projections.ts";
import type { Header } from "../../../src/ledger/schema.ts";

type Rows = ProjectionRows & { readonly fields: string | null };

const header: Header = {
  v: 1,
  ledger: "main",
  index: 4,
  kind: "decision_recorded",
  id: "dec_4",
  decision_id: "dec_4",
  recorded_at: "2026-11-22T18:26:55.934Z",
  actor: "key_1",
  facts: { service_name: "s", decision_type: "t", model_provider: "p" },
  commitments: {},
  previous: "00".repeat(32),
};
const decision: DecisionRow = {
  index: 4,
  serviceName: "s",
  decisionType: "t",
  modelProvider: "p",
  modelName: null,
  flag: null,
  correction: null,
};
const rows: Rows = {
  fields: "{}",
  erased: new Set(),
  decision,
  ref: null,
  request: null,
  reviewed: null,
};
const flag: Header = { ...header, index: 7, kind: "decision_flagged", id: "flg_7", facts: {} };
const flagRows: Rows = {
  ...rows,
  decision: null,
  ref: { index: 7, kind: "decision_flagged", decisionId: "dec_4" },
  reviewed: { flagIndex: 7, correctionIndex: null },
};

function messages(found: Rows, about: Header): string[] {
  return checkProjections(found, about).map(({ message }) => message);
}

describe("the list row of a decision", () => {
  test("that says what the entry says is right, reviewed or not", () => {
    expect(messages(rows, header)).toEqual([]);
    const reviewed: DecisionRow = {
      ...decision,
      flag: { index: 7, kind: "decision_flagged", decisionId: "dec_4" },
      correction: { index: 9, kind: "correction_attached", decisionId: "dec_4" },
    };
    expect(messages({ ...rows, decision: reviewed }, header)).toEqual([]);
  });

  test("that is missing is found", () => {
    expect(checkProjections({ ...rows, decision: null }, header)).toEqual([
      {
        index: 4,
        decisionId: "dec_4",
        fault: "projection_mismatch",
        message: "the decision is in no list",
      },
    ]);
  });

  test.each<Partial<DecisionRow>>([
    { index: 5 },
    { serviceName: "other" },
    { serviceName: "" },
    { decisionType: "other" },
    { modelProvider: null },
    { modelProvider: "other" },
    { modelName: "gpt-4" },
    { modelName: "" },
  ])("with %j instead is found", (change) => {
    const found = messages({ ...rows, decision: { ...decision, ...change } }, header);
    expect(found).toEqual(["the list shows other facts than the entry"]);
  });

  const pointers = [
    ["nothing", { index: 7, kind: null, decisionId: null }],
    ["a replay", { index: 7, kind: "replay_completed", decisionId: "dec_4" }],
    ["another decision's", { index: 7, kind: "decision_flagged", decisionId: "dec_1" }],
    [
      "another decision's correction",
      { index: 7, kind: "correction_attached", decisionId: "dec_1" },
    ],
  ] as const;

  test.each(pointers)("whose review points at %s is found", (_, pointer) => {
    expect(messages({ ...rows, decision: { ...decision, flag: pointer } }, header)).toEqual([
      "the shown flag is not a flag of this decision",
    ]);
    expect(messages({ ...rows, decision: { ...decision, correction: pointer } }, header)).toEqual([
      "the shown correction is not a correction of this decision",
    ]);
  });

  test("whose flag points at a correction is found, and the other way round", () => {
    const flag = { index: 7, kind: "correction_attached", decisionId: "dec_4" };
    const correction = { index: 8, kind: "decision_flagged", decisionId: "dec_4" };
    const found = messages({ ...rows, decision: { ...decision, flag, correction } }, header);
    expect(found).toHaveLength(2);
  });
});

describe("the reference of another entry", () => {
  test("that leads to it is right, and a newer review is too", () => {
    expect(messages(flagRows, flag)).toEqual([]);
    const newer = { flagIndex: 9, correctionIndex: 8 };
    expect(messages({ ...flagRows, reviewed: newer }, flag)).toEqual([]);
  });

  test.each<[string, Rows["ref"]]>([
    ["is missing", null],
    ["leads elsewhere", { index: 6, kind: "decision_flagged", decisionId: "dec_4" }],
    ["names another kind", { index: 7, kind: "correction_attached", decisionId: "dec_4" }],
    ["names another decision", { index: 7, kind: "decision_flagged", decisionId: "dec_1" }],
    ["names no decision", { index: 7, kind: "decision_flagged", decisionId: null }],
  ])("that %s is found", (_, ref) => {
    expect(messages({ ...flagRows, ref }, flag)).toEqual(["the entry's id does not lead to it"]);
  });

  test("of an entry about no decision names none", () => {
    const { decision_id: _, ...key } = { ...flag, kind: "signing_key_changed" };
    const ref = { index: 7, kind: "signing_key_changed", decisionId: null };
    expect(messages({ ...flagRows, ref, reviewed: null }, key)).toEqual([]);
    expect(messages({ ...flagRows, ref: { ...ref, decisionId: "dec_4" } }, key)).toHaveLength(1);
  });

  test.each<Rows["reviewed"]>([
    null,
    { flagIndex: null, correctionIndex: null },
    { flagIndex: 6, correctionIndex: null },
    { flagIndex: null, correctionIndex: 9 },
  ])("of a flag that the decision does not show (%j) is found", (reviewed) => {
    expect(messages({ ...flagRows, reviewed }, flag)).toEqual([
      "the decision does not show this flag or a newer one",
    ]);
  });

  test.each<Rows["reviewed"]>([
    null,
    { flagIndex: 9, correctionIndex: null },
    { flagIndex: 9, correctionIndex: 6 },
  ])("of a correction that the decision does not show (%j) is found", (reviewed) => {
    const correction = { ...flag, kind: "correction_attached" };
    const ref = { index: 7, kind: "correction_attached", decisionId: "dec_4" };
    expect(messages({ ...flagRows, ref, reviewed }, correction)).toEqual([
      "the decision does not show this correction or a newer one",
    ]);
    const shown = { flagIndex: null, correctionIndex: 7 };
    expect(messages({ ...flagRows, ref, reviewed: shown }, correction)).toEqual([]);
  });
});

describe("the look-up of an Idempotency-Key", () => {
  const keyed: Header = { ...header, facts: { ...header.facts, request_key: "ab".repeat(32) } };
  const fields = '{"request":{"salt":"","value":{"count":3}}}';
  const request = { firstIndex: 4, count: 3 };

  test("that leads to the request's first entry and counts its entries is right", () => {
    expect(messages({ ...rows, fields, request }, keyed)).toEqual([]);
    const ofFlag = { ...flag, facts: keyed.facts };
    const led = { ...flagRows, fields, request: { firstIndex: 7, count: 3 } };
    expect(messages(led, ofFlag)).toEqual([]);
  });

  test.each<Rows["request"]>([
    null,
    { firstIndex: 5, count: 3 },
    { firstIndex: 4, count: 2 },
    { firstIndex: 4, count: 4 },
  ])("that is %j is found", (wrong) => {
    expect(messages({ ...rows, fields, request: wrong }, keyed)).toEqual([
      "the idempotency key does not lead to this request",
    ]);
  });

  test("cannot be counted once the request was erased, but must still lead there", () => {
    for (const erased of ["{}", null, "not JSON"]) {
      expect(messages({ ...rows, fields: erased, request }, keyed)).toEqual([]);
      expect(messages({ ...rows, fields: erased, request: null }, keyed)).toHaveLength(1);
    }
  });

  test("is not asked for where the entry has no key", () => {
    expect(messages({ ...rows, fields, request: null }, header)).toEqual([]);
  });
});
