/**
 * The published JavaScript SDK of 0.1, unmodified: only its base URL changes (CONTRACT). At the root
 * and under the path prefix that carries a credential. And the same calls of our own SDK: only the
 * import changes.
 */
import * as published from "@cybertechsoft/loopgrid";
import { describe, test } from "vitest";
import { serveThisFile } from "../support/conformance.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { freePort } from "../support/server.ts";
import * as own from "../../src/sdk/javascript/index.ts";

const served = serveThisFile();

const UNKNOWN = "dec_00000000000070008000000000000000";
const DECISION = {
  decisionType: "customer_support_reply",
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: "Your account looks fine." },
};

/** What the SDK throws; undefined when it does not throw. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error;
  }
}

test("this is the published SDK", ({ expect }) => {
  expect(published.VERSION).toBe("0.1.4");
  const names = ["LoopGrid", "LoopGridError", "LoopGridAPIError", "VERSION", "default"];
  expect(Object.keys(own)).toEqual(expect.arrayContaining(names));
});

/** Ours with the types 0.1 has: none that hold. */
const swapped: typeof published = Object(own);

describe.for([
  ["the SDK at the root", "", published],
  ["the SDK under a path prefix", "/t/any-key_AT.all~1", published],
  ["the SDK with a trailing slash in its base URL", "/t/k/", published],
  ["our SDK in its place", "", swapped],
  ["our SDK under a path prefix", "/t/any-key_AT.all~1/", swapped],
] as const)("%s", ([name, prefix, { LoopGrid, LoopGridAPIError }]) => {
  const serviceName = `sdk ${name}`;
  const grid = () => new LoopGrid({ baseUrl: served.server.url + prefix, serviceName });

  async function recordedId(): Promise<string> {
    return String((await grid().recordDecision(DECISION))["decision_id"]);
  }

  test("recordDecision, getDecision", async ({ expect }) => {
    const full = {
      ...DECISION,
      prompt: { template: "support_v1" },
      toolCalls: [{ name: "lookup", arguments: { id: 7 } }],
      metadata: { session: "s-1" },
    };
    const recorded = await grid().recordDecision(full);
    const { decisionType, toolCalls, ...same } = full;
    expect(recorded).toMatchObject({
      ...same,
      service_name: serviceName,
      decision_type: decisionType,
      tool_calls: toolCalls,
      status: "recorded",
    });
    const { receipt: _, ...decision } = recorded;
    expect(await grid().getDecision(String(recorded["decision_id"]))).toEqual(decision);
  });

  test("listDecisions", async ({ expect }) => {
    const newest = await recordedId();
    const page = await grid().listDecisions({ serviceName, pageSize: 1 });
    expect(page).toMatchObject({
      decisions: [{ decision_id: newest }],
      page: 1,
      page_size: 1,
      has_more: true,
    });
    const { total } = await grid().listDecisions({ serviceName });
    const filtered = { serviceName, decisionType: DECISION.decisionType, status: "recorded" };
    expect(await grid().listDecisions({ ...filtered, page: 2, pageSize: 1 })).toMatchObject({
      total,
      page: 2,
    });
    expect(await grid().listDecisions()).toMatchObject({ page: 1, page_size: 20 });
  });

  test("markIncorrect with and without a reason", async ({ expect }) => {
    const id = await recordedId();
    expect(await grid().markIncorrect(id)).toMatchObject({
      status: "incorrect",
      incorrect_reason: null,
    });
    expect(await grid().markIncorrect(id, "charged twice")).toMatchObject({
      status: "incorrect",
      incorrect_reason: "charged twice",
    });
  });

  test("attachCorrection with and without notes", async ({ expect }) => {
    const decisionId = await recordedId();
    const correction = { response: "A refund is on its way." };
    const noted = { decisionId, correction, correctedBy: "jane", notes: "checked" };
    expect(await grid().attachCorrection(noted)).toMatchObject({
      status: "corrected",
      output: DECISION.output,
      correction: { output: correction, corrected_by: "jane", notes: "checked" },
    });
    const plain = { decisionId, correction, correctedBy: "ali" };
    expect(await grid().attachCorrection(plain)).toMatchObject({
      correction: { corrected_by: "ali", notes: null },
    });
  });

  test("createReplay, getReplay, compare", async ({ expect }) => {
    const decisionId = await recordedId();
    expect(await grid().createReplay({ decisionId })).toMatchObject({
      triggered_by: "sdk",
      output_changed: false,
      replay_output: DECISION.output,
    });
    const overrides = { prompt: { template: "support_v2" } };
    const created = await grid().createReplay({ decisionId, overrides, triggeredBy: "ci" });
    expect(created).toMatchObject({ decision_id: decisionId, overrides, triggered_by: "ci" });
    const { receipt: _, ...replay } = created;
    const replayId = String(replay["replay_id"]);
    expect(await grid().getReplay(replayId)).toEqual(replay);
    expect(await grid().compare(decisionId, replayId)).toMatchObject({
      original_output: DECISION.output,
      replay_output: replay["replay_output"],
      output_changed: true,
    });
  });

  test("verifyIntegrity, complianceReport, health", async ({ expect }) => {
    const { total } = await grid().listDecisions({ serviceName });
    expect(await grid().verifyIntegrity()).toMatchObject({ valid: true, service_filter: null });
    // The SDK does not URL-encode the name, spaces and all.
    expect(await grid().verifyIntegrity(serviceName)).toMatchObject({
      integrity: { valid: true, total },
      service_filter: serviceName,
    });
    expect(await grid().complianceReport()).toMatchObject({ service_filter: null });
    expect(await grid().complianceReport(serviceName)).toMatchObject({ summary: { total } });
    expect(await grid().health()).toMatchObject({ status: "healthy", service: "loopgrid" });
  });

  test("every error is a LoopGridAPIError with a readable detail", async ({ expect }) => {
    const decisionId = await recordedId();
    const replayId = String((await grid().createReplay({ decisionId }))["replay_id"]);
    const other = await recordedId();
    const correction = { decisionId, correction: {}, correctedBy: "jane" };
    for (const [call, status, detail] of [
      [() => grid().getDecision(UNKNOWN), 404, `Decision ${UNKNOWN} not found`],
      [() => grid().markIncorrect(UNKNOWN), 404, `Decision ${UNKNOWN} not found`],
      [
        () => grid().attachCorrection({ ...correction, decisionId: UNKNOWN }),
        404,
        `Decision ${UNKNOWN} not found`,
      ],
      [() => grid().createReplay({ decisionId: UNKNOWN }), 404, `Decision ${UNKNOWN} not found`],
      [() => grid().getReplay("rep_none"), 404, "Replay rep_none not found"],
      [() => grid().compare(UNKNOWN, replayId), 404, `Decision ${UNKNOWN} not found`],
      [() => grid().compare(decisionId, "rep_none"), 404, "Replay rep_none not found"],
      [
        () => grid().compare(other, replayId),
        400,
        `Replay ${replayId} is not for decision ${other}`,
      ],
      [
        () => grid().recordDecision({ ...DECISION, input: "text" }),
        422,
        "input: must be an object",
      ],
      [
        () => grid().recordDecision({ ...DECISION, decisionType: undefined, model: 1 }),
        422,
        "decision_type: required; model: must be an object",
      ],
      [() => grid().markIncorrect(decisionId, { a: 1 }), 422, "reason: must be a string"],
      [
        () => grid().attachCorrection({ ...correction, correctedBy: 7 }),
        422,
        "corrected_by: must be a string",
      ],
      [
        () => grid().createReplay({ decisionId, overrides: { prompt: "text" } }),
        422,
        "overrides.prompt: must be an object",
      ],
      [
        () => grid().listDecisions({ pageSize: 101 }),
        422,
        "page_size: must be an integer from 1 to 100",
      ],
      [() => grid().getDecision(""), 404, "/v1/decisions/ does not exist"],
    ] as const) {
      const error = await thrownBy(call());
      expect(error).toBeInstanceOf(LoopGridAPIError);
      expect(error).toMatchObject({
        statusCode: status,
        detail,
        message: `API Error ${status}: ${detail}`,
      });
    }
  });
});

test.for([
  ["the SDK", published],
  ["our SDK", swapped],
] as const)(
  "a server that is not there is a LoopGridError, and no API error: %s",
  async ([, { LoopGrid, LoopGridAPIError, LoopGridError }], { expect }) => {
    const gone = new LoopGrid({ baseUrl: `http://localhost:${await freePort()}` });
    const error = await thrownBy(gone.health());
    expect(error).toBeInstanceOf(LoopGridError);
    expect(error).not.toBeInstanceOf(LoopGridAPIError);
  },
);

test("afterwards the ledger verifies, and no prefix is in it", async ({ expect }) => {
  const { ledger } = await auditOverHttp(served.server.url, expect);
  expect(JSON.stringify(ledger.entries)).not.toContain("any-key");
  expect(served.server.log()).not.toContain("any-key");
});
