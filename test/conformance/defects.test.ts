/**
 * The defects of 0.1, CONTRACT "What 0.1 got wrong", row by row: the guarantee that stands there
 * now. Rows 13 and 14 (live replay) are tested with live replay; of row 16, what exists today.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Api, EXAMPLE, type ProblemBody, type Recorded } from "../support/api.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { rewriteFrom, tamperWith, truncateTo } from "../support/tamper.ts";
import type { Decision } from "../../src/ledger/schema.ts";
import type { JsonObject } from "../../src/lib/json.ts";

interface Verdict {
  readonly valid: boolean | null;
  readonly total: number;
  readonly broken_at: string | null;
  readonly message: string;
  readonly findings: readonly {
    readonly index: number | null;
    readonly decision_id: string | null;
    readonly fault: string;
  }[];
}

interface Decisions {
  readonly decisions: readonly Decision[];
  readonly total: number;
}

// The state outlives the server: some tests stop it and touch the database.
const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-"));
let server: TestServer;
let api: Api;

beforeAll(async () => {
  server = await startServer({ persistTo });
  api = await Api.open(server.url);
});

afterAll(async () => {
  await server.stop();
  rmSync(persistTo, { recursive: true, force: true });
});

async function verify(query = "", client = api): Promise<Verdict> {
  return (await client.get<Verdict>(`/v1/integrity/verify${query}`)).body;
}

/** Milliseconds of one append, the median of many. */
async function appendTime(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 25; i++) {
    const start = performance.now();
    await api.record();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[12] ?? 0;
}

/** Of row 17: measured while the ledger is small. */
let timeWhenSmall = 0;

test("1: forty concurrent appends give forty distinct chain hashes and a ledger that verifies", async ({
  expect,
}) => {
  timeWhenSmall = await appendTime();
  const size = await api.ledgerSize();
  const recorded = await Promise.all(
    Array.from({ length: 40 }, (_, n) => api.record({ input: { n } })),
  );
  expect(new Set(recorded.map(({ chain_hash }) => chain_hash)).size).toBe(40);
  expect(recorded.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 40 }, (_, i) => size + i),
  );
  await auditOverHttp(server.url, expect);
});

test("2: prompt {} is hashed as it is stored", async ({ expect }) => {
  const service_name = "empty objects";
  const empty = await api.record({ service_name, prompt: {}, metadata: {}, tool_calls: [] });
  const absent = await api.record({ service_name });
  expect(empty).toMatchObject({ prompt: {}, metadata: {}, tool_calls: [] });
  expect(empty.content_hash).not.toBe(absent.content_hash);
  const { body } = await api.get<Decision>(`/v1/decisions/${empty.decision_id}`);
  expect(body).toMatchObject({ prompt: {}, metadata: {}, tool_calls: [] });
  expect(await verify(`?service_name=${service_name}`)).toMatchObject({ valid: true, total: 2 });
});

test("3: one service of an interleaved ledger verifies", async ({ expect }) => {
  for (let i = 0; i < 6; i++) await api.record({ service_name: `interleaved-${i % 2}` });
  for (const name of ["interleaved-0", "interleaved-1"]) {
    const verdict = await verify(`?service_name=${name}`);
    expect(verdict).toMatchObject({ valid: true, total: 3, broken_at: null, findings: [] });
  }
});

test("6: order is a dense sequence number, whatever the clock says", async ({ expect }) => {
  const service_name = "same millisecond";
  const decisions = Array.from({ length: 60 }, (_, n) => ({
    ...EXAMPLE,
    service_name,
    input: { n },
  }));
  await api.post("/v1/decisions/batch", { decisions });
  const path = `/v1/decisions?page_size=100&service_name=${service_name}`;
  const { body } = await api.get<Decisions>(path);
  const oldestFirst = body.decisions.toReversed();
  // One commit, one time: only the index can have ordered them.
  expect(new Set(oldestFirst.map(({ created_at }) => created_at)).size).toBeLessThan(60);
  expect(oldestFirst.map(({ input }) => input?.["n"])).toEqual(
    Array.from({ length: 60 }, (_, n) => n),
  );
  const first = oldestFirst[0]?.index ?? 0;
  expect(oldestFirst.map(({ index }) => index)).toEqual(
    Array.from({ length: 60 }, (_, n) => first + n),
  );
});

