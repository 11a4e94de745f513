/**
 * What people tell the ledger besides decisions: every kind is an entry, codes are facts, free text and
 * persons are content that can be erased. And retention: content goes when its class is over, not before.
 */
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { RECORD_KINDS } from "../../src/records/schema.ts";
import { sampleRecords } from "../support/records.ts";
import { get, post, recorded, verify, type AnswerBody } from "./support/client.ts";
import { startAnew } from "./support/database.ts";

beforeEach(startAnew);
afterEach(() => {
  vi.restoreAllMocks();
});

interface RecordBody {
  readonly record_id: string;
  readonly kind: string;
  readonly index: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
  readonly erased: readonly string[];
}

interface PruneBody {
  readonly pruned: readonly string[];
  readonly held: readonly string[];
  readonly next_cursor: string | null;
}

interface Posted<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody & T;
}

async function send<T>(path: string, body: object, key?: string): Promise<Posted<T>> {
  const answer = await post(path, body, key);
  const typed: AnswerBody & T = JSON.parse(JSON.stringify(answer.body));
  return { ...answer, body: typed };
}

async function add(record: object, key?: string): Promise<RecordBody> {
  const { status, body } = await send<RecordBody>("/v1/records", record, key);
  if (status !== 200) throw new Error(body.detail);
  return body;
}

function review(decision_id: string | undefined, ref: string): object {
  return {
    kind: "review",
    decision_id,
    reviewer: { ref, kind: "natural_person", auth: "declared" },
    outcome: "confirm",
  };
}

function list(query: string) {
  return get<{ records: RecordBody[]; next_cursor: string | null }>(`/v1/records?${query}`);
}

function prune(body: object = {}, key?: string): Promise<Posted<PruneBody>> {
  return send("/v1/retention/prune", body, key);
}

/** The clock, in every part of the Worker: this many days from now. */
function daysLater(days: number): void {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() + days * 86_400_000);
}

describe("a record", () => {
  test("of every kind is written, read, listed, and verified with the ledger", async ({
    expect,
  }) => {
    const id = await recorded(1);
    const written: RecordBody[] = [];
    for (const record of sampleRecords(id)) written.push(await add(record));
    const request = written.find(({ kind }) => kind === "request")?.record_id;
    const incident = written.find(({ kind }) => kind === "incident")?.record_id;
    const at = "2026-11-21T10:00:00Z";
    written.push(
      await add({ kind: "answer", request_id: request, outcome: "answered", answered_at: at }),
      await add({ kind: "incident_update", incident_id: incident, step: "closed", at }),
    );
    expect(written.map(({ kind }) => kind).toSorted()).toEqual([...RECORD_KINDS].toSorted());
    const { records } = await get<{ records: RecordBody[] }>("/v1/records?limit=100");
    const shown = written.map(({ record_id }) => record_id);
    expect(records.map(({ record_id }) => record_id)).toEqual(shown.toReversed());
    for (const record of written) {
      const read = await get<RecordBody>(`/v1/records/${record.record_id}`);
      expect({ ...record, ...read }).toEqual(record);
    }
    expect(await verify()).toMatchObject({ valid: true, complete: true });
  });

  test("keeps persons and free text out of its facts", async ({ expect }) => {
    const id = await recorded(1);
    for (const record of sampleRecords(id)) {
      const { facts } = await add(record);
      expect(JSON.stringify(facts)).not.toMatch(/Jane|Doe|looked|income/);
    }
  });

  test("is listed by kind and by decision, in pages", async ({ expect }) => {
    const ids = [await recorded(1), await recorded(2)];
    for (const ref of ["a", "b", "c"]) await add(review(ids[0], ref));
    await add(review(ids[1], "d"));
    await add({ kind: "drill", drill: "halt", result: "passed" });
    const refs = async (query: string) =>
      (await list(query)).records.map(({ facts }) => facts["reviewer_ref"]);
    expect(await refs("kind=review")).toEqual(["d", "c", "b", "a"]);
    expect(await refs(`decision_id=${ids[0]}`)).toEqual(["c", "b", "a"]);
    const page = await list("kind=review&limit=2");
    expect(await refs(`kind=review&limit=2&cursor=${page.next_cursor}`)).toEqual(["b", "a"]);
    expect((await list("kind=nonsense")).records).toEqual([]);
  });

  test.for<[string, object]>([
    ["kind: must be one of", { kind: "nonsense" }],
    ["kind: must be one of", {}],
    ["body: Unrecognized key", { kind: "drill", drill: "halt", result: "passed", drll: 1 }],
    ["drill: must be one of", { kind: "drill", drill: "fire", result: "passed" }],
    ["service_name: required", { kind: "halt", trigger: "drift" }],
    ["trigger: must be 1 to 64", { kind: "halt", service_name: "s", trigger: "Jane said so" }],
    [
      "groups: must not hold more selected",
      { ...sampleRecords("")[13], groups: [{ group: "a", assessed: 1, selected: 2 }] },
    ],
    [
      "classes: less than 6 months need floor_basis",
      { kind: "retention_policy", classes: [{ class: "logs_3m", months: 3 }] },
    ],
  ])("that is wrong is refused with what is wrong: %s", async ([detail, record], { expect }) => {
    const { status, body } = await post("/v1/records", record);
    expect([status, body.detail]).toEqual([422, expect.stringContaining(detail)]);
    expect(await get("/v1/ledger")).toMatchObject({ size: 0 });
  });

  test("that names what is not there is refused", async ({ expect }) => {
    const at = "2026-11-21T10:00:00Z";
    for (const record of [
      { kind: "answer", request_id: "req_0", outcome: "answered", answered_at: at },
      { kind: "incident_update", incident_id: "inc_0", step: "closed", at },
      { kind: "notice", decision_id: "dec_0", notice_ref: "n", given_at: at },
    ])
      expect(await post("/v1/records", record)).toMatchObject({ status: 404 });
  });

  test("is written once under a key", async ({ expect }) => {
    const drill = { kind: "drill", drill: "halt", result: "passed" };
    const first = await add(drill, "drill-1");
    const { headers, body } = await send<RecordBody>("/v1/records", drill, "drill-1");
    expect(headers.get("Idempotent-Replayed")).toBe("true");
    expect(body).toEqual(first);
  });

  test("loses its content to an erasure and keeps its facts and the proof", async ({ expect }) => {
    const incident = await add(sampleRecords(await recorded(1))[4] ?? {}, "incident-1");
    const path = `/v1/records/${incident.record_id}`;
    const part = await send<RecordBody>(`${path}/erasure`, {
      reason_code: "gdpr_article_17",
      fields: ["reporter"],
    });
    expect(part.body).toMatchObject({
      erased: ["reporter"],
      content: { title: expect.anything() },
    });
    const whole = { reason_code: "gdpr_article_17" };
    await send(`${path}/erasure`, whole);
    const gone = await get<RecordBody>(path);
    expect(gone).toMatchObject({
      facts: incident.facts,
      content: {},
      erased: ["reporter", "title"],
    });
    expect((await post(`${path}/erasure`, whole)).body.receipt).toBeNull();
    const unknown = await post(`${path}/erasure`, { ...whole, fields: ["nonsense"] });
    expect(unknown.status).toBe(422);
    expect(await verify()).toMatchObject({ valid: true });
  });

  test("about a decision goes with the decision's content", async ({ expect }) => {
    const id = await recorded(1);
    const review = await add(sampleRecords(id)[0] ?? {});
    await post(`/v1/decisions/${id}/erasure`, { reason_code: "gdpr_article_17" });
    expect(await get(`/v1/records/${review.record_id}`)).toMatchObject({
      content: {},
      erased: ["notes", "reviewer_name"],
    });
  });
});

