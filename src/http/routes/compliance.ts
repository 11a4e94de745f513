/**
 * The compliance report: previewed by GET, which writes nothing into the ledger, or issued by POST,
 * which puts the report and its hash there. One evaluation (compliance/report.ts), shown as JSON, as a
 * page and as OSCAL.
 */
import { z } from "zod";
import { reportPage } from "../../compliance/html/page.ts";
import { oscalOf } from "../../compliance/oscal.ts";
import { buildReport, Report } from "../../compliance/report.ts";
import { reportHash } from "../../compliance/report-hash.ts";
import type { StoredEntry } from "../../ledger/decision.ts";
import { draftEntry } from "../../ledger/draft.ts";
import { encodeHeader } from "../../ledger/entry.ts";
import { mintId } from "../../lib/ids.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { coveredBy, json, receiptOf } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { reportData } from "../report-data.ts";
import { ReportBody, ReportQuery } from "../report-query.ts";
import type { LedgerService, Services } from "../services.ts";

const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FORMATS = ["json", "html", "oscal"] as const;
type Format = (typeof FORMATS)[number];
const FormatParam = z
  .enum(FORMATS, { error: `must be one of ${FORMATS.join(", ")}` })
  .optional()
  .meta({ description: "`oscal`: OSCAL assessment results of the same evaluation" });

const REPORT_ANSWER = {
  description: "The report",
  content: {
    "application/json": { schema: z.union([Report, z.record(z.string(), z.unknown())]) },
    "text/html": { schema: z.string() },
  },
};

const getReport = endpoint(
  {
    method: "get",
    path: "/v1/compliance/report",
    scope: "read",
    operationId: "getComplianceReport",
    tag: "Compliance",
    summary: "What the ledger evidences, requirement by requirement",
    description:
      "A preview: it adds no entry. It shows evidence and how it was measured, never a verdict on compliance; the three `status` words of 0.1 follow 0.1's rule. With the same `as_of` the metrics are the same to the octet, all but M-INT-01 and the statuses it caps: those say what verification finds now.",
    query: ReportQuery.extend({ format: FormatParam }),
    answer: REPORT_ANSWER,
    problems: [413, 422, 503],
  },
  (call) => reportResponse(call, call.query.format ?? "json"),
);

const getReportPage = endpoint(
  {
    method: "get",
    path: "/v1/compliance/report/html",
    scope: "read",
    operationId: "getComplianceReportPage",
    tag: "Compliance",
    summary: "The same report as a page that prints",
    query: ReportQuery,
    answer: { description: "The report", content: { "text/html": { schema: z.string() } } },
    problems: [413, 422, 503],
  },
  (call) => reportResponse(call, "html"),
);

interface ReportCall {
  readonly query: ReportQuery;
  readonly ledger: LedgerService;
  readonly services: Pick<Services, "now">;
}

export async function reportResponse(
  { query, ledger, services }: ReportCall,
  format: Format,
): Promise<Response> {
  return shown(buildReport(await reportData(ledger, services, query)), format);
}

function shown(
  report: Report,
  format: Format,
  headers: Readonly<Record<string, string>> = {},
): Response {
  if (format === "json") return json(report, headers);
  if (format === "oscal") return json(oscalOf(report), headers);
  return new Response(reportPage(report).toString(), {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": PAGE_POLICY,
      ...headers,
    },
  });
}

type IssueCall = Call<unknown, unknown, z.infer<typeof ReportBody>>;

const issueReport = endpoint(
  {
    method: "post",
    path: "/v1/compliance/reports",
    scope: "export",
    keyed: true,
    operationId: "issueComplianceReport",
    tag: "Compliance",
    summary: "Issue a report: it and its hash become an entry",
    description:
      "Takes the preview's parameters in its body. The answer verifies offline with `loopgrid verify`.",
    body: { schema: ReportBody, required: false },
    answer: {
      description: "The report, issued",
      content: { "application/json": { schema: Report } },
    },
    problems: [413, 415, 422, 503],
  },
  async (call: IssueCall) => {
    const appended = await appendOnce({ ...call, query: { receipt: "proof" } }, async (keyed) => {
      const { principal, services, body } = call;
      const report = await issuable(call);
      const { verification, as_of, report_id } = report;
      const facts = {
        report_hash: verification.report_hash,
        as_of,
        generator: report.generator,
        parameters: { ...body },
      };
      const draft = draftEntry(
        {
          kind: "report_issued",
          id: report_id ?? "",
          actor: principal.actor,
          facts: JSON.parse(JSON.stringify(facts)),
          fields: { report: JSON.parse(JSON.stringify(report)) },
          keyed,
        },
        services.random,
      );
      return [draft];
    });
    if (appended === undefined) throw new Problem(500, "a report was not issued");
    const [entry] = await call.ledger.reader.entriesAt([appended.index]);
    return shown(await issuedReport(call.ledger, entry), "json", appended.headers);
  },
);

/** The report with its id and its hash, not yet in the ledger. */
async function issuable({ body, ledger, services }: IssueCall): Promise<Report> {
  const data = await reportData(ledger, services, body ?? {});
  const size = data.integrity.size;
  const id = mintId("rpt_", data.generatedAt.getTime(), size, services.random(6));
  const report = { ...buildReport(data), report_id: id };
  const report_hash = reportHash(JSON.parse(JSON.stringify(report)));
  return { ...report, verification: { ...report.verification, report_hash } };
}

const getIssued = endpoint(
  {
    method: "get",
    path: "/v1/compliance/reports/{report_id}",
    scope: "read",
    access: { logged: "read" },
    operationId: "getIssuedReport",
    tag: "Compliance",
    summary: "An issued report, as it was issued",
    params: z.object({ report_id: z.string() }),
    query: z.object({ format: FormatParam }),
    answer: REPORT_ANSWER,
    problems: [404, 422],
  },
  async ({ params: { report_id }, query, ledger }) => {
    const index = await ledger.reader.indexOf(report_id);
    const [entry] = index === undefined ? [] : await ledger.reader.entriesAt([index]);
    if (entry?.header.kind !== "report_issued")
      throw new Problem(404, `Report ${report_id} not found`);
    return shown(await issuedReport(ledger, entry), query.format ?? "json");
  },
);

/** What was stored, with where it stands in the ledger: header, receipt and inclusion proof. */
async function issuedReport(
  ledger: LedgerService,
  entry: StoredEntry | undefined,
): Promise<Report> {
  const stored = entry?.content["report"]?.value;
  if (entry === undefined || !isObject(stored))
    throw new Problem(404, "The report's content is not there: it was erased");
  const { index } = entry.header;
  const covered = await coveredBy(ledger, { replayed: true, firstIndex: index, count: 1 });
  const receipt = await receiptOf(ledger, index, covered, { receipt: "proof" });
  const issued = { header: encodeHeader(entry.header), chain_hash: entry.chainHash, receipt };
  const whole: JsonObject & { issued?: unknown } = {
    ...stored,
    issued: JSON.parse(JSON.stringify(issued)),
  };
  return Report.parse(whole);
}

export const complianceEndpoints: readonly Endpoint[] = [
  getReport,
  getReportPage,
  issueReport,
  getIssued,
];
