/**
 * Issue 5, "Must show": every route × every kind of credential. The rows come from the table of
 * endpoints itself: a new route without a request here fails the first test.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, test } from "vitest";
import { formatApiKey } from "../../../src/auth/api-key.ts";
import { SCOPES, type Scope } from "../../../src/auth/scope.ts";
import { ENDPOINTS } from "../../../src/http/app.ts";
import { decision } from "../support/client.ts";
import {
  ADMIN_KEY,
  guarded,
  makeKey,
  type MadeKey,
  type Reply,
  type Sent,
} from "../support/guarded.ts";

const ask = guarded();

interface Call {
  readonly path: string;
  readonly body?: unknown;
  /** What a key of another ledger gets; its own ledger's answer unless said otherwise. */
  readonly otherLedger?: number;
}

/** Decisions of ledger `acme`, one for every call that changes one. */
const decisions: string[] = [];
const spare = (): string => decisions.pop() ?? "none left";
let replayed = { decision: "", replay: "" };
let shareToken = "";
let experiment = "";
/** What is cancelled ends first before it can be resumed. */
let uncancelled = "";
const experimentOn = (id: string) => ({
  selection: { decision_ids: [id] },
  scorers: [{ type: "exact" }],
  mode: "simulated",
});

const aKey = async (): Promise<string> => (await makeKey(ask, ["read"], { ledger: "acme" })).key_id;

let everyScope = "";

async function aRecord(): Promise<string> {
  const body = { kind: "drill", drill: "halt", result: "passed" };
  const { body: record } = await ask("/v1/records", { method: "POST", key: everyScope, body });
  return String(record["record_id"]);
}

async function aReport(): Promise<string> {
  const body = { frameworks: ["gdpr"] };
  const sent = { method: "POST", key: everyScope, body };
  return String((await ask("/v1/compliance/reports", sent)).body["report_id"]);
}

/** A request of ledger `acme` that succeeds, for every operation. */
const CALLS: Readonly<Record<string, () => Call | Promise<Call>>> = {
  getService: () => ({ path: "/" }),
  getHealth: () => ({ path: "/health" }),
  getOpenApi: () => ({ path: "/openapi.json" }),
  getDocs: () => ({ path: "/docs" }),
  getDocsScript: () => ({ path: "/docs/reference.js" }),
  getDocsStyle: () => ({ path: "/docs/reference.css" }),
  getDocsSetup: () => ({ path: "/docs/setup.js" }),
  recordDecision: () => ({ path: "/v1/decisions", body: decision("new") }),
  recordDecisions: () => ({
    path: "/v1/decisions/batch",
    body: { decisions: [decision("new"), decision("newer")] },
  }),
  listDecisions: () => ({ path: "/v1/decisions" }),
  getDecision: () => ({ path: `/v1/decisions/${spare()}`, otherLedger: 404 }),
  getDecisionHistory: () => ({ path: `/v1/decisions/${spare()}/history`, otherLedger: 404 }),
  listReplays: () => ({ path: "/v1/replays" }),
  listProviders: () => ({ path: "/v1/providers" }),
  getPrices: () => ({ path: "/v1/prices" }),
  setPrices: () => ({ path: "/v1/prices", body: { prices: [] } }),
  markIncorrect: () => ({
    path: `/v1/decisions/${spare()}/incorrect`,
    body: { reason: "wrong" },
    otherLedger: 404,
  }),
  attachCorrection: () => ({
    path: `/v1/decisions/${spare()}/correction`,
    body: { correction: { response: "right" }, corrected_by: "jane" },
    otherLedger: 404,
  }),
  addRecord: () => ({
    path: "/v1/records",
    body: { kind: "drill", drill: "halt", result: "passed" },
  }),
  listRecords: () => ({ path: "/v1/records" }),
  getRecord: async () => ({ path: `/v1/records/${await aRecord()}`, otherLedger: 404 }),
  eraseRecord: async () => ({
    path: `/v1/records/${await aRecord()}/erasure`,
    body: { reason_code: "gdpr_article_17" },
    otherLedger: 404,
  }),
  pruneExpired: () => ({ path: "/v1/retention/prune", body: {} }),
  createReplay: () => ({
    path: "/v1/replays",
    body: { decision_id: spare() },
    otherLedger: 404,
  }),
  getReplay: () => ({ path: `/v1/replays/${replayed.replay}`, otherLedger: 404 }),
  compareReplay: () => ({
    path: `/v1/decisions/${replayed.decision}/compare/${replayed.replay}`,
    otherLedger: 404,
  }),
  createExperiment: () => ({
    path: "/v1/experiments",
    body: experimentOn(spare()),
    otherLedger: 404,
  }),
  listExperiments: () => ({ path: "/v1/experiments" }),
  getExperiment: () => ({ path: `/v1/experiments/${experiment}`, otherLedger: 404 }),
  getExperimentItems: () => ({ path: `/v1/experiments/${experiment}/items`, otherLedger: 404 }),
  cancelExperiment: () => ({ path: `/v1/experiments/${experiment}/cancel`, otherLedger: 404 }),
  resumeExperiment: () => ({ path: `/v1/experiments/${uncancelled}/resume`, otherLedger: 404 }),
  getLedger: () => ({ path: "/v1/ledger" }),
  getCheckpoint: () => ({ path: "/v1/ledger/checkpoint" }),
  listEntries: () => ({ path: "/v1/ledger/entries" }),
  getInclusionProof: () => ({ path: "/v1/ledger/proof/inclusion?index=0" }),
  getConsistencyProof: () => ({ path: "/v1/ledger/proof/consistency?from=1" }),
  getTile: () => ({ path: "/v1/ledger/tile/0/000.p/1" }),
  verifyIntegrity: () => ({ path: "/v1/integrity/verify" }),
  getGaps: () => ({ path: "/v1/integrity/gaps" }),
  getComplianceReport: () => ({ path: "/v1/compliance/report" }),
  getMetrics: () => ({ path: "/v1/metrics" }),
  issueComplianceReport: () => ({ path: "/v1/compliance/reports", body: {} }),
  getIssuedReport: async () => ({
    path: `/v1/compliance/reports/${await aReport()}`,
    otherLedger: 404,
  }),
  getComplianceReportPage: () => ({ path: "/v1/compliance/report/html" }),
  exportDecisions: () => ({ path: "/v1/export/decisions" }),
  exportLedger: () => ({ path: "/v1/export/ledger" }),
  getDecisionEvidence: () => ({ path: `/v1/decisions/${spare()}/evidence`, otherLedger: 404 }),
  eraseDecision: () => ({
    path: `/v1/decisions/${spare()}/erasure`,
    body: { reason_code: "gdpr_article_17" },
    otherLedger: 404,
  }),
  holdDecision: () => ({
    path: `/v1/decisions/${spare()}/hold`,
    body: { reason_code: "litigation" },
    otherLedger: 404,
  }),
  createKey: () => ({ path: "/v1/keys", body: { name: "made", scopes: ["read"] } }),
  listKeys: () => ({ path: "/v1/keys" }),
  revokeKey: async () => ({ path: `/v1/keys/${await aKey()}`, otherLedger: 404 }),
  rotateKey: async () => ({
    path: `/v1/keys/${await aKey()}/rotate`,
    body: { overlap_seconds: 60 },
    otherLedger: 404,
  }),
  createShare: () => ({
    path: "/v1/shares",
    body: { kind: "evidence", decision_id: spare() },
    otherLedger: 404,
  }),
  openShare: () => ({ path: `/v1/shares/${shareToken}` }),
  listAccess: () => ({ path: "/v1/access-log" }),
  // Its own ledger has entries already; other ledgers are the operator's to open.
  openLedger: () => ({
    path: "/v1/ledgers",
    body: { ledger: `acme-${decisions.length}`, reason_code: "test" },
    otherLedger: 403,
  }),
};

