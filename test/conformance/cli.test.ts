/** The commands that ask a server, as processes: what they print, what they leave, how they exit. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, test } from "vitest";
import { serveThisFile } from "../support/conformance.ts";
import { freePort } from "../support/server.ts";

const served = serveThisFile();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "loopgrid-cli-"));
  // As it is published: one file, which starts ten times faster.
  buildSync({
    entryPoints: [fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: join(folder, "main.mjs"),
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function loopgrid(args: readonly string[], input = "", env: Record<string, string> = {}) {
  return new Promise<Ran>((resolve) => {
    const child = spawn(process.execPath, [join(folder, "main.mjs"), ...args], {
      env: { ...process.env, LOOPGRID_URL: served.server.url, NO_COLOR: "1", ...env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** A server that answers as it is told to. */
async function answering(answer: RequestListener) {
  const server = createServer(answer);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () => new Promise((resolve) => server.close(resolve));
  return { url: `http://127.0.0.1:${port}`, close };
}

const DECISION = {
  service_name: "cli",
  decision_type: "reply",
  input: { message: "Charged twice" },
  model: { provider: "openai", name: "gpt-4o" },
  output: { response: "Your account looks fine." },
};

async function recorded(): Promise<string> {
  const { stdout } = await loopgrid(["record", "-"], JSON.stringify(DECISION));
  return stdout.trim();
}

describe("record", () => {
  test("from options, from a file and from standard input; once under a key", async ({
    expect,
  }) => {
    const options = "record --service cli -t reply -m openai/gpt-4o --key cli-1 --proof --json";
    const typed = await loopgrid([...options.split(" "), "-i", '{"a":1}', "-o", '{"b":2}']);
    expect(typed.code).toBe(0);
    const decision = JSON.parse(typed.stdout);
    expect(decision).toMatchObject({
      service_name: "cli",
      model: { provider: "openai", name: "gpt-4o" },
      receipt: { proof: expect.any(Array) },
    });
    const file = join(folder, "decision.json");
    writeFileSync(file, JSON.stringify({ ...DECISION, input: { a: 1 } }));
    const first = await loopgrid(["record", file, "--key", "cli-2"]);
    expect(first.stdout).toMatch(/^dec_[0-9a-f]{32}\n$/);
    expect((await loopgrid(["record", file, "--key", "cli-2"])).stdout).toBe(first.stdout);
    expect(await recorded()).toMatch(/^dec_/);
  });

  test("says what is wrong: 1 from the server, 2 in the command", async ({ expect }) => {
    const refused = await loopgrid(["record", "-"], JSON.stringify({ service_name: "cli" }));
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("decision_type: required");
    expect(await loopgrid(["record", "-i", "text"])).toMatchObject({ code: 2, stdout: "" });
    expect((await loopgrid(["record", join(folder, "none.json")])).code).toBe(2);
    const away = await loopgrid(["status", "--server", "http://127.0.0.1:9"]);
    expect(away.code).toBe(1);
    expect(away.stderr).toContain("Cannot connect to LoopGrid");
    expect((await loopgrid(["experiment", "run", "--status", "none"])).code).toBe(2);
  });
});

test("import is resumable, says import, and leaves numbers as they are written", async ({
  expect,
}) => {
  const file = join(folder, "decisions.jsonl");
  const lines = Array.from({ length: 230 }, (_, n) =>
    JSON.stringify({ ...DECISION, service_name: "imported", input: { n, rate: "RATE" } }).replace(
      '"RATE"',
      "1.50",
    ),
  );
  writeFileSync(file, lines.slice(0, 100).join("\n"));
  const half = await loopgrid(["import", file, "--json"]);
  expect(JSON.parse(half.stdout)).toEqual({ recorded: 100, already_recorded: 0 });
  writeFileSync(file, lines.join("\n"));
  const whole = await loopgrid(["import", file, "--json"]);
  expect(JSON.parse(whole.stdout)).toEqual({ recorded: 130, already_recorded: 100 });
  expect(whole.stderr).toBe("");
  const { stdout } = await loopgrid(["export", "decisions", "--service", "imported"]);
  const decisions = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(decisions.map(({ input }) => input.n)).toEqual(lines.map((_, n) => 229 - n));
  expect(new Set(decisions.map(({ capture_mode }) => capture_mode))).toEqual(new Set(["import"]));
  writeFileSync(file, `${lines[0]}\n{"service_name":7}\n`);
  const bad = await loopgrid(["import", file, "--run", "bad"]);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain("line 2");
  writeFileSync(file, `${lines[0]}\n{"cut`);
  const torn = await loopgrid(["import", file, "--run", "torn"]);
  expect(torn.code).toBe(2); // the file is wrong, not the server
  expect(torn.stderr).toContain("line 2");
});

