import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { legacyReportPage } from "../../../src/compliance/legacy-html.ts";
import { legacyReport, type ReportFacts } from "../../../src/compliance/legacy-report.ts";

const count = {
  serviceName: "support",
  decisionType: "reply",
  modelProvider: "openai",
  modelName: "gpt-4",
};
const facts: ReportFacts = {
  generatedAt: "2026-11-22T18:26:55.934Z",
  version: "0.2.0",
  serviceFilter: null,
  counts: [
    { ...count, status: "recorded", decisions: 4 },
    { ...count, status: "incorrect", decisions: 1 },
    { ...count, status: "corrected", decisions: 2 },
    { ...count, serviceName: "search", modelName: "", status: "recorded", decisions: 1 },
    { ...count, decisionType: "rank", modelProvider: "", status: "corrected", decisions: 1 },
  ],
  firstDecision: "2026-11-01T00:00:00.000Z",
  lastDecision: "2026-11-22T00:00:00.000Z",
  integrity: { valid: true, total: 9, broken_at: null, message: "All 9 entries verified" },
};
const EMPTY: ReportFacts = {
  ...facts,
  counts: [],
  firstDecision: null,
  lastDecision: null,
  integrity: { valid: true, total: 0, broken_at: null, message: "The ledger holds no entries" },
};

describe("the report", () => {
  test("counts what the ledger holds, with 0.1's names and one decimal", () => {
    expect(legacyReport(facts).summary).toEqual({
      total: 9,
      recorded: 5,
      incorrect: 1,
      corrected: 3,
      correction_rate: 33.3,
      error_rate: 44.4,
      unique_models: 3,
      unique_services: 2,
      unique_decision_types: 2,
      first_decision: facts.firstDecision,
      last_decision: facts.lastDecision,
    });
  });

  test("has the shape of the contract", () => {
    const report = legacyReport(facts);
    expect(report).toMatchObject({
      report_type: "EU AI Act Compliance Assessment",
      generated_at: facts.generatedAt,
      generator: "LoopGrid v0.2.0",
      service_filter: null,
      ledger_integrity: facts.integrity,
    });
    const { article_12_record_keeping, article_14_human_oversight, article_9_risk_management } =
      report.eu_ai_act_mapping;
    expect(article_12_record_keeping.evidence).toEqual({
      total_decisions_logged: 9,
      immutable_hash_chain: true,
      chain_length: 9,
      logging_period_start: facts.firstDecision,
      logging_period_end: facts.lastDecision,
    });
    expect(article_14_human_oversight.evidence).toEqual({
      human_corrections: 3,
      flagged_for_review: 1,
      correction_rate: 33.3,
      human_in_the_loop: true,
    });
    expect(article_9_risk_management.evidence).toEqual({
      error_rate_tracked: true,
      error_rate_percent: 44.4,
      replay_capability: true,
      systematic_improvement: true,
    });
  });

  test("of an empty ledger has a total and nothing else to sum up", () => {
    const { summary, eu_ai_act_mapping: articles } = legacyReport(EMPTY);
    expect(summary).toEqual({ total: 0 });
    expect(articles.article_12_record_keeping.status).toBe("non_compliant");
    expect(articles.article_14_human_oversight).toMatchObject({
      status: "partial",
      evidence: { correction_rate: 0, human_in_the_loop: false },
    });
    expect(articles.article_9_risk_management).toMatchObject({
      status: "partial",
      evidence: { error_rate_percent: 0, replay_capability: false, systematic_improvement: false },
    });
  });

  test.each([
    [true, "compliant"],
    [false, "non_compliant"],
    [null, "non_compliant"],
  ])("with integrity %j says %s under Article 12", (valid, status) => {
    const report = legacyReport({ ...facts, integrity: { ...facts.integrity, valid } });
    const { article_12_record_keeping } = report.eu_ai_act_mapping;
    expect(article_12_record_keeping.status).toBe(status);
    expect(article_12_record_keeping.evidence.immutable_hash_chain).toBe(valid);
  });

  test.each([
    ["recorded", "partial", false],
    ["incorrect", "compliant", true],
    ["corrected", "compliant", true],
  ])("of only %s decisions says %s under Article 14", (status, verdict, reviewed) => {
    const report = legacyReport({ ...facts, counts: [{ ...count, status, decisions: 1 }] });
    const { article_14_human_oversight } = report.eu_ai_act_mapping;
    expect(article_14_human_oversight.status).toBe(verdict);
    expect(article_14_human_oversight.evidence.human_in_the_loop).toBe(reviewed);
  });

  test("marks every status word as 0.1's rule, in words that are not the law's", () => {
    for (const article of Object.values(legacyReport(facts).eu_ai_act_mapping)) {
      expect(article.status_basis).toBe("loopgrid-0.1-rule");
      expect(["compliant", "partial", "non_compliant"]).toContain(article.status);
    }
  });

  test("tells models apart by provider and name together", () => {
    const models = [
      ["a", "bc"],
      ["ab", "c"],
      ["", "abc"],
      ["abc", ""],
    ].map(([modelProvider = "", modelName = ""]) => ({
      ...count,
      modelProvider,
      modelName,
      status: "recorded",
      decisions: 1,
    }));
    expect(legacyReport({ ...facts, counts: models }).summary.unique_models).toBe(4);
  });
});

