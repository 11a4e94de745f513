#!/usr/bin/env node
/** `loopgrid`: the command line. One file a command; adding one is adding a file and a line here. */
import { Command, CommanderError } from "commander";
import { VERSION } from "../http/version.ts";
import { InputError } from "./json-lines.ts";
import { experimentCommand } from "./commands/experiment.ts";
import { exportCommand } from "./commands/export.ts";
import { importCommand } from "./commands/import.ts";
import { keysCommand } from "./commands/keys.ts";
import { recordCommand } from "./commands/record.ts";
import { replayCommand } from "./commands/replay.ts";
import { reportCommand } from "./commands/report.ts";
import { statusCommand } from "./commands/status.ts";
import { verifyCommand } from "./commands/verify.ts";

const program = new Command("loopgrid")
  .description("A system of record for AI decisions: record, replay, correct, prove, report.")
  .version(VERSION)
  .showHelpAfterError("(loopgrid --help shows what there is)")
  .addCommand(statusCommand())
  .addCommand(recordCommand())
  .addCommand(importCommand())
  .addCommand(exportCommand())
  .addCommand(replayCommand())
  .addCommand(experimentCommand())
  .addCommand(reportCommand())
  .addCommand(verifyCommand())
  .addCommand(keysCommand());

overrideExit(program);

try {
  await program.parseAsync();
} catch (error) {
  // Never 1, which says "tampered": a wrong option or a failure of ours is no verdict.
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
  if (error instanceof InputError) console.error(error.message);
  else if (!(error instanceof CommanderError)) console.error(error); // commander has said it
}

/** Commander would end the process with 1 by itself, also in the commands of commands. */
function overrideExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExit(child);
}
