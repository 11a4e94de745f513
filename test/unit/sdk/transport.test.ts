/** One request and its retries, against a server on loopback. */
import { afterEach, beforeEach, describe, test } from "vitest";
import {
  AuthenticationError,
  InvalidRequestError,
  LoopGrid,
  LoopGridAbortError,
  LoopGridAPIError,
  LoopGridConnectionError,
  LoopGridTimeoutError,
  NotFoundError,
  RateLimitError,
  ServerError,
} from "../../../src/sdk/javascript/index.ts";
import { backoffMs, pauseMs } from "../../../src/sdk/javascript/retry.ts";
import { answer, fakeLedger, problem, type FakeLedger } from "../../support/fake-ledger.ts";
import { thrownBy } from "../../support/thrown.ts";

const DECISION = { decisionType: "reply", input: { a: 1 }, model: {}, output: { b: 2 } };

let server: FakeLedger;
beforeEach(async () => {
  server = await fakeLedger();
});
afterEach(() => server.close());

const client = (options = {}) => new LoopGrid({ baseUrl: server.url, ...options });

describe("a retry", () => {
  test.for([500, 502, 503, 429])(
    "after %i carries the same key and body",
    async (status, { expect }) => {
      server.behave((_, response, n) =>
        n < 3 ? answer(response, status, { detail: "later" }) : answer(response, 200, { ok: true }),
      );
      const grid = client();
      expect(await grid.record(DECISION)).toEqual({ ok: true });
      const [first, second, third] = server.attempts;
      expect(first?.key).toMatch(/^lg-[0-9a-f]{32}$/);
      expect([second?.key, third?.key]).toEqual([first?.key, first?.key]);
      expect([second?.text, third?.text]).toEqual([first?.text, first?.text]);
      expect(grid.retries).toBe(2);
    },
  );

  test("after a reset connection too", async ({ expect }) => {
    server.behave((_, response, n) =>
      n === 1 ? response.destroy() : answer(response, 200, { ok: true }),
    );
    expect(await client().record(DECISION)).toEqual({ ok: true });
  });

  test("is not made of a refusal", async ({ expect }) => {
    server.behave(problem(422, "input: required"));
    expect(await thrownBy(client().record(DECISION))).toBeInstanceOf(InvalidRequestError);
    expect(server.attempts.length).toBe(1);
  });

  test("waits as long as Retry-After asks, and not at all when that is an age", async ({
    expect,
  }) => {
    server.behave((_, response, n) =>
      n === 1
        ? answer(response, 503, { detail: "busy" }, { "Retry-After": "1" })
        : answer(response, 200, {}),
    );
    const before = Date.now();
    await client().record(DECISION);
    expect(Date.now() - before).toBeGreaterThanOrEqual(990);
    server.behave(problem(503, "closed", { "Retry-After": "3600" }));
    expect(await thrownBy(client().record(DECISION))).toBeInstanceOf(ServerError);
    expect(server.attempts.length).toBe(3);
  });

  test("backs off with full jitter, bounded", ({ expect }) => {
    expect(backoffMs(1, 1)).toBe(500);
    expect(backoffMs(30, 1)).toBe(8_000);
    expect(backoffMs(3, 0)).toBe(0);
    const date = new Date(5_000).toUTCString();
    expect(pauseMs(1, new Headers({ "Retry-After": date }), 1_000)).toBeGreaterThanOrEqual(4_000);
  });
});

