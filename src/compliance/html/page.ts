/**
 * The report as a page that prints: the same evaluation as the JSON, every value escaped, no script,
 * nothing loaded. Its order is an auditor's: exceptions before results, results before annexes.
 */
import { html, type SafeHtml } from "../../lib/html.ts";
import type { Report } from "../report.ts";
import { styleOf } from "./style.ts";
import { annexes, attestation, integrity, response, samples } from "./closing.ts";
import { contents, cover, reading, summary } from "./opening.ts";
import { incidents, oversight, retention } from "./operation.ts";
import { metrics, requirements } from "./results.ts";
import { context, system } from "./system.ts";
import { viewOf, type View } from "./view.ts";

const SECTIONS: readonly (readonly [
  id: string,
  title: string,
  section: (view: View) => SafeHtml,
])[] = [
  ["reading", "How to read this report", reading],
  ["summary", "Summary and exceptions", summary],
  ["context", "Declared context", context],
  ["system", "System description", system],
  ["results", "Tests and results", requirements],
  ["oversight", "Human oversight", oversight],
  ["incidents", "Incidents, halts and drills", incidents],
  ["integrity", "Integrity of the ledger", integrity],
  ["retention", "Retention and privacy", retention],
  ["samples", "Sample evidence", samples],
  ["metrics", "Metrics and how to count them again", metrics],
  ["response", "Response of management", response],
  ["attestation", "Attestation", attestation],
  ["annexes", "Annexes", annexes],
];

export function reportPage(report: Report): SafeHtml {
  const view = viewOf(report);
  const hash = report.verification.report_hash ?? report.ledger_integrity.head_chain_hash ?? "";
  const running = `LoopGrid evidence report ${report.report_id ?? "preview"} ${hash.slice(0, 16)}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>LoopGrid Compliance Report</title>
        <style>
          ${styleOf(running)}
        </style>
      </head>
      <body>
        <main>
          ${cover(view)} ${contents(SECTIONS.map(([id, title]) => [id, title]))}
          ${SECTIONS.map(
            ([id, title, section], i) =>
              html`<section id="${id}" class="page" aria-labelledby="h-${id}">
                <h2 id="h-${id}">${i + 1}. ${title}</h2>
                ${section(view)}
              </section>`,
          )}
        </main>
      </body>
    </html>`;
}