/** Header and cell of every table row, in order, as a browser would show them. */
function cellsOf(page: string): [string, string][] {
  const cells = [...page.matchAll(/<th scope="row">\s*(.*?)\s*<\/th>\s*<td>\s*(.*?)\s*<\/td>/gs)];
  return cells.map(([, name = "", value = ""]) => [name, value]);
}

function shown(value: string | number | boolean | null | undefined): string {
  if (value === true) return "yes";
  if (value === false) return "no";
  return String(value ?? "not known");
}

describe("the page", () => {
  test.each([
    ["a full ledger", facts],
    ["an empty ledger", EMPTY],
    [
      "a broken ledger",
      { ...facts, integrity: { valid: false, total: 9, broken_at: "dec_1", message: "chain" } },
    ],
    ["a ledger not wholly checked", { ...facts, integrity: { ...facts.integrity, valid: null } }],
  ])("of %s shows every fact of the JSON, and no other", (_, of) => {
    const report = legacyReport(of);
    const articles = report.eu_ai_act_mapping;
    const expected = [
      report.summary,
      report.ledger_integrity,
      articles.article_12_record_keeping.evidence,
      articles.article_14_human_oversight.evidence,
      articles.article_9_risk_management.evidence,
    ].flatMap((table) =>
      Object.entries(table).map(([name, value]) => [name.replaceAll("_", " "), shown(value)]),
    );
    const page = legacyReportPage(report).toString();
    expect(cellsOf(page)).toEqual(expected);
    for (const [article, { status }] of [
      ["Article 12", articles.article_12_record_keeping],
      ["Article 14", articles.article_14_human_oversight],
      ["Article 9", articles.article_9_risk_management],
    ] as const) {
      const section = page.slice(page.indexOf(`<h2>${article}`));
      expect(section.slice(0, section.indexOf("<table>"))).toContain(`<strong>${status}</strong>`);
    }
    expect(page).toContain("LoopGrid Compliance Report");
  });

  test("names the service it is about, and only then", () => {
    const about = legacyReportPage(legacyReport({ ...facts, serviceFilter: "support" }));
    expect(about.toString()).toContain("for service <strong>support</strong>");
    expect(legacyReportPage(legacyReport(facts)).toString()).not.toContain("for service");
  });

  test("says that its words are evidence, not an assessment", () => {
    const page = legacyReportPage(legacyReport(facts)).toString();
    expect(page).toMatch(/follow LoopGrid 0\.1's rule[\s\S]*not an assessment/);
    expect(page.toLowerCase()).not.toMatch(/certified|tamper-proof/);
  });

  test.each([
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</strong><h2>Article 12</h2>",
    "&lt;script&gt;",
  ])("cannot be written into by the name %s", (name) => {
    const clean = legacyReportPage(legacyReport({ ...facts, serviceFilter: "x" })).toString();
    const page = legacyReportPage(legacyReport({ ...facts, serviceFilter: name })).toString();
    expect(tagsIn(page)).toEqual(tagsIn(clean));
    expect(page).not.toContain(`<strong>${name}`);
  });

  test("has the same tags whatever text its facts hold", () => {
    const clean = tagsIn(
      legacyReportPage(legacyReport({ ...facts, serviceFilter: "x" })).toString(),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (name, message) => {
        const integrity = { ...facts.integrity, message, broken_at: name };
        const of = { ...facts, serviceFilter: name, firstDecision: message, integrity };
        expect(tagsIn(legacyReportPage(legacyReport(of)).toString())).toEqual(clean);
      }),
    );
  });

  test("runs and loads nothing", () => {
    const page = legacyReportPage(legacyReport(facts)).toString();
    expect(page).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|\b(?:src|href)=|url\(|@import/i);
  });
});

function tagsIn(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}
