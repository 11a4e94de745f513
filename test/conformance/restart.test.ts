/**
 * The life of `npm run dev` from outside: what survives a restart, which flags reach wrangler, what
 * signals leave behind, where a credential in a path must not appear, and what answers without one.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, test } from "vitest";
import { z } from "zod";
import {
  acknowledged,
  get,
  getText,
  listIn,
  numberIn,
  objectIn,
  post,
  textIn,
} from "../support/clients.ts";
import { auditOverHttp, expectReceiptHolds } from "../support/independent-audit.ts";
import { openCheckpoint, type JsonObject } from "../support/independent-ledger.ts";
import { freePort, processesOf, startServer, type TestServer } from "../support/server.ts";

const TEST_MS_MAX = 120_000;
const GONE_MS_MAX = 10_000;

/** Undone after each test, newest first. */
const undo: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "loopgrid-restart-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(options: Parameters<typeof startServer>[0]): Promise<TestServer> {
  const server = await startServer(options);
  undo.push(() => server.stop());
  return server;
}

function decision(label: string): JsonObject {
  return {
    service_name: "restart",
    decision_type: "reply",
    input: { label },
    model: { provider: "openai", name: "gpt-4" },
    output: { label },
  };
}

/** Answers without what says when verification last ran. */
function stable(texts: readonly string[]): string[] {
  return texts.map((text) => text.replace(/"last_verified":\{[^}]*\}/, ""));
}

test(
  "a restart keeps the ledger, its key, its receipts and its idempotency keys",
  async ({ expect }) => {
    const persistTo = temporaryFolder();
    const first = await start({ persistTo });
    const recorded = await acknowledged(
      first.url,
      "/v1/decisions?receipt=proof",
      decision("before"),
      "restart-1",
    );
    const id = textIn(recorded, "decision_id");
    await acknowledged(first.url, `/v1/decisions/${id}/incorrect`, { reason: "wrong" });
    const replay = await acknowledged(first.url, "/v1/replays", { decision_id: id });
    // More than one full tile, so that the tree is read back from tiles and not only from its edge.
    const decisions = Array.from({ length: 300 }, (_, i) => decision(`batch ${i}`));
    await acknowledged(first.url, "/v1/decisions/batch", { decisions });
    const reads = [
      "/v1/ledger",
      `/v1/decisions/${id}`,
      `/v1/decisions/${id}/history`,
      `/v1/replays/${textIn(replay, "replay_id")}`,
      "/v1/decisions?page_size=100",
      "/v1/integrity/verify",
      "/v1/export/decisions",
    ];
    const readAll = async (url: string) =>
      Promise.all([...reads, "/v1/ledger/checkpoint"].map((path) => getText(url, path)));
    // Verification, one of the reads, says when it last ran: let it have run once.
    await getText(first.url, "/v1/integrity/verify");
    const before = await readAll(first.url);
    await first.stop();

    const second = await start({ persistTo });
    expect(stable(await readAll(second.url))).toEqual(stable(before));
    const repeat = await post(
      second.url,
      "/v1/decisions?receipt=proof",
      decision("before"),
      "restart-1",
    );
    expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
    expect(repeat.body["receipt"]).toEqual(recorded["receipt"]);
    const after = await acknowledged(second.url, "/v1/decisions", decision("after"));
    expect(after["index"]).toBe(303);
    const audited = await auditOverHttp(second.url, expect);
    expect(audited.ledger.entries).toHaveLength(304);
    expectReceiptHolds(objectIn(recorded, "receipt"), numberIn(recorded, "index"), audited, expect);
  },
  TEST_MS_MAX,
);

