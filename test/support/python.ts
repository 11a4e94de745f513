/** Python as it is on this machine, and one suite of test/python run as a process of its own. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const TESTS = `${REPOSITORY}test/python`;
const PACKAGE = `${REPOSITORY}src/sdk/python`;
/** Made by .ci/run, with the official clients in it where they could be had. */
const PREPARED = `${REPOSITORY}node_modules/.python/bin/python`;
/** A suite that takes longer hangs. */
const RUN_MS_MAX = 170_000;

export const PYTHON =
  process.env["LOOPGRID_PYTHON"] ?? (existsSync(PREPARED) ? PREPARED : "python3");

export interface PythonRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly ended: Promise<PythonRun>;
  /** Resolves once this line was printed, or the process has ended. */
  printed(line: string): Promise<void>;
}

export function startPython(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Started {
  const child = spawn(PYTHON, ["-W", "ignore", ...args], {
    cwd: TESTS,
    env: { ...process.env, PYTHONPATH: PACKAGE, PYTHONDONTWRITEBYTECODE: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const ended = new Promise<PythonRun>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const hasPrinted = (line: string) => stdout.split("\n").includes(line);
  return {
    ended,
    printed: (line) =>
      new Promise((resolve) => {
        child.stdout.on("data", () => hasPrinted(line) && resolve());
        child.once("close", () => resolve());
        if (hasPrinted(line)) resolve();
      }),
  };
}

export interface SuiteRun {
  readonly code: number | null;
  /** What unittest said. */
  readonly output: string;
  readonly ran: number;
}

/** Runs `test/python/<suite>.py` with unittest; tests that are skipped are named on the console. */
export async function runSuite(
  suite: string,
  env: Readonly<Record<string, string>>,
): Promise<SuiteRun> {
  const { code, stdout, stderr } = await startPython(["-m", "unittest", "-v", suite], env).ended;
  const [, ran = "0"] = /^Ran (\d+) tests?/m.exec(stderr) ?? [];
  for (const [, name, reason] of stderr.matchAll(/^(\S+) \(.*skipped (.*)$/gm))
    console.warn(`skipped ${suite} ${name}: ${reason}`);
  return { code, output: `${stdout}\n${stderr}`, ran: Number(ran) };
}

/** Whether there is a Python the client supports. */
export function hasPython(): Promise<boolean> {
  const check = "import sys; sys.exit(sys.version_info < (3, 9))";
  return startPython(["-c", check], {}).ended.then(
    ({ code }) => code === 0,
    () => false,
  );
}
