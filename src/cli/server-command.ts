/**
 * What every command that asks a server shares: where it is, `--json`, and how failures end.
 *
 * The credential comes from the environment, never from an argument: arguments are in shell histories
 * and process lists. Results go to standard output, everything else to standard error.
 *
 * Exit codes: 0 done; 1 the server refused, is not there, or found what the command names; 2 the
 * command itself was wrong.
 */
import { writeFile } from "node:fs/promises";
import { env, exit, stdout } from "node:process";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { resolveConfig } from "../sdk/javascript/config.ts";
import { LoopGrid, LoopGridError } from "../sdk/javascript/index.ts";
import { Transport } from "../sdk/javascript/transport.ts";
import { atServer } from "./address.ts";
import { Terminal, type Progress } from "./terminal.ts";
import { writeWhole } from "./whole-file.ts";

export interface ServerOptions {
  readonly server: string;
  readonly json: boolean;
}

export const out = new Terminal(process.stdout);
export const info = new Terminal(process.stderr);

export const EXIT_CODES = `
Exit codes: 0 done, 1 the server refused or is not there, 2 wrong usage.
The key is read from LOOPGRID_API_KEY, the server's address also from LOOPGRID_URL.`;

export function serverCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(
      // LOOPGRID_URL may hold a credential: help names it, and does not show it.
      new Option("--server <url>", "where").default(
        env["LOOPGRID_URL"] || "http://localhost:8000",
        "LOOPGRID_URL, else http://localhost:8000",
      ),
    )
    .option("--json", "print the answer as JSON", false);
}

/** @throws InputError when the address is none */
export function gridOf({ server }: Pick<ServerOptions, "server">, apiKey?: string): LoopGrid {
  return atServer(server, () => new LoopGrid({ ...PATIENT, baseUrl: server, apiKey }));
}

/** For bodies that come as JSON and are sent as they are. @throws InputError */
export function transportOf({ server }: Pick<ServerOptions, "server">): Transport {
  return atServer(server, () => new Transport(resolveConfig({ ...PATIENT, baseUrl: server })));
}

/** Nobody minds a command that waits; the server commits or gives up within 15 s. */
const PATIENT = { timeoutMs: 60_000 };

/** Runs, and tells a failure of the server's in one line. */
export async function asking(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LoopGridError)) throw error;
    info.line(error.message);
    process.exitCode = 1;
  }
}

export function printJson(value: unknown): void {
  out.line(JSON.stringify(value, null, 2));
}

const NO_PROGRESS: Progress = { advance: () => undefined, finish: () => undefined };

/** A bar for somebody who watches; nothing for a script. */
export function progressOf(total: number): Progress {
  return process.stderr.isTTY ? info.progress(total) : NO_PROGRESS;
}

/** Texts to a file, or to standard output; says how many. */
export async function writeAll(
  texts: AsyncIterable<string>,
  file: string | undefined,
): Promise<number> {
  let count = 0;
  async function* counted(): AsyncGenerator<string> {
    for await (const text of texts) {
      count++;
      yield text;
    }
  }
  if (file === undefined) await printAll(counted());
  else await writeWhole(file, (path) => pipeline(counted, createWriteStream(path)));
  return count;
}

/** A reader that went away ends it quietly. */
async function printAll(texts: AsyncIterable<string>): Promise<void> {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") info.line(error.message);
    exit(error.code === "EPIPE" ? 0 : 1);
  });
  for await (const text of texts) if (!stdout.write(text)) await once(stdout, "drain");
}

/** One text to a file, or to standard output. */
export async function writeText(text: string, file: string | undefined): Promise<void> {
  if (file === undefined) stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  else await writeWhole(file, (path) => writeFile(path, text));
}

/** A JSON object in an argument. */
export function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('a JSON object such as {"a": 1}');
}

/** `openai/gpt-4o` */
export function parseModel(text: string): object {
  const [, provider, name] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (provider === undefined) throw new InvalidArgumentError("provider/name, as in openai/gpt-4o");
  return { provider, name };
}

export function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}
