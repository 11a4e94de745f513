/**
 * CONTRACT.md, sentence by sentence: the wire API of LoopGrid 0.1. The client checks every answer
 * here strictly against the served OpenAPI document as well (test/support/api.ts).
 */
import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import { EXAMPLE, type ProblemBody, type Recorded } from "../support/api.ts";
import { serveThisFile } from "../support/conformance.ts";
import { auditOverHttp, expectReceiptHolds } from "../support/independent-audit.ts";
import { openCheckpoint } from "../support/independent-ledger.ts";
import { isRecord, violations } from "../support/json-schema.ts";
import type { Decision } from "../../src/ledger/schema.ts";
import type { JsonObject, JsonValue } from "../../src/lib/json.ts";
import type { Replay } from "../../src/replay/schema.ts";

interface DecisionList {
  readonly decisions: readonly Decision[];
  readonly total: number;
  readonly page: number;
  readonly page_size: number;
  readonly has_more: boolean;
}

interface Integrity {
  readonly valid: boolean | null;
  readonly total: number;
  readonly broken_at: string | null;
  readonly message: string;
}

interface Article {
  readonly status: string;
  readonly status_basis: string;
  readonly evidence: JsonObject;
}

interface Report {
  readonly report_type: string;
  readonly generated_at: string;
  readonly generator: string;
  readonly service_filter: string | null;
  readonly summary: JsonObject;
  readonly ledger_integrity: Integrity;
  readonly eu_ai_act_mapping: {
    readonly article_12_record_keeping: Article;
    readonly article_14_human_oversight: Article;
    readonly article_9_risk_management: Article;
  };
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const HEX_64 = /^[0-9a-f]{64}$/;
const UNKNOWN_DECISION = "dec_00000000000070008000000000000000";
const UNKNOWN_REPLAY = "rep_00000000000070008000000000000000";

const served = serveThisFile();

/** Some path of a template: what stands for the parameters need not exist. */
function pathOf(template: string): string {
  return template.replaceAll(/\{\w+\}/g, "x");
}

function replayOf(decisionId: string, body: object = {}) {
  return served.api.post<Replay>("/v1/replays", { decision_id: decisionId, ...body });
}

async function list(query: string): Promise<DecisionList> {
  const { status, body } = await served.api.get<DecisionList>(`/v1/decisions?${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

async function ids(query: string): Promise<string[]> {
  return (await list(query)).decisions.map(({ decision_id }) => decision_id);
}

async function report(query = ""): Promise<Report> {
  return (await served.api.get<Report>(`/v1/compliance/report${query}`)).body;
}

describe("an empty ledger", () => {
  test("lists nothing, verifies, exports and reports nothing", async ({ expect }) => {
    const { api } = served;
    const { body: list } = await api.get("/v1/decisions");
    expect(list).toEqual({ decisions: [], total: 0, page: 1, page_size: 20, has_more: false });
    const { body: integrity } = await api.get("/v1/integrity/verify");
    expect(integrity).toMatchObject({ valid: true, total: 0, broken_at: null, findings: [] });
    const { body: exported } = await api.get("/v1/export/decisions");
    expect(exported).toEqual({ decisions: [], total: 0 });
    const { body: report } = await api.get<Report>("/v1/compliance/report");
    expect(report.summary).toEqual({ total: 0 });
    const articles = report.eu_ai_act_mapping;
    expect(articles.article_12_record_keeping.status).toBe("non_compliant");
    expect(articles.article_14_human_oversight.status).toBe("partial");
    const { text } = await api.get("/v1/compliance/report/html");
    expect(text).toContain("LoopGrid Compliance Report");
  });
});

describe("the service", () => {
  test("GET / names the service", async ({ expect }) => {
    const { body } = await served.api.get("/");
    expect(body).toEqual({
      name: "LoopGrid",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      description: expect.any(String),
      docs: "/docs",
    });
  });

  test("GET /health says healthy with the same version", async ({ expect }) => {
    const { api } = served;
    const { body: root } = await api.get<JsonObject>("/");
    const { body } = await api.get("/health");
    expect(body).toEqual({ status: "healthy", version: root["version"], service: "loopgrid" });
  });

  test("GET /docs is a page, GET /openapi.json an OpenAPI 3.1 document", async ({ expect }) => {
    const { api } = served;
    const docs = await api.get("/docs");
    expect(docs.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    const { body } = await api.get<JsonObject>("/openapi.json");
    expect(body["openapi"]).toMatch(/^3\.1\./);
  });
});

describe("recording", () => {
  test("the answer holds every key, and GET answers the same decision", async ({ expect }) => {
    const { api } = served;
    const { status, headers, body } = await api.post<Recorded>("/v1/decisions", EXAMPLE);
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toBe("application/json");
    const { receipt, ...decision } = body;
    expect(decision).toEqual({
      ...EXAMPLE,
      decision_id: expect.stringMatching(/^dec_[0-9a-f]+$/),
      created_at: expect.stringMatching(TIME),
      status: "recorded",
      content_hash: expect.stringMatching(HEX_64),
      chain_hash: expect.stringMatching(HEX_64),
      prompt: null,
      tool_calls: null,
      metadata: null,
      incorrect_reason: null,
      incorrect_at: null,
      correction: null,
      ledger: "main",
      index: expect.any(Number),
    });
    expect(receipt).toMatchObject({ ledger: "main", index: decision.index });
    const { body: read } = await api.get(`/v1/decisions/${decision.decision_id}`);
    expect(read).toEqual(decision);
  });

  test("content_hash is the vector of 0.1", async ({ expect }) => {
    const { content_hash } = await served.api.record();
    expect(content_hash).toBe("14918a34d53629d1ce15010396641c7030e4c87d262a8c2c8e850764a2df0447");
  });

  test("content_hash covers every field, in canonical order, null where absent", async ({
    expect,
  }) => {
    const create = {
      tool_calls: [{ name: "refund", arguments: { b: 1, a: [true, null, "é"] } }],
      prompt: { template: "v1" },
      metadata: { session: "s-1", cost: 0.25 },
    };
    const { content_hash } = await served.api.record(create);
    const canonical =
      '{"decision_type":"customer_support_reply","input":{"message":"I was charged twice"},' +
      '"metadata":{"cost":0.25,"session":"s-1"},"model":{"name":"gpt-4","provider":"openai"},' +
      '"output":{"response":"Your account looks fine."},"prompt":{"template":"v1"},' +
      '"service_name":"test-agent",' +
      '"tool_calls":[{"arguments":{"a":[true,null,"é"],"b":1},"name":"refund"}]}';
    expect(content_hash).toBe(createHash("sha256").update(canonical).digest("hex"));
  });

  test.for([
    { prompt: {}, tool_calls: [], metadata: {} },
    { prompt: null, tool_calls: null, metadata: null },
    { prompt: { template: "t" }, tool_calls: [{ a: 1 }, {}], metadata: { nested: { x: [1] } } },
    { input: {}, model: {}, output: {} },
    { service_name: "", decision_type: "" },
  ])("%j comes back as it was sent", async (changes, { expect }) => {
    const { api } = served;
    const recorded = await api.record(changes);
    expect(recorded).toMatchObject(changes);
    const { body: read } = await api.get(`/v1/decisions/${recorded.decision_id}`);
    expect(read).toMatchObject(changes);
  });

  test("unknown keys are ignored", async ({ expect }) => {
    const recorded = await served.api.record({ status: "corrected", extra: 1, decision_id: "x" });
    expect(recorded).toMatchObject({
      status: "recorded",
      decision_id: expect.stringMatching(/^dec_/),
    });
    expect(recorded).not.toHaveProperty("extra");
  });

  test("two equal decisions are two decisions without an Idempotency-Key", async ({ expect }) => {
    const first = await served.api.record();
    const second = await served.api.record();
    expect(second.decision_id).not.toBe(first.decision_id);
    expect(second.content_hash).toBe(first.content_hash);
    expect(second.chain_hash).not.toBe(first.chain_hash);
    expect(second.index).toBeGreaterThan(first.index);
  });

  test.for(["service_name", "decision_type", "input", "model", "output"])(
    "%s is required",
    async (field, { expect }) => {
      const { status, body } = await served.api.post<ProblemBody>("/v1/decisions", {
        ...EXAMPLE,
        [field]: undefined,
      });
      expect(status).toBe(422);
      expect(body.detail).toBe(`${field}: required`);
      expect(body.errors).toEqual([{ path: field, message: "required" }]);
    },
  );

  test("a 422 names every bad field, in detail and in errors", async ({ expect }) => {
    const { status, body } = await served.api.post<ProblemBody>("/v1/decisions", {
      service_name: 7,
      decision_type: null,
      input: [],
      model: { provider: 1, name: {} },
      prompt: "x",
      tool_calls: [{}, 1],
      metadata: true,
    });
    expect(status).toBe(422);
    const paths = [
      "service_name",
      "decision_type",
      "input",
      "model.provider",
      "model.name",
      "output",
      "prompt",
      "tool_calls[1]",
      "metadata",
    ];
    expect(body.errors?.map(({ path }) => path)).toEqual(expect.arrayContaining(paths));
    for (const path of paths) expect(body.detail).toContain(`${path}: `);
  });

  test("a receipt verifies offline; with ?receipt=proof by itself", async ({ expect }) => {
    const { api, server } = served;
    const { body } = await api.post<Recorded>("/v1/decisions?receipt=proof", EXAMPLE);
    expect(body.receipt.proof?.length).toBeGreaterThan(0);
    const audited = await auditOverHttp(server.url, expect);
    expectReceiptHolds({ ...body.receipt }, body.index, audited, expect);
    const bad = await api.post<ProblemBody>("/v1/decisions?receipt=maybe", EXAMPLE);
    expect(bad.status).toBe(422);
    expect(bad.body.detail).toContain("receipt");
  });
});

describe("a batch", () => {
  interface Batch {
    readonly count: number;
    readonly decisions: readonly { decision_id: string; index: number; created_at: string }[];
    readonly receipt: { first_index: number; size: number };
  }

  test("is recorded at consecutive indexes under one receipt", async ({ expect }) => {
    const { api } = served;
    const decisions = [1, 2, 3].map((n) => ({ ...EXAMPLE, input: { n } }));
    const { status, body } = await api.post<Batch>("/v1/decisions/batch", { decisions });
    expect(status).toBe(200);
    expect(body.count).toBe(3);
    const first = body.receipt.first_index;
    expect(body.decisions.map(({ index }) => index)).toEqual([first, first + 1, first + 2]);
    expect(body.receipt.size).toBeGreaterThanOrEqual(first + 3);
    for (const [i, { decision_id }] of body.decisions.entries()) {
      const { body: read } = await api.get(`/v1/decisions/${decision_id}`);
      expect(read).toMatchObject({ input: { n: i + 1 }, index: first + i });
    }
  });

  test("with a bad decision stores nothing and names its position", async ({ expect }) => {
    const { api } = served;
    const size = await api.ledgerSize();
    const decisions = [EXAMPLE, { ...EXAMPLE, input: 1 }, { ...EXAMPLE, model: { name: 1 } }];
    const { status, body } = await api.post<ProblemBody>("/v1/decisions/batch", { decisions });
    expect(status).toBe(422);
    expect(body.detail).toContain("decisions[1].input");
    expect(body.detail).toContain("decisions[2].model.name");
    expect(await api.ledgerSize()).toBe(size);
  });

  test.for([
    ["none", { decisions: [] }],
    ["no list", {}],
    ["an object", { decisions: {} }],
    ["1001", { decisions: Array.from({ length: 1001 }, () => EXAMPLE) }],
  ] as const)("of %s is refused", async ([, body], { expect }) => {
    const { api } = served;
    const size = await api.ledgerSize();
    const answer = await api.post<ProblemBody>("/v1/decisions/batch", body);
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain("decisions");
    expect(await api.ledgerSize()).toBe(size);
  });
});

describe("listing", () => {
  const service = "listing";

  test("pages, newest first, without gaps or repeats", async ({ expect }) => {
    const { api } = served;
    const decisions = Array.from({ length: 25 }, (_, n) => ({
      ...EXAMPLE,
      service_name: service,
      input: { n },
    }));
    await api.post("/v1/decisions/batch", { decisions });
    const first = await list(`service_name=${service}`);
    expect(first).toMatchObject({ total: 25, page: 1, page_size: 20, has_more: true });
    const second = await list(`service_name=${service}&page=2`);
    expect(second).toMatchObject({ total: 25, page: 2, page_size: 20, has_more: false });
    const numbers = [...first.decisions, ...second.decisions].map(({ input }) => input?.["n"]);
    expect(numbers).toEqual(Array.from({ length: 25 }, (_, i) => 24 - i));
  });

  test("a page past the end is empty", async ({ expect }) => {
    for (const page of [3, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(await list(`service_name=${service}&page=${page}`)).toEqual({
        decisions: [],
        total: 25,
        page,
        page_size: 20,
        has_more: false,
      });
    }
  });

  test("has_more is exact at the edge, page_size takes 1 to 100", async ({ expect }) => {
    const exact = await list(`service_name=${service}&page_size=25`);
    expect(exact).toMatchObject({ page_size: 25, has_more: false });
    const one = await list(`service_name=${service}&page_size=1&page=25`);
    expect(one).toMatchObject({ page: 25, has_more: false, decisions: [{ input: { n: 0 } }] });
    expect((await list("page_size=100")).page_size).toBe(100);
  });

  test.for([
    ["page=0", "page"],
    ["page=-1", "page"],
    ["page=1.5", "page"],
    ["page=abc", "page"],
    ["page_size=0", "page_size"],
    ["page_size=101", "page_size"],
    ["page_size=1e1", "page_size"],
    ["page=0&page_size=0", "page_size"],
  ] as const)("?%s is a 422 that names it", async ([query, field], { expect }) => {
    const { status, body } = await served.api.get<ProblemBody>(`/v1/decisions?${query}`);
    expect(status).toBe(422);
    expect(body.detail).toContain(`${field}: `);
    expect(body.errors?.map(({ path }) => path)).toContain(field);
  });

  test("filters are exact and ANDed", async ({ expect }) => {
    const { api } = served;
    const base = { service_name: "Filter", decision_type: "reply" };
    const wanted = await api.record(base);
    await api.record({ ...base, service_name: "filter" });
    await api.record({ ...base, service_name: "Filter " });
    await api.record({ ...base, service_name: "Filter2" });
    await api.record({ ...base, decision_type: "Reply" });
    await api.post(`/v1/decisions/${wanted.decision_id}/incorrect`, {});
    expect(await ids("service_name=Filter&decision_type=reply")).toEqual([wanted.decision_id]);
    expect(await ids("service_name=Filter&status=incorrect")).toEqual([wanted.decision_id]);
    expect(await ids("service_name=Filter&status=corrected")).toEqual([]);
    expect(await ids("service_name=Filter&decision_type=Reply&status=incorrect")).toEqual([]);
    expect(await ids("service_name=Filter%20")).toHaveLength(1);
    expect(await ids("service_name=Filt%25")).toEqual([]);
    expect(await ids("service_name=Filter_")).toEqual([]);
  });

  test("an empty string is no filter", async ({ expect }) => {
    const all = await list("");
    expect(await list("service_name=&decision_type=&status=&page=&page_size=")).toEqual(all);
    expect(all.total).toBeGreaterThan(25);
  });

  test("an unknown status is an empty list", async ({ expect }) => {
    for (const status of ["unknown", "Recorded", "recorded,incorrect"]) {
      expect(await list(`status=${status}`)).toMatchObject({ decisions: [], total: 0 });
    }
  });

  test("every status is found and counted by its filter", async ({ expect }) => {
    const { api } = served;
    const service_name = "statuses";
    const [, flagged, corrected] = [
      await api.record({ service_name }),
      await api.record({ service_name }),
      await api.record({ service_name }),
    ];
    await api.post(`/v1/decisions/${flagged.decision_id}/incorrect`, null);
    await api.post(`/v1/decisions/${corrected.decision_id}/correction`, {
      correction: {},
      corrected_by: "jane",
    });
    for (const status of ["recorded", "incorrect", "corrected"]) {
      const page = await list(`service_name=statuses&status=${status}`);
      expect(page.total).toBe(1);
      expect(page.decisions.map((decision) => decision.status)).toEqual([status]);
    }
  });
});

describe("marking incorrect", () => {
  test.for([
    ["absent", undefined, undefined],
    ["empty", "", "application/json"],
    ["null", "null", "application/json"],
    ["{}", "{}", "application/json"],
    ["a null reason", '{"reason":null}', "application/json"],
    ["a reason", '{"reason":"wrong amount"}', "application/json; charset=utf-8"],
    ["an empty reason", '{"reason":""}', "application/json"],
  ] as const)("the body may be %s", async ([, body, type], { expect }) => {
    const { api } = served;
    const { decision_id, ...before } = await api.record();
    const { status, body: flagged } = await api.send<Recorded>(
      "POST",
      `/v1/decisions/${decision_id}/incorrect`,
      {
        ...(body === undefined ? {} : { body }),
        headers: type === undefined ? {} : { "Content-Type": type },
      },
    );
    expect(status).toBe(200);
    const sent: JsonValue = body ? JSON.parse(body) : null;
    expect(flagged).toMatchObject({
      status: "incorrect",
      incorrect_reason: (isRecord(sent) ? sent["reason"] : null) ?? null,
      incorrect_at: expect.stringMatching(TIME),
      content_hash: before.content_hash,
      chain_hash: before.chain_hash,
      output: before.output,
    });
    const { receipt, ...decision } = flagged;
    expect(receipt.index).toBeGreaterThan(before.index);
    expect((await api.get(`/v1/decisions/${decision_id}`)).body).toEqual(decision);
  });

  test("is repeatable; the newest flag is shown, an old reason does not stick", async ({
    expect,
  }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const path = `/v1/decisions/${decision_id}/incorrect`;
    await api.post(path, { reason: "first" });
    expect((await api.post<Recorded>(path, { reason: "second" })).body.incorrect_reason).toBe(
      "second",
    );
    expect((await api.post<Recorded>(path, {})).body.incorrect_reason).toBeNull();
  });

  test("works from any status", async ({ expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const correction = { correction: { ok: true }, corrected_by: "jane" };
    await api.post(`/v1/decisions/${decision_id}/correction`, correction);
    const { body } = await api.post<Recorded>(`/v1/decisions/${decision_id}/incorrect`, {
      reason: "the correction was wrong too",
    });
    expect(body).toMatchObject({
      status: "incorrect",
      correction: { output: { ok: true } },
      incorrect_reason: "the correction was wrong too",
    });
  });

  test.for([[{ reason: 1 }], [{ reason: {} }], [[]], ["text"], [5], [true]] as const)(
    "%j is refused",
    async ([body], { expect }) => {
      const { api } = served;
      const { decision_id } = await api.record();
      const size = await api.ledgerSize();
      const { status } = await api.post(`/v1/decisions/${decision_id}/incorrect`, body);
      expect(status).toBe(422);
      expect(await api.ledgerSize()).toBe(size);
    },
  );
});

describe("correcting", () => {
  test("shows the correction as output, and never changes the original", async ({ expect }) => {
    const { api } = served;
    const { decision_id, receipt: _, ...before } = await api.record();
    const { status, body } = await api.post<Recorded>(`/v1/decisions/${decision_id}/correction`, {
      correction: { response: "A refund is on its way." },
      corrected_by: "jane",
      notes: "checked the ledger",
    });
    expect(status).toBe(200);
    const { receipt: _receipt, ...after } = body;
    expect(after).toEqual({
      ...before,
      decision_id,
      status: "corrected",
      correction: {
        output: { response: "A refund is on its way." },
        corrected_by: "jane",
        corrected_at: expect.stringMatching(TIME),
        notes: "checked the ledger",
      },
    });
    expect((await api.get(`/v1/decisions/${decision_id}`)).body).toEqual(after);
  });

  test("is repeatable: the newest wins, old notes never stick", async ({ expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const path = `/v1/decisions/${decision_id}/correction`;
    await api.post(path, { correction: { v: 1 }, corrected_by: "jane", notes: "first" });
    const { body } = await api.post<Recorded>(path, { correction: { v: 2 }, corrected_by: "ali" });
    expect(body.correction).toMatchObject({ output: { v: 2 }, corrected_by: "ali", notes: null });
    const { body: history } = await api.get(`/v1/decisions/${decision_id}/history`);
    expect(history).toMatchObject({
      entries: [
        { kind: "decision_recorded" },
        { kind: "correction_attached", content: { correction: { v: 1 }, notes: "first" } },
        { kind: "correction_attached", content: { correction: { v: 2 } } },
      ],
    });
  });

  test("a flag's reason stays when the decision is corrected", async ({ expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    await api.post(`/v1/decisions/${decision_id}/incorrect`, { reason: "why" });
    const { body } = await api.post<Recorded>(`/v1/decisions/${decision_id}/correction`, {
      correction: {},
      corrected_by: "",
      notes: null,
    });
    expect(body).toMatchObject({
      status: "corrected",
      incorrect_reason: "why",
      correction: { output: {}, corrected_by: "", notes: null },
    });
  });

  test.for([
    [{}, "correction"],
    [{ correction: {} }, "corrected_by"],
    [{ corrected_by: "jane" }, "correction"],
    [{ correction: "text", corrected_by: "jane" }, "correction"],
    [{ correction: [], corrected_by: "jane" }, "correction"],
    [{ correction: null, corrected_by: "jane" }, "correction"],
    [{ correction: {}, corrected_by: 1 }, "corrected_by"],
    [{ correction: {}, corrected_by: null }, "corrected_by"],
    [{ correction: {}, corrected_by: "jane", notes: 1 }, "notes"],
    [null, "body"],
  ] as const)("%j is refused, naming %s", async ([body, field], { expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const size = await api.ledgerSize();
    const answer = await api.post<ProblemBody>(`/v1/decisions/${decision_id}/correction`, body);
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain(`${field}: `);
    expect(await api.ledgerSize()).toBe(size);
  });
});

describe("replaying", () => {
  const prompt = { template: "support_v1", temperature: 0 };

  test("without overrides the output is the original, unchanged, and marked by its mode", async ({
    expect,
  }) => {
    const { api } = served;
    const { decision_id } = await api.record({ prompt });
    const { status, body } = await replayOf(decision_id);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      replay_id: expect.stringMatching(/^rep_[0-9a-f]+$/),
      decision_id,
      created_at: expect.stringMatching(TIME),
      triggered_by: "sdk",
      overrides: null,
      replay_output: EXAMPLE.output,
      execution_status: "completed",
      execution_mode: "simulated",
      output_changed: false,
      diff_summary: null,
    });
    expect(body.replay_output).toEqual(EXAMPLE.output);
    const { receipt: _, ...replay } = { receipt: null, ...body };
    expect((await api.get(`/v1/replays/${body.replay_id}`)).body).toEqual(replay);
  });

  test.for([
    ["null", null],
    ["nothing", {}],
    ["the same input", { input: { ...EXAMPLE.input } }],
    ["the same model member", { model: { name: "gpt-4" } }],
    ["the same prompt member", { prompt: { temperature: 0 } }],
    ["an empty prompt, which merges nothing", { prompt: {}, model: {} }],
  ] as const)("overriding with %s changes nothing", async ([, overrides], { expect }) => {
    const { decision_id } = await served.api.record({ prompt });
    const { body } = await replayOf(decision_id, { overrides });
    expect(body).toMatchObject({ overrides, output_changed: false, diff_summary: null });
    expect(body.replay_output).toEqual(EXAMPLE.output);
    expect(body.execution_mode).toBe("simulated");
  });

  test.for([
    [{ prompt: { template: "support_v2" } }, ["prompt.template"]],
    [{ prompt: { language: "de" } }, ["prompt.language"]],
    [{ model: { name: "gpt-5" } }, ["model.name"]],
    [{ model: { name: "gpt-4", temperature: 1 } }, ["model.temperature"]],
    [{ input: {} }, ["input"]],
    [{ input: { message: "I was charged twice", extra: null } }, ["input"]],
    [
      { input: { message: "hi" }, model: { provider: "x" }, prompt: { template: "n" } },
      ["input", "model.provider", "prompt.template"],
    ],
  ] as const)(
    "overriding %j is simulated at %j and invents no words",
    async ([overrides, overridden], { expect }) => {
      const { decision_id } = await served.api.record({ prompt });
      const { body } = await replayOf(decision_id, { overrides, triggered_by: "ci" });
      expect(body).toMatchObject({ triggered_by: "ci", overrides, output_changed: true });
      expect(body.replay_output).toEqual({
        ...EXAMPLE.output,
        simulated: { rule: expect.any(String), overridden },
      });
      expect(body.diff_summary).toMatch(/no model ran/i);
      expect(body).toMatchObject({ execution_status: "completed", execution_mode: "simulated" });
    },
  );

  test("a decision without a prompt may be replayed with one", async ({ expect }) => {
    const { decision_id } = await served.api.record();
    const { body } = await replayOf(decision_id, { overrides: { prompt: { template: "v2" } } });
    expect(body.replay_output).toMatchObject({ simulated: { overridden: ["prompt.template"] } });
  });

  test("the decision stays as it was", async ({ expect }) => {
    const { api } = served;
    const { decision_id, receipt: _, ...recorded } = await api.record({ prompt });
    await replayOf(decision_id, { overrides: { input: {} } });
    const { body } = await api.get(`/v1/decisions/${decision_id}`);
    expect(body).toEqual({ decision_id, ...recorded });
  });

  test.for([
    [{ overrides: "text" }, "overrides"],
    [{ overrides: [] }, "overrides"],
    [{ overrides: 1 }, "overrides"],
    [{ overrides: false }, "overrides"],
    [{ overrides: { prompt: null } }, "overrides.prompt"],
    [{ overrides: { prompt: "text" } }, "overrides.prompt"],
    [{ overrides: { input: [] } }, "overrides.input"],
    [{ overrides: { model: 7 } }, "overrides.model"],
    [{ overrides: { model: { provider: 7 } } }, "overrides.model.provider"],
    [{ triggered_by: 1 }, "triggered_by"],
    [{ triggered_by: null }, "triggered_by"],
    [{ triggered_by: {} }, "triggered_by"],
    [{ decision_id: 1 }, "decision_id"],
    [{ decision_id: undefined }, "decision_id"],
  ] as const)("%j is refused, naming %s", async ([changes, field], { expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const size = await api.ledgerSize();
    const body = { decision_id, ...changes };
    const answer = await api.post<ProblemBody>("/v1/replays", body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors?.map(({ path }) => path)).toContain(field);
    expect(await api.ledgerSize()).toBe(size);
  });
});

describe("comparing", () => {
  test("puts both outputs side by side", async ({ expect }) => {
    const { api } = served;
    const { decision_id } = await api.record();
    const { body: replay } = await replayOf(decision_id, { overrides: { input: {} } });
    const path = `/v1/decisions/${decision_id}/compare/${replay.replay_id}`;
    const { status, body } = await api.get(path);
    expect(status).toBe(200);
    expect(body).toEqual({
      decision_id,
      replay_id: replay.replay_id,
      original_output: EXAMPLE.output,
      replay_output: replay.replay_output,
      output_changed: true,
      diff_summary: replay.diff_summary,
      diff: null, // no model ran
    });
  });

  test("decision first, then replay, then whether they belong together", async ({ expect }) => {
    const { api } = served;
    const one = (await api.record()).decision_id;
    const other = (await api.record()).decision_id;
    const { replay_id } = (await replayOf(one)).body;
    const compare = (decisionId: string, replayId: string) =>
      api.get<ProblemBody>(`/v1/decisions/${decisionId}/compare/${replayId}`);
    for (const [decisionId, replayId, status, detail] of [
      [UNKNOWN_DECISION, UNKNOWN_REPLAY, 404, `Decision ${UNKNOWN_DECISION} not found`],
      [UNKNOWN_DECISION, replay_id, 404, `Decision ${UNKNOWN_DECISION} not found`],
      [one, UNKNOWN_REPLAY, 404, `Replay ${UNKNOWN_REPLAY} not found`],
      [one, one, 404, `Replay ${one} not found`],
      [replay_id, one, 404, `Decision ${replay_id} not found`],
      [other, replay_id, 400, `Replay ${replay_id} is not for decision ${other}`],
    ] as const) {
      const answer = await compare(decisionId, replayId);
      expect(answer.status).toBe(status);
      expect(answer.body.detail).toBe(detail);
    }
  });
});

describe("integrity", () => {
  test("answers the four keys twice, for everything and for a service", async ({ expect }) => {
    const { api } = served;
    await api.record({ service_name: "verified" });
    await api.record({ service_name: "another" });
    await api.record({ service_name: "verified" });
    const { body: list } = await api.get<DecisionList>("/v1/decisions?page_size=1");
    for (const [query, filter, total] of [
      ["", null, list.total],
      ["?service_name=", null, list.total],
      ["?service_name=verified", "verified", 2],
      ["?service_name=nobody", "nobody", 0],
    ] as const) {
      const { status, body } = await api.get<Integrity & { integrity: Integrity }>(
        `/v1/integrity/verify${query}`,
      );
      expect(status).toBe(200);
      const { valid, broken_at, message } = body;
      expect(body.integrity).toEqual({ valid, total, broken_at, message });
      expect(body).toMatchObject({ valid: true, total, broken_at: null, service_filter: filter });
    }
  });
});

describe("the report", () => {
  const service_name = "reported";

  test("counts with one decimal, and its three articles follow 0.1's rule", async ({ expect }) => {
    const { api } = served;
    const first = await api.record({ service_name });
    const before = await report(`?service_name=${service_name}`);
    expect(before.summary).toMatchObject({ total: 1, correction_rate: 0, error_rate: 0 });
    expect(before.eu_ai_act_mapping.article_14_human_oversight).toMatchObject({
      status: "partial",
      evidence: { human_corrections: 0, flagged_for_review: 0, human_in_the_loop: false },
    });

    const second = await api.record({ service_name, model: { provider: "p", name: "gpt-4" } });
    const third = await api.record({ service_name, decision_type: "other", model: {} });
    await api.post(`/v1/decisions/${first.decision_id}/incorrect`, {});
    await api.post(`/v1/decisions/${first.decision_id}/incorrect`, {});
    const correction = { correction: {}, corrected_by: "jane" };
    await api.post(`/v1/decisions/${second.decision_id}/correction`, correction);

    const answer = await report(`?service_name=${service_name}`);
    expect(answer).toMatchObject({
      report_type: "EU AI Act Compliance Assessment",
      generated_at: expect.stringMatching(TIME),
      generator: expect.stringMatching(/^LoopGrid v\d/),
      service_filter: service_name,
    });
    expect(answer.summary).toEqual({
      total: 3,
      recorded: 1,
      incorrect: 1,
      corrected: 1,
      correction_rate: 33.3,
      error_rate: 66.7,
      unique_models: 3,
      unique_services: 1,
      unique_decision_types: 2,
      first_decision: first.created_at,
      last_decision: third.created_at,
    });
    expect(answer.ledger_integrity).toMatchObject({ valid: true, total: 3, broken_at: null });
    const basis = "loopgrid-0.1-rule";
    const articles = answer.eu_ai_act_mapping;
    expect(articles.article_12_record_keeping).toMatchObject({
      status: "compliant",
      status_basis: basis,
      evidence: {
        total_decisions_logged: 3,
        immutable_hash_chain: true,
        chain_length: 3,
        logging_period_start: first.created_at,
        logging_period_end: third.created_at,
      },
    });
    expect(articles.article_14_human_oversight).toMatchObject({
      status: "compliant",
      status_basis: basis,
      evidence: {
        human_corrections: 1,
        flagged_for_review: 1,
        correction_rate: 33.3,
        human_in_the_loop: true,
      },
    });
    expect(articles.article_9_risk_management).toMatchObject({
      status: "partial",
      status_basis: basis,
      evidence: {
        error_rate_tracked: true,
        error_rate_percent: 66.7,
        replay_capability: true,
        systematic_improvement: true,
      },
    });
  });

  test("of everything equals what an export counts", async ({ expect }) => {
    const { body } = await served.api.get<{ decisions: readonly Decision[]; total: number }>(
      "/v1/export/decisions",
    );
    const { decisions } = body;
    const unique = (keyOf: (decision: Decision) => unknown) =>
      new Set(decisions.map((decision) => JSON.stringify(keyOf(decision)))).size;
    const count = (status: string) =>
      decisions.filter((decision) => decision.status === status).length;
    const rate = (part: number) => Math.round((part / decisions.length) * 1000) / 10;
    const [incorrect, corrected] = [count("incorrect"), count("corrected")];
    const answer = await report();
    expect(answer.service_filter).toBeNull();
    expect(answer.summary).toEqual({
      total: decisions.length,
      recorded: count("recorded"),
      incorrect,
      corrected,
      correction_rate: rate(corrected),
      error_rate: rate(incorrect + corrected),
      unique_models: unique(({ model }) => [model?.["provider"], model?.["name"]]),
      unique_services: unique(({ service_name }) => service_name),
      unique_decision_types: unique(({ decision_type }) => decision_type),
      first_decision: decisions.at(-1)?.created_at,
      last_decision: decisions[0]?.created_at,
    });
  });

  test("of an unknown service is about nothing", async ({ expect }) => {
    const answer = await report("?service_name=nobody");
    expect(answer.summary).toEqual({ total: 0 });
    expect(answer.eu_ai_act_mapping.article_12_record_keeping).toMatchObject({
      status: "non_compliant",
      evidence: { total_decisions_logged: 0, logging_period_start: null, logging_period_end: null },
    });
  });

  test("as a page holds 0.1's words and the same figures", async ({ expect }) => {
    const { status, headers, text } = await served.api.get(
      `/v1/compliance/report/html?service_name=${service_name}`,
    );
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toMatch(/^text\/html\b/);
    for (const words of ["LoopGrid Compliance Report", "Article 12", "Article 14", "Article 9"])
      expect(text).toContain(words);
    for (const figure of ["33.3", "66.7", service_name]) expect(text).toContain(figure);
    expect(text).not.toMatch(/tamper-proof|certified/i);
  });
});

describe("the export", () => {
  test("is every decision, newest first, in JSON by default", async ({ expect }) => {
    const { api } = served;
    const plain = await api.get<{ decisions: readonly Decision[]; total: number }>(
      "/v1/export/decisions",
    );
    expect(plain.headers.get("Content-Type")).toMatch(/^application\/json/);
    const { decisions, total } = plain.body;
    expect(decisions).toHaveLength(total);
    expect(total).toBe((await api.get<DecisionList>("/v1/decisions")).body.total);
    const indexes = decisions.map(({ index }) => index);
    expect(indexes).toEqual(indexes.toSorted((a, b) => b - a));
    const [newest] = decisions;
    expect((await api.get(`/v1/decisions/${newest?.decision_id}`)).body).toEqual(newest);
    expect((await api.get("/v1/export/decisions?format=json")).body).toEqual(plain.body);
  });

  test("takes service and status filters", async ({ expect }) => {
    const { body } = await served.api.get<{ decisions: readonly Decision[]; total: number }>(
      "/v1/export/decisions?service_name=statuses&status=corrected",
    );
    expect(body.total).toBe(1);
    expect(body.decisions).toMatchObject([{ service_name: "statuses", status: "corrected" }]);
  });

  test("as CSV has 0.1's header, CRLF rows and file name", async ({ expect }) => {
    const { api } = served;
    const { headers, text } = await api.get(
      "/v1/export/decisions?format=csv&service_name=statuses",
    );
    expect(headers.get("Content-Type")).toMatch(/^text\/csv/);
    expect(headers.get("Content-Disposition")).toBe("attachment; filename=loopgrid_decisions.csv");
    const [header, ...rows] = text.split("\r\n");
    expect(header).toMatch(
      /^decision_id,created_at,service_name,decision_type,status,content_hash(,|$)/,
    );
    expect(rows.pop()).toBe("");
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    const { body } = await api.get<DecisionList>("/v1/decisions?service_name=statuses");
    expect(rows.map((row) => row.split(",").slice(0, 6))).toEqual(
      body.decisions.map((decision) => [
        decision.decision_id,
        decision.created_at,
        decision.service_name,
        decision.decision_type,
        decision.status,
        decision.content_hash,
      ]),
    );
  });

  test("in another format is a 422", async ({ expect }) => {
    const { status, body } = await served.api.get<ProblemBody>("/v1/export/decisions?format=xml");
    expect(status).toBe(422);
    expect(body.detail).toContain("format: ");
  });
});

describe("errors", () => {
  test("unknown ids say which", async ({ expect }) => {
    const { api } = served;
    const correction = { correction: {}, corrected_by: "jane" };
    const decision = `Decision ${UNKNOWN_DECISION} not found`;
    for (const [answer, detail] of [
      [api.get<ProblemBody>(`/v1/decisions/${UNKNOWN_DECISION}`), decision],
      [api.get<ProblemBody>(`/v1/decisions/${UNKNOWN_DECISION}/history`), decision],
      [api.post<ProblemBody>(`/v1/decisions/${UNKNOWN_DECISION}/incorrect`, {}), decision],
      [api.post<ProblemBody>(`/v1/decisions/${UNKNOWN_DECISION}/correction`, correction), decision],
      [api.post<ProblemBody>("/v1/replays", { decision_id: UNKNOWN_DECISION }), decision],
      [api.get<ProblemBody>(`/v1/replays/${UNKNOWN_REPLAY}`), `Replay ${UNKNOWN_REPLAY} not found`],
      [api.post<ProblemBody>("/v1/replays", { decision_id: "" }), "Decision  not found"],
    ] as const) {
      const { status, body } = await answer;
      expect(status).toBe(404);
      expect(body).toMatchObject({ status: 404, detail, title: "Not found" });
    }
  });

  test("validation comes before existence", async ({ expect }) => {
    const { api } = served;
    for (const [path, body] of [
      [`/v1/decisions/${UNKNOWN_DECISION}/incorrect`, { reason: 1 }],
      [`/v1/decisions/${UNKNOWN_DECISION}/correction`, {}],
      ["/v1/replays", { decision_id: UNKNOWN_DECISION, overrides: "x" }],
    ] as const) {
      expect((await api.post(path, body)).status).toBe(422);
      const text = { "Content-Type": "text/plain" };
      expect((await api.post(path, body, text)).status).toBe(415);
    }
  });

  test("a trailing slash or an unknown path is a 404 in problem JSON", async ({ expect }) => {
    const { api } = served;
    const paths = new Set(api.operations.map(({ path }) => pathOf(path)));
    paths.delete("/");
    for (const path of paths) {
      for (const { method } of api.operationsAt(path)) {
        const { status, body } = await api.send<ProblemBody>(method, `${path}/`);
        expect(status, `${method} ${path}/`).toBe(404);
        expect(body.detail).toMatch(/\w/);
      }
    }
    for (const path of ["/v2/decisions", "/v1", "/favicon.ico", "/v1/decision", "/v1/Decisions"])
      expect((await api.get(path)).status, path).toBe(404);
  });

  test("a wrong method is a 405 with Allow", async ({ expect }) => {
    const { api } = served;
    const paths = new Set(api.operations.map(({ path }) => pathOf(path)));
    for (const path of paths) {
      const documented = new Set(api.operationsAt(path).map(({ method }) => method));
      const allowed = new Set([...documented, ...(documented.has("GET") ? ["HEAD"] : [])]);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        if (documented.has(method)) continue;
        const { status, headers, body } = await api.send<ProblemBody>(method, path);
        expect(status, `${method} ${path}`).toBe(405);
        expect(new Set(headers.get("Allow")?.split(", ")), `${method} ${path}`).toEqual(allowed);
        expect(body.detail).toContain(method);
      }
    }
  });

  test.for(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])(
    "a body of type '%s' is a 415, and nothing is stored",
    async (type, { expect }) => {
      const { api } = served;
      const size = await api.ledgerSize();
      for (const path of ["/v1/decisions", "/v1/decisions/batch", "/v1/replays"]) {
        const { status, body } = await api.post<ProblemBody>(path, EXAMPLE, {
          "Content-Type": type,
        });
        expect(status).toBe(415);
        expect(body.detail).toContain("application/json");
      }
      expect(await api.ledgerSize()).toBe(size);
    },
  );

  test.for(["application/json;charset=UTF-8", "APPLICATION/JSON", "application/vnd.x+json"])(
    "a body of type %s is JSON",
    async (type, { expect }) => {
      const { status } = await served.api.post("/v1/decisions", EXAMPLE, { "Content-Type": type });
      expect(status).toBe(200);
    },
  );
});

describe("what old clients do", () => {
  test("Content-Type: application/json on a GET changes nothing", async ({ expect }) => {
    const { api } = served;
    for (const path of ["/health", "/v1/decisions", "/v1/ledger", "/"]) {
      const plain = await api.get(path);
      const typed = await api.get(path, { "Content-Type": "application/json" });
      expect(typed.status).toBe(200);
      expect(typed.body).toEqual(plain.body);
    }
  });

  test("a service name that is not URL-encoded is understood", async ({ expect }) => {
    const { api } = served;
    await api.record({ service_name: "müller & söhne agent" });
    const { body } = await api.get("/v1/integrity/verify?service_name=müller %26 söhne agent");
    expect(body).toMatchObject({ service_filter: "müller & söhne agent", total: 1 });
  });

  test("HEAD answers GET's status and headers without a body", async ({ expect }) => {
    const { api } = served;
    for (const path of ["/", "/health", "/v1/decisions", "/v1/ledger", "/docs"]) {
      const get = await api.get(path);
      const head = await api.send("HEAD", path);
      expect(head.status).toBe(200);
      expect(head.headers.get("Content-Type")).toBe(get.headers.get("Content-Type"));
    }
    expect((await api.send("HEAD", `/v1/decisions/${UNKNOWN_DECISION}`)).status).toBe(404);
    expect((await api.send("HEAD", "/nowhere")).status).toBe(404);
  });

  test("in open mode any origin may call, without credentials", async ({ expect }) => {
    const { api } = served;
    const origin = { Origin: "https://evil.example" };
    for (const path of ["/v1/decisions", "/nowhere"]) {
      const { headers } = await api.get(path, origin);
      expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
    }
    const { status, headers } = await api.send("OPTIONS", "/v1/decisions", {
      headers: {
        ...origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
      },
    });
    expect(status).toBe(204);
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
    expect(headers.get("Access-Control-Allow-Methods")).toMatch(/\bPOST\b/);
    const allowed = headers.get("Access-Control-Allow-Headers")?.toLowerCase() ?? "";
    for (const name of ["content-type", "idempotency-key", "authorization"])
      expect(allowed).toContain(name);
  });

  test("every answer is nosniff and framed by nobody", async ({ expect }) => {
    for (const path of ["/", "/docs", "/v1/decisions", "/nowhere", "/v1/compliance/report/html"]) {
      const { headers } = await served.api.get(path);
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Content-Security-Policy")).toMatch(
        /^default-src 'none';.*frame-ancestors 'none'/,
      );
    }
  });
});

describe("the OpenAPI document", () => {
  test("names and describes every operation once", async ({ expect }) => {
    const { operations } = served.api;
    expect(operations.length).toBeGreaterThanOrEqual(20);
    const ids = operations.map(({ declared }) => declared["operationId"]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { declared, path } of operations) {
      expect(declared["operationId"], path).toMatch(/^[a-z][A-Za-z]+$/);
      expect(declared["summary"], path).toMatch(/\w/);
      expect(declared["tags"], path).toHaveLength(1);
    }
  });

  test("documents every error of an operation as problem JSON", async ({ expect }) => {
    for (const { method, path, declared } of served.api.operations) {
      const name = `${method} ${path}`;
      const responses = isRecord(declared["responses"]) ? declared["responses"] : {};
      const hasBody = declared["requestBody"] !== undefined;
      const expected = [
        ...(hasBody ? ["413", "415", "422"] : []),
        ...(path.startsWith("/v1/") ? ["401"] : []),
        ...(path.includes("{") ? ["404"] : []),
      ];
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining(["200", ...expected]));
      for (const [status, response] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        expect(response, `${name} ${status}`).toMatchObject({
          description: expect.stringMatching(/\w/),
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
          },
        });
      }
    }
  });

  test("its examples of request bodies conform and are accepted", async ({ expect }) => {
    const { api } = served;
    const withBody = api.operations.filter(({ declared }) => isRecord(declared["requestBody"]));
    expect(withBody.length).toBeGreaterThanOrEqual(5);
    for (const { method, path, declared } of withBody) {
      const name = `${method} ${path}`;
      const schema = requestSchemaOf(declared);
      const example = exampleOf(api.document, schema);
      expect(example, `${name} has no example`).toBeDefined();
      expect(violations(api.document, schema, example ?? null), name).toEqual([]);
      // Decision ids are made up: an example gets past validation, to existence.
      const answer = await api.send(method, pathOf(path), { body: JSON.stringify(example) });
      expect([200, 404], `${name} ${answer.text}`).toContain(answer.status);
    }
  });

  test("works behind a path prefix: its server is relative", async ({ expect }) => {
    const { body } = await served.api.get("/t/any-key/openapi.json");
    expect(body).toMatchObject({ servers: [{ url: "." }] });
  });
});

function requestSchemaOf(declared: JsonObject): JsonValue | undefined {
  const body = declared["requestBody"];
  const content = isRecord(body) ? body["content"] : undefined;
  const media = isRecord(content) ? content["application/json"] : undefined;
  return isRecord(media) ? media["schema"] : undefined;
}

/** The example of a schema, or the one its members' examples add up to, as reference pages do. */
function exampleOf(document: JsonObject, schema: JsonValue | undefined): JsonValue | undefined {
  if (!isRecord(schema)) return undefined;
  if (schema["example"] !== undefined) return schema["example"];
  const { $ref: reference, items, properties, required } = schema;
  if (typeof reference === "string") {
    const name = reference.split("/").at(-1) ?? "";
    const { components } = document;
    const schemas = isRecord(components) ? components["schemas"] : undefined;
    return exampleOf(document, isRecord(schemas) ? schemas[name] : undefined);
  }
  if (items !== undefined) {
    const item = exampleOf(document, items);
    return item === undefined ? undefined : [item];
  }
  if (!isRecord(properties)) return undefined;
  const example: JsonObject = {};
  for (const [name, property] of Object.entries(properties)) {
    const value = exampleOf(document, property);
    if (value !== undefined) example[name] = value;
    else if (Array.isArray(required) && required.includes(name)) return undefined;
  }
  return example;
}

describe("afterwards", () => {
  test("the ledger verifies, from outside too", async ({ expect }) => {
    const { ledger, verifierKey, origin } = await auditOverHttp(served.server.url, expect);
    expect(ledger.entries.length).toBeGreaterThan(100);
    const { text } = await served.api.get("/v1/ledger/checkpoint");
    expect(openCheckpoint(text, verifierKey, origin).size).toBe(ledger.entries.length);
  });
});
