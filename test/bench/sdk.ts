/**
 * `npm run bench:sdk`: what the SDK weighs and what recording costs the application: each call of the
 * official client, wrapped and not, in turns, against servers on loopback that answer at once.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import OpenAI from "openai";
import { LoopGrid, type Fetch } from "../../src/sdk/javascript/index.ts";
import { CHAT_TEXT } from "../support/model-streams.ts";

const CALLS = 4_000;
const WARM_UP = 500;
const ENQUEUED = 20_000;

const ASKED = {
  model: "gpt-4o",
  messages: [{ role: "user" as const, content: "I was charged twice for order 5512. ".repeat(20) }],
};
const DECISION = {
  decisionType: "reply",
  input: { request: ASKED },
  model: { provider: "openai", name: "gpt-4o" },
  output: { response: "The second payment is refunded. ".repeat(10) },
};

const WHOLE = JSON.stringify(CHAT_TEXT.whole);
const HEADERS = { "Content-Type": "application/json" };

const servers = spawn(
  process.execPath,
  [fileURLToPath(new URL("sdk-servers.ts", import.meta.url))],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
const [port]: unknown[] = await once(servers.stdout, "data");
const url = `http://127.0.0.1:${String(port).trim()}`;
const spoolDir = mkdtempSync(join(tmpdir(), "loopgrid-bench-spool-"));
try {
  console.table(sizes());
  const grid = new LoopGrid({ baseUrl: url });
  const plain = new OpenAI({ apiKey: "sk-0", baseURL: `${url}/v1` });
  const wrapped = grid.wrap(plain);
  const recording = grid.fetch({}, answered);
  console.table({
    "create()": await compared(
      () => plain.chat.completions.create(ASKED),
      () => wrapped.chat.completions.create(ASKED),
    ),
    "create(), streamed": await compared(
      () => streamed(plain),
      () => streamed(wrapped),
    ),
    // Without a network, whose p99 hides everything: what recording itself takes of the caller.
    "the fetch alone": await compared(
      () => readBy(answered),
      () => readBy(recording),
    ),
  });
  await grid.close();
  console.table({
    "in memory": await enqueued(new LoopGrid({ baseUrl: url, queueRecordsMax: ENQUEUED })),
    "with a spool folder": await enqueued(new LoopGrid({ baseUrl: url, spoolDir })),
  });
} finally {
  servers.kill();
  rmSync(spoolDir, { recursive: true, force: true });
}

async function answered(): Promise<Response> {
  return new Response(WHOLE, { headers: HEADERS });
}

async function readBy(fetch: Fetch): Promise<void> {
  const body = JSON.stringify(ASKED);
  const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
  await response.json();
}

async function streamed(client: OpenAI): Promise<void> {
  const stream = await client.chat.completions.create({ ...ASKED, stream: true });
  for await (const _ of stream);
}

/** In turns, so that both meet the same machine. */
async function compared(plain: () => Promise<unknown>, wrapped: () => Promise<unknown>) {
  const plainUs: number[] = [];
  const wrappedUs: number[] = [];
  for (let i = 0; i < WARM_UP + CALLS; i++)
    for (const [call, times] of [
      [plain, plainUs],
      [wrapped, wrappedUs],
    ] as const) {
      const before = performance.now();
      await call();
      if (i >= WARM_UP) times.push(1000 * (performance.now() - before));
    }
  return {
    "plain median µs": quantile(plainUs, 0.5),
    "wrapped median µs": quantile(wrappedUs, 0.5),
    "overhead median µs": Math.round(quantile(wrappedUs, 0.5) - quantile(plainUs, 0.5)),
    "plain p99 µs": quantile(plainUs, 0.99),
    "wrapped p99 µs": quantile(wrappedUs, 0.99),
    "overhead p99 µs": Math.round(quantile(wrappedUs, 0.99) - quantile(plainUs, 0.99)),
  };
}

/** What `enqueue` takes of its caller, with the batches leaving meanwhile. */
async function enqueued(grid: LoopGrid) {
  const times: number[] = [];
  const begunMs = performance.now();
  for (let i = 0; i < ENQUEUED; i++) {
    const before = performance.now();
    grid.enqueue(DECISION);
    times.push(1000 * (performance.now() - before));
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await grid.close({ timeoutMs: 60_000 });
  const seconds = (performance.now() - begunMs) / 1000;
  return {
    "enqueue median µs": quantile(times, 0.5),
    "enqueue p99 µs": quantile(times, 0.99),
    "acknowledged/s": Math.round(grid.counters.acknowledged / seconds),
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(10 * (sorted[Math.floor(share * (sorted.length - 1))] ?? 0)) / 10;
}

/** Minified, as a bundler makes them: the client, and what it loads when it is asked to verify. */
function sizes() {
  return { client: sizeOf("index"), "ai-sdk alone": sizeOf("ai-sdk"), verifier: sizeOf("verify") };
}

function sizeOf(name: string) {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL(`../../src/sdk/javascript/${name}.ts`, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    splitting: true,
    outdir: ".",
  });
  const main = outputFiles.find(({ path }) => path.endsWith(`${name}.js`))?.text ?? "";
  const chunks = outputFiles.filter(({ path }) => main.includes(`from"./${basename(path)}"`));
  const text = [main, ...chunks.map((file) => file.text)].join("\n");
  return { "minified B": text.length, "gzip B": gzipSync(text).length };
}
