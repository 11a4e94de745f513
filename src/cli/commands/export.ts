/** `loopgrid export <what>`: complete copies, streamed; what is cut short fails. */
import { Argument, Option, type Command } from "commander";
import type { LoopGrid } from "../../sdk/javascript/index.ts";
import { InputError } from "../json-lines.ts";
import {
  asking,
  EXIT_CODES,
  gridOf,
  info,
  parseCount,
  printJson,
  progressOf,
  serverCommand,
  writeAll,
  writeText,
  type ServerOptions,
} from "../server-command.ts";
import { counted } from "../terminal.ts";

const WHAT = ["ledger", "decisions", "csv", "evidence"] as const;
const STATUSES = ["recorded", "incorrect", "corrected"] as const;

interface Options extends ServerOptions {
  readonly out?: string;
  readonly from?: number;
  readonly to?: number;
  readonly service?: string;
  readonly status?: (typeof STATUSES)[number];
}

export function exportCommand(): Command {
  return serverCommand("export", "Copies of what is recorded, complete or they fail")
    .addArgument(new Argument("<what>", "which copy").choices(WHAT))
    .argument("[decision_id]", "of evidence")
    .option("-o, --out <file>", "where to; standard output by itself")
    .option("--from <index>", "ledger: the first entry", parseCount)
    .option("--to <size>", "ledger: up to this size", parseCount)
    .option("--service <name>", "decisions, csv: of one service")
    .addOption(new Option("--status <status>", "decisions, csv").choices(STATUSES))
    .addHelpText(
      "after",
      `
ledger     every entry, as a file that loopgrid verify checks
decisions  one decision a line, newest first     csv  the same for spreadsheets
evidence   one decision as a file that verifies itself

  $ loopgrid export ledger -o main.ndjson && loopgrid verify main.ndjson --key "$KEY"
  $ loopgrid export evidence dec_… -o evidence.json
With --json and --out a summary is printed.
${EXIT_CODES}`,
    )
    .action((what: (typeof WHAT)[number], id: string | undefined, options: Options) =>
      asking(() => run(what, id, options)),
    );
}

async function run(
  what: (typeof WHAT)[number],
  id: string | undefined,
  options: Options,
): Promise<void> {
  const grid = gridOf(options);
  if (what === "evidence") {
    if (id === undefined) throw new InputError("evidence is of one decision: name it");
    await writeText(await grid.decisions.evidence(id), options.out);
    return told(what, 1, options);
  }
  told(what, await writeAll(await textsOf(grid, what, options), options.out), options);
}

function told(what: (typeof WHAT)[number], written: number, options: Options): void {
  if (options.out === undefined) return;
  if (options.json) printJson({ what, file: options.out, pieces: written });
  else if (what === "evidence") info.line(options.out);
  else info.line(`${counted(written)} ${what === "csv" ? "pieces" : "lines"} in ${options.out}`);
}

async function textsOf(
  grid: LoopGrid,
  what: "ledger" | "decisions" | "csv",
  { from, to, service, status }: Options,
): Promise<AsyncIterable<string>> {
  const filter = { serviceName: service, status };
  if (what === "csv") return grid.exports.csv(filter);
  if (what === "decisions") return lined(grid.exports.decisions(filter), JSON.stringify);
  const size = to ?? (await grid.ledger.state()).size;
  const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  return counting(
    lined(grid.exports.ledger(range), (line) => line),
    size - (from ?? 0),
  );
}

async function* lined<T>(items: AsyncIterable<T>, text: (item: T) => string) {
  for await (const item of items) yield `${text(item)}\n`;
}

async function* counting(lines: AsyncIterable<string>, total: number): AsyncGenerator<string> {
  const progress = progressOf(total);
  try {
    for await (const line of lines) {
      yield line;
      progress.advance(1);
    }
  } finally {
    progress.finish();
  }
}
