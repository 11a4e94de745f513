/** Every example runs, against one local server. They import the package as it is built. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildSync } from "esbuild";
import { Log, LogLevel, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LoopGrid } from "../../src/sdk/javascript/index.ts";
import { openPage } from "../support/chromium.ts";
import { serveThisFile } from "../support/conformance.ts";
import { answerStream, CHAT_TEXT } from "../support/model-streams.ts";
import { recordingServer } from "../support/recording-server.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const CHROMIUM = process.env["LOOPGRID_CHROMIUM"] ?? "/usr/bin/chromium";
const provider = await recordingServer();
const served = serveThisFile();
let grid: LoopGrid;
beforeAll(() => {
  grid = new LoopGrid({ baseUrl: served.server.url });
  provider.answer(answerStream(CHAT_TEXT));
});
afterAll(() => provider.close());

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    NO_COLOR: "1",
    LOOPGRID_URL: served.server.url,
    OPENAI_API_KEY: "sk-0123456789abcdef",
    OPENAI_BASE_URL: `${provider.url}/v1`,
  };
  const { stdout } = await promisify(execFile)(program, args, { cwd: REPOSITORY, env });
  return stdout;
}

async function newest(serviceName: string) {
  const { decisions } = await grid.decisions.page({ serviceName, limit: 1 });
  const [decision] = decisions;
  if (decision === undefined) throw new Error("nothing was recorded");
  return decision;
}

test("Node: record, correct, replay, verify, enqueue", async () => {
  const said = await run(process.execPath, "examples/node/record.mjs");
  expect(said).toMatch(/^recorded {2}dec_[0-9a-f]{32}, receipt verified$/m);
  expect(said).toMatch(/^replayed {2}simulated: /m);
  expect(said).toContain("evidence  verified, 3 entries");
  expect(said).toContain("enqueued  250 acknowledged, 0 dropped");
});

test("Node: a wrapped client", async () => {
  const said = await run(process.execPath, "examples/node/wrapped-openai.mjs");
  expect(said).toContain("Die zweite Zahlung wird erstattet. Grüße 👋🏽");
  expect(said).toMatch(/^recorded dec_[0-9a-f]{32}, stream complete$/m);
});

test("curl", async () => {
  const first = await run("bash", "examples/curl/record.sh");
  expect(first).toMatch(/^recorded dec_[0-9a-f]{32} at index \d+$/m);
  expect(first).toMatch(/verified/i);
});

test("a Worker streams the answer through and records it behind it", async () => {
  const { outputFiles } = buildSync({
    entryPoints: [join(REPOSITORY, "examples/worker/index.js")],
    bundle: true,
    write: false,
    format: "esm",
    external: ["node:*"],
  });
  const variables = {
    LOOPGRID_URL: served.server.url,
    OPENAI_BASE_URL: `${provider.url}/v1`,
    OPENAI_API_KEY: "sk-0",
  };
  const env = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, { type: "text" as const, value }]),
  );
  const modules = { "index.js": { type: "esm" as const, contents: outputFiles[0]?.text ?? "" } };
  const worker = new Miniflare({
    cf: false,
    log: new Log(LogLevel.WARN),
    logRequests: false,
    workers: [
      {
        config: {
          name: "example",
          compatibilityDate: "2026-11-01",
          manifest: { mainModule: "index.js", modulesRoot: "/", modules },
          env,
        },
      },
    ],
  });
  try {
    const asked = { method: "POST", body: JSON.stringify({ message: "Charged twice" }) };
    const answer = await worker.dispatchFetch("http://worker/", asked);
    expect(await answer.text()).toBe(CHAT_TEXT.events.join(""));
    await expect
      .poll(async () => (await newest("support-worker").catch(() => undefined))?.output, {
        timeout: 10_000,
      })
      .toEqual({ response: CHAT_TEXT.whole });
  } finally {
    await worker.dispose();
  }
});

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

test.skipIf(!existsSync(CHROMIUM))("a page verifies evidence by itself", async () => {
  const site = createServer((request, response) => {
    const path = join(REPOSITORY, new URL(request.url ?? "/", "http://x").pathname);
    const isThere = existsSync(path);
    const type = `${TYPES[extname(path)] ?? "text/plain"}; charset=utf-8`;
    response.writeHead(isThere ? 200 : 404, { "Content-Type": type });
    response.end(isThere ? readFileSync(path) : "");
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const address = site.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { verifier_keys: keys } = await grid.ledger.state();
  const query = new URLSearchParams({ server: served.server.url, key: keys[0] ?? "" });
  const url = `http://127.0.0.1:${port}/examples/browser/index.html?${query.toString()}`;
  try {
    const ready = 'document.getElementById("state").textContent.endsWith("shown.")';
    const { dom, complaints } = await openPage(CHROMIUM, url, ready);
    expect(complaints).toEqual([]);
    expect(dom).toContain("<td>page_opened</td><td>recorded</td><td>verified</td>");
  } finally {
    site.closeAllConnections();
    site.close();
  }
});
