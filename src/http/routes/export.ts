/** Exports, CONTRACT "Export": complete or cut short visibly, streamed, without a cap. */
import { z } from "zod";
import { CSV_HEADER, csvRow } from "../../export/csv.ts";
import { Decision } from "../../ledger/schema.ts";
import { allDecisions } from "../decision-pages.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { DecisionFilterQuery, toFilter } from "../queries.ts";
import { jsonList, streamResponse } from "../stream.ts";

const exportDecisions = endpoint(
  {
    method: "get",
    path: "/v1/export/decisions",
    scope: "export",
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
  ({ query, ledger: { reader } }) => {
    const pages = allDecisions(reader, toFilter(query));
    if (query.format === "csv") {
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

export const exportEndpoints: readonly Endpoint[] = [exportDecisions];
