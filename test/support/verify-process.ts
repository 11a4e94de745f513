/** `loopgrid verify` and the Python verifier as processes: what a stranger runs. */
import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON_VERIFIER = fileURLToPath(new URL("verify.py", import.meta.url));
const RUN_MS_MAX = 60_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let bundle: Promise<string> | undefined;

/** One file, as it is published: it starts in a third of the time that the sources take. */
function bundled(): Promise<string> {
  return (bundle ??= bundleInto(mkdtempSync(join(tmpdir(), "loopgrid-cli-"))));
}

async function bundleInto(folder: string): Promise<string> {
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "main.mjs");
  const entryPoints = [join(REPOSITORY, "src/cli/main.ts")];
  await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm" });
  return outfile;
}

/** The command line by itself, as the package's `bin` runs it. */
export async function loopgrid(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return run(process.execPath, [await bundled(), ...args], env);
}

/** The same on a terminal, which Python's standard library can make. */
export async function loopgridOnTerminal(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  const command = [process.execPath, await bundled(), ...args];
  return run("python3", ["-c", spawn, ...command], { TERM: "xterm-256color", ...env });
}

/** As in a checkout: `npm run -s loopgrid -- …`. */
export function npmLoopgrid(args: readonly string[]): Promise<Ran> {
  return run("npm", ["run", "-s", "loopgrid", "--", ...args]);
}

export function pythonVerify(args: readonly string[]): Promise<Ran> {
  return run("python3", [PYTHON_VERIFIER, ...args]);
}

export async function hasPython(): Promise<boolean> {
  return (await run("python3", ["--version"])).code === 0;
}

/** What a person's shell has: a CI machine switches colours off for whatever runs there. */
const { CI: _ci, NO_COLOR: _noColor, FORCE_COLOR: _forceColor, ...inherited } = process.env;

function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd: REPOSITORY, env: { ...inherited, ...env }, timeout: RUN_MS_MAX },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** A C2SP verifier key of this name that nobody signs with. */
export function strangersKey(name: string): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const material = Buffer.concat([Uint8Array.of(1), Buffer.from(x, "base64url")]);
  const id = createHash("sha256").update(`${name}\n`).update(material).digest("hex").slice(0, 8);
  return `${name}+${id}+${material.toString("base64")}`;
}

/** A folder for files to be verified. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "loopgrid-files-"));

  /** Writes a file, answers its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