test("export writes what verify verifies", async ({ expect }) => {
  const id = await recorded();
  const status = JSON.parse((await loopgrid(["status", "--json", "--verify"])).stdout);
  expect(status).toMatchObject({ health: { status: "healthy" }, integrity: { valid: true } });
  const [key] = status.ledger.verifier_keys;
  const file = join(folder, "main.ndjson");
  const exported = await loopgrid(["export", "ledger", "-o", file, "--json"]);
  expect(JSON.parse(exported.stdout)).toMatchObject({ what: "ledger", file });
  expect((await loopgrid(["verify", file, "--key", key])).code).toBe(0);
  const evidence = join(folder, "evidence.json");
  const bundle = await loopgrid(["export", "evidence", id, "-o", evidence, "--json"]);
  expect(bundle.code).toBe(0);
  expect(JSON.parse(bundle.stdout)).toEqual({ what: "evidence", file: evidence, pieces: 1 });
  expect((await loopgrid(["verify", evidence, "--key", key])).code).toBe(0);
  const csv = await loopgrid(["export", "csv", "--service", "cli"]);
  expect(csv.stdout).toContain(id);
  expect((await loopgrid(["export", "evidence"])).code).toBe(2);
  expect((await loopgrid(["export", "everything"])).code).toBe(2);
  expect((await loopgrid(["export", "csv", "-o", join(folder, "none", "a.csv")])).code).toBe(2);
});

test("an export that is cut short leaves the file that was there", async ({ expect }) => {
  const file = join(folder, "kept.ndjson");
  writeFileSync(file, "yesterday's");
  const cutting = await answering((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/csv" });
    response.write("decision_id,service_name\n", () => response.destroy());
  });
  const args = ["export", "csv", "--server", cutting.url, "-o", file];
  expect((await loopgrid(args)).code).toBe(1);
  expect(readFileSync(file, "utf8")).toBe("yesterday's");
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  await cutting.close();
});

describe("a credential in the server's address", () => {
  test("is never shown: not in help, not where the address is wrong", async ({ expect }) => {
    const secret = "s3cret-key";
    const away = { LOOPGRID_URL: `http://user:${secret}@127.0.0.1:9` };
    const wrong = { LOOPGRID_URL: `http://user:${secret}@host:999999` };
    const file = join(folder, "one.jsonl");
    writeFileSync(file, JSON.stringify(DECISION));
    const verify = ["verify", file, "--server", wrong.LOOPGRID_URL];
    for (const [args, env, code] of [
      [["status", "--help"], away, 0],
      [["import", file], wrong, 2],
      [["status"], wrong, 2],
      [verify, {}, 2],
    ] as const) {
      const ran = await loopgrid(args, "", env);
      expect([args, ran.code]).toEqual([args, code]);
      expect(ran.stdout + ran.stderr).not.toContain(secret);
      expect(ran.stdout + ran.stderr).not.toBe("");
    }
  });

  test("is what import and verify --server send, before the key of the environment", async ({
    expect,
  }) => {
    const file = join(folder, "proven.ndjson");
    await recorded();
    await loopgrid(["export", "ledger", "-o", file]);
    const { ledger } = JSON.parse((await loopgrid(["status", "--json"])).stdout);
    const [key] = ledger.verifier_keys;
    const asked: (string | undefined)[] = [];
    const closed = await answering((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401, { "Content-Type": "application/problem+json" });
      response.end(JSON.stringify({ detail: "no" }));
    });
    const address = closed.url.replace("//", "//user:s3cret-key@");
    const env = { LOOPGRID_API_KEY: "lg_other" };
    const verified = await loopgrid(["verify", file, "--key", key, "--server", address], "", env);
    expect(verified.code).toBe(2);
    expect(verified.stdout).toContain(`${closed.url} gave no checkpoint`);
    expect(verified.stdout).not.toContain("s3cret-key");
    const lines = join(folder, "sent.jsonl");
    writeFileSync(lines, JSON.stringify(DECISION));
    expect((await loopgrid(["import", lines, "--server", address], "", env)).code).toBe(1);
    const basic = `Basic ${Buffer.from("user:s3cret-key").toString("base64")}`;
    expect(asked).toEqual([basic, basic]);
    await loopgrid(["verify", file, "--key", key, "--server", closed.url], "", env);
    expect(asked.at(-1)).toBe("Bearer lg_other");
    await closed.close();
  });
});

