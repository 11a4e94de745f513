/**
 * The Python client against the real server: its own suites (test/python), LoopGrid 0.1's usage, its
 * examples, and a server that dies under load. Tests that need packages which are not installed are
 * skipped by name. LOOPGRID_OUTAGE_S: how long the server stays away.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { getText } from "../support/clients.ts";
import { hasPython, PYTHON, runSuite, startPython } from "../support/python.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

const python = await hasPython();
const OUTAGE_S = Number(process.env["LOOPGRID_OUTAGE_S"] ?? "3");
/** Of load before and behind the outage. */
const AROUND_S = 3;

/** Against the server as it comes back, with a provider configured. */
const SUITES: readonly (readonly [suite: string, testsMin: number])[] = [
  ["test_transport", 21],
  ["test_queue", 22],
  ["test_wrap", 32],
  ["test_decorator", 6],
  ["test_methods", 12],
  ["test_verify", 18],
  ["test_package", 5],
  ["test_examples", 4],
];

describe.skipIf(!python)(`the Python client, by ${PYTHON} (skipped without Python 3.9)`, () => {
  const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-python-"));
  let server: TestServer;
  let env: Record<string, string>;

  beforeAll(async () => {
    server = await startServer({ persistTo });
    env = { LOOPGRID_URL: server.url };
  });

  afterAll(async () => {
    await server.stop();
    rmSync(persistTo, { recursive: true, force: true });
  });

  test("runs LoopGrid 0.1's own usage with nothing changed but the import", async ({ expect }) => {
    const run = await runSuite("test_old_usage", env);
    expect([run.code, run.code === 0 ? "" : run.output, run.ran]).toEqual([0, "", 4]);
  });

  test(
    `loses nothing while the server is away for ${OUTAGE_S} s, or says exactly what`,
    { timeout: 1000 * (OUTAGE_S + 120) },
    async ({ expect }) => {
      const spool = mkdtempSync(join(tmpdir(), "loopgrid-spool-"));
      const seconds = String(OUTAGE_S + 2 * AROUND_S);
      const loads = [
        ["with spool", spool],
        ["without spool", "-"],
      ].map((args) => startPython(["load.py", server.url, ...args.toSpliced(1, 0, seconds)], env));
      await Promise.all(loads.map((load) => load.printed("loading")));
      await server.kill();
      await sleep(1000 * OUTAGE_S);
      const { url, port } = server;
      const provider = await freePort();
      server = await startServer({ persistTo, port, flags: providerFlags(provider) });
      env = { LOOPGRID_URL: url, LOOPGRID_TEST_PROVIDER_PORT: String(provider) };
      const [spooled, lossy] = (await Promise.all(loads.map((load) => load.ended))).map(
        ({ code, stdout, stderr }) => {
          expect([code, stderr.includes("Traceback")]).toEqual([0, false]);
          const last = stdout.trim().split("\n").at(-1) ?? "";
          const told: Loaded = JSON.parse(last);
          return told;
        },
      );
      if (spooled === undefined || lossy === undefined) throw new Error("two were started");

      const { counters } = spooled;
      expect(await recordedNumbers(url, "with spool")).toEqual(spooled.taken);
      expect(spooled.failure).toBeNull();
      expect([counters.acknowledged, counters.dropped]).toEqual([counters.enqueued, 0]);
      expect(readdirSync(spool)).toEqual([]);
      rmSync(spool, { recursive: true });

      const there = await recordedNumbers(url, "without spool");
      expect(there).toEqual(lossy.taken);
      expect(lossy.counters.dropped).toBeGreaterThan(0);
      expect(lossy.failure).toContain(`${lossy.counters.dropped} dropped`);
      const { enqueued, acknowledged, dropped, pending } = lossy.counters;
      expect([acknowledged, enqueued - dropped, pending]).toEqual([there.length, there.length, 0]);
    },
  );

  test.concurrent.for(SUITES)("%s", { timeout: 180_000 }, async ([suite, testsMin], { expect }) => {
    const run = await runSuite(suite, env);
    expect([run.code, run.code === 0 ? "" : run.output]).toEqual([0, ""]);
    expect(run.ran).toBeGreaterThanOrEqual(testsMin);
  });
});

interface Loaded {
  readonly taken: readonly number[];
  readonly counters: Readonly<Record<"enqueued" | "acknowledged" | "dropped" | "pending", number>>;
  readonly failure: string | null;
}

function providerFlags(port: number): string[] {
  const base = `http://127.0.0.1:${port}`;
  return [
    `OPENAI_API_KEY:sk-replay`,
    `OPENAI_BASE_URL:${base}/v1`,
    `ANTHROPIC_API_KEY:sk-ant-replay`,
    `ANTHROPIC_BASE_URL:${base}`,
  ].flatMap((variable) => ["--var", variable]);
}

/** The `n` of every decision of a service, oldest first. */
async function recordedNumbers(url: string, service: string): Promise<number[]> {
  const query = new URLSearchParams({ service_name: service, format: "json" });
  const text = await getText(url, `/v1/export/decisions?${query.toString()}`);
  const { decisions }: { decisions: { input: { n: number } }[] } = JSON.parse(text);
  return decisions.map(({ input }) => input.n).toReversed();
}
