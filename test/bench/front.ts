/**
 * What is measured, and where: the bundled Worker under the Miniflare API, reached on a direct
 * socket. `wrangler dev` puts a proxy process and a router Worker in front, which take 9 of 10
 * parts of an empty request's time here and would hide every difference behind them.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare, type MiniflareOptions } from "miniflare";
import { freePort } from "../support/server.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const COMPATIBILITY_DATE = "2026-11-01";

type WorkerOptions = MiniflareOptions["workers"][number];
type Modules = Record<string, { type: "esm" | "text"; contents: string }>;

export interface Front {
  /** Ports on 127.0.0.1 of three LoopGrid Workers, each with a ledger of its own. */
  readonly rates: number;
  readonly grows: number;
  readonly stays: number;
  /** Credentials required. Without rate limits: Miniflare's stand-in writes to disk for each. */
  readonly keyed: number;
  readonly rawD1: number;
  /** The same Worker as `rates`, behind Miniflare's own entry Worker. */
  readonly entry: number;
  /** CPU time the server has used so far; undefined where /proc cannot tell. */
  cpuMs(): number | undefined;
  /** The most memory it has held so far, all Workers and databases; undefined likewise. */
  peakMB(): number | undefined;
  stop(): Promise<void>;
}

export async function startFront(): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "loopgrid-bench-"));
  const modules = bundle(join(folder, "bundle"));
  const rates = await freePort();
  const grows = await freePort();
  const stays = await freePort();
  const keyed = await freePort();
  const rawD1 = await freePort();
  const entry = await freePort();
  const rawModule = readFileSync(new URL("raw-d1-worker.js", import.meta.url), "utf8");
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: entry,
    cf: false,
    log: new Log(LogLevel.WARN),
    logRequests: false,
    resourcePersistencePath: join(folder, "state"),
    workers: [
      loopgridWorker("rates", modules, rates),
      loopgridWorker("grows", modules, grows),
      loopgridWorker("stays", modules, stays),
      loopgridWorker("keyed", modules, keyed, REQUIRED),
      {
        config: {
          name: "raw-d1",
          compatibilityDate: COMPATIBILITY_DATE,
          manifest: {
            mainModule: "index.js",
            modulesRoot: "/",
            modules: { "index.js": { type: "esm", contents: rawModule } },
          },
          env: { DB: { type: "d1", id: "raw" } },
        },
        dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: rawD1 }] },
      },
    ],
  });
  await miniflare.ready;
  const server = childNamed("workerd");
  return {
    rates,
    grows,
    stays,
    keyed,
    rawD1,
    entry,
    cpuMs: () => (server === undefined ? undefined : cpuMsOf(server)),
    peakMB: () => (server === undefined ? undefined : peakMBOf(server)),
    stop: async () => {
      await miniflare.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Bindings = WorkerOptions["config"]["env"];

/** What makes the first API key of the Workers that want one. */
export const BENCH_ADMIN_KEY = "the bench's own";

const REQUIRED: Bindings = {
  LOOPGRID_AUTH: { type: "text", value: "required" },
  LOOPGRID_ADMIN_KEY: { type: "text", value: BENCH_ADMIN_KEY },
};
function loopgridWorker(
  name: string,
  modules: Modules,
  port: number,
  bindings: Bindings = {},
): WorkerOptions {
  return {
    config: {
      name,
      compatibilityDate: COMPATIBILITY_DATE,
      manifest: { mainModule: "index.js", modulesRoot: "/", modules },
      env: {
        LOOPGRID_AUTH: { type: "text", value: "open" },
        DB: { type: "d1", id: name },
        SEQUENCER: { type: "durable-object", worker: name, exportName: "Sequencer" },
        ...bindings,
      },
      exports: { Sequencer: { type: "durable-object", storage: "sqlite" } },
    },
    dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port }] },
  };
}

/** The same bundle a deployment uploads. */
function bundle(folder: string): Modules {
  execFileSync("wrangler", ["deploy", "--dry-run", "--outdir", folder], {
    cwd: REPOSITORY,
    env: { ...process.env, WRANGLER_LOG: "warn", WRANGLER_SEND_METRICS: "false" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const modules: Modules = {};
  for (const file of readdirSync(folder)) {
    if (file.endsWith(".map") || file === "README.md") continue;
    const contents = readFileSync(join(folder, file), "utf8");
    modules[file] = { type: file === "index.js" ? "esm" : "text", contents };
  }
  return modules;
}

/** Our child process of that name, where there is a /proc to ask. */
function childNamed(name: string): number | undefined {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");
    return children
      .trim()
      .split(" ")
      .map(Number)
      .find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name);
  } catch {
    return undefined;
  }
}

/** User and system time, counted by Linux in ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function peakMBOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = /VmHWM:\s+(\d+)/.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
  } catch {
    return undefined;
  }
}
