/** Time series of what was recorded and reviewed, as JSON and CSV. From tallies: no scan of decisions. */
import { z } from "zod";
import { DIMENSIONS, SERIES_COLUMNS, SeriesRow, seriesOf } from "../../compliance/series.ts";
import { csvCell } from "../../export/csv.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { ReportQuery } from "../report-query.ts";
import { talliedRows } from "../tallied.ts";

const MetricsQuery = ReportQuery.pick({
  service_name: true,
  decision_type: true,
  from: true,
  to: true,
}).extend({
  interval: z
    .enum(["day", "month"], { error: "must be day or month" })
    .optional()
    .meta({ default: "day" }),
  group_by: z
    .string()
    .transform((list, context) => {
      const parsed = z
        .array(z.enum(DIMENSIONS))
        .safeParse(list.split(",").map((name) => name.trim()));
      if (parsed.success) return [...new Set(parsed.data)];
      const message = `must hold, with commas, any of ${DIMENSIONS.join(", ")}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    })
    .optional()
    .meta({ type: "string", description: `with commas, any of ${DIMENSIONS.join(", ")}` }),
  format: z
    .enum(["json", "csv"], { error: "must be json or csv" })
    .optional()
    .meta({ default: "json" }),
});

const getMetrics = endpoint(
  {
    method: "get",
    path: "/v1/metrics",
    scope: "read",
    operationId: "getMetrics",
    tag: "Compliance",
    summary: "Decisions, reviews and errors over time",
    description:
      "The numbers behind the report, by the day or month of the decision and by what `group_by` names. `found_wrong` is of those reviewed: nobody knows of the others.",
    query: MetricsQuery,
    answer: {
      description: "One row for each period and group",
      content: {
        "application/json": {
          schema: z.object({ size: z.int(), interval: z.string(), rows: z.array(SeriesRow) }),
        },
        "text/csv": { schema: z.string() },
      },
    },
    problems: [413, 422, 503],
  },
  async ({ query, ledger }) => {
    const { interval = "day", group_by: dimensions = [] } = query;
    const size = (await ledger.reader.head())?.size ?? 0;
    const tallies = await talliedRows(ledger, size, { tallies: ["decision", "review"] });
    const scope = {
      serviceName: query.service_name,
      decisionType: query.decision_type,
      fromDay: query.from,
      toDay: query.to,
    };
    const rows = seriesOf(tallies, scope, interval, dimensions);
    if (query.format !== "csv") return json({ size, interval, rows });
    const columns = SERIES_COLUMNS.filter(
      (column) =>
        !DIMENSIONS.some((name) => name === column) || dimensions.some((name) => name === column),
    );
    const lines = rows.map((row) => columns.map((column) => csvCell(row[column] ?? "")).join(","));
    return new Response([columns.join(","), ...lines, ""].join("\r\n"), {
      headers: {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": "attachment; filename=loopgrid_metrics.csv",
      },
    });
  },
);

export const metricsEndpoints: readonly Endpoint[] = [getMetrics];
