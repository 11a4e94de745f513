/** Idempotency, DESIGN §2: the same request with the same key finds out, exactly once, for ever. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Api, EXAMPLE, type Answer, type ProblemBody, type Recorded } from "../support/api.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { startServer, type TestServer } from "../support/server.ts";
import type { JsonObject } from "../../src/lib/json.ts";

// The state outlives the server: one test restarts it.
const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-"));
let server: TestServer;
let api: Api;
/** A decision for the routes that are about one. */
let decisionId = "";

beforeAll(async () => {
  server = await startServer({ persistTo });
  api = await Api.open(server.url);
  decisionId = (await api.record()).decision_id;
});

afterAll(async () => {
  await server.stop();
  rmSync(persistTo, { recursive: true, force: true });
});

interface Route {
  readonly name: string;
  readonly path: () => string;
  readonly body: () => JsonObject;
  readonly otherBody: () => JsonObject;
  /** How many entries it appends. */
  readonly appends: number;
}

const ROUTES: readonly Route[] = [
  {
    name: "record a decision",
    path: () => "/v1/decisions",
    body: () => EXAMPLE,
    otherBody: () => ({ ...EXAMPLE, output: {} }),
    appends: 1,
  },
  {
    name: "record a batch",
    path: () => "/v1/decisions/batch",
    body: () => ({ decisions: [EXAMPLE, { ...EXAMPLE, input: {} }, EXAMPLE] }),
    otherBody: () => ({ decisions: [EXAMPLE] }),
    appends: 3,
  },
  {
    name: "mark incorrect",
    path: () => `/v1/decisions/${decisionId}/incorrect`,
    body: () => ({ reason: "wrong" }),
    otherBody: () => ({ reason: "right" }),
    appends: 1,
  },
  {
    name: "correct",
    path: () => `/v1/decisions/${decisionId}/correction`,
    body: () => ({ correction: { ok: true }, corrected_by: "jane", notes: "n" }),
    otherBody: () => ({ correction: { ok: true }, corrected_by: "jane" }),
    appends: 1,
  },
  {
    name: "replay",
    path: () => "/v1/replays",
    body: () => ({ decision_id: decisionId, overrides: { input: {} } }),
    otherBody: () => ({ decision_id: decisionId }),
    appends: 1,
  },
];

let keys = 0;
function newKey(): string {
  return `key-${keys++}`;
}

function keyed<T = JsonObject>(path: string, body: unknown, key: string): Promise<Answer<T>> {
  return api.post<T>(path, body, { "Idempotency-Key": key });
}

function isReplayed({ headers }: Answer<unknown>): boolean {
  return headers.get("Idempotent-Replayed") === "true";
}

describe.for(ROUTES)("$name", ({ path, body, otherBody, appends }) => {
  test("a repeat gets the same answer, and appends nothing", async ({ expect }) => {
    const key = newKey();
    const size = await api.ledgerSize();
    const first = await keyed(path(), body(), key);
    expect(first.status).toBe(200);
    expect(isReplayed(first)).toBe(false);
    expect(await api.ledgerSize()).toBe(size + appends);
    for (let i = 0; i < 3; i++) {
      const again = await keyed(path(), body(), key);
      expect(again.status).toBe(200);
      expect(isReplayed(again)).toBe(true);
      expect(again.body).toEqual(first.body);
    }
    expect(await api.ledgerSize()).toBe(size + appends);
  });

  test("members in another order are the same request", async ({ expect }) => {
    const key = newKey();
    const first = await keyed(path(), body(), key);
    const reversed = Object.fromEntries(Object.entries(body()).toReversed());
    const again = await keyed(path(), reversed, key);
    expect(isReplayed(again)).toBe(true);
    expect(again.body).toEqual(first.body);
  });

  test("with another body the key is refused, and nothing is stored", async ({ expect }) => {
    const key = newKey();
    await keyed(path(), body(), key);
    const size = await api.ledgerSize();
    const { status, body: problem } = await keyed<ProblemBody>(path(), otherBody(), key);
    expect(status).toBe(422);
    expect(problem.detail).toContain("Idempotency-Key");
    expect(await api.ledgerSize()).toBe(size);
  });

  test("on another route the key is refused", async ({ expect }) => {
    const key = newKey();
    await keyed(path(), body(), key);
    const size = await api.ledgerSize();
    for (const other of ROUTES) {
      if (other.path() === path()) continue;
      const { status } = await keyed(other.path(), other.body(), key);
      expect(status, other.name).toBe(422);
    }
    expect(await api.ledgerSize()).toBe(size);
  });

  test("a refused request consumes no key", async ({ expect }) => {
    const key = newKey();
    expect((await keyed(path(), { decisions: 1, reason: 1 }, key)).status).toBe(422);
    expect((await keyed("/v1/decisions/dec_none/incorrect", {}, key)).status).toBe(404);
    const text = { "Idempotency-Key": key, "Content-Type": "text/plain" };
    expect((await api.post(path(), body(), text)).status).toBe(415);
    const first = await keyed(path(), body(), key);
    expect(first.status).toBe(200);
    expect(isReplayed(first)).toBe(false);
  });

  test("concurrent twins append once and get one answer", async ({ expect }) => {
    const key = newKey();
    const size = await api.ledgerSize();
    const answers = await Promise.all(Array.from({ length: 8 }, () => keyed(path(), body(), key)));
    expect(await api.ledgerSize()).toBe(size + appends);
    for (const answer of answers) expect(answer.body).toEqual(answers[0]?.body);
    expect(answers.filter((answer) => !isReplayed(answer))).toHaveLength(1);
  });

  test("without a key every request appends", async ({ expect }) => {
    const size = await api.ledgerSize();
    await api.post(path(), body());
    await api.post(path(), body());
    expect(await api.ledgerSize()).toBe(size + 2 * appends);
  });
});

