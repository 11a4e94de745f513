/**
 * 6,567 real model decisions and the 4,056 corrections that humans or benchmarks made to them, over
 * HTTP into a running server and back: nothing is lost, changed or made up on the way. The files are
 * outside the repository: in LOOPGRID_DATA, by default ../shared/data.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  acknowledged,
  asObject,
  get,
  getText,
  inParallel,
  listIn,
  numberIn,
  objectIn,
  textIn,
} from "../support/clients.ts";
import {
  auditOverHttp,
  expectReceiptHolds,
  type AuditedLedger,
} from "../support/independent-audit.ts";
import { contentHash, type JsonObject } from "../support/independent-ledger.ts";
import { startServer, type TestServer } from "../support/server.ts";

const folder = join(
  resolve(process.env["LOOPGRID_DATA"] ?? join(import.meta.dirname, "../../../shared/data")),
  "decisions",
);
const absent = !existsSync(folder);
const reason = absent ? ` (skipped: there is no ${folder}; set LOOPGRID_DATA)` : "";

const SETS = ["gsm8k_solutions", "hiring_rankings", "mlqe_pe_translations", "tau_airline_turns"];
const IN_FLIGHT = 32;
const BATCH = 100;
const STEP_MS_MAX = 300_000;

interface Source {
  readonly decision: JsonObject;
  readonly correction: JsonObject | undefined;
}

function linesOf(file: string): JsonObject[] {
  const path = join(folder, file);
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => asObject(JSON.parse(line)));
}

function load(): Source[] {
  return SETS.flatMap((set) => {
    const corrections = new Map(
      linesOf(`${set}.corrections.jsonl`).map((line) => [numberIn(line, "index"), line]),
    );
    return linesOf(`${set}.jsonl`).map((decision, index) => ({
      decision,
      correction: corrections.get(index),
    }));
  });
}

/** The Decision that has to come back, except what the server alone can know. */
function expectedOf({ decision, correction }: Source): JsonObject {
  return {
    prompt: null,
    tool_calls: null,
    metadata: null,
    ...decision,
    status: correction === undefined ? "recorded" : "corrected",
    content_hash: contentHash(decision),
    ledger: "main",
    incorrect_reason: correction?.["reason"] ?? null,
  };
}

function query(filter: Readonly<Record<string, string>>): string {
  return new URLSearchParams(filter).toString();
}

async function timed(what: string, entries: number, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const rate = (entries / seconds).toFixed(0);
  console.log(`${what}: ${entries} in ${seconds.toFixed(1)} s, ${rate}/s`);
}

