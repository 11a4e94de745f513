/**
 * Credentials over the wire, from outside: the deployed default, the first key, and the 0.1 SDKs, whose
 * only channels are the path prefix (JavaScript) and HTTP Basic (Python).
 */
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LoopGrid, LoopGridAPIError } from "@cybertechsoft/loopgrid";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";

const run = promisify(execFile);
const PYTHON_CLIENT = fileURLToPath(new URL("../support/python-client.py", import.meta.url));
const CLI = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ADMIN_KEY = "operator-key-of-this-test-0123456789";
const SDK_SCOPES = ["record", "read", "review", "replay"];
const QUIET = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", CI: "1" };

const PUBLIC = ["/", "/health", "/docs", "/openapi.json"];

async function operations(url: string): Promise<{ method: string; path: string }[]> {
  const document: { paths: Record<string, Record<string, unknown>> } = await (
    await fetch(`${url}/openapi.json`)
  ).json();
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
}

describe("the Worker as it is deployed, without the dev script and without a key", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ command: ["npm", "exec", "--", "wrangler", "dev"], env: QUIET });
  });
  afterAll(() => server.stop());

  test("answers 401 everywhere except on its public routes", async ({ expect }) => {
    const all = await operations(server.url);
    expect(all.length).toBeGreaterThan(30);
    for (const { method, path } of [
      ...all,
      { method: "GET", path: "/v1/nothing" },
      { method: "GET", path: "/t/a-key/v1/decisions" },
    ]) {
      const asked = path.replaceAll(/\{(\w+)\}/g, "x");
      const response = await fetch(server.url + asked, { method });
      const text = await response.text();
      const isPublic = PUBLIC.includes(path) || path.startsWith("/docs/");
      expect(response.status, `${method} ${path}: ${text.slice(0, 200)}`).toBe(
        isPublic ? 200 : 401,
      );
      if (isPublic) continue;
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
      expect(JSON.parse(text)).toMatchObject({ status: 401, detail: expect.any(String) });
    }
  });
});

