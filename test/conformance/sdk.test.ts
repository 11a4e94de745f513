/** Everything the client has beyond 0.1, against a real server; 0.1's calls are in javascript-sdk.test.ts. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { LoopGrid, NotFoundError, type Decision } from "../../src/sdk/javascript/index.ts";
import { verifyEvidence, verifyExport, verifyReceipt } from "../../src/sdk/javascript/verify.ts";
import { serveThisFile } from "../support/conformance.ts";
import { thrownBy } from "../support/thrown.ts";

const served = serveThisFile();
let grid: LoopGrid;
let keys: readonly string[];

const decision = (n: number, more = {}) => ({
  decisionType: "reply",
  input: { n, text: `"quoted" {[braces]} ☂ ${n}` },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: n },
  ...more,
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

const numbersOf = (decisions: readonly Decision[]) =>
  decisions.map(({ input }) => Number(input?.["n"]));

const COUNT = 230;
beforeAll(async () => {
  grid = new LoopGrid({ baseUrl: served.server.url, serviceName: "sdk" });
  for (let from = 0; from < COUNT; from += 115) {
    const batch = Array.from({ length: 115 }, (_, i) => decision(from + i));
    const { count, decisions } = await grid.decisions.recordBatch(batch);
    if (count !== 115 || decisions[0]?.index !== from) throw new Error("not recorded in order");
  }
  keys = (await grid.ledger.state()).verifier_keys;
});
afterAll(() => grid.close());

const newestFirst = Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i);

describe("lists and exports", () => {
  test("go through everything, newest first, once", async ({ expect }) => {
    const filter = { serviceName: "sdk" };
    expect(numbersOf(await all(grid.decisions.all(filter)))).toEqual(newestFirst);
    const exported = await all(grid.exports.decisions(filter));
    expect(numbersOf(exported)).toEqual(newestFirst);
    expect(exported[0]).toEqual((await grid.decisions.page({ limit: 1 })).decisions[0]);
    expect(await all(grid.exports.decisions({ serviceName: "none" }))).toEqual([]);
    const csv = (await all(grid.exports.csv(filter))).join("");
    expect(csv.trimEnd().split("\r\n").length).toBe(COUNT + 1);
  });

  test("stop asking when nobody goes on", async ({ expect }) => {
    const seen: number[] = [];
    for await (const { input } of grid.decisions.all({ serviceName: "sdk" })) {
      seen.push(Number(input?.["n"]));
      if (seen.length === 3) break;
    }
    for await (const one of grid.exports.decisions()) if (one.index >= 0) break;
    expect(seen).toEqual(newestFirst.slice(0, 3));
  });

  test("a ledger export and its entries verify, with the key", async ({ expect }) => {
    const lines = await all(grid.exports.ledger());
    expect(await verifyExport(lines, { keys })).toMatchObject({ status: "verified", findings: [] });
    expect((await verifyExport(lines.slice(0, -1), { keys })).status).toBe("unproven");
    const entries = await all(grid.ledger.entries({ from: 3, to: 40 }));
    expect(entries).toEqual(lines.slice(4, 41));
    expect((await all(grid.ledger.entries())).length).toBe((await grid.ledger.state()).size);
  });
});

describe("proof", () => {
  test("a receipt with its proof verifies here, and a changed one does not", async ({ expect }) => {
    const recorded = await grid.record(decision(1, { serviceName: "proof" }), { receipt: "proof" });
    expect(await grid.verifyReceipt(recorded, { keys })).toMatchObject({ status: "verified" });
    expect((await grid.verifyReceipt(recorded, { keys: [] })).status).toBe("unproven");
    const { receipt } = recorded;
    const other = "00".repeat(32);
    for (const changed of [
      { ...recorded, chain_hash: other },
      { ...recorded, receipt: { ...receipt, index: receipt.index - 1 } },
      { ...recorded, receipt: { ...receipt, root_hash: other } },
      { ...recorded, receipt: { ...receipt, size: receipt.size + 1 } },
      { ...recorded, receipt: { ...receipt, proof: [other, ...(receipt.proof ?? []).slice(1)] } },
      { ...recorded, receipt: { ...receipt, checkpoint: receipt.checkpoint.replace("\n", "x\n") } },
    ])
      expect((await verifyReceipt(changed, { keys })).status).toBe("tampered");
    const plain = await grid.record(decision(2, { serviceName: "proof" }));
    expect((await verifyReceipt(plain, { keys })).status).toBe("unproven");
  });

  test("evidence verifies here; a changed octet does not", async ({ expect }) => {
    const { decision_id } = await grid.record(decision(3, { serviceName: "proof" }));
    await grid.attachCorrection({
      decisionId: decision_id,
      correction: { response: 4 },
      correctedBy: "jane",
    });
    const text = await grid.decisions.evidence(decision_id);
    expect(await grid.verifyEvidence(text, { keys })).toMatchObject({
      status: "verified",
      entries: 2,
    });
    const changed = text.replace('"jane"', '"joan"');
    expect((await verifyEvidence(changed, { keys })).status).toBe("tampered");
    expect(await grid.decisions.tlogProof(decision_id)).toContain("c2sp.org/tlog-proof@v1");
    const { entries } = await grid.decisions.history(decision_id);
    expect(entries.map(({ kind }) => kind)).toEqual(["decision_recorded", "correction_attached"]);
  });

  test("checkpoints and proofs between sizes", async ({ expect }) => {
    const { size, root_hash } = await grid.ledger.state();
    expect(await grid.ledger.checkpoint()).toContain(`\n${size}\n`);
    expect(await grid.ledger.checkpoint({ size: 115 })).toContain("\n115\n");
    expect(await grid.ledger.inclusionProof(7, size)).toMatchObject({ index: 7, size, root_hash });
    expect(await grid.ledger.consistencyProof(115)).toMatchObject({ from: 115, to: size });
    expect(await thrownBy(grid.ledger.checkpoint({ size: 7 }))).toBeInstanceOf(NotFoundError);
  });
});

test("an idempotency key of one's own finds what was written", async ({ expect }) => {
  const options = { idempotencyKey: "order-5512" };
  const first = await grid.record(decision(9, { serviceName: "keyed" }), options);
  // Another client, after a crash.
  const other = new LoopGrid({ baseUrl: served.server.url });
  const again = await other.record(decision(9, { serviceName: "keyed" }), options);
  expect(again).toEqual(first);
  const changed = other.record(decision(10, { serviceName: "keyed" }), options);
  expect(await thrownBy(changed)).toMatchObject({ status: 422, outcome: "not_written" });
});

test("erasure and holds", async ({ expect }) => {
  const { decision_id } = await grid.record(decision(5, { serviceName: "erased" }));
  const hold = { reasonCode: "litigation" };
  expect(await grid.decisions.hold(decision_id, hold)).toMatchObject({ held: true });
  const erasure = { reasonCode: "gdpr_article_17", fields: ["input"] };
  expect(await thrownBy(grid.decisions.erase(decision_id, erasure))).toMatchObject({ status: 409 });
  await grid.decisions.hold(decision_id, { ...hold, held: false });
  expect(await grid.decisions.erase(decision_id, erasure)).toMatchObject({
    input: null,
    erased: expect.arrayContaining(["input"]),
  });
});

test("replays: listed, started without waiting, waited for", async ({ expect }) => {
  const { decision_id: decisionId } = await grid.record(decision(6, { serviceName: "replays" }));
  const overrides = { prompt: { template: "v2" } };
  const replay = await grid.createReplay({ decisionId, overrides, mode: "simulated" });
  const started = await grid.replays.start({ decisionId, mode: "simulated" });
  expect(await grid.replays.wait(started.replay_id)).toMatchObject({
    replay_id: started.replay_id,
  });
  const listed = await all(grid.replays.all({ decisionId }));
  expect(listed.map(({ replay_id }) => replay_id)).toEqual([started.replay_id, replay.replay_id]);
});

test("experiments: estimated, run, read, over", async ({ expect }) => {
  const ids: string[] = [];
  for (const n of [1, 2, 3]) {
    const { decision_id } = await grid.record(decision(n, { serviceName: "experiment" }));
    await grid.attachCorrection({
      decisionId: decision_id,
      correction: { response: n },
      correctedBy: "jane",
    });
    ids.push(decision_id);
  }
  const params = {
    name: "sdk",
    selection: { filter: { service_name: "experiment", status: "corrected" as const } },
    mode: "simulated" as const,
    scorers: [{ type: "exact" as const }],
  };
  expect(await grid.experiments.estimate(params)).toMatchObject({ selection: { count: 3 } });
  const created = await grid.experiments.create(params);
  const states: string[] = [];
  const over = await grid.experiments.wait(
    created.experiment_id,
    { timeoutMs: 50_000 },
    ({ state }) => states.push(state),
  );
  expect(states.at(-1)).toBe(over.state);
  expect(over.progress).toMatchObject({ total: 3, pending: 0 });
  const items = await all(grid.experiments.items(created.experiment_id));
  expect(new Set(items.map(({ decision_id }) => decision_id))).toEqual(new Set(ids));
  expect(items.length).toBe(ids.length);
  const [listed] = await all(grid.experiments.all());
  expect(listed).toMatchObject({ experiment_id: created.experiment_id, name: "sdk" });
  expect(await grid.experiments.cancel(created.experiment_id)).toMatchObject({ state: over.state });
});

test("records: added, read, erased", async ({ expect }) => {
  const drill = { kind: "drill", drill: "halt", result: "passed", durationMs: 4200 } as const;
  const { record_id, receipt } = await grid.records.add(drill);
  expect(receipt.index).toBeGreaterThan(0);
  const record = await grid.records.get(record_id);
  expect(record).toMatchObject({ facts: { result: "passed", duration_ms: 4200 } });
  expect(await all(grid.records.all({ kind: "drill" }))).toEqual([record]);
  const erased = await grid.records.erase(record_id, { reasonCode: "test" });
  expect(erased).toMatchObject({ record_id, facts: record.facts });
  expect(await grid.records.prune({ dryRun: true })).toMatchObject({ policy: null, pruned: [] });
});

test("reports: issued, read again, and the numbers behind them", async ({ expect }) => {
  const issued = await grid.reports.issue({ serviceName: "sdk" });
  expect(issued.service_filter).toBe("sdk");
  const id = String(issued.report_id);
  expect(await grid.reports.get(id)).toEqual(issued);
  expect(await grid.reports.html(id)).toContain("Article 12");
  const { rows } = await grid.reports.metrics({ serviceName: "sdk", groupBy: ["service"] });
  expect(rows.reduce((sum, { decisions }) => sum + decisions, 0)).toBe(COUNT);
});

test("keys, shares, prices, providers, reports, integrity, the access log", async ({ expect }) => {
  const made = await grid.keys.create({ name: "ci", scopes: ["read"] });
  const rotated = await grid.keys.rotate(made.key_id, { overlapSeconds: 60 });
  expect(rotated).toMatchObject({ replaces: made.key_id, scopes: ["read"] });
  await grid.keys.revoke(rotated.key_id);
  const listed = await all(grid.keys.all());
  expect(listed.map(({ key_id }) => key_id)).toEqual([rotated.key_id, made.key_id]);
  const share = await grid.shares.create({ kind: "report", expiresInSeconds: 60 });
  expect((await fetch(share.url)).status).toBe(200);
  await grid.prices.set({ prices: [{ provider: "openai", model: "gpt-4", input: 1, output: 2 }] });
  expect(await grid.prices.get()).toMatchObject({ version: 1, currency: "USD" });
  expect((await grid.providers()).map(({ name }) => name)).toContain("openai");
  expect(await grid.complianceReportHtml("sdk")).toContain("Article 12");
  expect(await grid.verifyIntegrity()).toMatchObject({ valid: true });
  expect(await all(grid.accessLog())).toEqual([]); // an open server keeps none
});

test("what is known about a decision comes back with it, and no record of a writer is missing", async ({
  expect,
}) => {
  const capture = {
    occurredAt: "2026-11-25T10:00:00Z",
    captureMode: "manual" as const,
    systemVersion: "v7",
    automationLevel: "human_in_the_loop" as const,
    decisionRole: "contributing" as const,
    subjectNotice: "notice-7",
  };
  const writer = new LoopGrid({ baseUrl: served.server.url, serviceName: "captured" });
  await writer.record(decision(1, capture));
  for (const n of [2, 3]) writer.enqueue(decision(n));
  await writer.close();
  const [third, , first] = await all(writer.decisions.all({ serviceName: "captured" }));
  expect(first).toMatchObject({
    capture_mode: "manual",
    system_version: "v7",
    automation_level: "human_in_the_loop",
    writer_id: writer.writerId,
    writer_seq: 1,
  });
  expect(third).toMatchObject({ writer_id: writer.writerId, writer_seq: 3 });
  const { writers } = await grid.gaps({ writerId: writer.writerId });
  expect(writers).toMatchObject([{ first: 1, last: 3, count: 3, missing: 0, gaps: [] }]);
});
