/** `loopgrid experiment …`: would another prompt or model have got the past failures right? */
import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { Experiment, ExperimentParams } from "../../sdk/javascript/index.ts";
import { InputError } from "../json-lines.ts";
import {
  asking,
  EXIT_CODES,
  gridOf,
  info,
  out,
  parseCount,
  parseModel,
  parseObject,
  printJson,
  progressOf,
  serverCommand,
  type ServerOptions,
} from "../server-command.ts";
import { counted, oneLine } from "../terminal.ts";

const SCORERS = ["exact", "normalized_text"] as const;
const STATUSES = ["recorded", "incorrect", "corrected"] as const;

interface RunOptions extends ServerOptions {
  readonly service?: string;
  readonly status: (typeof STATUSES)[number];
  readonly since?: string;
  readonly model?: object;
  readonly prompt?: string;
  readonly overrides?: object;
  readonly scorer: (typeof SCORERS)[number];
  readonly scorers?: string;
  readonly mode: "auto" | "live" | "simulated";
  readonly maxItems?: number;
  readonly name?: string;
  readonly dryRun?: true;
  readonly wait: boolean;
}

export function experimentCommand(): Command {
  const experiment = new Command("experiment").description(
    "Replay many decisions and hold the answers against what people corrected",
  );
  experiment
    .addCommand(runCommand())
    .addCommand(
      serverCommand("show", "How far an experiment is, and its report")
        .argument("<experiment_id>")
        .action((id: string, options: ServerOptions) =>
          asking(async () => show(await gridOf(options).experiments.get(id), options)),
        ),
    )
    .addCommand(
      serverCommand("list", "Experiments, newest first").action((options: ServerOptions) =>
        asking(() => list(options)),
      ),
    )
    .addCommand(
      serverCommand("items", "Every item with its verdicts, one JSON object a line")
        .argument("<experiment_id>")
        .action((id: string, options: ServerOptions) =>
          asking(async () => {
            for await (const item of gridOf(options).experiments.items(id))
              out.line(JSON.stringify(item));
          }),
        ),
    )
    .addCommand(
      serverCommand("cancel", "Begin no further item")
        .argument("<experiment_id>")
        .action((id: string, options: ServerOptions) =>
          asking(async () => show(await gridOf(options).experiments.cancel(id), options)),
        ),
    )
    .addCommand(
      serverCommand("resume", "Run again what failed or was skipped, and wait")
        .argument("<experiment_id>")
        .action((id: string, options: ServerOptions) =>
          asking(async () => {
            await gridOf(options).experiments.resume(id);
            await waitFor(id, options);
          }),
        ),
    );
  return experiment;
}

function runCommand(): Command {
  return serverCommand("run", "Start an experiment and wait for its report")
    .option("--service <name>", "decisions of one service")
    .addOption(
      new Option("--status <status>", "decisions in this status")
        .choices(STATUSES)
        .default("corrected"),
    )
    .option("--since <time>", "recorded at or after, RFC 3339 or a date")
    .option("-m, --model <provider/name>", "another model", parseModel)
    .option("-p, --prompt <text>", "another system prompt")
    .option("--overrides <json>", "any overrides, as POST /v1/replays takes them", parseObject)
    .addOption(
      new Option("--scorer <scorer>", "when an answer is right")
        .choices(SCORERS)
        .default("normalized_text"),
    )
    .option("--scorers <file>", "a JSON list of scorers, as POST /v1/experiments takes them")
    .addOption(new Option("--mode <mode>").choices(["auto", "live", "simulated"]).default("auto"))
    .option("--max-items <count>", "at most so many", parseCount)
    .option("--name <name>", "what it is called")
    .option("--dry-run", "say what it would select and about cost, and write nothing")
    .option("--no-wait", "print its id and return")
    .addHelpText(
      "after",
      `
  $ loopgrid experiment run --service support-agent --prompt "Look the order up first." --dry-run
  $ loopgrid experiment run --service support-agent --model anthropic/claude-opus-5
Exits with 1 when it did not complete. An abort here does not stop it: loopgrid experiment show.
${EXIT_CODES}`,
    )
    .action((options: RunOptions) => asking(() => run(options)));
}

async function run(options: RunOptions): Promise<void> {
  const { experiments } = gridOf(options);
  const params = paramsOf(options);
  if (options.dryRun === true) return printJson(await experiments.estimate(params));
  const { experiment_id, selection } = await experiments.create(params);
  info.line(`${experiment_id}: ${counted(selection.count)} decisions`);
  if (!options.wait) return options.json ? printJson({ experiment_id }) : out.line(experiment_id);
  await waitFor(experiment_id, options);
}

function paramsOf(options: RunOptions): ExperimentParams {
  const { service, status, since, model, prompt, name, maxItems, mode } = options;
  const filter = { service_name: service, status, from: since };
  const overrides = {
    ...(model === undefined ? {} : { model }),
    ...(prompt === undefined ? {} : { prompt: { system: prompt } }),
    ...options.overrides,
  };
  return {
    name,
    selection: { filter },
    overrides: Object.keys(overrides).length === 0 ? undefined : overrides,
    scorers:
      options.scorers === undefined ? [{ type: options.scorer }] : scorersIn(options.scorers),
    mode,
    maxItems,
  };
}

function scorersIn(file: string): ExperimentParams["scorers"] {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file}: ${reason}`, { cause: error });
  }
}

async function list(options: ServerOptions): Promise<void> {
  const all = [];
  for await (const experiment of gridOf(options).experiments.all()) {
    if (options.json) all.push(experiment);
    else {
      const { experiment_id, state, created_at, name, progress } = experiment;
      out.line(
        `${experiment_id}  ${state}  ${created_at}  ${progress.total}  ${oneLine(name ?? "")}`,
      );
    }
  }
  if (options.json) printJson({ experiments: all });
}

async function waitFor(id: string, options: ServerOptions): Promise<void> {
  const { experiments } = gridOf(options);
  let bar: ReturnType<typeof progressOf> | undefined;
  let done = 0;
  try {
    const ended = await experiments.wait(id, {}, ({ progress }) => {
      bar ??= progressOf(progress.total);
      const now = progress.total - progress.pending;
      bar.advance(now - done);
      done = now;
    });
    bar?.finish();
    show(ended, options);
    if (ended.state !== "completed") process.exitCode = 1;
  } finally {
    bar?.finish();
  }
}

function show(experiment: Experiment, { json }: Pick<ServerOptions, "json">): void {
  if (json) return printJson(experiment);
  const { experiment_id, state, progress, report } = experiment;
  const { total, succeeded, failed, skipped, pending } = progress;
  out.line(`${experiment_id}  ${state}`);
  out.line(
    `  items      ${counted(total)}: ${counted(succeeded)} answered, ${counted(failed)} failed, ${counted(skipped)} skipped, ${counted(pending)} pending`,
  );
  if (report === null) return;
  const { n, fixed, broken, both_right, both_wrong, original_rate, replay_rate } = report;
  out.line(`  compared   ${counted(n)} with a correction`);
  out.line(`  right      ${percent(original_rate)} before, ${percent(replay_rate)} now`);
  out.line(
    `  fixed ${counted(fixed)}, broken ${counted(broken)}, both right ${counted(both_right)}, both wrong ${counted(both_wrong)}`,
  );
  for (const id of report.regressions.slice(0, REGRESSIONS_SHOWN)) out.line(`  broken     ${id}`);
}

const REGRESSIONS_SHOWN = 20;

function percent(rate: number | null): string {
  return rate === null ? "unknown" : `${(100 * rate).toFixed(1)} %`;
}
