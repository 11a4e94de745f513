/**
 * `loopgrid import <file>`: decisions of JSON Lines, any number. Run again after an abort, it finds what
 * is there and adds the rest: every batch goes under a key that follows from its lines.
 */
import { basename } from "node:path";
import type { Command } from "commander";
import { isObject } from "../../lib/json.ts";
import { LoopGridClient, ServerProblem, Unreachable } from "../client.ts";
import { fileSource, type Source } from "../demo/source.ts";
import { recordDecisions } from "../demo/steps.ts";
import { InputError, type JsonLine } from "../json-lines.ts";
import {
  EXIT_CODES,
  info,
  printJson,
  progressOf,
  serverCommand,
  type ServerOptions,
} from "../server-command.ts";
import { counted, perSecond } from "../terminal.ts";

interface Options extends ServerOptions {
  readonly run?: string;
}

export function importCommand(): Command {
  return serverCommand("import", "Record the decisions of a file of JSON Lines")
    .argument("<file>", "one decision a line, as POST /v1/decisions takes it")
    .option("--run <name>", "another name records the same lines again; the file's name by itself")
    .addHelpText(
      "after",
      `
Resumable: run it again after an abort, what is there is found and not written twice.
That holds for the same lines. Lines go in hundreds, and a last hundred that was not full is recorded
again when more lines were added to it: put new decisions into a file of their own.
Lines that do not say so themselves get capture_mode "import".
  $ loopgrid import decisions.jsonl
${EXIT_CODES}`,
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const source = await fileSource(file);
  const client = new LoopGridClient({ url: options.server });
  const progress = progressOf(source.decisionCount);
  const startedMs = performance.now();
  try {
    const { recorded, alreadyThere } = await recordDecisions({
      client,
      source: asImport(source),
      name: `import ${options.run ?? basename(file)}`,
      progress,
      batchesAtOnce: 1,
    });
    progress.finish();
    const ms = performance.now() - startedMs;
    if (options.json) return printJson({ recorded, already_recorded: alreadyThere });
    info.line(
      `${counted(recorded)} recorded, ${counted(alreadyThere)} already there, ${perSecond(recorded + alreadyThere, ms)}`,
    );
  } catch (error) {
    progress.finish();
    if (!isServers(error)) throw error; // a line that is none: the file is wrong, the server is not
    info.line(`${error.message}\nRun the same command again to go on.`);
    process.exitCode = 1;
  }
}

/** A refusal that names a line is an InputError, and the server's all the same. */
function isServers(error: unknown): error is Error {
  if (error instanceof InputError) return error.cause instanceof ServerProblem;
  return error instanceof ServerProblem || error instanceof Unreachable;
}

/** A record made later never counts as automatic recording. The rest of a line stays as it is. */
function asImport(source: Source): Source {
  return {
    ...source,
    async *decisions() {
      for await (const line of source.decisions()) yield marked(line);
    },
  };
}

function marked(line: JsonLine): JsonLine {
  const { text, value } = line;
  if (!isObject(value) || "capture_mode" in value) return line;
  const rest = text.slice(text.indexOf("{") + 1);
  const comma = Object.keys(value).length === 0 ? "" : ",";
  return { ...line, text: `{"capture_mode":"import"${comma}${rest}` };
}