test("7: corrections are a history, and old notes do not stick to the newest", async ({
  expect,
}) => {
  const { decision_id } = await api.record();
  const path = `/v1/decisions/${decision_id}/correction`;
  await api.post(path, { correction: { v: 1 }, corrected_by: "jane", notes: "of the first" });
  await api.post(path, { correction: { v: 2 }, corrected_by: "ali" });
  const { body } = await api.get<Decision>(`/v1/decisions/${decision_id}`);
  expect(body.correction).toMatchObject({ output: { v: 2 }, corrected_by: "ali", notes: null });
  const history = await api.get(`/v1/decisions/${decision_id}/history`);
  expect(history.body).toMatchObject({
    entries: [
      {},
      { content: { correction: { v: 1 }, corrected_by: "jane", notes: "of the first" } },
      { content: { correction: { v: 2 }, corrected_by: "ali" } },
    ],
  });
});

test("8: a retry with an idempotency key records once", async ({ expect }) => {
  const retry = () =>
    api.post<Recorded>("/v1/decisions", EXAMPLE, { "Idempotency-Key": "retried-once" });
  const size = await api.ledgerSize();
  const answers = [await retry(), ...(await Promise.all([retry(), retry(), retry()]))];
  expect(new Set(answers.map(({ body }) => body.decision_id)).size).toBe(1);
  expect(await api.ledgerSize()).toBe(size + 1);
});

test.for([
  ["NaN", '{"x":NaN}'],
  ["a lone surrogate", String.raw`{"x":"\ud800"}`],
  ["300-deep nesting", `{"x":${"[".repeat(300)}${"]".repeat(300)}}`],
] as const)("9: %s is refused before anything is stored", async ([, input], { expect }) => {
  const size = await api.ledgerSize();
  const body = JSON.stringify({ ...EXAMPLE, input: "…" }).replace('"…"', input);
  const answer = await api.send<ProblemBody>("POST", "/v1/decisions", { body });
  expect(answer.status).toBe(422);
  expect(answer.body.detail).not.toBe("");
  expect(await api.ledgerSize()).toBe(size);
  expect((await api.get("/v1/decisions")).status).toBe(200);
});

test("10: bad overrides and a provider that is no string are a 422", async ({ expect }) => {
  const { decision_id } = await api.record();
  for (const [overrides, path] of [
    [{ prompt: null }, "overrides.prompt"],
    [{ prompt: "support_v2" }, "overrides.prompt"],
    [{ model: { provider: 7 } }, "overrides.model.provider"],
  ] as const) {
    const { status, body } = await api.post<ProblemBody>("/v1/replays", { decision_id, overrides });
    expect(status).toBe(422);
    expect(body.errors?.map((error) => error.path)).toEqual([path]);
  }
  const model = { provider: { name: "openai" } };
  const { status, body } = await api.post<ProblemBody>("/v1/decisions", { ...EXAMPLE, model });
  expect(status).toBe(422);
  expect(body.detail).toContain("model.provider");
});

test("11: an export of more than 1,000 decisions is complete", async ({ expect }) => {
  const service_name = "many";
  const decisions = Array.from({ length: 700 }, (_, n) => ({
    ...EXAMPLE,
    service_name,
    input: { n },
  }));
  for (let i = 0; i < 2; i++) await api.post("/v1/decisions/batch", { decisions });
  const path = `/v1/export/decisions?service_name=${service_name}`;
  const { body } = await api.get<Decisions>(path);
  expect(body.total).toBe(1400);
  expect(new Set(body.decisions.map(({ decision_id }) => decision_id)).size).toBe(1400);
  const { text } = await api.get(`${path}&format=csv`);
  expect(text.split("\r\n")).toHaveLength(1402);
  expect(await verify()).toMatchObject({ valid: true, complete: true });
  expect((await api.get("/v1/compliance/report")).status).toBe(200);
});

