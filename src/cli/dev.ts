/**
 * `npm run dev`: wrangler dev with the local defaults. Open access, no account, no network, quiet
 * about telemetry; flags after `--` reach wrangler and win.
 */
import { spawn } from "node:child_process";
import { env, exit } from "node:process";

/** Wrangler logs request paths, and a path may hold a credential (/t/<key>/v1/…, or /t/<key> alone). */
const CREDENTIAL_PATH = /\/t\/[^/\s"']+/g;

const quiet = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  DO_NOT_TRACK: "1",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
  WRANGLER_HIDE_BANNER: "true",
  // Request lines cost a third of the local throughput; WRANGLER_LOG=info brings them back.
  WRANGLER_LOG: "warn",
  // Both keep every URL on disk, credentials in paths included, and cost a fifth of the speed.
  X_LOCAL_OBSERVABILITY: "false",
  X_LOCAL_EXPLORER: "false",
};

/** Limits would be off in open mode anyway. With keys, their local stand-in takes 4 ms a request. */
const LOCAL = ["--var", "LOOPGRID_AUTH:open", "--var", "LOOPGRID_RATE_LIMITS:off"];

const server = spawn("wrangler", ["dev", ...LOCAL, ...process.argv.slice(2)], {
  env: { ...quiet, ...env },
  stdio: ["ignore", "pipe", "pipe", "ipc"],
});

server.stdout?.on("data", (chunk: Buffer) => process.stdout.write(redacted(chunk)));
server.stderr?.on("data", (chunk: Buffer) => process.stderr.write(redacted(chunk)));

server.on("message", (message) => {
  const { event, ip, port } = readyEvent(message);
  if (event !== "DEV_SERVER_READY") return;
  const host = ip === "127.0.0.1" || ip === "::1" || ip === undefined ? "localhost" : ip;
  console.log(`LoopGrid is ready on http://${host}:${port} (API reference: /docs)`);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => server.kill(signal));
}
server.on("exit", (code, signal) => exit(signal === null ? (code ?? 1) : 0));

function redacted(chunk: Buffer): string {
  return chunk.toString("utf8").replaceAll(CREDENTIAL_PATH, "/t/…");
}

function readyEvent(message: unknown): { event?: string; ip?: string; port?: number } {
  if (typeof message !== "string") return {};
  try {
    return JSON.parse(message);
  } catch {
    return {};
  }
}
