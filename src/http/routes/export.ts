/** Exports, CONTRACT "Export": complete or cut short visibly, streamed, without a cap. */
import { z } from "zod";
import { CSV_HEADER, csvRow } from "../../export/csv.ts";
import { Decision } from "../../ledger/schema.ts";
import type { JsonObject } from "../../lib/json.ts";
import { allDecisions } from "../decision-pages.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { recordExport } from "../export-record.ts";
import { DecisionFilterQuery, toFilter } from "../queries.ts";
import { jsonList, streamResponse } from "../stream.ts";

const exportDecisions = endpoint(
  {
    method: "get",
    path: "/v1/export/decisions",
    scope: "export",
    access: { unlimited: true, logged: "export" },
    operationId: "exportDecisions",
    tag: "Export",
    summary: "All decisions, newest first, as JSON or CSV",
    query: DecisionFilterQuery.extend({
      format: z
        .enum(["json", "csv"], { error: "must be json or csv" })
        .optional()
        .meta({ default: "json" }),
    }),
    answer: {
      description: "Every matching decision recorded before the export began",
      content: {
        "application/json": { schema: z.object({ decisions: z.array(Decision), total: z.int() }) },
        "text/csv": { schema: z.string() },
      },
    },
    problems: [422],
  },
  async (call) => {
    const { format = "json", ...filter } = call.query;
    await recordExport(call, { format }, stringsOf(filter));
    const { reader } = call.ledger;
    const pages = allDecisions(reader, toFilter(filter));
    if (format === "csv") {
      const lines = async function* () {
        yield CSV_HEADER;
        for await (const page of pages) yield page.map(csvRow).join("");
      };
      return streamResponse(lines(), {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": "attachment; filename=loopgrid_decisions.csv",
      });
    }
    let total = 0;
    const counted = async function* () {
      for await (const page of pages) {
        total += page.length;
        yield page;
      }
    };
    return streamResponse(
      jsonList("decisions", counted(), () => ({ total })),
      { "Content-Type": "application/json" },
    );
  },
);

/** What was given of a filter, as JSON. */
function stringsOf(filter: Readonly<Record<string, string | number | undefined>>): JsonObject {
  const given: JsonObject = {};
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) given[name] = value;
  return given;
}

export const exportEndpoints: readonly Endpoint[] = [exportDecisions];