interface Keys {
  readonly only: MadeKey;
  readonly allBut: MadeKey;
  readonly other: MadeKey;
  readonly expired: MadeKey;
  readonly revoked: MadeKey;
}
const keys = new Map<Scope, Keys>();

beforeAll(async () => {
  const acme = { ledger: "acme" };
  const all = await makeKey(ask, SCOPES, acme);
  everyScope = all.key;
  const recorded = await ask("/v1/decisions/batch", {
    method: "POST",
    key: all.key,
    body: { decisions: Array.from({ length: 200 }, (_, i) => decision(i)) },
  });
  const rows: readonly { decision_id: string }[] = JSON.parse(recorded.text).decisions;
  decisions.push(...rows.map(({ decision_id }) => decision_id));
  const target = spare();
  const replay = await ask("/v1/replays", {
    method: "POST",
    key: all.key,
    body: { decision_id: target },
  });
  replayed = { decision: target, replay: String(replay.body["replay_id"]) };
  const begun = await ask("/v1/experiments", {
    method: "POST",
    key: all.key,
    body: experimentOn(target),
  });
  experiment = String(begun.body["experiment_id"]);
  const other = await ask("/v1/experiments", {
    method: "POST",
    key: all.key,
    body: experimentOn(target),
  });
  uncancelled = String(other.body["experiment_id"]);
  const shared = await ask("/v1/shares", {
    method: "POST",
    key: all.key,
    body: { kind: "evidence", decision_id: target },
  });
  shareToken = String(shared.body["token"]);
  const betaAll = await makeKey(ask, SCOPES, { ledger: "beta" });
  await ask("/v1/decisions", { method: "POST", key: betaAll.key, body: decision("beta's") });
  for (const scope of SCOPES) {
    const expired = await makeKey(ask, [scope], acme);
    await env.DB.prepare("UPDATE ops_api_key SET expires_at = ?2 WHERE key_id = ?1")
      .bind(expired.key_id, "2026-01-01T00:00:00.000Z")
      .run();
    const revoked = await makeKey(ask, [scope], acme);
    await ask(`/v1/keys/${revoked.key_id}`, { method: "DELETE", key: ADMIN_KEY });
    keys.set(scope, {
      only: await makeKey(ask, [scope], acme),
      allBut: await makeKey(
        ask,
        SCOPES.filter((other) => other !== scope),
        acme,
      ),
      other: await makeKey(ask, [scope], { ledger: "beta" }),
      expired,
      revoked,
    });
  }
}, 60_000);

