/**
 * `npm run bench`: what an append costs. Rates of the ledger beside those of an empty route of the
 * same Worker and of bare D1 inserts of the same bytes, in alternating short rounds, because a
 * shared machine's speed swings far more than the differences: only ratios within a run mean
 * anything. Then latency and verification at a small and at a large ledger.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { Command } from "commander";
import { SAMPLE_DECISIONS } from "../../src/cli/demo/sample-decisions.ts";
import { BENCH_ADMIN_KEY, startFront, type Front } from "./front.ts";
import { LoadGenerator, type Load, type Measured } from "./load.ts";

const command = new Command("bench")
  .usage("[-- <options>]")
  .description("Appends beside an empty route and bare D1; latency and verification as it grows.")
  .option("--quick", "shorter rounds and 10,000 entries instead of 100,000: under a minute", false)
  .option("--only <part>", "rates, auth or growth")
  .option("--json <file>", "write every figure to a file");
const options = command.parse().opts<{ quick: boolean; only?: string; json?: string }>();

const PLAN = options.quick
  ? { rounds: 3, roundMs: 400, small: 1000, large: 10_000, latencyRounds: 3, latencyMs: 500 }
  : { rounds: 5, roundMs: 1500, small: 1000, large: 100_000, latencyRounds: 7, latencyMs: 2000 };

const DECISION = JSON.stringify(SAMPLE_DECISIONS[2]);
const batchOf = (count: number): string =>
  `{"decisions":[${Array.from({ length: count }, () => DECISION).join(",")}]}`;
const BATCH = batchOf(100);
const FILL_DECISIONS = 1000;

interface Subject {
  readonly name: string;
  readonly load: Pick<Load, "port" | "path" | "status" | "key"> & { readonly body?: string };
}

interface Rate {
  readonly name: string;
  /** Median of the rounds, and each round's. */
  readonly perSecond: number;
  readonly rounds: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The server's CPU time for one request, median; NaN where the system cannot tell. */
  readonly cpuMs: number;
  readonly generatorBusy: number;
  readonly failures: number;
}

interface Comparison {
  readonly what: string;
  readonly rates: readonly Rate[];
  /** Appends / the other, per round, median. */
  readonly ratios: Readonly<Record<string, number>>;
}

const machine = machineOf();
console.log(`${machine.cpu}, ${machine.cores} cores; Node ${machine.node}, workerd ${machine.workerd}
front: Miniflare API, direct socket to the Worker (wrangler dev's proxy would dominate otherwise)
one decision: ${DECISION.length} octets; medians of ${PLAN.rounds} alternating rounds of ${PLAN.roundMs} ms`);

const startedMs = performance.now();
const front = await startFront();
const generator = new LoadGenerator();
try {
  const isWanted = (part: string) => options.only === undefined || options.only === part;
  const comparisons = [
    ...(isWanted("rates") ? await measureRates(front) : []),
    ...(isWanted("auth") ? await measureAuth(front) : []),
  ];
  const growth = isWanted("growth") ? await measureGrowth(front) : undefined;
  const result = { machine, plan: PLAN, decisionBytes: DECISION.length, comparisons, growth };
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(result, null, 2));
  judge(comparisons, growth);
  console.log(`\ntook ${Math.round((performance.now() - startedMs) / 1000)} s`);
} finally {
  await generator.stop();
  await front.stop();
}

// ── rates ───────────────────────────────────────────────────────────────────────────────────────

async function measureRates({ rates, rawD1, entry }: Front): Promise<Comparison[]> {
  const append = (path: string): Subject => ({
    name: "append",
    load: { port: rates, path, status: 200 },
  });
  // A path that does not exist: the same transport and middleware, and no handler behind them.
  const empty: Subject = {
    name: "empty route",
    load: { port: rates, path: "/v1/nothing", status: 404 },
  };
  // Without the body: workerd closes a connection on which a large one was left unread.
  const emptyBatch: Subject = { ...empty, load: { ...empty.load, body: "" } };
  const raw: Subject = { name: "raw D1", load: { port: rawD1, path: "/", status: 200 } };
  const bulk: Subject = {
    name: "raw D1, bulk",
    load: { port: rawD1, path: "/?bulk", status: 200 },
  };
  const behindEntry = (subject: Subject): Subject => ({
    ...subject,
    load: { ...subject.load, port: entry },
  });
  const singles = [append("/v1/decisions"), empty, raw];
  const batches = [append("/v1/decisions/batch"), emptyBatch, raw, bulk];
  console.log(`\n${"".padEnd(28)} requests/s   p50 ms   p99 ms   CPU ms   append is`);
  return [
    await compare("single, 64 clients", singles, { body: DECISION, clients: 64 }),
    await compare("single, 16 clients", singles, { body: DECISION, clients: 16 }),
    await compare("single, 1 client", singles, { body: DECISION, clients: 1 }),
    await compare("batch of 100, 4 clients", batches, { body: BATCH, clients: 4 }),
    await compare("batch of 100, 1 client", batches, { body: BATCH, clients: 1 }),
    await compare(
      "single, 64 clients, behind Miniflare's entry Worker",
      singles.slice(0, 2).map(behindEntry),
      { body: DECISION, clients: 64 },
    ),
  ];
}

