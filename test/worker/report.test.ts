/**
 * The compliance report: evidence requirement by requirement, the same in JSON, page and OSCAL, pinned
 * to an entry; what must not raise a status does not, and what must lower one does.
 */
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { OscalResults } from "../support/oscal-shape.ts";
import { overclaimsIn } from "../support/overclaims.ts";
import { exports } from "cloudflare:workers";
import { decision, get, post, recorded, send, verify } from "./support/client.ts";
import { startAnew } from "./support/database.ts";

interface Metric {
  readonly id: string;
  readonly value: number | null;
  readonly numerator: number | null;
  readonly denominator: number | null;
  readonly detail: Readonly<Record<string, number | null>>;
}

interface Requirement {
  readonly id: string;
  readonly citation: string;
  readonly evidence_status: string;
  readonly applicability: { readonly state: string };
  readonly reasons: readonly string[];
}

interface Report {
  readonly report_id: string | null;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly ledger_integrity: { readonly valid: boolean | null };
  readonly metrics: readonly Metric[];
  readonly requirements: readonly Requirement[];
  readonly exceptions: readonly { readonly code: string }[];
  readonly samples: { readonly items: readonly { readonly decision_id: string }[] };
  readonly timeline: { readonly erasures: readonly object[] };
}

beforeEach(async () => {
  await startAnew();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const START_MS = Date.parse("2026-06-01T08:00:00.000Z");
const DAY_MS = 86_400_000;

/** The clock of the whole Worker, standing. */
function at(ms: number): void {
  vi.spyOn(Date, "now").mockReturnValue(ms);
}

function report(query = ""): Promise<Report> {
  return get(`/v1/compliance/report${query}`);
}

async function page(query = ""): Promise<string> {
  const response = await exports.default.fetch(
    `https://loopgrid.test/v1/compliance/report/html${query}`,
  );
  if (response.status !== 200) throw new Error(await response.text());
  return response.text();
}

function statusOf({ requirements }: Report, id: string): string | undefined {
  return requirements.find((item) => item.id === id)?.evidence_status;
}

function reasonsOf({ requirements }: Report, id: string): readonly string[] {
  return requirements.find((item) => item.id === id)?.reasons ?? [];
}

function metricOf({ metrics }: Report, id: string): Metric {
  const found = metrics.find((metric) => metric.id === id);
  if (found === undefined) throw new Error(`no metric ${id}`);
  return found;
}

async function add(record: object): Promise<void> {
  const { status, body } = await post("/v1/records", record);
  if (status !== 200) throw new Error(body.detail);
}

/** Enough decisions that a share says something, captured well. */
async function manyDecisions(count = 40, more: object = {}): Promise<string[]> {
  const decisions = Array.from({ length: count }, (_, n) =>
    decision(n, { capture_mode: "automatic", writer_id: "w", writer_seq: n + 1, ...more }),
  );
  const { status, body } = await post("/v1/decisions/batch", { decisions });
  if (status !== 200) throw new Error(body.detail);
  return body.decisions?.map(({ decision_id }) => decision_id) ?? [];
}

function correct(id = "", more: object = {}): Promise<unknown> {
  const correction = { correction: {}, corrected_by: "jane", ...more };
  return post(`/v1/decisions/${id}/correction`, correction);
}

function flag(id = ""): Promise<unknown> {
  return post(`/v1/decisions/${id}/incorrect`, {});
}

const POLICY = { kind: "retention_policy", classes: [{ class: "logs_12m", months: 12 }] };
const SHORT_POLICY = {
  kind: "retention_policy",
  classes: [{ class: "logs_2m", months: 2 }],
  floor_basis: "national_law",
};

describe("an empty ledger", () => {
  test("has 0.1's answer, assesses nothing and fails nothing", async ({ expect }) => {
    const empty = await report();
    expect(empty.summary).toEqual({ total: 0 });
    expect(empty.ledger_integrity.valid).toBe(true);
    expect(empty).toMatchObject({ as_of: null, samples: { items: [] } });
    expect(statusOf(empty, "EUAIA-12-1")).toBe("not_assessed");
    expect(await page()).toContain("the ledger is empty");
  });
});

describe("a status", () => {
  test("of recording is whole once decisions are captured, numbered and verified", async ({
    expect,
  }) => {
    await manyDecisions();
    expect(statusOf(await report(), "EUAIA-12-1")).toBe("evidence_present");
  });

  test("of few decisions is partial, however good their shares", async ({ expect }) => {
    await manyDecisions(3);
    const few = await report();
    expect(statusOf(few, "EUAIA-12-1")).toBe("evidence_partial");
    expect(reasonsOf(few, "EUAIA-12-1")).toContain("few_decisions: n = 3");
  });

  test("of recording is partial when numbers are missing, and says so first", async ({
    expect,
  }) => {
    await manyDecisions();
    await recorded("late", { capture_mode: "automatic", writer_id: "w", writer_seq: 50 });
    const lossy = await report();
    expect(metricOf(lossy, "M-LOG-04").value).toBe(9);
    expect(statusOf(lossy, "EUAIA-12-1")).toBe("evidence_partial");
    expect(lossy.exceptions.map(({ code }) => code)).toContain("records_lost");
  });

  test("is not raised by imports", async ({ expect }) => {
    await manyDecisions(40, { capture_mode: "import" });
    expect(metricOf(await report(), "M-LOG-01")).toMatchObject({ numerator: 0, denominator: 40 });
  });

  test("of prior-defined tests is not raised by a simulated replay", async ({ expect }) => {
    const [id] = await manyDecisions();
    await add({ kind: "criterion", criterion_id: "c", metric: "m", op: ">=", threshold: 1 });
    await post("/v1/replays", { decision_id: id });
    const simulated = await report();
    expect(metricOf(simulated, "M-RPL-01").detail).toMatchObject({ simulated: 1, live: 0 });
    expect(statusOf(simulated, "EUAIA-9-6")).toBe("evidence_missing");
  });

  test("of override is not raised by a service account, partly by a named person, and says who", async ({
    expect,
  }) => {
    const [first, second] = await manyDecisions();
    const robot = { ref: "svc-1", kind: "service_account", auth: "authenticated" };
    await correct(first, { reviewer: robot });
    const byRobot = await report();
    expect(statusOf(byRobot, "EUAIA-14-4d")).toBe("evidence_missing");
    expect(metricOf(byRobot, "M-HO-01").numerator).toBe(0);
    expect(metricOf(byRobot, "M-HO-02").detail).toMatchObject({ service_account: 1, declared: 0 });
    await correct(second, {});
    const byPerson = await report();
    expect(statusOf(byPerson, "EUAIA-14-4d")).toBe("evidence_partial");
    expect(metricOf(byPerson, "M-HO-01").numerator).toBe(1);
    expect(metricOf(byPerson, "M-HO-02").detail).toMatchObject({ corrections_without_reviewer: 1 });
    expect(byPerson.exceptions.map(({ code }) => code)).toContain("reviewers_not_identified");
  });

  test("of integrity that fails caps what was whole, and stands on the first page", async ({
    expect,
  }) => {
    const { dropTriggers } = await import("./support/database.ts");
    const { env } = await import("cloudflare:workers");
    await manyDecisions();
    await dropTriggers();
    await env.DB.prepare(
      "UPDATE entry SET header = replace(header, 'support-agent', 'support-agenT') WHERE entry_index = 3",
    ).run();
    expect(await verify()).toMatchObject({ valid: false });
    const broken = await report();
    expect(broken.exceptions[0]?.code).toBe("integrity_failed");
    for (const { evidence_status } of broken.requirements)
      expect(evidence_status).not.toBe("evidence_present");
    expect(await page()).toContain("The ledger does not verify.");
  });
});

describe("retention", () => {
  test("of a ledger of 121 days is partial: the horizon is not reached; later it is whole", async ({
    expect,
  }) => {
    at(START_MS);
    await add(POLICY);
    await manyDecisions();
    at(START_MS + 121 * DAY_MS);
    await recorded("later", { capture_mode: "automatic" });
    const young = await report();
    expect(statusOf(young, "EUAIA-19-1")).toBe("evidence_partial");
    expect(reasonsOf(young, "EUAIA-19-1")).toEqual([
      "horizon_not_reached: the ledger is 121 days old",
    ]);
    at(Date.parse("2026-12-01T08:00:00.000Z"));
    await recorded("six months later", { capture_mode: "automatic" });
    expect(statusOf(await report(), "EUAIA-19-1")).toBe("evidence_present");
  });

  test("with a prune at 90 days is missing, and an exception", async ({ expect }) => {
    at(START_MS);
    await add(SHORT_POLICY);
    await manyDecisions();
    at(START_MS + 90 * DAY_MS);
    const pruned = await post("/v1/retention/prune", {});
    expect(pruned.status).toBe(200);
    const after = await report();
    expect(metricOf(after, "M-RET-03")).toMatchObject({ value: 90, detail: { under_floor: 40 } });
    expect(statusOf(after, "EUAIA-19-1")).toBe("evidence_missing");
    expect(after.exceptions.map(({ code }) => code)).toContain("pruned_under_the_floor");
  });

  test("with an erasure at 90 days that was asked for lists it, and is not missing", async ({
    expect,
  }) => {
    at(START_MS);
    await add(POLICY);
    const [id] = await manyDecisions();
    at(START_MS + 90 * DAY_MS);
    await post(`/v1/decisions/${id}/erasure`, { reason_code: "gdpr_article_17" });
    const after = await report();
    expect(metricOf(after, "M-RET-04")).toMatchObject({ value: 1, denominator: 1 });
    expect(after.timeline.erasures).toEqual([
      { day: "2026-08-30", reason_code: "gdpr_article_17", inside_floor: true, entries: 1 },
    ]);
    expect(statusOf(after, "EUAIA-19-1")).toBe("evidence_partial");
  });

  test("says what is past its class", async ({ expect }) => {
    at(START_MS);
    await add(POLICY);
    await manyDecisions(5);
    at(START_MS + 400 * DAY_MS);
    await recorded("now");
    const late = await report();
    expect(metricOf(late, "M-PRV-02").value).toBe(5);
    expect(statusOf(late, "GDPR-5-1-e")).toBe("evidence_partial");
  });
});

describe("clocks of incidents", () => {
  test("run from awareness to the report, and overdue ones fail Art. 73", async ({ expect }) => {
    at(START_MS);
    const [id = ""] = await manyDecisions();
    await post(`/v1/decisions/${id}/hold`, { reason_code: "incident" });
    const incident = {
      kind: "incident",
      incident_class: "harm",
      clock_class: "days_2",
      aware_at: new Date(START_MS).toISOString(),
      decision_ids: [id],
      title: "x",
    };
    const { body } = await post("/v1/records", incident);
    const { record_id }: { record_id: string } = JSON.parse(JSON.stringify(body));
    expect(reasonsOf(await report(), "EUAIA-73")).toEqual([
      "few_in_the_population: n = 1 of M-INC-02",
    ]);
    at(START_MS + 3 * DAY_MS);
    await recorded("three days later");
    const late = await report();
    expect(statusOf(late, "EUAIA-73")).toBe("evidence_missing");
    expect(late.exceptions.map(({ code }) => code)).toContain("incident_clock_overdue");
    await add({
      kind: "incident_update",
      incident_id: record_id,
      step: "authority_reported",
      at: new Date(START_MS + DAY_MS).toISOString(),
    });
    expect(statusOf(await report(), "EUAIA-73")).toBe("evidence_partial");
  });
});

test("decisions recorded while their service was halted are counted, and others not", async ({
  expect,
}) => {
  await manyDecisions();
  await add({ kind: "halt", service_name: "support-agent", trigger: "drift" });
  await recorded("while halted");
  await add({ kind: "halt", service_name: "support-agent", trigger: "drift" });
  await recorded("another service", { service_name: "other" });
  expect(metricOf(await report(), "M-HO-08").value).toBe(1);
  await add({ kind: "resume", service_name: "support-agent" });
  await recorded("after");
  const after = await report();
  expect(metricOf(after, "M-HO-08")).toMatchObject({ value: 1, denominator: 2 });
  expect(after.exceptions.map(({ code }) => code)).toContain("recorded_while_halted");
});

describe("the same index", () => {
  test("gives the same metrics to the octet, whatever came later", async ({ expect }) => {
    at(START_MS);
    await add(POLICY);
    const [first, second] = await manyDecisions();
    await post(`/v1/decisions/${first}/correction`, { correction: {}, corrected_by: "jane" });
    const { size } = await get<{ size: number }>("/v1/ledger");
    const before = await report();
    at(START_MS + 500 * DAY_MS);
    await post(`/v1/decisions/${second}/correction`, { correction: {}, corrected_by: "joe" });
    await post(`/v1/decisions/${first}/erasure`, { reason_code: "gdpr_article_17" });
    await add({ kind: "halt", service_name: "support-agent", trigger: "drift" });
    await recorded("later", { service_name: "another" });
    const pinned = await report(`?as_of=${size - 1}`);
    expect(JSON.stringify(pinned.metrics)).toBe(JSON.stringify(before.metrics));
    expect(pinned.summary).toEqual(before.summary);
    expect(pinned.samples).toMatchObject({ size: 25 });
    expect(JSON.stringify((await report()).metrics)).not.toBe(JSON.stringify(before.metrics));
    const beyond = await send("/v1/compliance/report?as_of=9999");
    expect([beyond.status, beyond.body.detail]).toEqual([422, expect.stringContaining("as_of")]);
  });

  test("is a preview: it adds no entry", async ({ expect }) => {
    await manyDecisions(2);
    const { size } = await get<{ size: number }>("/v1/ledger");
    await report();
    await page();
    expect(await get("/v1/ledger")).toMatchObject({ size });
  });
});

describe("scope", () => {
  test("of one of two interleaved services counts its own, and the whole ledger verifies", async ({
    expect,
  }) => {
    for (const n of [1, 2, 3]) {
      await recorded(n);
      await recorded(n, { service_name: "billing" });
    }
    const own = await report("?service_name=billing");
    expect(own.summary).toMatchObject({ total: 3, unique_services: 1 });
    expect(own.ledger_integrity).toMatchObject({ valid: true, total: 3, ledger_total: 6 });
    expect(metricOf(own, "M-INT-01")).toMatchObject({ numerator: 6, denominator: 6 });
  });

  test("of a period counts whole days, and refuses parts of one", async ({ expect }) => {
    at(START_MS);
    await recorded(1);
    at(START_MS + 10 * DAY_MS);
    await recorded(2);
    const june = await report("?from=2026-06-01&to=2026-06-02");
    expect(june.summary).toMatchObject({ total: 1, last_decision: "2026-06-01T08:00:00.000Z" });
    const part = await send("/v1/compliance/report?from=2026-06-01T12:00:00Z");
    expect([part.status, part.body.detail]).toEqual([422, expect.stringContaining("from")]);
  });

  test("of frameworks shows those alone, and refuses what is none", async ({ expect }) => {
    const gdpr = await report("?frameworks=gdpr");
    expect(new Set(gdpr.requirements.map(({ id }) => id.slice(0, 4)))).toEqual(new Set(["GDPR"]));
    expect((await send("/v1/compliance/report?frameworks=gpdr")).status).toBe(422);
    expect((await send("/v1/compliance/report?thresholds=x=1")).status).toBe(422);
  });
});

test("a flag, a correction and another flag leave the decision with the last word", async ({
  expect,
}) => {
  const ids = [await recorded(1), await recorded(2), await recorded(3), await recorded(4)];
  await flag(ids[0]);
  await flag(ids[1]);
  await correct(ids[1]);
  await correct(ids[2]);
  await flag(ids[2]);
  await correct(ids[2]);
  const { summary } = await report();
  expect(summary).toMatchObject({ total: 4, recorded: 1, incorrect: 1, corrected: 2 });
});

describe("JSON, page and OSCAL", () => {
  test("agree on every status, claim nothing, and escape what they show", async ({ expect }) => {
    const script = "<script>alert(1)</script>";
    await manyDecisions(40, { service_name: script, decision_type: script });
    await add({
      kind: "context",
      role: "deployer",
      risk_class: "annex_iii",
      declared_by: script,
      organisation: script,
    });
    const json = await report();
    const html = await page();
    const oscal = OscalResults.parse(await get<unknown>("/v1/compliance/report?format=oscal"));
    const results = oscal["assessment-results"].results[0];
    const findings = new Map(
      results?.findings?.map(({ title, props }) => [
        title,
        props.find(({ name }) => name === "evidence-status")?.value,
      ]),
    );
    const words: Record<string, string> = {
      evidence_present: "Evidence present",
      evidence_partial: "Evidence partial",
      evidence_missing: "Evidence missing",
      outside_ledger_scope: "Outside the ledger",
      not_assessed: "Not assessed",
      not_applicable: "Not applicable",
    };
    for (const { id, citation, evidence_status } of json.requirements) {
      const article = new RegExp(`id="req-${id}"[^]*?</h4>`).exec(html)?.[0] ?? "";
      expect(article, id).toContain(words[evidence_status]);
      const finding = findings.get(`${id} ${citation}`);
      if (evidence_status.startsWith("evidence_")) expect(finding, id).toBe(evidence_status);
      else expect(finding, id).toBeUndefined();
    }
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;");
    for (const text of [html, JSON.stringify(json), JSON.stringify(oscal)])
      expect(overclaimsIn(text)).toEqual([]);
    const document = await get<object>("/openapi.json");
    expect(overclaimsIn(JSON.stringify(document))).toEqual([]);
  });

  test("of an OSCAL file that is wrong is noticed", async ({ expect }) => {
    await manyDecisions(2);
    const oscal: { "assessment-results": { results: { start?: string }[] } } = await get(
      "/v1/compliance/report?format=oscal",
    );
    delete oscal["assessment-results"].results[0]?.start;
    expect(OscalResults.safeParse(oscal).success).toBe(false);
  });
});

test("impact ratios are shown when the operator supplies the categories", async ({ expect }) => {
  await manyDecisions();
  expect(statusOf(await report("?frameworks=nyc_ll144"), "NYC-LL144")).toBe("not_assessed");
  const day = "2026-06-01T00:00:00Z";
  await add({
    kind: "selection",
    service_name: "support-agent",
    category: "sex",
    period_from: day,
    period_to: day,
    groups: [
      { group: "female", assessed: 100, selected: 30 },
      { group: "male", assessed: 100, selected: 40 },
    ],
  });
  const supplied = await report("?frameworks=nyc_ll144");
  expect(metricOf(supplied, "M-BIA-01").value).toBe(0.75);
  expect(statusOf(supplied, "NYC-LL144")).toBe("evidence_partial");
});

describe("metrics over time", () => {
  interface Series {
    readonly rows: readonly object[];
  }

  test("count by day and by what they are asked for, in JSON and CSV", async ({ expect }) => {
    at(START_MS);
    const ids = [await recorded(1), await recorded(2, { service_name: "=billing" })];
    at(START_MS + DAY_MS);
    await correct(ids[0]);
    await flag(ids[1]);
    await recorded(3);
    const none = { automatic: 0, reviews: 0 };
    const wrong = { reviewed: 1, found_wrong: 1, flags: 1, corrections: 1 };
    const quiet = { reviewed: 0, found_wrong: 0, flags: 0, corrections: 0 };
    expect((await get<Series>("/v1/metrics")).rows).toEqual([
      { period: "2026-06-01", decisions: 2, ...none, ...wrong },
      { period: "2026-06-02", decisions: 1, ...none, ...quiet },
    ]);
    expect((await get<Series>("/v1/metrics?interval=month&group_by=service,model")).rows).toEqual([
      expect.objectContaining({ period: "2026-06", service: "=billing", model: "gpt-4", flags: 1 }),
      expect.objectContaining({ service: "support-agent", decisions: 2, corrections: 1 }),
    ]);
    const csv = await exports.default.fetch(
      "https://loopgrid.test/v1/metrics?format=csv&interval=month&group_by=service",
    );
    expect(await csv.text()).toBe(
      [
        "period,service,decisions,automatic,reviewed,found_wrong,flags,corrections,reviews",
        '2026-06,"\'=billing",1,0,0,0,1,0,0',
        "2026-06,support-agent,2,0,1,1,0,1,0",
        "",
      ].join("\r\n"),
    );
    expect((await send("/v1/metrics?group_by=nonsense")).status).toBe(422);
  });
});

describe("an issued report", () => {
  test("is an entry with its hash, answered again as it was", async ({ expect }) => {
    await manyDecisions(3);
    const first = await post("/v1/compliance/reports", { frameworks: ["gdpr"] }, "report-1");
    expect(first.status).toBe(200);
    const repeat = await post("/v1/compliance/reports", { frameworks: ["gdpr"] }, "report-1");
    expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
    expect(repeat.body).toEqual(first.body);
    const issued: Report & { verification: { report_hash: string }; issued: { header: string } } =
      JSON.parse(JSON.stringify(first.body));
    expect(issued.report_id).toMatch(/^rpt_/);
    expect(await get(`/v1/compliance/reports/${issued.report_id}`)).toEqual(issued);
    const { facts, kind }: { facts: object; kind: string } = JSON.parse(issued.issued.header);
    expect([kind, facts]).toEqual([
      "report_issued",
      expect.objectContaining({ report_hash: issued.verification.report_hash, as_of: 2 }),
    ]);
    const next = await report();
    expect(next).toMatchObject({
      previous_report: { report_id: issued.report_id, hash: issued.verification.report_hash },
    });
    expect(metricOf(next, "M-DOC-01").value).toBe(1);
    expect((await send("/v1/compliance/reports/rpt_0")).status).toBe(404);
    expect(await verify()).toMatchObject({ valid: true });
  });

  test("can be erased, with what it repeats of the declared context; its hash stays", async ({
    expect,
  }) => {
    const context = { kind: "context", role: "deployer", risk_class: "annex_iii" };
    await add({ ...context, declared_by: "Jane Doe" });
    const { body } = await post("/v1/compliance/reports", {});
    expect(JSON.stringify(body)).toContain("Jane Doe");
    const { report_id }: Report = JSON.parse(JSON.stringify(body));
    const path = `/v1/records/${report_id}`;
    const erased = await post(`${path}/erasure`, { reason_code: "gdpr_article_17" });
    expect(erased).toMatchObject({ status: 200, body: { content: {}, erased: ["report"] } });
    expect((await send(`/v1/compliance/reports/${report_id}`)).status).toBe(404);
    expect(await get(path)).toMatchObject({ facts: { report_hash: expect.any(String) } });
    expect(await verify()).toMatchObject({ valid: true });
    const taken = await post(`${path}/erasure`, { reason_code: "retention_expired" });
    expect([taken.status, taken.body.detail]).toEqual([
      422,
      expect.stringContaining("reason_code: must not be retention_expired"),
    ]);
  });

  test("of a scope with too long a name is refused, and nothing is stored", async ({ expect }) => {
    for (const member of ["service_name", "decision_type"]) {
      const long = await post("/v1/compliance/reports", { [member]: "x".repeat(1025) });
      expect([long.status, long.body.detail]).toEqual([422, expect.stringContaining(member)]);
    }
    const frameworks = Array.from({ length: 20_000 }, () => "gdpr");
    expect(await post("/v1/compliance/reports", { frameworks })).toMatchObject({
      status: 200,
      body: { frameworks: ["gdpr"] },
    });
    expect(await get("/v1/ledger")).toMatchObject({ size: 1 });
  });
});