describe("12", () => {
  test("what the HTML report shows is escaped", async ({ expect }) => {
    const service_name = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&`;
    await api.record({ service_name });
    const { headers, text } = await api.get(
      `/v1/compliance/report/html?service_name=${encodeURIComponent(service_name)}`,
    );
    expect(text).not.toMatch(/<script|<img/i);
    expect(text).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(headers.get("Content-Security-Policy")).not.toMatch(/script-src|unsafe-eval/);
  });

  test("a formula in the CSV is defused", async ({ expect }) => {
    const decision_type = "formulas";
    const names = [
      "=1+1",
      "+1",
      "-1",
      "@SUM(A1)",
      "\t=1",
      "\r=1",
      "  =1",
      '=HYPERLINK("http://x")',
    ];
    for (const service_name of names) await api.record({ service_name, decision_type });
    const { text } = await api.get("/v1/export/decisions?format=csv&decision_type=formulas");
    for (const name of names) expect(text).toContain(`"'${name.replaceAll('"', '""')}"`);
  });
});

test("15: the JSON and the HTML report show the same, and no flag is hard-coded", async ({
  expect,
}) => {
  const service_name = "both reports";
  const flags = async () => {
    const { body } = await api.get<Report>(`/v1/compliance/report?service_name=${service_name}`);
    const { text } = await api.get(`/v1/compliance/report/html?service_name=${service_name}`);
    const articles = Object.values(body.eu_ai_act_mapping);
    for (const member of ["total", "recorded", "incorrect", "corrected"])
      expect(countIn(text, member), member).toBe(Number(body.summary[member] ?? 0));
    for (const { id, evidence_status } of body.requirements)
      expect(statusIn(text, id), id).toBe(STATUS_WORDS[evidence_status]);
    const flat: JsonObject = Object.assign({}, ...articles.map((a) => a.evidence));
    return flat;
  };
  const none = { human_in_the_loop: false, error_rate_tracked: false };
  expect(await flags()).toMatchObject({
    ...none,
    replay_capability: false,
    systematic_improvement: false,
  });
  const { decision_id } = await api.record({ service_name });
  expect(await flags()).toMatchObject({ ...none, replay_capability: true });
  await api.post(`/v1/decisions/${decision_id}/incorrect`, {});
  expect(await flags()).toMatchObject({
    human_in_the_loop: true,
    error_rate_tracked: true,
    systematic_improvement: false,
  });
  const correction = { correction: {}, corrected_by: "jane" };
  await api.post(`/v1/decisions/${decision_id}/correction`, correction);
  expect(await flags()).toMatchObject({ systematic_improvement: true });
});

interface Report {
  readonly summary: JsonObject;
  readonly requirements: readonly { readonly id: string; readonly evidence_status: string }[];
  readonly eu_ai_act_mapping: Readonly<Record<string, { readonly evidence: JsonObject }>>;
}

const STATUS_WORDS: Readonly<Record<string, string>> = {
  evidence_present: "Evidence present",
  evidence_partial: "Evidence partial",
  evidence_missing: "Evidence missing",
  outside_ledger_scope: "Outside the ledger",
  not_assessed: "Not assessed",
  not_applicable: "Not applicable",
};

/** The number beside a name in the page's tables. */
function countIn(page: string, name: string): number {
  const cell = new RegExp(`<th scope="row">${name}</th>\\s*<td class="n">([^<]*)</td>`).exec(page);
  return Number((cell?.[1] ?? "none").replaceAll(/\s/g, ""));
}

/** The status words in a requirement's heading. */
function statusIn(page: string, id: string): string | undefined {
  const heading = new RegExp(`id="req-${id}"[^]*?</h4>`).exec(page)?.[0] ?? "";
  return Object.values(STATUS_WORDS).find((words) => heading.includes(words));
}

