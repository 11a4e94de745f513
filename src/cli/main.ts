#!/usr/bin/env node
/** `loopgrid`: the command line. One file a command; adding one is adding a file and a line here. */
import { Command } from "commander";
import { VERSION } from "../http/version.ts";
import { InputError } from "./json-lines.ts";
import { keysCommand } from "./commands/keys.ts";
import { verifyCommand } from "./commands/verify.ts";

const program = new Command("loopgrid")
  .description("A system of record for AI decisions: record, replay, correct, prove, report.")
  .version(VERSION)
  .showHelpAfterError("(loopgrid --help shows what there is)")
  .addCommand(verifyCommand())
  .addCommand(keysCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
