import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { freePort, startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "loopgrid-demo-"));
  server = await startServer();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As people run it, but for npm's own header. */
function demo(...args: string[]): Promise<Ended> {
  const { LOOPGRID_URL: _, ...env } = process.env;
  const child = spawn("npm", ["run", "-s", "demo", "--", ...args], {
    env: { ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function demoHere(...args: string[]): Promise<Ended> {
  return demo("--url", server.url, ...args);
}

async function ask(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(server.url + path);
  return response.json();
}

/** 250 decisions; every tenth was wrong, and every twentieth of them only flagged. */
function writeDecisions(
  name: string,
  service: string,
  spoil: (line: number) => object = () => ({}),
) {
  const decisions = join(folder, `${name}.jsonl`);
  const corrections = join(folder, `${name}.corrections.jsonl`);
  const lines = Array.from({ length: 250 }, (_, line) =>
    JSON.stringify({
      service_name: service,
      decision_type: "sum",
      // U+2028 ends a line for some readers, not in JSON Lines.
      input: { question: `${line} + 1?\u2028` },
      model: { provider: "example", name: "adder" },
      output: { answer: line % 10 === 0 ? line : line + 1 },
      ...spoil(line),
    }),
  );
  writeFileSync(decisions, `${lines.join("\n")}\n`);
  const wrong = Array.from({ length: 25 }, (_, i) => ({
    index: 10 * i,
    incorrect: true,
    reason: "off by one",
    ...(i % 2 === 0 ? { correction: { answer: 10 * i + 1 }, corrected_by: "a teacher" } : {}),
  }));
  writeFileSync(corrections, wrong.map((line) => JSON.stringify(line)).join("\n"));
  return { decisions, corrections };
}

describe("the built-in demo", () => {
  test("tells the whole story, and the ledger holds it", async ({ expect }) => {
    const { code, stdout, stderr } = await demoHere();
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("8 recorded");
    expect(stdout).toContain("3 flagged, 3 corrected");
    expect(stdout).toContain("I was charged twice");
    expect(stdout).toContain("Simulated: no model ran.");
    expect(stdout).toContain("all 15 entries hold");
    expect(stdout).toContain("LoopGrid 0.1's rule");
    expect(stdout).toContain(`${server.url}/v1/compliance/report/html`);
    expect(stdout).toContain(`${server.url}/docs`);
    expect(stdout).not.toContain("\u001B");

    expect(await ask("/v1/decisions?page_size=1")).toMatchObject({ total: 8 });
    expect(await ask("/v1/decisions?status=corrected&page_size=1")).toMatchObject({ total: 3 });
    expect(await ask("/v1/integrity/verify")).toMatchObject({ valid: true, size: 15 });
  });

  test("run again, finds everything and adds nothing", async ({ expect }) => {
    const { code, stdout } = await demoHere();
    expect(code).toBe(0);
    expect(stdout).toContain("8 already recorded by an earlier run");
    expect(stdout).toContain("6 reviews already recorded by an earlier run");
    expect(await ask("/v1/ledger")).toMatchObject({ size: 15 });
  });

  test("records anew under another run's name", async ({ expect }) => {
    const { code, stdout } = await demoHere("--run", "second");
    expect(code).toBe(0);
    expect(stdout).toContain("8 recorded");
    expect(await ask("/v1/ledger")).toMatchObject({ size: 30 });
  });
});

describe("decisions from files", () => {
  test("are recorded in batches, reviewed, and summed up for programs", async ({ expect }) => {
    const { decisions, corrections } = writeDecisions("good", "from-file");
    const args = ["--decisions", decisions, "--corrections", corrections, "--json"];
    const first = await demoHere(...args);
    expect(first.code, first.stderr).toBe(0);
    const integrity: unknown = expect.objectContaining({ valid: true });
    expect(JSON.parse(first.stdout)).toMatchObject({
      decisions: { recorded: 250, already_recorded: 0 },
      reviews: { flagged: 25, corrected: 13, already_recorded: 0 },
      replay: { execution_mode: "simulated", output_changed: true },
      integrity,
      report: { article_12_record_keeping: { status_basis: "loopgrid-0.1-rule" } },
    });
    const listed = "/v1/decisions?service_name=from-file&page_size=1";
    expect(await ask(listed)).toMatchObject({ total: 250 });
    expect(await ask(`${listed}&status=corrected`)).toMatchObject({ total: 13 });
    expect(await ask(`${listed}&status=incorrect`)).toMatchObject({ total: 12 });

    const again = await demoHere(...args);
    expect(JSON.parse(again.stdout)).toMatchObject({
      decisions: { recorded: 0, already_recorded: 250 },
      reviews: { flagged: 0, corrected: 0, already_recorded: 38 },
      integrity,
    });
  });

  test("an abort in the middle is made good by running it again", async ({ expect }) => {
    const spoiled = writeDecisions("aborted", "aborted", (line) =>
      line === 230 ? { input: "not an object" } : {},
    );
    const stopped = await demoHere("--decisions", spoiled.decisions);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain("aborted.jsonl, line 231: input: must be an object");

    const mended = writeDecisions("aborted", "aborted");
    const again = await demoHere("--decisions", mended.decisions);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("200 already recorded");
    expect(await ask("/v1/decisions?service_name=aborted&page_size=1")).toMatchObject({
      total: 250,
    });
  });

  test.for([
    ["a line that is not JSON", "{}\n{", undefined, /line 2: .*JSON/],
    ["a line that is no object", "[1]\n", undefined, /line 1: a decision is a JSON object/],
    ["a correction beyond the file", "{}\n", '{"index":7,"incorrect":true}', /index 7 is beyond/],
    [
      "a correction without a name",
      "{}\n",
      '{"index":0,"incorrect":true,"correction":{}}',
      /corrected_by/,
    ],
    ["a missing file", undefined, undefined, /ENOENT/],
  ] as const)("%s stops it with a reason", async ([name, text, review, reason], { expect }) => {
    const decisions = join(folder, `${name}.jsonl`);
    const corrections = join(folder, `${name}.corrections.jsonl`);
    if (text !== undefined) writeFileSync(decisions, text);
    if (review !== undefined) writeFileSync(corrections, review);
    const more = review === undefined ? [] : ["--corrections", corrections];
    const { code, stderr } = await demoHere("--decisions", decisions, ...more);
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain("    at "); // a reason, not a stack
  });
});

describe("without a server", () => {
  test("says how to start one", async ({ expect }) => {
    const { code, stderr } = await demo("--url", `http://localhost:${await freePort()}`);
    expect(code).toBe(1);
    expect(stderr).toContain("No LoopGrid server");
    expect(stderr).toContain("npm run dev");
  });

  test("--help names every option", async ({ expect }) => {
    const { code, stdout } = await demo("--help");
    expect(code).toBe(0);
    for (const option of ["--url", "--decisions", "--corrections", "--json", "--run"])
      expect(stdout).toContain(option);
  });
});