describe("16", () => {
  test("a request body has a limit", async ({ expect }) => {
    const input = { x: "y".repeat(2_000_000) };
    expect((await api.post("/v1/decisions", { ...EXAMPLE, input })).status).toBe(413);
  });

  test("no origin is ever reflected with credentials", async ({ expect }) => {
    for (const origin of ["https://evil.example", "null", "http://localhost:3000"]) {
      for (const method of ["GET", "OPTIONS"]) {
        const { headers } = await api.send(method, "/v1/decisions", {
          headers: { Origin: origin },
        });
        expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
        expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
      }
    }
  });

  test("where credentials are required nothing but the public routes answers without", async ({
    expect,
  }) => {
    const closed = await startServer({ flags: ["--var", "LOOPGRID_AUTH:required"] });
    try {
      const client = await Api.open(closed.url);
      for (const { method, path } of client.operations) {
        const isPublic = !path.startsWith("/v1/");
        const headers = { Origin: "https://evil.example" };
        const answer = await client.send(method, path.replaceAll(/\{\w+\}/g, "x"), { headers });
        expect(answer.status === 401, `${method} ${path} ${answer.status}`).toBe(!isPublic);
        expect(answer.headers.has("Access-Control-Allow-Origin")).toBe(false);
        if (!isPublic) expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
      }
    } finally {
      await closed.stop();
    }
  });
});

test("17: an append costs the same when the ledger has grown", async ({ expect }) => {
  expect(await api.ledgerSize()).toBeGreaterThan(1_500);
  const timeNow = await appendTime();
  // Wide, for a busy machine: a cost that grows with the ledger would be thirty times as high.
  expect(timeNow).toBeLessThan(4 * timeWhenSmall + 10);
});

/** Checks a server over a changed copy of the stopped server's state. */
async function withChanged(
  change: Parameters<typeof tamperWith>[1],
  check: (client: Api) => Promise<void>,
): Promise<void> {
  const copy = mkdtempSync(join(tmpdir(), "loopgrid-changed-"));
  cpSync(persistTo, copy, { recursive: true });
  tamperWith(copy, change);
  const changed = await startServer({ persistTo: copy });
  try {
    await check(await Api.open(changed.url));
  } finally {
    await changed.stop();
    rmSync(copy, { recursive: true, force: true });
  }
}

