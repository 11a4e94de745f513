/**
 * Live replay over real HTTP: a provider on loopback answers what each test says, and every failure
 * is an answer with its outcome. Nothing secret may be left anywhere.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, test } from "vitest";
import type { JsonObject } from "../../src/lib/json.ts";
import type { Replay } from "../../src/replay/schema.ts";
import { serveThisFile } from "../support/conformance.ts";
import { answerJson, recordingServer, type Answering } from "../support/recording-server.ts";

const OPENAI_KEY = "sk-test-0123456789abcdefOPENAI";
const ANTHROPIC_KEY = "sk-ant-test-0123456789ANTHROPIC";
const provider = await recordingServer();
const served = serveThisFile({
  flags: [
    `OPENAI_API_KEY:${OPENAI_KEY}`,
    `OPENAI_BASE_URL:${provider.url}/v1`,
    `ANTHROPIC_API_KEY:${ANTHROPIC_KEY}`,
    `ANTHROPIC_BASE_URL:${provider.url}`,
    "LOOPGRID_REPLAY_BASE_URLS:https://gateway.example.com/v1",
  ].flatMap((given) => ["--var", given]),
});
afterAll(() => provider.close());

const USAGE = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };

function chatAnswer(content: string | null, more: JsonObject = {}, finish = "stop"): JsonObject {
  const message = { role: "assistant", content, ...more };
  return {
    model: "gpt-4o-2024-08-06",
    usage: USAGE,
    choices: [{ index: 0, message, finish_reason: finish }],
  };
}

const OK = answerJson(200, chatAnswer("Your second charge is refunded."));

const BODY: JsonObject = {
  model: "gpt-4o",
  messages: [
    { role: "system", content: "You help." },
    {
      role: "user",
      content: [
        { type: "text", text: "Charged twice" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      ],
    },
  ],
  tools: [{ type: "function", function: { name: "refund", parameters: { type: "object" } } }],
  tool_choice: "auto",
  seed: 7,
  temperature: 0.2,
};

function verbatim(body: JsonObject = BODY): JsonObject {
  return {
    service_name: "support",
    decision_type: "reply",
    input: { request: body },
    model: { provider: "openai", name: "gpt-4o" },
    output: { response: chatAnswer("Your account looks fine.") },
    metadata: {
      provider_call: {
        format: "openai.chat",
        endpoint: "https://api.openai.com/v1/chat/completions?key=leaked-in-query",
        headers: { Authorization: "Bearer leaked-in-header", "OpenAI-Beta": "x=1" },
      },
    },
  };
}

async function recorded(create: JsonObject = verbatim()): Promise<string> {
  const { body } = await served.api.post<{ decision_id: string }>("/v1/decisions", create);
  return body.decision_id;
}

async function replay(decisionId: string, more: JsonObject = {}) {
  return served.api.post<Replay>("/v1/replays", { decision_id: decisionId, mode: "live", ...more });
}

async function replayed(answering: Answering, more: JsonObject = {}): Promise<Replay> {
  provider.answer(answering);
  const { status, body } = await replay(await recorded(), more);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
}

const error = (status: number, code: string, message = "no") =>
  answerJson(status, { error: { code, message, type: code } });

const slow: Answering = (one, response, n) => void setTimeout(() => OK(one, response, n), 1_000);

function idIn(text: string): string {
  const { replay_id }: { replay_id: string } = JSON.parse(text);
  return replay_id;
}

async function send(body: JsonObject, headers: Record<string, string>, signal?: AbortSignal) {
  return fetch(`${served.server.url}/v1/replays`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

describe("a live replay", () => {
  test("sends the recorded body again, octet for octet in meaning, and reads the answer", async ({
    expect,
  }) => {
    const body = await replayed(OK);
    expect(provider.received[0]).toMatchObject({ path: "/v1/chat/completions", body: BODY });
    expect(provider.received[0]?.headers["authorization"]).toBe(`Bearer ${OPENAI_KEY}`);
    expect(body).toMatchObject({
      execution_mode: "live",
      execution_status: "completed",
      outcome: "succeeded",
      replay_output: { response: "Your second charge is refunded." },
      output_changed: true,
      fidelity: { level: "exact" },
      attempts: [{ n: 1, status: 200, outcome: "succeeded", wait_ms: 0 }],
      provider: "openai",
      requested_model: "gpt-4o",
      served_model: "gpt-4o-2024-08-06",
      usage: { input_tokens: 1000, output_tokens: 100 },
      usage_raw: USAGE,
      cost: null,
      error: null,
      diff: { level: "changed" },
    });
    expect(body.diff_summary).toMatch(/^Live: .*words\.$/);
    const { receipt: _, ...shown } = { receipt: null, ...body };
    expect((await served.api.get(`/v1/replays/${body.replay_id}`)).body).toEqual(shown);
    const compared = await served.api.get(
      `/v1/decisions/${body.decision_id}/compare/${body.replay_id}`,
    );
    expect(compared.body).toMatchObject({ diff: body.diff, diff_summary: body.diff_summary });
  });

  test("costs what the operator's prices say, and names their version", async ({ expect }) => {
    const prices = [{ provider: "openai", model: "gpt-4o*", input: 2.5, output: 10 }];
    const set = await served.api.send("PUT", "/v1/prices", { body: JSON.stringify({ prices }) });
    expect(set.status).toBe(200);
    const body = await replayed(OK);
    expect(body.cost).toEqual({ amount: 0.0035, currency: "USD", price_version: 1 });
  });

  test("goes to another provider with what carries over, and names what does not", async ({
    expect,
  }) => {
    const body = await replayed(
      answerJson(200, {
        model: "claude-opus-5",
        content: [{ type: "text", text: "Refunded." }],
        stop_reason: "end_turn",
        usage: { input_tokens: 3, output_tokens: 2 },
      }),
      { overrides: { model: { provider: "anthropic", name: "claude-opus-5" } } },
    );
    expect(provider.received[0]?.path).toBe("/v1/messages");
    expect(provider.received[0]?.headers["x-api-key"]).toBe(ANTHROPIC_KEY);
    expect(provider.received[0]?.body).toMatchObject({
      model: "claude-opus-5",
      system: "You help.",
    });
    expect(body).toMatchObject({
      outcome: "succeeded",
      provider: "anthropic",
      fidelity: { level: "adapted" },
    });
    const dropped = body.fidelity?.notes
      .filter(({ action }) => action === "dropped")
      .map(({ path }) => path);
    expect(dropped).toEqual(expect.arrayContaining(["seed", "temperature"]));
  });

  test("a template that is only a name is refused, and never sent", async ({ expect }) => {
    provider.answer(OK);
    const id = await recorded({
      service_name: "s",
      decision_type: "d",
      input: { message: "hello" },
      model: { provider: "openai", name: "gpt-4o" },
      prompt: { template: "support_v1" },
      output: { response: "x" },
    });
    const refused = await replay(id);
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain("prompt_unresolved");
    expect(provider.received.length).toBe(0);
    const { body } = await replay(id, {
      overrides: { prompt: { text: "Be {{tone}}.", variables: { tone: "kind" } } },
    });
    expect(body.fidelity?.level).toBe("reconstructed");
    expect(provider.received[0]?.body).toEqual({
      model: "gpt-4o",
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "hello" },
      ],
    });
  });

  test("live without a key is a 422; auto without one is simulated", async ({ expect }) => {
    const id = await recorded();
    const overrides = { model: { provider: "mistral", name: "mistral-large" } };
    expect((await replay(id, { overrides })).status).toBe(422);
    expect((await replay(id, { overrides, mode: "auto" })).body.execution_mode).toBe("simulated");
  });

  test("a base URL from a request must be https, public and allowed", async ({ expect }) => {
    provider.answer(OK);
    const id = await recorded();
    for (const base_url of [
      provider.url,
      "https://127.0.0.1/v1",
      "https://[::1]/",
      "https://169.254.169.254/",
      "https://localhost/v1",
      "https://user@gateway.example.com/v1",
      "https://other.example.com/v1",
      "nonsense",
    ]) {
      expect((await replay(id, { overrides: { model: { base_url } } })).status, base_url).toBe(422);
    }
    expect(provider.received.length).toBe(0);
  });
});

describe("failures are data", () => {
  const table: readonly (readonly [string, Answering, string, number])[] = [
    ["429 for a while", error(429, "rate_limit_exceeded"), "rate_limited", 3],
    ["429 for good", error(429, "insufficient_quota"), "quota_exhausted", 1],
    ["500", error(500, "server_error"), "provider_error", 3],
    [
      "529",
      answerJson(529, { type: "error", error: { type: "overloaded_error", message: "busy" } }),
      "provider_error",
      3,
    ],
    [
      "401 that quotes a key",
      error(401, "invalid_api_key", `Incorrect API key provided: ${OPENAI_KEY}`),
      "auth_error",
      1,
    ],
    [
      "404 of a model",
      error(404, "model_not_found", "The model does not exist"),
      "model_unavailable",
      1,
    ],
    [
      "an error inside 200",
      answerJson(200, { error: { code: 502, message: "upstream" } }),
      "provider_error",
      3,
    ],
    [
      "a redirect",
      answerJson(302, {}, { Location: "http://169.254.169.254/" }),
      "provider_error",
      1,
    ],
    ["a reset connection", (_, response) => response.destroy(), "provider_error", 3],
    [
      "malformed JSON",
      (_, response) => response.writeHead(200, { "Content-Type": "application/json" }).end("{oops"),
      "provider_error",
      1,
    ],
  ];
  test.for(table)("%s", async ([, answering, outcome, attempts], { expect }) => {
    const body = await replayed(answering);
    expect(body).toMatchObject({
      outcome,
      execution_status: "failed",
      replay_output: null,
      output_changed: false,
      error: { class: outcome },
    });
    expect(body.attempts.map(({ n }) => n)).toEqual(
      Array.from({ length: attempts }, (_, i) => i + 1),
    );
    expect(provider.received.length).toBe(attempts);
  });

  const answers: readonly (readonly [string, Answering, string])[] = [
    ["refusal", answerJson(200, chatAnswer(null, { refusal: "I cannot." })), "refused"],
    ["truncation", answerJson(200, chatAnswer("Your sec", {}, "length")), "truncated"],
    [
      "tool call",
      answerJson(
        200,
        chatAnswer(
          null,
          {
            tool_calls: [
              { id: "1", type: "function", function: { name: "refund", arguments: '{"n":1}' } },
            ],
          },
          "tool_calls",
        ),
      ),
      "tool_call",
    ],
  ];
  test.for(answers)("a %s is an answer", async ([, answering, outcome], { expect }) => {
    const body = await replayed(answering);
    expect(body).toMatchObject({ outcome, execution_status: "completed", error: null });
    expect(body.replay_output).not.toBeNull();
  });

  test("text where JSON was asked for is invalid output", async ({ expect }) => {
    const body = await replayed(OK, {
      overrides: { params: { response_format: { type: "json_object" } } },
    });
    expect(body).toMatchObject({ outcome: "invalid_output", execution_status: "completed" });
  });

  test.for(["1", new Date(Date.now() + 2_000).toUTCString()])(
    "Retry-After %s is waited for",
    async (after, { expect }) => {
      const limited = answerJson(
        429,
        { error: { code: "rate_limit_exceeded", message: "no" } },
        { "Retry-After": after },
      );
      const body = await replayed((one, response, n) => (n === 1 ? limited : OK)(one, response, n));
      expect(body.outcome).toBe("succeeded");
      expect(body.attempts.map(({ outcome }) => outcome)).toEqual(["rate_limited", "succeeded"]);
      if (after === "1") expect(body.attempts[1]?.wait_ms).toBe(1000);
    },
  );

  test("a provider that hangs is a timeout, within what 0.1's clients wait", async ({ expect }) => {
    const before = Date.now();
    const body = await replayed(() => undefined);
    expect(body).toMatchObject({ outcome: "timeout", replay_output: null });
    expect(Date.now() - before).toBeLessThan(29_000);
  });
});

describe("one call, one entry", () => {
  test("concurrent twins under one key call the provider once", async ({ expect }) => {
    provider.answer(slow);
    const body = { decision_id: await recorded(), mode: "live" };
    const twins = await Promise.all(
      [1, 2, 3].map(() => send(body, { "Idempotency-Key": "twins-1" })),
    );
    const ids = await Promise.all(twins.map(async (twin) => idIn(await twin.text())));
    expect(new Set(ids).size).toBe(1);
    expect(provider.received.length).toBe(1);
    expect(
      (await send(body, { "Idempotency-Key": "twins-1" })).headers.get("Idempotent-Replayed"),
    ).toBe("true");
    expect(
      (await send({ ...body, triggered_by: "other" }, { "Idempotency-Key": "twins-1" })).status,
    ).toBe(422);
  });

  test("a client that goes away does not lose the record", async ({ expect }) => {
    provider.answer(slow);
    const decision_id = await recorded();
    await send({ decision_id, mode: "live" }, {}, AbortSignal.timeout(300)).catch(() => undefined);
    await sleep(2_500);
    const { body } = await served.api.get<{ replays: Replay[] }>(
      `/v1/replays?decision_id=${decision_id}`,
    );
    expect(body.replays).toMatchObject([{ decision_id, outcome: "succeeded" }]);
  });

  test("respond-async answers at once, and GET has the result later", async ({ expect }) => {
    provider.answer(slow);
    const decision_id = await recorded();
    const accepted = await send({ decision_id, mode: "live" }, { Prefer: "respond-async" });
    expect(accepted.status).toBe(202);
    const replay_id = idIn(await accepted.text());
    const states = new Set<string>();
    for (let i = 0; i < 40 && !states.has("completed"); i++) {
      states.add((await served.api.get<Replay>(`/v1/replays/${replay_id}`)).body.execution_status);
      await sleep(100);
    }
    expect([...states].at(-1)).toBe("completed");
    expect([...states].some((state) => state === "pending" || state === "running")).toBe(true);
    expect(provider.received.length).toBe(1);
  });
});

test("lists filter, and providers say what configures them", async ({ expect }) => {
  const { body } = await served.api.get<{ replays: Replay[]; next_cursor: string }>(
    "/v1/replays?outcome=refused&limit=1",
  );
  expect(body.replays.map(({ outcome }) => outcome)).toEqual(["refused"]);
  const listed = await served.api.get<{ providers: { name: string; configured: boolean }[] }>(
    "/v1/providers",
  );
  const configured = listed.body.providers
    .filter(({ configured }) => configured)
    .map(({ name }) => name);
  expect(configured).toEqual(["openai", "anthropic"]);
});

test("no secret is in any stored octet, answer or log line", async ({ expect }) => {
  const secrets = [OPENAI_KEY, ANTHROPIC_KEY, "leaked-in-query", "leaked-in-header"];
  const exported = await (await fetch(`${served.server.url}/v1/export/ledger`)).text();
  // npm repeats its own command line, ours or not.
  const log = served.server.log().replaceAll(/^> .*$/gm, "");
  const texts = [exported, log, ...filesIn(served.server.persistTo)];
  expect(texts.length).toBeGreaterThan(3);
  for (const secret of secrets) for (const text of texts) expect(text.includes(secret)).toBe(false);
});

function filesIn(folder: string): string[] {
  execFileSync("sync");
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
}
