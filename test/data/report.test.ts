/**
 * The compliance report over four real data sets as four services, with their corrections: what it says
 * is counted again from the export alone, and its page is opened in a browser that complains about
 * nothing, asks for nothing, and prints.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import axe from "axe-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage, type OpenedPage } from "../support/chromium.ts";
import { headersIn, recount } from "../support/independent-metrics.ts";
import { startServer, type TestServer } from "../support/server.ts";

const folder = join(
  resolve(process.env["LOOPGRID_DATA"] ?? join(import.meta.dirname, "../../../shared/data")),
  "decisions",
);
const CHROMIUM = process.env["LOOPGRID_CHROMIUM"] ?? "/usr/bin/chromium";
const absent = !existsSync(folder) || !existsSync(CHROMIUM);
const reason = absent ? ` (skipped: there is no ${folder}, or no ${CHROMIUM})` : "";
/** Where to leave the PDF and the screenshot to look at; nowhere unless asked. */
const keep = process.env["LOOPGRID_KEEP_PAGES"];

const SETS = ["gsm8k_solutions", "hiring_rankings", "mlqe_pe_translations", "tau_airline_turns"];
const HIRING = "resume-ranking";
const BATCH = 200;
const IN_FLIGHT = 16;
/** Enough to review with; all four thousand of them are recorded in real-decisions.test.ts. */
const CORRECTIONS_MAX = 300;

interface Metric {
  readonly id: string;
  readonly value: number | null;
  readonly numerator: number | null;
  readonly denominator: number | null;
}

interface Report {
  readonly metrics: readonly Metric[];
  readonly requirements: readonly { readonly id: string; readonly evidence_status: string }[];
  readonly timeline: { readonly selections: readonly object[] };
}

type Line = Record<string, unknown> & { readonly index: number };

function linesOf(file: string): Line[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line): Line => JSON.parse(line));
}

describe.skipIf(absent)(`the report over real decisions${reason}`, () => {
  let server: TestServer;
  let ndjson = "";

  async function post<T>(path: string, body: object): Promise<T> {
    const response = await fetch(server.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.status !== 200) throw new Error(`${path}: ${await response.text()}`);
    const answer: T = JSON.parse(await response.text());
    return answer;
  }

  async function report(query = ""): Promise<Report> {
    const response = await fetch(`${server.url}/v1/compliance/report${query}`);
    const answer: Report = JSON.parse(await response.text());
    return answer;
  }

  async function load(set: string): Promise<void> {
    const decisions = linesOf(`${set}.jsonl`);
    const ids: string[] = [];
    for (let i = 0; i < decisions.length; i += BATCH) {
      const part = decisions.slice(i, i + BATCH).map((decision, at) => ({
        ...decision,
        capture_mode: "import",
        decision_role: "contributing",
        writer_id: set,
        writer_seq: i + at + 1,
      }));
      const { decisions: rows } = await post<{ decisions: { decision_id: string }[] }>(
        "/v1/decisions/batch",
        { decisions: part },
      );
      ids.push(...rows.map(({ decision_id }) => decision_id));
    }
    const corrections = linesOf(`${set}.corrections.jsonl`).slice(0, CORRECTIONS_MAX);
    for (let i = 0; i < corrections.length; i += IN_FLIGHT)
      await Promise.all(
        corrections
          .slice(i, i + IN_FLIGHT)
          .map(({ index, correction, corrected_by }) =>
            post(`/v1/decisions/${ids[index]}/correction`, { correction, corrected_by }),
          ),
      );
  }

  beforeAll(async () => {
    server = await startServer();
    for (const set of SETS) await load(set);
    await post("/v1/records", {
      kind: "context",
      role: "deployer",
      risk_class: "annex_iii",
      annex_iii_point: "4.a",
      declared_by: "a test",
    });
    await post("/v1/records", {
      kind: "selection",
      service_name: HIRING,
      category: "group",
      period_from: "2026-01-01T00:00:00Z",
      period_to: "2026-11-01T00:00:00Z",
      groups: [
        { group: "a", assessed: 100, selected: 45 },
        { group: "b", assessed: 100, selected: 30 },
      ],
    });
    ndjson = await (await fetch(`${server.url}/v1/export/ledger`)).text();
  }, 300_000);
  afterAll(() => server.stop());

  test.for([undefined, "grade-school-math", HIRING, "translation", "tau-bench-airline"])(
    "says of %s what the export alone says",
    async (service, { expect }) => {
      const { metrics } = await report(service === undefined ? "" : `?service_name=${service}`);
      const counted = recount(headersIn(ndjson), service);
      expect(Object.keys(counted).length).toBeGreaterThan(12);
      const shown = Object.fromEntries(metrics.map((metric) => [metric.id, metric]));
      for (const [id, numbers] of Object.entries(counted))
        expect(shown[id], id).toMatchObject(numbers);
    },
  );

  test("of hiring, an Annex III use, shows statuses that fit what there is", async ({ expect }) => {
    const { requirements, timeline } = await report(`?service_name=${HIRING}`);
    const statusOf = (id: string) => requirements.find((item) => item.id === id)?.evidence_status;
    // Nobody reviewed a ranking, and all of them were imported.
    expect(statusOf("EUAIA-14-4d")).toBe("evidence_missing");
    expect(statusOf("EUAIA-12-1")).toBe("evidence_partial");
    expect(statusOf("EUAIA-26-11")).toBe("evidence_missing");
    expect(statusOf("EUAIA-73")).toBe("not_assessed");
    expect(statusOf("EUAIA-10")).toBe("outside_ledger_scope");
    expect(statusOf("NYC-LL144")).toBe("evidence_partial");
    expect(timeline.selections).toMatchObject([
      { group: "a", impact_ratio: 1 },
      { group: "b", impact_ratio: 0.666667 },
    ]);
  });

  describe("as a page", () => {
    let page: OpenedPage;

    beforeAll(async () => {
      page = await openPage(
        CHROMIUM,
        `${server.url}/v1/compliance/report/html`,
        "document.querySelectorAll('section').length === 14",
        [
          `${axe.source}; true`,
          `axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, target: nodes[0].html.slice(0, 200) })))`,
          "[...document.querySelectorAll('svg')].length",
          "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
        ],
      );
      if (keep !== undefined) {
        mkdirSync(keep, { recursive: true });
        writeFileSync(join(keep, "report.pdf"), page.pdf);
        writeFileSync(join(keep, "report.png"), page.screenshot);
      }
    }, 120_000);

    test("asks for nothing but itself and complains about nothing", ({ expect }) => {
      expect(page.requested).toEqual([`${server.url}/v1/compliance/report/html`]);
      expect(page.complaints).toEqual([]);
    });

    test("has no serious finding of axe, all its charts, and no scroll sideways", ({ expect }) => {
      const [loaded, violations, charts, fits] = page.answers;
      expect(loaded).toBe(true);
      const found: { impact: string }[] = JSON.parse(JSON.stringify(violations));
      expect(found.filter(({ impact }) => /serious|critical/.test(impact))).toEqual([]);
      expect(charts).toBe(7);
      expect(fits).toBe(true);
    });

    test("prints as a document of some dozens of pages", ({ expect }) => {
      const pages = page.pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      expect(pages).toBeGreaterThan(20);
      expect(pages).toBeLessThan(80);
    });
  });
});