describe("a database that its owner has changed", () => {
  const correction = { correction: { refund: 1 }, corrected_by: "jane" };
  /** What is there to be forged: indexes and ids. */
  let forged: Readonly<
    Record<"corrected" | "corrector" | "flagged" | "replayed" | "timed" | "renamed", number>
  >;
  let unflagged = "";
  let kept: Recorded;
  let newest: Recorded;

  beforeAll(async () => {
    const record = async () => (await api.record()).decision_id;
    forged = {
      corrected: await indexOf(`/v1/decisions/${await record()}/correction`, correction),
      corrector: await indexOf(`/v1/decisions/${await record()}/correction`, correction),
      flagged: await indexOf(`/v1/decisions/${await record()}/incorrect`, { reason: "wrong" }),
      replayed: await indexOf("/v1/replays", {
        decision_id: await record(),
        overrides: { input: {} },
      }),
      timed: (await api.record()).index,
      renamed: (await api.record()).index,
    };
    unflagged = await record();
    await indexOf(`/v1/decisions/${unflagged}/incorrect`, {});
    kept = await api.record();
    newest = await api.record();
    await server.stop();
  });

  afterAll(async () => {
    server = await startServer({ persistTo, port: server.port });
  });

  test("(a copy that nobody changed verifies)", async ({ expect }) => {
    await withChanged(
      () => undefined,
      async (client) => {
        expect(await verify("", client)).toMatchObject({ valid: true, findings: [] });
        expect(await appendStatus(client)).toBe(200);
      },
    );
  });

  test("4: a forged correction, corrector, flag, replay, time, id or status is found where it is", async ({
    expect,
  }) => {
    await withChanged(
      (db) => {
        const content = db.prepare(
          "UPDATE content SET fields = replace(fields, ?, ?) WHERE entry_index = ?",
        );
        const header = db.prepare(
          "UPDATE entry SET header = replace(header, ?, ?) WHERE entry_index = ?",
        );
        const status = db.prepare("UPDATE decision SET flag_index = NULL WHERE decision_id = ?");
        for (const { changes } of [
          content.run('"refund":1', '"refund":9', forged.corrected),
          content.run('"jane"', '"mary"', forged.corrector),
          content.run('"wrong"', '"right"', forged.flagged),
          content.run('"rule":"No', '"rule":"A', forged.replayed),
          header.run('"recorded_at":"2', '"recorded_at":"1', forged.timed),
          header.run('"dec_0', '"dec_1', forged.renamed),
          status.run(unflagged),
        ])
          expect(changes).toBe(1);
      },
      async (client) => {
        const { valid, broken_at, findings } = await verify("", client);
        expect(valid).toBe(false);
        expect(broken_at).toMatch(/^dec_/);
        const found = findings.map(({ index }) => index);
        for (const [what, index] of Object.entries(forged)) expect(found, what).toContain(index);
        expect(findings).toContainEqual(
          expect.objectContaining({ fault: "projection_mismatch", decision_id: unflagged }),
        );
        const { body } = await client.get("/v1/compliance/report");
        expect(body).toMatchObject({
          ledger_integrity: { valid: false },
          eu_ai_act_mapping: { article_12_record_keeping: { status: "non_compliant" } },
        });
      },
    );
  });

  test("5: deleting the newest rows is detected, and nothing is appended over the gap", async ({
    expect,
  }) => {
    await withChanged(
      (db) => truncateTo(db, newest.index),
      async (client) => {
        expect((await client.get(`/v1/decisions/${kept.decision_id}`)).status).toBe(200);
        expect((await client.get(`/v1/decisions/${newest.decision_id}`)).status).toBe(404);
        const { valid, findings } = await verify("", client);
        expect(valid).toBe(false);
        expect(findings.map(({ fault }) => fault)).toContain("rolled_back");
        expect(await appendStatus(client)).toBe(503);
      },
    );
  });

  test("5: deleting all rows is detected", async ({ expect }) => {
    await withChanged(
      (db) => {
        truncateTo(db, 0);
        db.exec("DELETE FROM tile");
      },
      async (client) => {
        const { valid, findings } = await verify("", client);
        expect(valid).toBe(false);
        expect(findings.map(({ fault }) => fault)).toContain("rolled_back");
        expect(await appendStatus(client)).toBe(503);
      },
    );
  });

  test("5: rewriting an entry and re-hashing everything after it is detected", async ({
    expect,
  }) => {
    await withChanged(
      (db) => {
        rewriteFrom(db, kept.index, { service_name: "another" });
        const rename = "UPDATE decision SET service_name = 'another' WHERE entry_index = ?";
        db.prepare(rename).run(kept.index);
      },
      async (client) => {
        const { valid, findings } = await verify("", client);
        expect(valid).toBe(false);
        expect(findings.map(({ fault }) => fault)).toContain("root_mismatch");
      },
    );
  });
});

/** Of an append; the index of its entry. */
async function indexOf(path: string, body: object): Promise<number> {
  return (await api.post<Recorded>(path, body)).body.receipt.index;
}

/** The status of an append. Past the client that throws on a 5xx; a refusal has to say why. */
async function appendStatus({ url }: Api): Promise<number> {
  const response = await fetch(`${url}/v1/decisions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(EXAMPLE),
  });
  const { detail = "" }: Partial<ProblemBody> = await response.json();
  if (!response.ok && !/\w/.test(detail)) throw new Error("refused without a word");
  return response.status;
}

test("afterwards the ledger verifies", async ({ expect }) => {
  const { decisions } = await auditOverHttp(server.url, expect);
  expect(decisions.size).toBeGreaterThan(1_500);
});
