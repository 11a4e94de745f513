/**
 * `npm run bench:report [-- --size 100000]`: what a compliance report costs over a large ledger, in
 * time, in the server's CPU time and in its memory: the first one, which counts what nobody had counted,
 * and later ones, which add up what is counted.
 */
import { Command } from "commander";
import { SAMPLE_DECISIONS } from "../../src/cli/demo/sample-decisions.ts";
import { startFront } from "./front.ts";

const BATCH = 1000;
const BATCHES_IN_FLIGHT = 4;
const DAY_MS = 86_400_000;
/** One in so many decisions is corrected. */
const CORRECTED = 500;

const command = new Command("bench:report").option("--size <decisions>", "of the ledger", "100000");
const size = Number(command.parse().opts<{ size: string }>().size);
const front = await startFront();
const origin = `http://127.0.0.1:${front.grows}`;
try {
  await fill();
  console.log(`server memory after filling: ${memory()}`);
  await measured("gaps, the first count of every block", "/v1/integrity/gaps");
  await measured("gaps again", "/v1/integrity/gaps");
  await measured("metrics by month and service", "/v1/metrics?interval=month&group_by=service");
  await measured("report, with verification of the ledger", "/v1/compliance/report");
  await measured("report again", "/v1/compliance/report");
  await measured("report at the middle", `/v1/compliance/report?as_of=${Math.floor(size / 2)}`);
  await measured("report of one service", "/v1/compliance/report?service_name=support-agent");
  await measured("page", "/v1/compliance/report/html");
} finally {
  await front.stop();
}

async function fill(): Promise<void> {
  let next = 0;
  const startedMs = performance.now();
  const corrected: string[] = [];
  const writer = async (name: string): Promise<void> => {
    let seq = 0;
    while (next < size) {
      const count = Math.min(BATCH, size - next);
      next += count;
      const decisions = Array.from({ length: count }, (_, i) => ({
        ...SAMPLE_DECISIONS[i % SAMPLE_DECISIONS.length],
        capture_mode: "automatic",
        occurred_at: new Date(Date.now() - DAY_MS).toISOString(),
        system_version: `1.${Math.floor((next * 4) / size)}.0`,
        writer_id: name,
        writer_seq: ++seq,
      }));
      const answer = await post<{ decisions: { decision_id: string }[] }>("/v1/decisions/batch", {
        decisions,
      });
      answer.decisions.forEach(({ decision_id }, i) => {
        if (i % CORRECTED === 0) corrected.push(decision_id);
      });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, (_, i) => writer(`writer-${i}`)));
  for (const id of corrected)
    await post(`/v1/decisions/${id}/correction`, { correction: {}, corrected_by: "bench" });
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${size} decisions, ${corrected.length} corrections in ${seconds.toFixed(1)} s`);
}

async function post<T>(path: string, body: object): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(origin + path, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

async function measured(what: string, path: string): Promise<void> {
  const startedMs = performance.now();
  const cpuMs = front.cpuMs() ?? 0;
  const answer = await fetch(origin + path);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${text}`);
  const ms = Math.round(performance.now() - startedMs);
  const cpu = Math.round((front.cpuMs() ?? 0) - cpuMs);
  const kilobytes = Math.round(text.length / 1000);
  const valid = /"valid":(\w+)/.exec(text)?.[1];
  const verdict = valid === undefined ? "" : `, ledger valid: ${valid}`;
  console.log(`${what}: ${ms} ms, server CPU ${cpu} ms, ${kilobytes} kB, ${memory()}${verdict}`);
}

function memory(): string {
  const peak = front.peakMB();
  return peak === undefined ? "memory unknown" : `peak ${peak.toFixed(0)} MB`;
}