describe("an error", () => {
  test.for([
    [401, AuthenticationError, "credential_required"],
    [404, NotFoundError, "not_found"],
    [422, InvalidRequestError, "invalid_request"],
    [429, RateLimitError, "too_many_requests"],
    [503, ServerError, "unavailable"],
  ] as const)("of status %i has a class of its own", async ([status, Class, code], { expect }) => {
    const errors = [{ path: "input", message: "required" }];
    server.behave((_, response) =>
      answer(response, status, { detail: "input: required", errors }, { "cf-ray": "8f-FRA" }),
    );
    const error = await thrownBy(client({ maxRetries: 0 }).getDecision("dec_1"));
    expect(error).toBeInstanceOf(Class);
    expect(error).toBeInstanceOf(LoopGridAPIError);
    expect(error).toMatchObject({
      name: Class.name,
      status,
      statusCode: status,
      code,
      detail: "input: required",
      message: `API Error ${status}: input: required`,
      requestId: "8f-FRA",
      errors,
      outcome: undefined,
    });
  });

  test("of an append says whether something was written", async ({ expect }) => {
    const grid = client({ maxRetries: 1, timeoutMs: 200 });
    server.behave(problem(422, "no"));
    expect(await thrownBy(grid.record(DECISION))).toMatchObject({ outcome: "not_written" });
    server.behave(problem(503, "later"));
    expect(await thrownBy(grid.record(DECISION))).toMatchObject({ outcome: "unknown" });
    server.behave(() => undefined);
    const late = await thrownBy(grid.record(DECISION, { idempotencyKey: "order-5512" }));
    expect(late).toBeInstanceOf(LoopGridTimeoutError);
    expect(late).toMatchObject({ outcome: "unknown", idempotencyKey: "order-5512" });
    expect(String(late)).toContain("Request timed out after 200ms");
    expect(String(late)).toContain("order-5512");
    // A refusal of the credential says nothing about the attempt before it.
    const from = server.attempts.length;
    server.behave((_, response, n) =>
      n === from + 1 ? response.destroy() : answer(response, 401, { detail: "no" }),
    );
    expect(await thrownBy(grid.record(DECISION))).toMatchObject({ outcome: "unknown" });
  });

  test("of a page that is no LoopGrid is a connection error", async ({ expect }) => {
    server.behave((_, response) => response.end("<html>"));
    const error = await thrownBy(client({ maxRetries: 0 }).health());
    expect(error).toBeInstanceOf(LoopGridConnectionError);
    server.behave((_, response) => response.writeHead(502).end("Bad gateway"));
    expect(await thrownBy(client({ maxRetries: 0 }).health())).toMatchObject({
      status: 502,
      detail: "Bad Gateway",
    });
  });

  test.for([301, 302, 303, 307, 308])(
    "of a redirect (%i) is a connection error: it is not followed, and no success",
    async (status, { expect }) => {
      server.behave((attempt, response) =>
        attempt.path === "/elsewhere"
          ? answer(response, 200, { decisions: [] })
          : answer(response, status, {}, { Location: "/elsewhere" }),
      );
      const error = await thrownBy(client({ maxRetries: 0 }).record(DECISION));
      expect(error).toBeInstanceOf(LoopGridConnectionError);
      expect(error).toMatchObject({ outcome: "unknown" });
      expect(server.attempts.map(({ path }) => path)).toEqual(["/v1/decisions"]);
    },
  );

  test("of the caller's own signal ends the request at once", async ({ expect }) => {
    server.behave(() => undefined);
    const signal = AbortSignal.timeout(50);
    const error = await thrownBy(client().record(DECISION, { signal }));
    expect(error).toBeInstanceOf(LoopGridAbortError);
    expect(error).toMatchObject({ outcome: "unknown" });
    expect(server.attempts.length).toBe(1);
  });
});

describe("a credential", () => {
  test("is sent as it was given, and never shown", async ({ expect }) => {
    server.behave((_, response) => answer(response, 200, {}));
    await client({ apiKey: "lgk_secret" }).health();
    const basic = new LoopGrid({ baseUrl: server.url.replace("://", "://me:lgk_secret@") });
    await basic.health();
    expect(server.attempts.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer lgk_secret",
      `Basic ${Buffer.from("me:lgk_secret").toString("base64")}`,
    ]);
    await server.close();
    const prefixed = new LoopGrid({ baseUrl: `${server.url}/t/lgk_secret`, maxRetries: 0 });
    const error = await thrownBy(prefixed.health());
    expect(`${String(error)}${JSON.stringify(basic)}${basic.baseUrl}`).not.toContain("lgk_secret");
  });

  test("and the rest come from the environment when nothing is given", async ({ expect }) => {
    server.behave((_, response) => answer(response, 200, {}));
    const names = {
      LOOPGRID_URL: server.url,
      LOOPGRID_API_KEY: "lgk_env",
      LOOPGRID_SERVICE: "env",
    };
    Object.assign(process.env, names);
    try {
      await new LoopGrid().record(DECISION);
    } finally {
      for (const name of Object.keys(names)) delete process.env[name];
    }
    const [attempt] = server.attempts;
    expect(attempt?.headers.authorization).toBe("Bearer lgk_env");
    expect(JSON.parse(attempt?.text ?? "")).toMatchObject({ service_name: "env", writer_seq: 1 });
  });
});

test("every record names its writer and its number, whatever becomes of it", async ({ expect }) => {
  const grid = client({ maxRetries: 0 });
  server.behave((_, response, n) => answer(response, n === 2 ? 422 : 200, { detail: "no" }));
  await grid.record(DECISION);
  await thrownBy(grid.record(DECISION));
  await grid.decisions.recordBatch([DECISION, DECISION]);
  const sent = server.attempts.flatMap(({ text }): object[] => {
    const body = JSON.parse(text);
    return body.decisions ?? [body];
  });
  expect(sent).toMatchObject(
    [1, 2, 3, 4].map((n) => ({ writer_id: grid.writerId, writer_seq: n })),
  );
});