describe("what comes after -- reaches wrangler", () => {
  test(
    "--port, --persist-to and --inspector-port",
    async ({ expect }) => {
      const [port, inspectorPort, persistTo] = [
        await freePort(),
        await freePort(),
        temporaryFolder(),
      ];
      const dev = runDev([
        `--port=${port}`,
        "--persist-to",
        persistTo,
        "--inspector-port",
        String(inspectorPort),
      ]);
      const url = `http://localhost:${port}`;
      await dev.healthy(url);
      await acknowledged(url, "/v1/decisions", decision("a needle in the state folder"));
      const targets = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
      expect(targets.status).toBe(200);
      expect(await targets.json()).toEqual([
        expect.objectContaining({ webSocketDebuggerUrl: expect.stringContaining("ws") }),
      ]);
      dev.signalGroup("SIGTERM");
      await dev.gone();
      expect(filesHolding(persistTo, "a needle in the state folder")).not.toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    "--var LOOPGRID_ORIGIN names the ledger; an existing one keeps its name and takes no appends under another",
    async ({ expect }) => {
      const persistTo = temporaryFolder();
      const named = (origin: string) =>
        start({ persistTo, flags: ["--var", `LOOPGRID_ORIGIN:${origin}`] });
      const first = await named("example.org/x");
      const recorded = await acknowledged(first.url, "/v1/decisions", decision("named"));
      const { body: ledger } = await get(first.url, "/v1/ledger");
      expect(ledger["origin"]).toBe("example.org/x/main");
      const [key = ""] = listIn(ledger, "verifier_keys").map(String);
      const note = await getText(first.url, "/v1/ledger/checkpoint");
      expect(openCheckpoint(note, key, "example.org/x/main").size).toBe(1);
      await first.stop();

      const other = await named("example.org/y");
      const refused = await post(other.url, "/v1/decisions", decision("elsewhere"));
      expect(refused.status).toBe(503);
      expect(refused.headers.get("Content-Type")).toMatch(/^application\/problem\+json/);
      expect(refused.headers.get("Retry-After")).toMatch(/^\d+$/);
      const detail = textIn(refused.body, "detail");
      expect(detail).toContain("example.org/x/main");
      expect(detail).toContain("example.org/y/main");
      const { status, body: verdict } = await get(other.url, "/v1/integrity/verify");
      expect(status).toBe(200);
      expect(verdict["valid"]).toBe(false);
      expect(listIn(verdict, "findings")).toContainEqual(
        expect.objectContaining({ fault: "signature_invalid", message: expect.any(String) }),
      );
      const id = textIn(recorded, "decision_id");
      expect((await get(other.url, `/v1/decisions/${id}`)).status).toBe(200);
      await other.stop();

      const again = await named("example.org/x");
      await acknowledged(again.url, "/v1/decisions", decision("named again"));
      const audited = await auditOverHttp(again.url, expect);
      expect(audited.ledger.entries).toHaveLength(2);
      expect(audited.verifierKey).toBe(key);
    },
    TEST_MS_MAX,
  );

  test(
    "--var LOOPGRID_AUTH:required: every route of the API wants a credential, the public ones do not",
    async ({ expect }) => {
      const { url } = await start({ flags: ["--var", "LOOPGRID_AUTH:required"] });
      for (const path of ["/", "/health", "/docs", "/openapi.json"]) {
        expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
      }
      const { paths } = Document.parse(await (await fetch(`${url}/openapi.json`)).json());
      const operations = Object.entries(paths)
        .filter(([path]) => path.startsWith("/v1/"))
        .flatMap(([path, item]) => Object.keys(item).map((method) => ({ path, method })));
      expect(operations.length).toBeGreaterThan(15);
      for (const { path, method } of operations) {
        // A body that is not even JSON: the credential is asked for first.
        for (const headers of [{}, { Authorization: "Bearer wrong" }]) {
          const response = await fetch(url + path.replaceAll(/\{\w+\}/g, "x"), {
            method: method.toUpperCase(),
            headers,
            ...(method === "get" ? {} : { body: "{" }),
          });
          const problem = Problem.parse(await response.json());
          const found = [method, path, response.status, problem.status];
          expect(found).toEqual([method, path, 401, 401]);
          expect(response.headers.get("Content-Type")).toMatch(/^application\/problem\+json/);
          expect(response.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
        }
      }
      const unknown = await get(url, "/t/lgk_unheard_of/v1/decisions");
      expect(unknown.status).toBe(401);
    },
    TEST_MS_MAX,
  );
});

test.for(["SIGTERM", "SIGINT"] as const)(
  "%s to npm alone leaves no process behind",
  { timeout: TEST_MS_MAX },
  async (signal, { expect }) => {
    const port = await freePort();
    const args = ["--port", String(port), "--inspector-port", "0", "--persist-to"];
    const dev = runDev([...args, temporaryFolder()]);
    await dev.healthy(`http://localhost:${port}`);
    const running = processesOf(dev.group).join("\n");
    expect(running).toContain("workerd");
    expect(running).toContain("wrangler");
    process.kill(dev.group, signal);
    await dev.gone();
    await expect(fetch(`http://localhost:${port}/health`)).rejects.toThrow(/fetch failed/);
  },
);

test.for([
  ["as it is", {}],
  ["with WRANGLER_LOG=info", { WRANGLER_LOG: "info" }],
] as const)(
  "a key in a path appears in no output and no file: %s",
  { timeout: TEST_MS_MAX },
  async ([, env], { expect }) => {
    const key = `lgk_${"secret".repeat(4)}${Date.now()}`;
    const [persistTo, config] = [temporaryFolder(), temporaryFolder()];
    // Wrangler keeps a log file under the configuration folder.
    const server = await start({ persistTo, env: { ...env, XDG_CONFIG_HOME: config } });
    const base = `${server.url}/t/${key}`;
    const recorded = await acknowledged(
      base,
      "/v1/decisions",
      decision("needle"),
      "under-a-prefix",
    );
    const id = textIn(recorded, "decision_id");
    await acknowledged(base, `/v1/decisions/${id}/incorrect`, {}, "flag-under-a-prefix");
    await acknowledged(base, "/v1/replays", { decision_id: id });
    const answers = await Promise.all([
      fetch(`${base}/v1/decisions?service_name=restart`),
      fetch(`${base}/v1/decisions/${id}/history`),
      fetch(`${base}/v1/export/decisions?format=csv`),
      fetch(`${base}/v1/ledger/entries`),
      fetch(`${base}/docs`),
      fetch(`${base}/openapi.json`),
      fetch(`${base}/`),
      fetch(`${base}/v1/nothing`),
      fetch(`${base}/v1/decisions`, { method: "DELETE" }),
      fetch(`${base}/v1/decisions`, { method: "OPTIONS", headers: { Origin: "http://a.test" } }),
      fetch(`${base}/v1/decisions`, { method: "POST", body: "{" }),
    ]);
    for (const answer of answers) {
      expect(await answer.text()).not.toContain(key);
      expect(JSON.stringify([...answer.headers])).not.toContain(key);
    }
    await fetch(base);
    await sleep(500);
    await server.stop();

    if ("WRANGLER_LOG" in env) expect(server.log()).toContain("/t/…/v1/decisions");
    expect(filesHolding(persistTo, "needle")).not.toEqual([]);
    expect(readdirSync(config, { recursive: true }).join("\n")).toMatch(/\.log$/m);
    expect(server.log()).not.toContain(key);
    expect(filesHolding(persistTo, key)).toEqual([]);
    expect(filesHolding(config, key)).toEqual([]);
  },
);

const Document = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().min(1),
});

