/** Statuses claim what was measured, and never more: each test is a way in which one once could. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import {
  decisions,
  LAST,
  metricOf,
  PLACE,
  record,
  reportOf,
  requirementOf,
  review,
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

function announced(facts: JsonObject) {
  return metricOf(
    reportOf({
      tallies: [decisions(100, { model_version: "2" })],
      records: [record("change_recorded", { service_name: "s", ...facts })],
    }),
    "M-CHG-02",
  ).numerator;
}

describe("a change", () => {
  test("that names no model and no version announces no configuration", () => {
    expect(announced({})).toBe(0);
    expect(announced({ change_ref: "T-1" })).toBe(0);
  });

  test("announces the configuration it names, and no other", () => {
    expect(announced({ model_version: "2" })).toBe(1);
    expect(announced({ model_version: "3" })).toBe(0);
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

describe("faults by why a decision was looked at", () => {
  const found = reportOf({
    tallies: [
      decisions(100),
      review({ trigger: "random_sample" }, 40),
      // Two of the forty were found wrong later, because somebody complained.
      review({ trigger: "complaint", first: false, first_fault: true, outcome: "override" }, 2),
    ],
  });

  test("are those that this look found, not what a later one did", () => {
    expect(metricOf(found, "M-ACC-01").detail).toMatchObject({
      random_sample: 40,
      random_sample_faults: 0,
      complaint: 0,
      complaint_faults: 0,
    });
  });

  test("are found wrong all the same, of all that were reviewed", () => {
    expect(metricOf(found, "M-ACC-01")).toMatchObject({ numerator: 2, denominator: 40 });
  });
});

function correctedBy(basis: string) {
  return reportOf({
    tallies: [
      decisions(100),
      review({ event: "correction_attached", outcome: "override", basis, first: false }),
    ],
  }).eu_ai_act_mapping.article_14_human_oversight;
}

describe("a correction by a service account", () => {
  test("puts no human in the loop", () => {
    expect(correctedBy("service_account")).toMatchObject({
      status: "partial",
      evidence: { human_in_the_loop: false, human_corrections: 0 },
    });
  });

  test("is told from one by a person", () => {
    expect(correctedBy("declared")).toMatchObject({
      status: "compliant",
      evidence: { human_in_the_loop: true, human_corrections: 1 },
    });
  });
});

function shortestOf(classes: JsonObject[], serviceName?: string) {
  return metricOf(
    reportOf({
      records: [record("retention_policy_set", { classes })],
      scope: { serviceName, decisionType: undefined, fromDay: undefined, toDay: undefined },
    }),
    "M-RET-01",
  ).value;
}

describe("the shortest retention", () => {
  const general = { class: "all", months: 12 };

  test("is not a class's that a longer one covers whole", () => {
    expect(shortestOf([general, { class: "a", months: 3, service_name: "s" }])).toBe(12);
    expect(shortestOf([general, { class: "b", months: 36, service_name: "s" }])).toBe(12);
  });

  test("is the class's that decisions fall into alone", () => {
    const [one, other] = [
      { class: "a", months: 3, service_name: "s" },
      { class: "b", months: 36, service_name: "other" },
    ];
    expect(shortestOf([one, other])).toBe(3);
    expect(shortestOf([{ class: "t", months: 36, decision_type: "t" }, one])).toBe(3);
  });

  test("of one service is what the longest class that holds all of it says", () => {
    expect(shortestOf([general, { class: "b", months: 36, service_name: "s" }], "s")).toBe(36);
  });
});

function monthsOf(fromDay?: string, toDay?: string, last = LAST) {
  return metricOf(
    reportOf({
      tallies: [decisions(50), decisions(50, { day: "2026-07-10" })],
      asOf: { index: 99_999, recordedAt: last, chainHash: "00" },
      scope: { serviceName: undefined, decisionType: undefined, fromDay, toDay },
    }),
    "M-PMM-01",
  );
}

describe("months with decisions", () => {
  test("are of all months that were asked for", () => {
    expect(monthsOf("2026-05-01", "2026-09-01", "2026-12-01T00:00:00.000Z")).toMatchObject({
      numerator: 2,
      denominator: 4,
    });
  });

  test("are of all months to the last entry that counts: a service that fell silent shows", () => {
    const late = "2026-09-01T00:00:00.000Z";
    expect(monthsOf(undefined, undefined, late)).toMatchObject({ numerator: 2, denominator: 4 });
    expect(monthsOf(undefined, "2030-01-01", late)).toMatchObject({ numerator: 2, denominator: 4 });
    expect(monthsOf(undefined, "2026-08-01", late)).toMatchObject({ numerator: 2, denominator: 2 });
  });

  test("are no monitoring while nobody reviews", () => {
    const quiet = reportOf({ tallies: [decisions(100)] });
    expect(metricOf(quiet, "M-PMM-01").value).toBe(1);
    expect(statusOf(quiet, "EUAIA-12-2b")).toBe("evidence_partial");
    const reviewed = reportOf({ tallies: [decisions(100), review()] });
    expect(statusOf(reviewed, "EUAIA-12-2b")).toBe("evidence_present");
  });
});

function overriddenBy(basis: string) {
  return reportOf({
    tallies: [decisions(200), review({}, 199), review({ basis, outcome: "override" })],
  });
}

test("an override by a person who was only named does not show that identified ones can", () => {
  expect(statusOf(overriddenBy("declared"), "EUAIA-14-4d")).toBe("evidence_partial");
  expect(statusOf(overriddenBy("authenticated"), "EUAIA-14-4d")).toBe("evidence_present");
});

function selection(category: string, selected: number) {
  return record("selection_recorded", {
    service_name: "s",
    category,
    groups: [{ group: "g", assessed: 100, selected }],
  });
}

test("impact ratios are over the highest rate of their own service and category", () => {
  const groups = Array.from({ length: 2000 }, (_, n) => ({
    group: `g${n}`,
    assessed: 100,
    selected: n === 0 ? 80 : 40,
  }));
  const supplied = reportOf({
    records: [
      record("selection_recorded", { service_name: "s", category: "c", groups }),
      selection("other", 5),
    ],
  });
  expect(metricOf(supplied, "M-BIA-01").value).toBe(0.5);
});

test("a ledger that does not verify is said at every status it caps", () => {
  const integrity = {
    valid: false,
    broken_at: null,
    message: "broken",
    size: 100,
    root_hash: null,
    erased: 0,
    complete: true,
    findings: [],
  };
  const broken = reportOf({ tallies: [decisions(100)], integrity });
  const partial = broken.requirements.filter((item) => item.evidence_status === "evidence_partial");
  expect(partial.length).toBeGreaterThan(0);
  for (const { reasons } of partial) expect(reasons).toContain("integrity_failed");
});

test("a requirement that was declared not applicable says who did and when, and lacks nothing", () => {
  const facts = { not_applicable: [{ requirement: "EUAIA-26-11", reason_code: "no_annex_iii" }] };
  const declared = reportOf({
    tallies: [decisions(100)],
    records: [record("context_declared", facts, 7)],
  });
  expect(requirementOf(declared, "EUAIA-26-11")).toMatchObject({
    evidence_status: "not_applicable",
    reasons: ['declared_not_applicable: "no_annex_iii", by a at 2026-06-01T08:00:00.000Z, entry 7'],
    gaps: [],
    evidence_refs: ["entries:0-99999", "record:id_7"],
  });
});

test("a framework that is asked for twice is reported once", () => {
  const twice = reportOf({ tallies: [decisions(100)], frameworks: ["gdpr", "gdpr"] });
  expect(twice.frameworks).toEqual(["gdpr"]);
});

test("a list that is cut says so", () => {
  const versions = Array.from({ length: 501 }, (_, n) => decisions(1, { model_version: `${n}` }));
  const cut = reportOf({ tallies: versions });
  expect(cut.timeline.configurations).toHaveLength(500);
  expect(cut.exceptions).toContainEqual(
    expect.objectContaining({
      code: "lists_cut",
      message: expect.stringContaining("configurations (501)"),
    }),
  );
  const { exceptions } = reportOf({ tallies: versions.slice(1) });
  expect(exceptions.map(({ code }) => code)).not.toContain("lists_cut");
});

test("what is about no decision is in no period", () => {
  const tallies = [decisions(100), tally("erasure", { at: "2026-06-11", reason: "x" })];
  const scope = { serviceName: undefined, decisionType: undefined, fromDay: undefined };
  const erased = (toDay: string | undefined) =>
    metricOf(reportOf({ tallies, scope: { ...scope, toDay } }), "M-RET-04").denominator;
  expect(erased(undefined)).toBe(1);
  expect(erased("2026-07-01")).toBe(0);
});

test("times beyond the last bucket are counted as that", () => {
  const slow = reportOf({ tallies: [decisions(100), review({ within: 15 }, 20)] });
  expect(metricOf(slow, "M-HO-04")).toMatchObject({
    value: null,
    detail: { beyond_last_edge: 20 },
  });
});