describe.skipIf(absent)(`real decisions${reason}`, () => {
  const sources = load();
  const corrected = sources.flatMap(({ correction }, position) =>
    correction === undefined ? [] : [{ correction, position }],
  );
  /** By position in `sources`: what the server answered. */
  const ids: string[] = [];
  const chainHashes: string[] = [];
  const receipts: { readonly receipt: JsonObject; readonly index: number }[] = [];
  let server: TestServer;
  let audited: AuditedLedger;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  function keepRow(position: number, row: JsonObject, receipt: JsonObject): void {
    ids[position] = textIn(row, "decision_id");
    chainHashes[position] = textIn(row, "chain_hash");
    receipts.push({ receipt, index: numberIn(row, "index") });
  }

  /** How many decisions the server says there are, of a filter. */
  async function total(filter: Readonly<Record<string, string>>): Promise<number> {
    const { body } = await get(server.url, `/v1/decisions?page_size=1&${query(filter)}`);
    return numberIn(body, "total");
  }

  test("the files are the ones their README describes", ({ expect }) => {
    expect(sources).toHaveLength(6567);
    expect(corrected).toHaveLength(4056);
    expect(corrected.every(({ correction }) => correction["incorrect"] === true)).toBe(true);
  });

  test(
    "all of them are acknowledged, half one by one and half in batches",
    async ({ expect }) => {
      const single = sources.map((_, position) => position).filter((p) => p % 2 === 0);
      const batched = sources.map((_, position) => position).filter((p) => p % 2 === 1);
      await timed(`single, ${IN_FLIGHT} in flight`, single.length, () =>
        inParallel(single, IN_FLIGHT, async (position) => {
          const path = position % 20 === 0 ? "/v1/decisions?receipt=proof" : "/v1/decisions";
          const source = sources[position]?.decision ?? {};
          const answer = await acknowledged(server.url, path, source);
          expect(answer).toMatchObject({ ...source, status: "recorded", correction: null });
          keepRow(position, answer, objectIn(answer, "receipt"));
        }),
      );
      const batches = Array.from({ length: Math.ceil(batched.length / BATCH) }, (_, i) =>
        batched.slice(i * BATCH, (i + 1) * BATCH),
      );
      await timed(`batches of ${BATCH}, 4 in flight`, batched.length, () =>
        inParallel(batches, 4, async (positions) => {
          const decisions = positions.map((position) => sources[position]?.decision ?? {});
          const answer = await acknowledged(server.url, "/v1/decisions/batch", { decisions });
          expect(answer["count"]).toBe(positions.length);
          const rows = listIn(answer, "decisions").map(asObject);
          for (const [i, position] of positions.entries()) {
            const row = rows[i] ?? {};
            expect(row["content_hash"]).toBe(contentHash(decisions[i] ?? {}));
            keepRow(position, row, objectIn(answer, "receipt"));
          }
        }),
      );
      expect(new Set(ids).size).toBe(sources.length);
      expect(await total({})).toBe(sources.length);
      expect(await total({ status: "recorded" })).toBe(sources.length);
    },
    STEP_MS_MAX,
  );

  test(
    "every flag is shown with its reason",
    async ({ expect }) => {
      await timed(`flags, ${IN_FLIGHT} in flight`, corrected.length, () =>
        inParallel(corrected, IN_FLIGHT, async ({ correction, position }) => {
          const path = `/v1/decisions/${ids[position]}/incorrect?receipt=proof`;
          const body = { reason: textIn(correction, "reason") };
          const answer = await acknowledged(server.url, path, body);
          expect(answer).toMatchObject({
            ...sources[position]?.decision,
            status: "incorrect",
            incorrect_reason: correction["reason"],
            chain_hash: chainHashes[position],
            correction: null,
          });
          const receipt = objectIn(answer, "receipt");
          receipts.push({ receipt, index: numberIn(receipt, "index") });
        }),
      );
      expect(await total({ status: "incorrect" })).toBe(corrected.length);
      expect(await total({ status: "recorded" })).toBe(sources.length - corrected.length);
    },
    STEP_MS_MAX,
  );

  test(
    "every correction is shown beside the original output",
    async ({ expect }) => {
      await timed(`corrections, ${IN_FLIGHT} in flight`, corrected.length, () =>
        inParallel(corrected, IN_FLIGHT, async ({ correction, position }) => {
          const path = `/v1/decisions/${ids[position]}/correction`;
          const { corrected_by = null } = correction;
          const output = objectIn(correction, "correction");
          const body = { correction: output, corrected_by };
          const answer = await acknowledged(server.url, path, body);
          expect(answer).toMatchObject({
            ...sources[position]?.decision,
            status: "corrected",
            incorrect_reason: correction["reason"],
            chain_hash: chainHashes[position],
          });
          expect(answer["correction"]).toEqual({
            output,
            corrected_by,
            corrected_at: expect.any(String),
            notes: null,
          });
          const receipt = objectIn(answer, "receipt");
          receipts.push({ receipt, index: numberIn(receipt, "index") });
        }),
      );
    },
    STEP_MS_MAX,
  );

  test(
    "every decision comes back as it was sent, with its status, reason and correction",
    async ({ expect }) => {
      await timed(`reads, ${IN_FLIGHT} in flight`, sources.length, () =>
        inParallel(sources, IN_FLIGHT, async (source, position) => {
          const { status, body } = await get(server.url, `/v1/decisions/${ids[position]}`);
          expect(status).toBe(200);
          const { correction, created_at, incorrect_at, index, ...rest } = body;
          expect(rest).toEqual({
            ...expectedOf(source),
            decision_id: ids[position],
            chain_hash: chainHashes[position],
          });
          expect(typeof index === "number" && typeof created_at === "string").toBe(true);
          if (source.correction === undefined) {
            expect([correction, incorrect_at]).toEqual([null, null]);
          } else {
            expect(correction).toEqual({
              output: source.correction["correction"],
              corrected_by: source.correction["corrected_by"],
              corrected_at: expect.any(String),
              notes: null,
            });
            expect(typeof incorrect_at).toBe("string");
          }
        }),
      );
    },
    STEP_MS_MAX,
  );

  test("list totals are the sources' counts, of every service, type, model and status", async ({
    expect,
  }) => {
    const counts = new Map<string, number>();
    for (const source of sources) {
      const decision = expectedOf(source);
      const model = objectIn(decision, "model");
      const [service_name, decision_type, status] = [
        textIn(decision, "service_name"),
        textIn(decision, "decision_type"),
        textIn(decision, "status"),
      ];
      const model_name = textIn(model, "name");
      const filters: Record<string, string>[] = [
        { service_name },
        { decision_type },
        { status },
        { model_name },
        { service_name, status },
        { service_name, decision_type, status },
        { model_name, status },
      ];
      for (const filter of filters) {
        counts.set(query(filter), (counts.get(query(filter)) ?? 0) + 1);
      }
    }
    expect(counts.size).toBeGreaterThan(20);
    for (const [filter, count] of counts) {
      const { body } = await get(server.url, `/v1/decisions?${filter}`);
      expect([filter, body["total"]]).toEqual([filter, count]);
      expect(body["has_more"]).toBe(count > 20);
    }
    expect(await total({})).toBe(sources.length);
    expect(await total({ service_name: "translation", decision_type: "agent_turn" })).toBe(0);
    expect(await total({ status: "unheard-of" })).toBe(0);
  });

  test.for<readonly [string, Readonly<Record<string, string>>, (source: Source) => boolean]>([
    ["all", {}, () => true],
    [
      "corrected translations",
      { service_name: "translation", status: "corrected" },
      ({ decision, correction }) =>
        decision["service_name"] === "translation" && correction !== undefined,
    ],
    [
      "one model's",
      { model_name: "gpt-4o" },
      ({ decision }) => objectIn(decision, "model")["name"] === "gpt-4o",
    ],
  ])(
    "keyset pages pass every decision exactly once, newest first: %s",
    { timeout: STEP_MS_MAX },
    async ([, filter, matches], { expect }) => {
      const walked: JsonObject[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const page = query({ ...filter, limit: "97", ...(cursor === "" ? {} : { cursor }) });
        const { body } = await get(server.url, `/v1/decisions?${page}`);
        expect(body).not.toHaveProperty("total");
        walked.push(...listIn(body, "decisions").map(asObject));
        expect(body["has_more"]).toBe(body["next_cursor"] !== null);
        cursor = body["next_cursor"] === null ? null : textIn(body, "next_cursor");
      }
      const indexes = walked.map((decision) => numberIn(decision, "index"));
      expect(indexes).toEqual(indexes.toSorted((a, b) => b - a));
      const expected = ids.filter((_, position) => {
        const source = sources[position];
        return source !== undefined && matches(source);
      });
      expect(walked.map((decision) => textIn(decision, "decision_id")).toSorted()).toEqual(
        expected.toSorted(),
      );
    },
  );

  test(
    "numbered pages are the same list",
    async ({ expect }) => {
      const walked: string[] = [];
      for (let page = 1, more = true; more; page++) {
        const { body } = await get(server.url, `/v1/decisions?page=${page}&page_size=100`);
        expect(body).toMatchObject({ total: sources.length, page, page_size: 100 });
        const decisions = listIn(body, "decisions").map((row) =>
          textIn(asObject(row), "decision_id"),
        );
        walked.push(...decisions);
        more = body["has_more"] === true;
        expect(decisions.length === 100 || !more).toBe(true);
      }
      expect(walked).toHaveLength(sources.length);
      expect(new Set(walked)).toEqual(new Set(ids));
    },
    STEP_MS_MAX,
  );

  test(
    "the ledger verifies, and an independent recomputation agrees on every hash",
    async ({ expect }) => {
      const start = performance.now();
      audited = await auditOverHttp(server.url, expect);
      const { entries } = audited.ledger;
      const seconds = (performance.now() - start) / 1000;
      console.log(`audit, both ways: ${entries.length} entries in ${seconds.toFixed(1)} s`);
      expect(entries).toHaveLength(sources.length + 2 * corrected.length);
      expect(audited.decisions.size).toBe(sources.length);
      expect(entries.flatMap(({ erased }) => erased)).toEqual([]);
      for (const [position, source] of sources.entries()) {
        const told = audited.decisions.get(ids[position] ?? "");
        expect(told).toMatchObject({
          content_hash: contentHash(source.decision),
          chain_hash: chainHashes[position],
          status: source.correction === undefined ? "recorded" : "corrected",
        });
      }
    },
    STEP_MS_MAX,
  );

  test("every receipt holds against the whole ledger", ({ expect }) => {
    expect(receipts).toHaveLength(audited.ledger.entries.length);
    for (const { receipt, index } of receipts) expectReceiptHolds(receipt, index, audited, expect);
  });

  test(
    "the CSV export names every decision once, with its content hash",
    async ({ expect }) => {
      const csv = await getText(server.url, "/v1/export/decisions?format=csv");
      const named = [...csv.matchAll(/^(dec_[0-9a-f]+),.*?,([0-9a-f]{64})(?:,|\r$)/gm)].map(
        ([, id, hash]) => `${id} ${hash}`,
      );
      const expected = sources.map(({ decision }, i) => `${ids[i]} ${contentHash(decision)}`);
      expect(named.toSorted()).toEqual(expected.toSorted());
    },
    STEP_MS_MAX,
  );

  test(
    "the report counts what the sources hold",
    async ({ expect }) => {
      const { body } = await get(server.url, "/v1/compliance/report");
      const services = new Set(sources.map(({ decision }) => decision["service_name"]));
      const types = new Set(sources.map(({ decision }) => decision["decision_type"]));
      expect(body["summary"]).toMatchObject({
        total: sources.length,
        recorded: sources.length - corrected.length,
        incorrect: 0,
        corrected: corrected.length,
        unique_services: services.size,
        unique_decision_types: types.size,
      });
    },
    STEP_MS_MAX,
  );
});
