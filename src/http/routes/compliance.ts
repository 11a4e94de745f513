/** The compliance report, CONTRACT "Report": one evaluation, as JSON and as a page. */
import { z } from "zod";
import { legacyReportPage } from "../../compliance/legacy-html.ts";
import { legacyReport, type LegacyReport } from "../../compliance/legacy-report.ts";
import type { DecisionFilter, LedgerReader } from "../../ledger/read.ts";
import { json } from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { verifyIntegrity } from "../integrity.ts";
import { VERSION } from "../version.ts";

const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ReportQuery = z.object({ service_name: z.string().optional() });

const Article = z.object({
  status: z.enum(["compliant", "partial", "non_compliant"]),
  status_basis: z.literal("loopgrid-0.1-rule"),
  description: z.string(),
  evidence: z.record(z.string(), z.unknown()),
});

export const ReportAnswer = z
  .object({
    report_type: z.string(),
    generated_at: z.string(),
    generator: z.string(),
    service_filter: z.string().nullable(),
    summary: z.record(z.string(), z.unknown()),
    ledger_integrity: z.object({
      valid: z.boolean().nullable(),
      total: z.int(),
      broken_at: z.string().nullable(),
      message: z.string(),
    }),
    eu_ai_act_mapping: z.object({
      article_12_record_keeping: Article,
      article_14_human_oversight: Article,
      article_9_risk_management: Article,
    }),
  })
  .meta({ id: "ComplianceReport" });

type ReportCall = Pick<
  Call<unknown, z.infer<typeof ReportQuery>, undefined>,
  "query" | "ledger" | "services"
>;

async function evaluate({ query, ledger, services }: ReportCall): Promise<LegacyReport> {
  const serviceName = query.service_name;
  const [{ valid, total, broken_at, message }, counts, firstDecision, lastDecision] =
    await Promise.all([
      verifyIntegrity(ledger, services, { serviceName }),
      ledger.reader.counts(serviceName),
      boundary(ledger.reader, { serviceName }, "oldest"),
      boundary(ledger.reader, { serviceName }, "newest"),
    ]);
  return legacyReport({
    generatedAt: services.now().toISOString(),
    version: VERSION,
    serviceFilter: serviceName ?? null,
    counts,
    firstDecision,
    lastDecision,
    integrity: { valid, total, broken_at, message },
  });
}

async function boundary(
  reader: LedgerReader,
  filter: DecisionFilter,
  end: "oldest" | "newest",
): Promise<string | null> {
  return (await reader.recordedAt(filter, end)) ?? null;
}

const getReport = endpoint(
  {
    method: "get",
    path: "/v1/compliance/report",
    scope: "read",
    operationId: "getComplianceReport",
    tag: "Compliance",
    summary: "What the ledger evidences, in 0.1's form",
    description:
      "The three status words follow 0.1's rule over counts and are no legal assessment.",
    query: ReportQuery,
    answer: {
      description: "The report",
      content: { "application/json": { schema: ReportAnswer } },
    },
    problems: [422],
  },
  (call) => reportResponse(call, "json"),
);

const getReportPage = endpoint(
  {
    method: "get",
    path: "/v1/compliance/report/html",
    scope: "read",
    operationId: "getComplianceReportPage",
    tag: "Compliance",
    summary: "The same report as a page",
    query: ReportQuery,
    answer: { description: "The report", content: { "text/html": { schema: z.string() } } },
    problems: [422],
  },
  (call) => reportResponse(call, "html"),
);

export async function reportResponse(call: ReportCall, format: "json" | "html"): Promise<Response> {
  const report = await evaluate(call);
  if (format === "json") return json(report);
  return new Response(legacyReportPage(report).toString(), {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": REPORT_POLICY,
    },
  });
}

export const complianceEndpoints: readonly Endpoint[] = [getReport, getReportPage];