function lastChanged(key: string): string {
  return key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
}

/** The same id and a right checksum, but another secret. */
function anotherSecret({ key_id }: MadeKey): string {
  return formatApiKey(key_id, crypto.getRandomValues(new Uint8Array(32)));
}

async function send(
  operationId: string,
  method: string,
  key: string | undefined,
): Promise<Reply & { expected: Call }> {
  const call = await CALLS[operationId]?.();
  if (call === undefined) throw new Error(`no request for ${operationId}`);
  const sent: Sent = { method: method.toUpperCase(), key, body: call.body };
  return { ...(await ask(call.path, sent)), expected: call };
}

test("every route has a request in this matrix, and nothing else has one", ({ expect }) => {
  const operations = ENDPOINTS.map(({ route }) => String(route.operationId));
  expect(Object.keys(CALLS).toSorted()).toEqual(operations.toSorted());
});

const named = ENDPOINTS.map(({ method, path, scope, route }) => ({
  name: `${method.toUpperCase()} ${path}`,
  method,
  scope,
  operationId: String(route.operationId),
}));

describe.for(named.filter(({ scope }) => scope === "public"))(
  "$name",
  ({ method, operationId }) => {
    test("answers without a credential, and whatever the credential", async ({ expect }) => {
      for (const key of [undefined, "nonsense", keys.get("read")?.revoked.key])
        expect((await send(operationId, method, key)).status).toBe(200);
    });
  },
);

const guardedRoutes = named.flatMap((one) =>
  one.scope === "public" ? [] : [{ ...one, scope: one.scope }],
);

describe.for(guardedRoutes)("$name", ({ method, scope, operationId }) => {
  const kinds: readonly (readonly [
    name: string,
    status: number | "other",
    (of: Keys) => string | undefined | Promise<string>,
  ])[] = [
    ["no credential", 401, () => undefined],
    ["a malformed key", 401, ({ only }) => lastChanged(only.key)],
    ["no key of ours", 401, () => "sk-0123456789"],
    [
      "a wrong key: known id, right checksum, another secret",
      401,
      ({ only }) => anotherSecret(only),
    ],
    ["an expired key", 401, ({ expired }) => expired.key],
    ["a revoked key", 401, ({ revoked }) => revoked.key],
    ["a key with every other scope", 403, ({ allBut }) => allBut.key],
    ["a key of another ledger", "other", ({ other }) => other.key],
    [
      "a key with this scope alone",
      operationId === "openLedger" ? 403 : 200,
      ({ only }) => only.key,
    ],
  ];
  test.for(kinds)("%s", async ([, status, credential], { expect }) => {
    const of = keys.get(scope);
    if (of === undefined) throw new Error("no keys");
    const key = await credential(of);
    const reply = await send(operationId, method, key);
    const expected = status === "other" ? (reply.expected.otherLedger ?? 200) : status;
    expect(reply.status, reply.text.slice(0, 300)).toBe(expected);
    if (key !== undefined) {
      expect(reply.text).not.toContain(key);
      expect(JSON.stringify([...reply.headers])).not.toContain(key);
    }
    if (reply.status < 400) return;
    expect(reply.headers.get("Content-Type")).toBe("application/problem+json");
    expect(reply.body).toMatchObject({
      type: "about:blank",
      title: expect.stringMatching(/\w/),
      status: expected,
      detail: expect.stringMatching(/\w/),
    });
    if (expected === 401)
      expect(reply.headers.get("WWW-Authenticate")).toMatch(/^Bearer realm="loopgrid"/);
  });

  test("the operator's own key", async ({ expect }) => {
    const call = await CALLS[operationId]?.();
    const reply = await ask(call?.path ?? "", {
      method: method.toUpperCase(),
      key: ADMIN_KEY,
      body: call?.body,
    });
    // It acts in ledger `main`, where acme's decisions are not, and on every ledger's keys.
    const elsewhere = call?.otherLedger === 404 && !operationId.endsWith("Key");
    const emptyMain = [
      "getCheckpoint",
      "getInclusionProof",
      "getConsistencyProof",
      "getTile",
      "exportLedger",
    ];
    if (!emptyMain.includes(operationId)) expect(reply.status).toBe(elsewhere ? 404 : 200);
    else expect(reply.status).toBeLessThan(500);
  });
});