/** `npm run dev` with these flags and nothing else, for tests about the process itself. */
function runDev(flags: readonly string[]) {
  const child = spawn("npm", ["run", "dev", "--", ...flags], {
    cwd: join(import.meta.dirname, "../.."),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const group = child.pid;
  if (group === undefined) throw new Error("npm run dev could not be started");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  const signalGroup = (signal: NodeJS.Signals) => process.kill(-group, signal);
  undo.push(() => {
    if (processesOf(group).length > 0) signalGroup("SIGKILL");
  });
  return {
    group,
    signalGroup,
    async healthy(url: string): Promise<void> {
      for (;;) {
        const health = await fetch(`${url}/health`).catch(() => undefined);
        if (health?.status === 200) return;
        if (child.exitCode !== null) throw new Error(output);
        await sleep(100);
      }
    },
    /** Waits until no process of the group is alive. @throws Error naming those that stay */
    async gone(): Promise<void> {
      const deadline = Date.now() + GONE_MS_MAX;
      for (;;) {
        const alive = processesOf(group);
        if (alive.length === 0) return;
        if (Date.now() > deadline) throw new Error(`left behind:\n${alive.join("\n")}`);
        await sleep(50);
      }
    },
  };
}

function filesHolding(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .filter((path) => readFileSync(path).includes(text));
}