test("status, replay and report tell people what they ask", async ({ expect }) => {
  const id = await recorded();
  const status = await loopgrid(["status"]);
  expect(status.stdout).toMatch(/^server {3}healthy, LoopGrid /);
  const replay = await loopgrid(["replay", id, "--template", "v2", "--mode", "simulated"]);
  expect(replay.code).toBe(0);
  expect(replay.stdout).toMatch(/^rep_[0-9a-f]{32} {2}simulated, completed/);
  const json = await loopgrid(["replay", id, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ decision_id: id, triggered_by: "cli" });
  expect((await loopgrid(["replay", "dec_none"])).code).toBe(1);
  expect((await loopgrid(["report"])).stdout).toContain("loopgrid-0.1-rule");
  const page = join(folder, "report.html");
  await loopgrid(["report", "--html", "-o", page]);
  expect(readFileSync(page, "utf8")).toContain("Article 12");
});

test("experiment: estimated, run and waited for, read", async ({ expect }) => {
  const id = await recorded();
  await fetch(`${served.server.url}/v1/decisions/${id}/correction`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ correction: DECISION.output, corrected_by: "jane" }),
  });
  const selection = ["--service", "cli", "--mode", "simulated"];
  const dry = await loopgrid(["experiment", "run", ...selection, "--dry-run"]);
  expect(JSON.parse(dry.stdout)).toMatchObject({ selection: { count: 1 } });
  const run = await loopgrid(["experiment", "run", ...selection, "--json"]);
  const experiment = JSON.parse(run.stdout);
  expect(experiment).toMatchObject({ progress: { total: 1, pending: 0 } });
  expect(run.code).toBe(experiment.state === "completed" ? 0 : 1);
  const shown = await loopgrid(["experiment", "show", experiment.experiment_id]);
  expect(shown.stdout).toContain(`${experiment.experiment_id}  ${experiment.state}`);
  const items = await loopgrid(["experiment", "items", experiment.experiment_id]);
  expect(JSON.parse(items.stdout)).toMatchObject({ decision_id: id });
  expect((await loopgrid(["experiment", "list"])).stdout).toContain(experiment.experiment_id);
  const named = [...selection, "--name", "clears\u001B[2Jscreens", "--no-wait", "--json"];
  const begun = JSON.parse((await loopgrid(["experiment", "run", ...named])).stdout);
  expect(begun).toEqual({ experiment_id: expect.stringMatching(/^exp_/) });
  const listed = await loopgrid(["experiment", "list"]);
  expect(listed.stdout).toContain("clears [2Jscreens");
});

test("help teaches: every command names its exit codes and an example", async ({ expect }) => {
  const help = await loopgrid(["--help"]);
  const names = ["status", "record", "import", "export", "replay", "experiment", "report"];
  for (const name of names) expect(help.stdout).toMatch(new RegExp(`^ {2}${name}\\b`, "m"));
  const texts = await Promise.all(
    ["record", "import", "export", "replay", "report"].map((name) => loopgrid([name, "--help"])),
  );
  for (const { code, stdout } of texts) {
    expect(code).toBe(0);
    expect(stdout).toContain("Exit codes: 0 done");
    expect(stdout).toContain("$ loopgrid ");
  }
  const keys = await loopgrid(["keys", "create", "--help"]);
  expect(keys.stdout).toContain("Exit codes: 0 done");
});
