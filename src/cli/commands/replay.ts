/** `loopgrid replay <decision_id>`: ask again, with something changed, and say what came of it. */
import { Option, type Command } from "commander";
import type { Replay } from "../../sdk/javascript/index.ts";
import {
  asking,
  EXIT_CODES,
  gridOf,
  out,
  parseModel,
  parseObject,
  printJson,
  serverCommand,
  type ServerOptions,
} from "../server-command.ts";
import { oneLine } from "../terminal.ts";

interface Options extends ServerOptions {
  readonly mode: "auto" | "live" | "simulated";
  readonly model?: object;
  readonly prompt?: string;
  readonly template?: string;
  readonly params?: object;
  readonly overrides?: object;
}

export function replayCommand(): Command {
  return serverCommand(
    "replay",
    "Replay a decision, with something changed, and wait for the answer",
  )
    .argument("<decision_id>")
    .option("-m, --model <provider/name>", "another model", parseModel)
    .option("-p, --prompt <text>", "another system prompt")
    .option("--template <name>", "another template's name (simulated only)")
    .option("--params <json>", "parameters by their Chat Completions names", parseObject)
    .option("--overrides <json>", "any overrides, as POST /v1/replays takes them", parseObject)
    .addOption(
      new Option("--mode <mode>", "live asks a model, simulated asks none")
        .choices(["auto", "live", "simulated"])
        .default("auto"),
    )
    .addHelpText(
      "after",
      `
  $ loopgrid replay dec_… --prompt "Answer in one sentence." --model anthropic/claude-opus-5
A replay that brought no answer exits with 1, and says why.
${EXIT_CODES}`,
    )
    .action((decisionId: string, options: Options) => asking(() => run(decisionId, options)));
}

async function run(decisionId: string, options: Options): Promise<void> {
  const grid = gridOf(options);
  const replay = { decisionId, overrides: overridesOf(options), mode: options.mode };
  const started = await grid.replays.start({ ...replay, triggeredBy: "cli" });
  const ended = await grid.replays.wait(started.replay_id);
  if (options.json) printJson(ended);
  else show(ended);
  if (ended.execution_status === "failed") process.exitCode = 1;
}

function overridesOf({ model, prompt, template, params, overrides }: Options): object | null {
  const asked = {
    ...(model === undefined ? {} : { model }),
    ...(prompt === undefined ? {} : { prompt: { system: prompt } }),
    ...(template === undefined ? {} : { prompt: { template } }),
    ...(params === undefined ? {} : { params }),
    ...overrides,
  };
  return Object.keys(asked).length === 0 ? null : asked;
}

function show(replay: Replay): void {
  const { replay_id, execution_mode, execution_status, outcome, served_model, cost } = replay;
  out.line(
    `${replay_id}  ${execution_mode}, ${execution_status}${outcome === null ? "" : `, ${outcome}`}`,
  );
  if (replay.error !== null) out.line(`  error     ${oneLine(replay.error.message)}`);
  if (replay.replay_output !== null)
    out.line(`  answered  ${oneLine(JSON.stringify(replay.replay_output))}`);
  out.line(`  changed   ${oneLine(replay.diff_summary ?? "nothing", 300)}`);
  if (replay.fidelity !== null) {
    const notes = replay.fidelity.notes.map(({ path, action }) => `${path} ${action}`).join(", ");
    out.line(`  fidelity  ${replay.fidelity.level}${notes === "" ? "" : ` (${oneLine(notes)})`}`);
  }
  if (served_model !== null) out.line(`  model     ${served_model}`);
  if (cost !== null) out.line(`  cost      ${cost.amount} ${cost.currency}`);
}