/** A lone client's append with a key beside one that needs none. */
async function measureAuth({ rates, keyed }: Front): Promise<Comparison[]> {
  const load = { path: "/v1/decisions", status: 200 };
  const subjects: Subject[] = [
    { name: "append", load: { ...load, port: keyed, key: await makeKey(keyed) } },
    { name: "without a key", load: { ...load, port: rates } },
  ];
  return [await compare("with a key, 1 client", subjects, { body: DECISION, clients: 1 })];
}

async function makeKey(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/keys`, {
    method: "POST",
    headers: { Authorization: `Bearer ${BENCH_ADMIN_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ name: "bench", scopes: ["record"] }),
  });
  if (!response.ok) throw new Error(`no key was made: ${await response.text()}`);
  const { key }: { key: string } = await response.json();
  return key;
}

/** Alternates the subjects; the first is the one whose ratio to the others is asked. */
async function compare(
  what: string,
  subjects: readonly Subject[],
  load: Pick<Load, "body" | "clients">,
): Promise<Comparison> {
  const measured = subjects.map((subject) => ({ ...subject, rounds: [] as Round[] }));
  // The first round warms up and is not counted.
  for (let round = 0; round <= PLAN.rounds; round++) {
    for (const { load: own, rounds } of measured) {
      const cpuBeforeMs = front.cpuMs() ?? Number.NaN;
      const result = await generator.run({ ...load, ...own, ms: PLAN.roundMs });
      const cpuMs = ((front.cpuMs() ?? Number.NaN) - cpuBeforeMs) / result.requests;
      if (round > 0) rounds.push({ ...result, cpuMs });
    }
  }
  const [append, ...others] = measured;
  const ratios = Object.fromEntries(
    others.map(({ name, rounds }) => [
      name,
      median(
        rounds.map(({ perSecond }, i) => (append?.rounds[i]?.perSecond ?? Number.NaN) / perSecond),
      ),
    ]),
  );
  const rates = measured.map(({ name, rounds }) => rateOf(name, rounds));
  console.log(what);
  for (const rate of rates) showRate(rate, ratios[rate.name]);
  const busiest = Math.max(...rates.map(({ generatorBusy }) => generatorBusy));
  if (busiest > 0.8) console.log(`  the load generator was busy ${percent(busiest)} of the time`);
  return { what, rates, ratios };
}

interface Round extends Measured {
  readonly cpuMs: number;
}

function rateOf(name: string, rounds: readonly Round[]): Rate {
  const latenciesMs = rounds.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b);
  return {
    name,
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    rounds: rounds.map(({ perSecond }) => perSecond),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
    generatorBusy: Math.max(...rounds.map(({ busy }) => busy)),
    failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
  };
}

function showRate({ name, perSecond, p50Ms, p99Ms, cpuMs, failures }: Rate, ratio?: number): void {
  const columns = [
    `  ${name}`.padEnd(28),
    perSecond.toFixed(0).padStart(10),
    p50Ms.toFixed(1).padStart(8),
    p99Ms.toFixed(1).padStart(8),
    cpuMs.toFixed(2).padStart(8),
    ratio === undefined ? "" : `${percent(ratio).padStart(6)} of it`,
    failures === 0 ? "" : `${failures} FAILED`,
  ];
  console.log(columns.join(" ").trimEnd());
}

// ── growth ──────────────────────────────────────────────────────────────────────────────────────

interface Growth {
  /** A lone client's append in the large ledger over one in the small, in the same alternating rounds. */
  readonly latencyRatio: { readonly p50: number; readonly p99: number };
  readonly verify: readonly { readonly entries: number; readonly perSecond: number }[];
}

/**
 * One ledger is measured small, filled, and measured large; a second one stays small and is measured
 * beside it both times: before and after are minutes apart, and the machine drifts more than that.
 */
