/** `loopgrid report`: what the ledger evidences, as JSON or as a page. */
import type { Command } from "commander";
import {
  asking,
  EXIT_CODES,
  gridOf,
  info,
  out,
  serverCommand,
  writeText,
  type ServerOptions,
} from "../server-command.ts";

interface Options extends ServerOptions {
  readonly service?: string;
  readonly html?: true;
  readonly out?: string;
}

export function reportCommand(): Command {
  return serverCommand("report", "What the ledger evidences; no legal assessment")
    .option("--service <name>", "of one service")
    .option("--html", "as a page")
    .option("-o, --out <file>", "where to; standard output by itself")
    .addHelpText(
      "after",
      `
  $ loopgrid report
  $ loopgrid report --html -o report.html
${EXIT_CODES}`,
    )
    .action((options: Options) => asking(() => run(options)));
}

async function run(options: Options): Promise<void> {
  const { service, html, json } = options;
  const grid = gridOf(options);
  if (html === true) {
    await writeText(await grid.complianceReportHtml(service), options.out);
    if (options.out !== undefined) info.line(options.out);
    return;
  }
  const report = await grid.complianceReport(service);
  if (json || options.out !== undefined)
    return writeText(JSON.stringify(report, null, 2), options.out);
  const { summary, ledger_integrity, eu_ai_act_mapping } = report;
  out.line(`${report.report_type}, ${report.generated_at}`);
  out.line(`  decisions   ${String(summary["total"])}`);
  out.line(`  integrity   ${ledger_integrity.message}`);
  for (const [article, { status, status_basis }] of Object.entries(eu_ai_act_mapping))
    out.line(`  ${article.replaceAll("_", " ")}: ${status} (${status_basis})`);
}
