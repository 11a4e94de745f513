/**
 * The real thing: `npm run dev` in a process group of its own, on a free port, with its state in a
 * folder. `stop` and `kill` signal the whole group (a signal to npm alone can leave workerd behind)
 * and return only when `ps` shows that nobody of the group is left.
 *
 *   const server = await startServer();                        // fresh state, removed by stop()
 *   const again = await startServer({ persistTo, port });      // the caller's state, kept
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const START_MS_MAX = 50_000;
const GONE_MS_MAX = 10_000;
const POLL_MS = 50;

export interface ServerOptions {
  /** State folder; kept by stop() when given. Default: a temporary one, removed by stop(). */
  readonly persistTo?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** What starts it, instead of the dev script. */
  readonly command?: readonly [string, ...string[]];
  /** More flags for wrangler, say ["--var", "LOOPGRID_AUTH:required"]. */
  readonly flags?: readonly string[];
  /** More environment for the process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestServer {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly persistTo: string;
  /** Everything the process has printed so far. */
  log(): string;
  /** SIGTERM to the group; waits until it is gone. Harmless when it is gone already. */
  stop(): Promise<void>;
  /** SIGKILL to the group, as in a crash; waits until it is gone and keeps the state folder. */
  kill(): Promise<void>;
}

/** Between asking for a free port and listening on it somebody else may be faster. */
const PORTS_MAX = 3;
const PORT_TAKEN = "Address already in use";

/** Starts a server and waits until /health answers 200. @throws with the log when it does not */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  for (let tried = 1; ; tried++) {
    try {
      return await startOn(options.port ?? (await freePort()), options);
    } catch (error) {
      const taken = error instanceof Error && error.message.includes(PORT_TAKEN);
      if (!taken || options.port !== undefined || tried === PORTS_MAX) throw error;
    }
  }
}

async function startOn(port: number, options: ServerOptions): Promise<TestServer> {
  const persistTo = options.persistTo ?? mkdtempSync(join(tmpdir(), "loopgrid-"));
  const args = ["--port", String(port), "--inspector-port", "0", "--persist-to", persistTo];
  const [program, ...first] = options.command ?? ["npm", "run", "dev", "--"];
  const child = spawn(program, [...first, ...args, ...(options.flags ?? [])], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const group = child.pid;
  if (group === undefined) throw new Error("npm run dev could not be started");
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  // The last resort, when a test run dies before it stops its server.
  const lastResort = () => signalGroup(group, "SIGKILL");
  process.once("exit", lastResort);

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    signalGroup(group, signal);
    await groupGone(group);
    process.off("exit", lastResort);
  };
  const server: TestServer = {
    url: `http://localhost:${port}`,
    port,
    persistTo,
    log: () => output,
    stop: async () => {
      await end("SIGTERM");
      if (options.persistTo === undefined) rmSync(persistTo, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
  };

  const deadline = Date.now() + START_MS_MAX;
  while (!(await healthy(server.url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await end("SIGKILL");
      throw new Error(`npm run dev did not become healthy on ${server.url}:\n${output}`);
    }
    await sleep(POLL_MS);
  }
  return server;
}

/** A port nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "localhost", () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no port was given"));
      });
    });
  });
}

/** The processes of a group that are alive, by `ps`; a zombie is not. */
export function processesOf(group: number): string[] {
  return execFileSync("ps", ["-eo", "pgid=,pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => {
      const [pgid, , stat = ""] = line.trim().split(/\s+/);
      return pgid === String(group) && !stat.startsWith("Z");
    });
}

async function healthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // ESRCH: gone already.
  }
}

async function groupGone(group: number): Promise<void> {
  const deadline = Date.now() + GONE_MS_MAX;
  for (;;) {
    const alive = processesOf(group);
    if (alive.length === 0) return;
    if (Date.now() > deadline) {
      signalGroup(group, "SIGKILL");
      throw new Error(`left behind:\n${alive.join("\n")}`);
    }
    await sleep(POLL_MS);
  }
}
