/** Statuses claim what was measured, and never more: each test is a way in which one once could. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import {
  decisions,
  metricOf,
  PLACE,
  record,
  reportOf,
  requirementOf,
  statusOf,
  tally,
  WHOLE_WRITER,
} from "./synthetic.ts";

function request(n: number, kind = "explanation", answered = true) {
  const received = record(
    "request_received",
    { request_kind: kind, received_at: "2026-06-02T00:00:00.000Z" },
    1000 + 2 * n,
  );
  const facts = { request_id: received.id, answered_at: "2026-06-03T00:00:00.000Z" };
  return answered ? [received, record("request_answered", facts, 1001 + 2 * n)] : [received];
}

function many<T>(count: number, of: (n: number) => readonly T[]): T[] {
  return Array.from({ length: count }, (_, n) => of(n)).flat();
}

describe("notices", () => {
  test("are missing for decisions without a role, though a few with one have theirs", () => {
    const few = decisions(5, { decision_role: "principal", has: "n" });
    const told = reportOf({ tallies: [few, decisions(95)] });
    expect(metricOf(told, "M-NOT-01")).toMatchObject({ numerator: 5, denominator: 100 });
    expect(statusOf(told, "EUAIA-26-11")).toBe("evidence_missing");
  });

  test("are not asked for where every decision has the role none", () => {
    const none = reportOf({ tallies: [decisions(100, { decision_role: "none" })] });
    expect(statusOf(none, "EUAIA-26-11")).toBe("not_assessed");
  });
});

test("recording is whole only when nearly all decisions are numbered", () => {
  const all = reportOf({ tallies: [decisions(100), ...WHOLE_WRITER] });
  expect(statusOf(all, "EUAIA-12-1")).toBe("evidence_present");
  const some = [decisions(50), decisions(50, { has: "" }), ...WHOLE_WRITER];
  expect(statusOf(reportOf({ tallies: some }), "EUAIA-12-1")).toBe("evidence_partial");
});

test("tests against earlier criteria are partial at most: none names the criterion it is judged by", () => {
  const tested = reportOf({
    tallies: [decisions(100), tally("replay", { ...PLACE, mode: "live", unmodified: true })],
    records: [
      record("criterion_recorded", { criterion_id: "of something else" }, 1),
      record("experiment_started", { mode: "live" }, 2),
      record("experiment_ended", { experiment_id: "id_2", state: "completed" }, 3),
    ],
  });
  expect(metricOf(tested, "M-RPL-02").value).toBe(1);
  expect(statusOf(tested, "EUAIA-9-6")).toBe("evidence_partial");
});

test("answered requests are no explanations: Article 86 is partial at most", () => {
  const answered = reportOf({
    tallies: [decisions(100, { decision_role: "principal" })],
    records: many(40, (n) => request(n)),
  });
  expect(metricOf(answered, "M-EXP-01").value).toBe(1);
  expect(metricOf(answered, "M-EXP-02").detail).toMatchObject({ answered: 40, overdue: 0 });
  expect(statusOf(answered, "EUAIA-86")).toBe("evidence_partial");
});

describe("a change", () => {
  const changed = (facts: JsonObject) =>
    metricOf(
      reportOf({
        tallies: [decisions(100, { model_version: "2" })],
        records: [record("change_recorded", { service_name: "s", ...facts })],
      }),
      "M-CHG-02",
    ).numerator;

  test("that names no model and no version announces no configuration", () => {
    expect(changed({})).toBe(0);
    expect(changed({ change_ref: "T-1" })).toBe(0);
  });

  test("announces the configuration it names, and no other", () => {
    expect(changed({ model_version: "2" })).toBe(1);
    expect(changed({ model_version: "3" })).toBe(0);
  });
});

describe("nothing to measure", () => {
  test("meets no condition: no export, no request", () => {
    const empty = reportOf({ tallies: [decisions(100)] });
    expect(metricOf(empty, "M-SEC-01").value).toBeNull();
    expect(metricOf(empty, "M-EXP-02").detail).toMatchObject({ overdue: null, over_30_days: null });
    expect(statusOf(empty, "HIPAA-312-B")).toBe("evidence_missing");
    expect(statusOf(empty, "GDPR-22")).toBe("evidence_missing");
  });

  test("is told from an export that left its entry", () => {
    const exported = reportOf({
      tallies: [decisions(100), tally("entry", { kind: "export_issued" }, 2)],
    });
    expect(metricOf(exported, "M-SEC-01").value).toBe(2);
  });
});

test.each([
  ["CO-26-189-EXPLAIN", "explanation", "M-EXP-02"],
  ["GDPR-17", "erasure", "M-PRV-01"],
])("%s is not whole by a few requests that were answered", (id, kind, population) => {
  const answered = (count: number) =>
    reportOf({ tallies: [decisions(100)], records: many(count, (n) => request(n, kind)) });
  expect(requirementOf(answered(2), id)).toMatchObject({
    evidence_status: "evidence_partial",
    reasons: [`few_in_the_population: n = 2 of ${population}`],
  });
  expect(statusOf(answered(30), id)).toBe("evidence_present");
});

test("three years of records are partial at most: what was pruned before is not looked at", () => {
  const kept = reportOf({
    tallies: [decisions(100)],
    records: [record("retention_policy_set", { classes: [{ class: "c", months: 36 }] })],
    firstRecordedAt: "2020-01-01T00:00:00.000Z",
  });
  expect(metricOf(kept, "M-RET-01").value).toBe(36);
  expect(requirementOf(kept, "CO-26-189-RECORDS")).toMatchObject({
    evidence_status: "evidence_partial",
    reasons: ["a_ledger_alone_cannot_show_more"],
  });
});