describe("pruning", () => {
  const policy = {
    kind: "retention_policy",
    classes: [
      { class: "logs_6m", months: 6 },
      { class: "records_36m", months: 36, decision_type: "refusal" },
    ],
  };
  test("without a policy takes nothing", async ({ expect }) => {
    await recorded(1);
    daysLater(4000);
    expect((await prune()).body).toMatchObject({ policy: null, pruned: [], next_cursor: null });
  });

  test("takes what is over, keeps what is held, longer classes and the young", async ({
    expect,
  }) => {
    await add(policy);
    const batch = { decisions: [1, 2].map((n) => ({ ...decisionOf(n) })) };
    const { body } = await post("/v1/decisions/batch", batch, "a-batch");
    const [first = "", second = ""] = body.decisions?.map(({ decision_id }) => decision_id) ?? [];
    const held = await recorded("held");
    await post(`/v1/decisions/${held}/hold`, { reason_code: "litigation" });
    const refusal = await recorded("refusal", { decision_type: "refusal" });
    expect((await prune()).body).toMatchObject({ pruned: [], held: [], next_cursor: null });
    daysLater(200);
    const young = await recorded("young");
    const { size } = await get<{ size: number }>("/v1/ledger");
    expect((await prune({ dry_run: true })).body).toMatchObject({ pruned: [first, second] });
    expect(await get("/v1/ledger")).toMatchObject({ size });
    const done = await prune({}, "prune-1");
    expect(done.body).toMatchObject({ pruned: [first, second], held: [held], next_cursor: null });
    const again = await prune({}, "prune-1");
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    expect(again.body.pruned).toEqual([first, second]);
    for (const id of [first, second])
      expect(await get(`/v1/decisions/${id}`)).toMatchObject({ input: null, content_hash: null });
    for (const id of [held, refusal, young])
      expect(await get(`/v1/decisions/${id}`)).toMatchObject({ input: expect.any(Object) });
    expect((await prune()).body).toMatchObject({ pruned: [], held: [held] });
    expect(await verify()).toMatchObject({ valid: true });
  });
});

function decisionOf(n: number): object {
  return {
    service_name: "support-agent",
    decision_type: "reply",
    input: { n },
    model: {},
    output: {},
  };
}
