/**
 * The server is killed under load and comes back after a while (LOOPGRID_OUTAGE_S, 3 s unless said
 * otherwise): with a spool folder every record arrives exactly once, without one the counters say
 * precisely what was lost.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { LoopGrid } from "../../src/sdk/javascript/index.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { startServer } from "../support/server.ts";

const OUTAGE_MS = 1000 * Number(process.env["LOOPGRID_OUTAGE_S"] ?? 3);
const RECORDS_PER_TICK = 4;
const TICK_MS = 20;

const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-outage-"));
const spoolDir = mkdtempSync(join(tmpdir(), "loopgrid-spool-"));
afterAll(() => {
  for (const folder of [persistTo, spoolDir]) rmSync(folder, { recursive: true, force: true });
});

test("a server that is away", { timeout: 120_000 + 3 * OUTAGE_MS }, async () => {
  let server = await startServer({ persistTo });
  const { url, port } = server;
  const client = (serviceName: string, options = {}) =>
    new LoopGrid({ baseUrl: url, serviceName, timeoutMs: 5_000, ...options });
  const spooling = client("spooling", { spoolDir });
  const bare = client("bare", { queueRecordsMax: 150 });

  const loading = new AbortController();
  let count = 0;
  let refused = 0;
  const load = async () => {
    while (!loading.signal.aborted) {
      for (let i = 0; i < RECORDS_PER_TICK; i++, count++) {
        const decision = { decisionType: "load", input: { n: count }, model: {}, output: {} };
        expect(spooling.enqueue(decision)).toBe(true);
        if (!bare.enqueue(decision)) refused++;
      }
      await sleep(TICK_MS);
    }
  };
  const loaded = load();
  try {
    await sleep(1_000);
    await server.kill();
    await sleep(OUTAGE_MS);
    server = await startServer({ persistTo, port });
    await sleep(1_000);
    loading.abort();
    await loaded;

    await spooling.close({ timeoutMs: 60_000 });
    expect(spooling.counters).toMatchObject({
      enqueued: count,
      acknowledged: count,
      spooled: count,
      dropped: 0,
      pending: 0,
    });
    expect(readdirSync(spoolDir)).toEqual([]);
    const lost = await bare.close({ timeoutMs: 60_000 }).catch((error: unknown) => error);
    expect(refused).toBeGreaterThan(0);
    expect(lost).toMatchObject({ message: `Records: ${refused} dropped` });
    expect(bare.counters).toMatchObject({
      enqueued: count,
      acknowledged: count - refused,
      dropped: refused,
      pending: 0,
    });

    const reader = client("reader");
    const numbers: Record<string, number[]> = { spooling: [], bare: [] };
    for await (const { service_name, input } of reader.exports.decisions())
      numbers[service_name]?.push(Number(input?.["n"]));
    const upTo = Array.from({ length: count }, (_, n) => n);
    expect(numbers["spooling"]?.toSorted((a, b) => a - b)).toEqual(upTo);
    expect(numbers["bare"]?.length).toBe(count - refused);
    expect(new Set(numbers["bare"]).size).toBe(count - refused);
    await auditOverHttp(url, expect);
    console.log(`${count} records, ${OUTAGE_MS} ms away, ${refused} lost without a spool folder`);
  } finally {
    loading.abort();
    await loaded;
    await server.stop();
  }
});