describe("with LOOPGRID_AUTH=required and an operator's key", () => {
  let server: TestServer;
  let key = "";
  beforeAll(async () => {
    server = await startServer({
      flags: ["--var", "LOOPGRID_AUTH:required", "--var", `LOOPGRID_ADMIN_KEY:${ADMIN_KEY}`],
      // The noisiest log there is.
      env: { WRANGLER_LOG: "info" },
    });
    const response = await fetch(`${server.url}/v1/keys`, {
      method: "POST",
      headers: { Authorization: `Bearer ${ADMIN_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({ name: "sdks", scopes: SDK_SCOPES, ledger: "sdk" }),
    });
    const made: { key: string } = await response.json();
    key = made.key;
  });
  afterAll(() => server.stop());

  const loopgrid = (...args: string[]) => keysCommand(server.url, ...args);
  const ledgerOf = (credential: string) => ledgerStatus(server.url, credential.trim());

  test("the unmodified JavaScript SDK works through the path prefix", async ({ expect }) => {
    const grid = new LoopGrid({ baseUrl: `${server.url}/t/${key}`, serviceName: "js" });
    const recorded = await grid.recordDecision({
      decisionType: "reply",
      input: { message: "I was charged twice" },
      model: { provider: "openai", name: "gpt-4" },
      output: { response: "Your account looks fine." },
    });
    const decisionId = String(recorded["decision_id"]);
    expect(recorded).toMatchObject({ ledger: "sdk", status: "recorded" });
    expect(await grid.getDecision(decisionId)).toMatchObject({ decision_id: decisionId });
    expect(await grid.markIncorrect(decisionId, "wrong")).toMatchObject({ status: "incorrect" });
    const correction = { decisionId, correction: { response: "refunded" }, correctedBy: "jane" };
    expect(await grid.attachCorrection(correction)).toMatchObject({ status: "corrected" });
    const replay = await grid.createReplay({ decisionId });
    expect(await grid.getReplay(String(replay["replay_id"]))).toMatchObject({
      decision_id: decisionId,
    });
    expect(await grid.compare(decisionId, String(replay["replay_id"]))).toMatchObject({
      output_changed: false,
    });
    expect(await grid.listDecisions({ serviceName: "js" })).toMatchObject({ total: 1 });
    expect(await grid.verifyIntegrity()).toMatchObject({ valid: true });
    expect(await grid.complianceReport("js")).toMatchObject({ summary: { total: 1 } });
    expect(await grid.health()).toMatchObject({ status: "healthy" });

    const wrong = new LoopGrid({ baseUrl: `${server.url}/t/${key}x`, serviceName: "js" });
    const refused = await wrong.getDecision(decisionId).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LoopGridAPIError);
    expect(refused).toMatchObject({ statusCode: 401, detail: expect.stringMatching(/not valid/) });
  });

  test("a Python client like the 0.1 SDK works through HTTP Basic", async ({ expect }) => {
    const good = await python(server.url, `u:${key}`);
    expect(good.map(({ status }) => status)).toEqual(good.map(() => 200));
    expect(good[3]?.body).toMatchObject({ status: "corrected", ledger: "sdk" });
    expect(good[6]?.body).toMatchObject({ valid: true });
    const bad = await python(server.url, `u:${key}x`);
    expect(bad.map(({ status }) => status)).toEqual(bad.map(() => 401));
  });

  test("npx loopgrid keys makes, lists, replaces and revokes keys from a terminal", async ({
    expect,
  }) => {
    const made = await loopgrid("create", "--name", "cli", "--scopes", "read", "--ledger", "cli");
    expect(made.stdout).toMatch(/^lgk_\w+\n$/);
    expect(await ledgerOf(made.stdout)).toBe(200);
    const listed: { keys: { key_id: string; ledger: string }[] } = JSON.parse(
      (await loopgrid("list", "--json")).stdout,
    );
    const keyId = listed.keys.find(({ ledger }) => ledger === "cli")?.key_id ?? "none";
    const turned = await loopgrid("rotate", keyId, "--overlap", "0");
    expect(await ledgerOf(turned.stdout)).toBe(200);
    expect(await ledgerOf(made.stdout)).toBe(401);
    const [, newId = ""] = /^(key_\w+) in ledger cli/m.exec(turned.stderr) ?? [];
    await loopgrid("revoke", newId);
    expect(await ledgerOf(turned.stdout)).toBe(401);
    const text = (await loopgrid("list")).stdout;
    expect(text).toMatch(new RegExp(`^${newId}  cli  read  revoked `, "m"));
    await expect(loopgrid("revoke", "key_none")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Key key_none not found"),
    });
    await expect(loopgrid("create", "--name", "n", "--scopes", "all")).rejects.toMatchObject({
      stderr: expect.stringContaining("record,read"),
    });
  });

  test("no credential is in the log or in a file the server keeps", async ({ expect }) => {
    await fetch(`${server.url}/t/${key}/v1/decisions?page=0`);
    await fetch(`${server.url}/t/${key}`);
    await sleep(500); // the log comes through a pipe
    // npm itself prints the command line it was given.
    const log = server.log().replace(/^> .*$/gm, "");
    expect(log).toContain("GET /t/… 401");
    for (const secret of [key, ADMIN_KEY]) {
      expect(log).not.toContain(secret);
      expect(filesHolding(server.persistTo, secret)).toEqual([]);
    }
    // The search finds what is there: the SDKs' service name, in the database.
    expect(filesHolding(server.persistTo, "python")).not.toEqual([]);
  });
});

async function python(url: string, user: string) {
  const { stdout } = await run("python3", [PYTHON_CLIENT, url.replace("://", `://${user}@`)]);
  const results: { status: number; body: Record<string, unknown> }[] = JSON.parse(stdout);
  return results;
}

function keysCommand(url: string, ...args: string[]) {
  return run("npm", ["exec", "--", "node", CLI, "keys", ...args, "--server", url], {
    env: { ...process.env, LOOPGRID_ADMIN_KEY: ADMIN_KEY },
  });
}

async function ledgerStatus(url: string, credential: string): Promise<number> {
  const headers = { Authorization: `Bearer ${credential}` };
  return (await fetch(`${url}/v1/ledger`, { headers })).status;
}

function filesHolding(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
}