async function measureGrowth({ grows, stays }: Front): Promise<Growth> {
  await fillTo(grows, PLAN.small);
  await fillTo(stays, PLAN.small);
  console.log("\nlone client's append               p50 ms   p99 ms");
  const before = await alternate(grows, stays);
  showLatency(`${await sizeOf(grows)} entries`, before.grows);
  showLatency("  the ledger that stays small", before.stays);
  const verify = [await verifyAll(grows)];
  await fillTo(grows, PLAN.large);
  const after = await alternate(grows, stays);
  showLatency(`${await sizeOf(grows)} entries`, after.grows);
  showLatency("  the ledger that stays small", after.stays);
  verify.push(await verifyAll(grows));
  for (const { entries, perSecond } of verify)
    console.log(`verify ${String(entries).padStart(7)} entries ${perSecond.toFixed(0)}/s`);
  return {
    latencyRatio: {
      p50: after.grows.p50 / after.stays.p50,
      p99: after.grows.p99 / after.stays.p99,
    },
    verify,
  };
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

async function alternate(
  grows: number,
  stays: number,
): Promise<{ grows: Latency; stays: Latency }> {
  const rounds = { grows: [] as Latency[], stays: [] as Latency[] };
  for (let round = 0; round <= PLAN.latencyRounds; round++) {
    for (const [name, port] of [
      ["grows", grows],
      ["stays", stays],
    ] as const) {
      const { latenciesMs } = await generator.run({
        port,
        path: "/v1/decisions",
        status: 200,
        body: DECISION,
        clients: 1,
        ms: PLAN.latencyMs,
      });
      if (round > 0)
        rounds[name].push({ p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99) });
    }
  }
  const medians = (of: readonly Latency[]): Latency => ({
    p50: median(of.map(({ p50 }) => p50)),
    p99: median(of.map(({ p99 }) => p99)),
  });
  return { grows: medians(rounds.grows), stays: medians(rounds.stays) };
}

function showLatency(what: string, { p50, p99 }: Latency): void {
  console.log(`  ${what.padEnd(30)} ${p50.toFixed(2).padStart(8)} ${p99.toFixed(2).padStart(8)}`);
}

async function fillTo(port: number, size: number): Promise<void> {
  const fromMs = performance.now();
  const from = await sizeOf(port);
  for (let at = from; at < size;) {
    const count = Math.min(FILL_DECISIONS, size - at);
    const response = await fetch(`http://127.0.0.1:${port}/v1/decisions/batch`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: batchOf(count),
    });
    if (!response.ok) throw new Error(`filling failed: ${await response.text()}`);
    await response.arrayBuffer();
    at += count;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2Kfilling: ${at} of ${size}`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[2K");
  if (size - from >= 10_000) {
    const rate = (1000 * (size - from)) / (performance.now() - fromMs);
    console.log(
      `  filled to ${size} by batches of ${FILL_DECISIONS}: ${rate.toFixed(0)} entries/s`,
    );
  }
}

async function sizeOf(port: number): Promise<number> {
  const ledger: { size: number } = await getJson(port, "/v1/ledger");
  return ledger.size;
}

/** Page by page, as a client does. */
async function verifyAll(port: number): Promise<Growth["verify"][number]> {
  const fromMs = performance.now();
  let entries = 0;
  let path = "/v1/integrity/verify";
  for (;;) {
    const page: { valid: boolean | null; entries: number; next_cursor: string | null } =
      await getJson(port, path);
    if (page.valid === false) throw new Error("the bench's own ledger does not verify");
    entries += page.entries;
    if (page.next_cursor === null) break;
    path = `/v1/integrity/verify?from=${page.next_cursor}`;
  }
  return { entries, perSecond: (1000 * entries) / (performance.now() - fromMs) };
}

async function getJson<T>(port: number, path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

// ── verdicts and arithmetic ─────────────────────────────────────────────────────────────────────

function judge(comparisons: readonly Comparison[], growth: Growth | undefined): void {
  const ratioOf = (what: string, other: string): number | undefined =>
    comparisons.find((comparison) => comparison.what === what)?.ratios[other];
  console.log("\naims");
  aim(
    "single appends, 64 clients: at least 40 % of the empty route",
    ratioOf("single, 64 clients", "empty route"),
    (ratio) => ratio >= 0.4,
  );
  aim(
    "batches of 100, 4 clients: at least 50 % of raw D1",
    ratioOf("batch of 100, 4 clients", "raw D1"),
    (ratio) => ratio >= 0.5,
  );
  aim(
    "a lone append with a key: authentication is at most 10 % of it",
    ratioOf("with a key, 1 client", "without a key"),
    (ratio) => ratio >= 0.9,
  );
  aim(
    `append p50 at ${PLAN.large} entries: within 10 % of ${PLAN.small}`,
    growth?.latencyRatio.p50,
    (ratio) => ratio <= 1.1,
  );
}

function aim(what: string, ratio: number | undefined, isMet: (ratio: number) => boolean): void {
  if (ratio === undefined) return;
  console.log(`  ${isMet(ratio) ? "met   " : "MISSED"} ${percent(ratio).padStart(6)}  ${what}`);
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(0)} %`;
}

function machineOf() {
  const workerd: { version: string } = createRequire(import.meta.url)("workerd/package.json");
  return {
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: availableParallelism(),
    node: process.versions.node,
    workerd: workerd.version,
  };
}
