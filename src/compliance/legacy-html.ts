/** The legacy report as a page: the same model as the JSON, every value escaped, no script. */
import { html, SafeHtml } from "../lib/html.ts";
import type { LegacyReport } from "./legacy-report.ts";

const ARTICLES = [
  ["article_12_record_keeping", "Article 12", "Record-keeping"],
  ["article_14_human_oversight", "Article 14", "Human oversight"],
  ["article_9_risk_management", "Article 9", "Risk management"],
] as const;

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
th, td { border: 1px solid #767676; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { width: 40%; font-weight: 600; background: #f2f2f2; }
.note { border-left: 4px solid #595959; padding-left: 1rem; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } }`;

export function legacyReportPage(report: LegacyReport): SafeHtml {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>LoopGrid Compliance Report</title>
        <style>
          ${new SafeHtml(STYLE)}
        </style>
      </head>
      <body>
        <h1>LoopGrid Compliance Report</h1>
        <p>
          ${report.report_type}, generated at ${report.generated_at} by
          ${report.generator}${
            report.service_filter === null
              ? ""
              : html`, for service <strong>${report.service_filter}</strong>`
          }.
        </p>
        <p class="note">
          The status words below follow LoopGrid 0.1's rule over counts. They are evidence for a
          person who assesses compliance, not an assessment.
        </p>
        <h2>Summary</h2>
        ${table(report.summary)}
        <h2>Ledger integrity</h2>
        ${table(report.ledger_integrity)}
        ${ARTICLES.map(([key, article, title]) => {
          const { status, description, evidence } = report.eu_ai_act_mapping[key];
          return html`<h2>${article}: ${title}</h2>
            <p>Status by 0.1's rule: <strong>${status}</strong>. ${description}.</p>
            ${table(evidence)}`;
        })}
      </body>
    </html>`;
}

function table(
  rows: Readonly<Record<string, string | number | boolean | null | undefined>>,
): SafeHtml {
  return html`<table>
    <tbody>
      ${Object.entries(rows).map(
        ([name, value]) =>
          html`<tr>
            <th scope="row">${name.replaceAll("_", " ")}</th>
            <td>${shown(value)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** A value that is not known is said to be, never left blank or taken for a no. */
function shown(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return "not known";
  if (value === true) return "yes";
  return value === false ? "no" : String(value);
}