describe("a key", () => {
  test.for([
    ["one character", "k"],
    ["255 characters", "k".repeat(255)],
    [
      "every visible character",
      String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i)),
    ],
    ["a UUID", "2f1d8a4e-7b0c-4d57-9c55-1d9f2b0f6f10"],
  ] as const)("of %s is taken", async ([, key], { expect }) => {
    const first = await keyed("/v1/decisions", EXAMPLE, key);
    expect(first.status).toBe(200);
    expect(isReplayed(await keyed("/v1/decisions", EXAMPLE, key))).toBe(true);
  });

  test.for([
    ["no characters", ""],
    ["256 characters", "k".repeat(256)],
    ["a space", "a b"],
    ["a tab", "a\tb"],
    ["a letter beyond ASCII", "\u00e9"],
  ] as const)("of %s is refused, on every route", async ([, key], { expect }) => {
    const size = await api.ledgerSize();
    for (const { path, body, name } of ROUTES) {
      const { status, body: problem } = await keyed<ProblemBody>(path(), body(), key);
      expect(status, name).toBe(422);
      expect(problem.detail).toContain("Idempotency-Key");
    }
    expect(await api.ledgerSize()).toBe(size);
  });

  test("is case-sensitive", async ({ expect }) => {
    await keyed("/v1/decisions", EXAMPLE, "Case");
    expect(isReplayed(await keyed("/v1/decisions", EXAMPLE, "case"))).toBe(false);
  });

  test("is the same key under a credential prefix", async ({ expect }) => {
    const key = newKey();
    const first = await keyed<Recorded>("/v1/decisions", EXAMPLE, key);
    const again = await keyed<Recorded>("/t/some-key/v1/decisions", EXAMPLE, key);
    expect(isReplayed(again)).toBe(true);
    expect(again.body).toEqual(first.body);
  });
});

describe("a repeat", () => {
  test("tells the first answer, also when the decision has moved on since", async ({ expect }) => {
    const key = newKey();
    const first = await keyed<Recorded>("/v1/decisions", EXAMPLE, key);
    await api.post(`/v1/decisions/${first.body.decision_id}/incorrect`, { reason: "later" });
    const again = await keyed<Recorded>("/v1/decisions", EXAMPLE, key);
    expect(again.body).toEqual(first.body);
  });

  test("may ask for a proof that the first did not", async ({ expect }) => {
    const key = newKey();
    const first = await keyed<Recorded>("/v1/decisions", EXAMPLE, key);
    const again = await keyed<Recorded>("/v1/decisions?receipt=proof", EXAMPLE, key);
    expect(isReplayed(again)).toBe(true);
    expect(again.body).toMatchObject(first.body);
    expect(again.body.receipt.proof).toBeDefined();
  });

  test("still finds the first after a crash and a restart", async ({ expect }) => {
    const key = newKey();
    const firsts = await Promise.all(
      ROUTES.map(({ path, body }, i) => keyed(path(), body(), `${key}-${i}`)),
    );
    const size = await api.ledgerSize();
    await server.kill();
    server = await startServer({ persistTo, port: server.port });
    for (const [i, { path, body, otherBody, name }] of ROUTES.entries()) {
      const again = await keyed(path(), body(), `${key}-${i}`);
      expect(isReplayed(again), name).toBe(true);
      expect(again.body, name).toEqual(firsts[i]?.body);
      expect((await keyed(path(), otherBody(), `${key}-${i}`)).status, name).toBe(422);
    }
    expect(await api.ledgerSize()).toBe(size);
  });
});

test("the key itself is nowhere in the ledger, and a request is no part of a history", async ({
  expect,
}) => {
  const key = "a-key-to-look-for";
  const { body } = await keyed<Recorded>("/v1/decisions", EXAMPLE, key);
  const entries = await api.get(`/v1/ledger/entries?from=${body.index}&limit=1`);
  expect(entries.text).toContain("request_key");
  expect(entries.text).not.toContain(key);
  const history = await api.get(`/v1/decisions/${body.decision_id}/history`);
  expect(history.text).not.toContain("body_sha256");
});

test("afterwards the ledger verifies", async ({ expect }) => {
  const { ledger } = await auditOverHttp(server.url, expect);
  expect(ledger.requests.size).toBeGreaterThan(30);
});
