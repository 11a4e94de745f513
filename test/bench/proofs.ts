/**
 * `npm run bench:proofs [-- --size 1000000]`: proof latency at 1,000 entries and at the given size,
 * and what verifying them all takes, online and offline. On the direct-socket front of front.ts; the
 * ledger is filled through the API.
 */
import { spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { SAMPLE_DECISIONS } from "../../src/cli/demo/sample-decisions.ts";
import { startFront } from "./front.ts";

const SMALL = 1000;
const BATCH = 1000;
const BATCHES_IN_FLIGHT = 4;
const PROOFS = 300;
const PEAK_POLL_MS = 100;

const command = new Command("bench:proofs").option(
  "--size <entries>",
  "the large ledger",
  "100000",
);
const size = Number(command.parse().opts<{ size: string }>().size);
const folder = mkdtempSync(join(tmpdir(), "loopgrid-bench-proofs-"));
const front = await startFront();
const origin = `http://127.0.0.1:${front.grows}`;
try {
  await fillTo(SMALL);
  const small = await proofLatency(SMALL);
  await fillTo(size);
  const large = await proofLatency(size);
  report(`inclusion proof, lone client, ${SMALL} entries`, small.inclusion);
  report(`inclusion proof, lone client, ${size} entries`, large.inclusion);
  report(`consistency proof, ${SMALL} entries`, small.consistency);
  report(`consistency proof, ${size} entries`, large.consistency);
  const onlineMs = await timed(verifyOnline);
  console.log(`verified online: ${rate(size, onlineMs)}`);
  const file = join(folder, "export.ndjson");
  const exportMs = await timed(() => download("/v1/export/ledger", file));
  const megabytes = statSync(file).size / 1e6;
  console.log(`exported: ${rate(size, exportMs)}, ${megabytes.toFixed(0)} MB`);
  const offline = await verifyOffline(file);
  console.log(
    `verified offline: ${rate(size, offline.ms)}, peak memory ${offline.peakMB.toFixed(0)} MB`,
  );
} finally {
  await front.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

async function fillTo(target: number): Promise<void> {
  let next = await ledgerSize();
  const startedMs = performance.now();
  const first = next;
  const writer = async (): Promise<void> => {
    while (next < target) {
      const count = Math.min(BATCH, target - next);
      next += count;
      const decisions = Array.from(
        { length: count },
        (_, i) => SAMPLE_DECISIONS[i % SAMPLE_DECISIONS.length],
      );
      const body = JSON.stringify({ decisions });
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`${origin}/v1/decisions/batch`, { method: "POST", headers, body });
      if (!answer.ok) throw new Error(`filling: ${await answer.text()}`);
      await answer.arrayBuffer();
      if (next % 100_000 === 0) console.log(`  ${next} of ${target}`);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, writer));
  console.log(`filled to ${target}: ${rate(target - first, performance.now() - startedMs)}`);
}

async function ledgerSize(): Promise<number> {
  const { size: entries } = await json<{ size: number }>("/v1/ledger");
  return entries;
}

/** Random indexes and sizes from a fixed sequence, so that runs compare. */
async function proofLatency(
  entries: number,
): Promise<{ inclusion: Latency; consistency: Latency }> {
  const inclusion: number[] = [];
  const consistency: number[] = [];
  for (let i = 1; i <= PROOFS; i++) {
    const at = Math.floor((entries * ((i * 0.618_033_988_75) % 1)) % entries);
    inclusion.push(await timed(() => json(`/v1/ledger/proof/inclusion?index=${at}`)));
    consistency.push(await timed(() => json(`/v1/ledger/proof/consistency?from=${at + 1}`)));
  }
  return { inclusion: quantiles(inclusion), consistency: quantiles(consistency) };
}

async function verifyOnline(): Promise<void> {
  let from: string | null = "0";
  while (from !== null) {
    const page: { findings: unknown[]; next_cursor: string | null } = await json(
      `/v1/integrity/verify?from=${from}`,
    );
    if (page.findings.length > 0) throw new Error(JSON.stringify(page.findings[0]));
    from = page.next_cursor;
  }
}

async function download(path: string, file: string): Promise<void> {
  const { body } = await fetch(origin + path);
  if (body === null) throw new Error("an export without a body");
  await pipeline(chunksOf(body), createWriteStream(file));
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** The published command in a process of its own; its peak memory from /proc. */
async function verifyOffline(file: string): Promise<{ ms: number; peakMB: number }> {
  const [key = ""] = (await json<{ verifier_keys: string[] }>("/v1/ledger")).verifier_keys;
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const startedMs = performance.now();
  const child = spawn(process.execPath, [main, "verify", file, "--key", key, "--json"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  let peakKB = 0;
  const poll = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakKB = Math.max(peakKB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // Ended, or no /proc here: the peak stays what was seen.
    }
  }, PEAK_POLL_MS);
  const code = await new Promise((resolve) => child.on("exit", resolve));
  clearInterval(poll);
  if (code !== 0) throw new Error(`loopgrid verify ended with ${String(code)}`);
  return { ms: performance.now() - startedMs, peakMB: peakKB / 1000 };
}

async function json<T>(path: string): Promise<T> {
  const answer = await fetch(origin + path);
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function quantiles(values: readonly number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

function report(what: string, { p50, p99 }: Latency): void {
  console.log(`${what}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
}

function rate(count: number, ms: number): string {
  return `${Math.round((1000 * count) / ms)}/s (${(ms / 1000).toFixed(1)} s)`;
}
