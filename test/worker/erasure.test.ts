/**
 * Erasure (DESIGN §1.5, §3): content goes for good, with every copy that the system made of it,
 * also of work in flight; what is left still verifies and says what went, when and why.
 */
import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, test } from "vitest";
import { auditLedger, hex, recompute, sha256 } from "./support/audit.ts";
import { decision, get, post, recorded, sequencer, verify, type Answer } from "./support/client.ts";
import { column, columnsOf, dropTriggers, startAnew } from "./support/database.ts";
import { evict, heal, pauseAt } from "./support/faults.ts";

beforeEach(startAnew);
afterEach(heal);

/** Found nowhere but in what a test records. */
const MARKER = "Jane Q. Marker-7f3a";

const FIELDS = ["input", "metadata", "model", "output", "prompt", "tool_calls"];

/** Every content field of a decision holds the marker; facts never do. */
function marked(more: object = {}): object {
  return decision("personal", {
    input: { message: `I am ${MARKER}` },
    output: { response: `Dear ${MARKER}` },
    model: { provider: "openai", name: "gpt-4", note: MARKER },
    prompt: { template: MARKER },
    tool_calls: [{ name: MARKER }],
    metadata: { [MARKER]: 1 },
    ...more,
  });
}

interface About {
  readonly id: string;
  readonly replay: string;
  readonly flag: string;
  readonly correction: string;
}

/** A decision with a flag, a correction and a replay, all of them personal, all of them keyed. */
async function history(more: object = {}): Promise<About> {
  const { decision_id: id } = (await acknowledged("/v1/decisions", marked(more), "k-decision"))
    .body;
  const at = `/v1/decisions/${id}`;
  await acknowledged(`${at}/incorrect`, { reason: MARKER }, "k-flag");
  const correction = { correction: { response: MARKER }, corrected_by: MARKER, notes: MARKER };
  await acknowledged(`${at}/correction`, correction, "k-correction");
  const overrides = { prompt: { template: `other ${MARKER}` } };
  const request = { decision_id: id, overrides, triggered_by: MARKER };
  const { replay_id } = (await acknowledged("/v1/replays", request, "k-replay")).body;
  const refs = await column("SELECT id FROM entry_ref ORDER BY entry_index");
  const [flag = "", corrected = ""] = refs;
  return { id, replay: replay_id, flag, correction: corrected };
}

async function acknowledged(path: string, body: object, key?: string): Promise<Answer> {
  const answer = await post(path, body, key);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.body.detail}`);
  return answer;
}

interface Erased {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Answer["body"] & {
    readonly erased: readonly string[];
    readonly receipt: Answer["body"]["receipt"] | null;
    readonly errors?: readonly { readonly path: string; readonly message: string }[];
  };
}

async function erase(id: string, body: object = {}, key?: string): Promise<Erased> {
  const answer = await post(
    `/v1/decisions/${id}/erasure`,
    { reason_code: "gdpr_article_17", ...body },
    key,
  );
  return { ...answer, body: Object.assign({ erased: [] }, answer.body) };
}

async function hold(id: string, held = true): Promise<Answer> {
  return post(`/v1/decisions/${id}/hold`, { held, reason_code: "litigation" });
}

/** Every cell of every table there is, and everything the sequencer keeps, that holds this text. */
async function cellsWith(text: string): Promise<string[]> {
  const found: string[] = [];
  const tables = await column(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 4) <> '_cf_'",
  );
  for (const table of tables) {
    for (const { name } of await columnsOf(table)) {
      const sql = `SELECT count(*) AS n FROM ${table} WHERE instr(CAST(${name} AS TEXT), ?) > 0`;
      const counts = [env.DB, env.DB_1].map((db) => db.prepare(sql).bind(text).first<number>("n"));
      if ((await Promise.all(counts)).some((n) => n !== 0)) found.push(`${table}.${name}`);
    }
  }
  const kept = await runInDurableObject(sequencer(), (_, { storage }) =>
    JSON.stringify([...storage.kv.list()]),
  );
  if (kept.includes(text)) found.push("the sequencer's storage");
  return found;
}

async function textOf(path: string): Promise<string> {
  const response = await exports.default.fetch(`https://loopgrid.test${path}`);
  if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
  return new TextDecoder().decode(await response.arrayBuffer());
}

/** Every answer there is about a decision. */
function readsAbout({ id, replay }: About, size: number): string[] {
  return [
    `/v1/decisions/${id}`,
    "/v1/decisions?page_size=100",
    `/v1/decisions?limit=100`,
    `/v1/decisions/${id}/history`,
    `/v1/decisions/${id}/evidence`,
    `/v1/decisions/${id}/evidence?format=tlog-proof`,
    `/v1/replays/${replay}`,
    `/v1/decisions/${id}/compare/${replay}`,
    "/v1/ledger",
    "/v1/ledger/entries?limit=1000",
    `/v1/ledger/tile/entries/000.p/${size}`,
    "/v1/export/decisions?format=json",
    "/v1/export/decisions?format=csv",
    "/v1/export/ledger",
    "/v1/integrity/verify",
    "/v1/compliance/report",
    "/v1/compliance/report/html",
    "/health",
  ];
}

/** Which answers hold any of these texts. */
async function answersWith(about: About, texts: readonly string[]): Promise<string[]> {
  const { size } = await verify();
  const found: string[] = [];
  for (const path of readsAbout(about, size)) {
    const text = await textOf(path);
    if (texts.some((one) => text.includes(one))) found.push(path.replaceAll(about.id, "{id}"));
  }
  return found;
}

/** SHA-256 without a salt would confirm a guess: of a whole request, of a decision. */
async function fingerprints(): Promise<string[]> {
  const hashes = await column(
    `SELECT json_extract(fields, '$.request.value.body_sha256') FROM content
     WHERE json_type(fields, '$.request') IS NOT NULL`,
  );
  const contents = await column("SELECT content_hash FROM content WHERE content_hash IS NOT NULL");
  return [...hashes, ...contents];
}

describe("a whole decision", () => {
  test("is gone from every table, answer and file, with its reviews, replays and fingerprints", async ({
    expect,
  }) => {
    const about = await history();
    const confirming = await fingerprints();
    expect(confirming).toHaveLength(5); // four keyed requests, one content hash
    const everywhere = [MARKER, ...confirming];
    expect(await cellsWith(MARKER)).toEqual(["content.fields"]);
    expect((await answersWith(about, everywhere)).length).toBeGreaterThan(8); // the search finds

    const { status, body } = await erase(about.id, { request_id: "DSR-1" });
    expect(status).toBe(200);
    for (const text of everywhere) expect(await cellsWith(text)).toEqual([]);
    expect(await answersWith(about, everywhere)).toEqual([]);
    // Also in the sequencer's memory, and what another object reads.
    await evict();
    expect(await answersWith(about, everywhere)).toEqual([]);

    const { id, flag, correction, replay } = about;
    expect(body.erased).toEqual([
      ...FIELDS.slice(0, 5),
      "request",
      "tool_calls",
      ...["reason", "request"].map((field) => `${flag}.${field}`),
      ...["corrected_by", "correction", "notes", "request"].map(
        (field) => `${correction}.${field}`,
      ),
      ...["overrides", "replay_output", "request", "triggered_by"].map(
        (field) => `${replay}.${field}`,
      ),
    ]);
    expect(body).toMatchObject({
      decision_id: id,
      ...Object.fromEntries(FIELDS.map((field) => [field, null])),
      content_hash: null,
      chain_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      service_name: "support-agent",
      status: "corrected",
      incorrect_reason: null,
      correction: { output: null, corrected_by: null, notes: null },
    });
    expect(await get(`/v1/replays/${replay}`)).toMatchObject({
      overrides: null,
      replay_output: null,
      triggered_by: null,
      execution_mode: "simulated",
    });
    await auditLedger({ expect }, { size: 5 });
  });

  test("leaves commitments, facts, and the reason: who verifies sees what went, when and why", async ({
    expect,
  }) => {
    const { id } = await history();
    const before = await column("SELECT header FROM entry ORDER BY entry_index");
    await erase(id, { request_id: "DSR-1", note: "asked by mail" });
    const after = await column("SELECT header FROM entry ORDER BY entry_index");
    expect(after.slice(0, 4)).toEqual(before);
    const { entries } = await get<{ entries: { kind: string; facts: object; content: object }[] }>(
      `/v1/decisions/${id}/history`,
    );
    expect(entries.map(({ kind }) => kind).at(-1)).toBe("content_erased");
    expect(entries.at(-1)).toMatchObject({
      facts: {
        reason_code: "gdpr_article_17",
        targets: [
          { index: 0, fields: [...FIELDS.slice(0, 5), "request", "tool_calls"] },
          { index: 1, fields: ["reason", "request"] },
          { index: 2, fields: ["corrected_by", "correction", "notes", "request"] },
          { index: 3, fields: ["overrides", "replay_output", "request", "triggered_by"] },
        ],
      },
      content: { request_id: "DSR-1", note: "asked by mail" },
    });
    expect(entries.slice(0, 4).map(({ content }) => content)).toEqual([{}, {}, {}, {}]);
    expect(await get("/v1/integrity/verify")).toMatchObject({ valid: true, erased: 17 });
    expect(await post("/v1/replays", { decision_id: id })).toMatchObject({
      status: 200,
      body: {
        execution_mode: "error",
        execution_status: "failed",
        replay_output: null,
        error: { class: "not_replayable" },
      },
    });
    await auditLedger({ expect }, { size: 6 });
  });

  test("erased again is as it is: no entry more", async ({ expect }) => {
    const { id } = await history();
    const first = await erase(id);
    const second = await erase(id, { reason_code: "again" });
    expect(second.status).toBe(200);
    expect(second.body).toEqual({ ...first.body, receipt: null });
    expect(await erase(id, { fields: ["input"] })).toMatchObject({ status: 200 });
    await auditLedger({ expect }, { size: 5 });
  });

  test("leaves its neighbours alone", async ({ expect }) => {
    const before = await recorded("before");
    const { id } = await history();
    const after = await recorded("after");
    const [first, last] = [
      await get(`/v1/decisions/${before}`),
      await get(`/v1/decisions/${after}`),
    ];
    await erase(id);
    expect(await get(`/v1/decisions/${before}`)).toEqual(first);
    expect(await get(`/v1/decisions/${after}`)).toEqual(last);
    await auditLedger({ expect }, { size: 7 });
  });
});

describe("by field", () => {
  test("takes the field, the hash that covers it and the request that quotes it, nothing else", async ({
    expect,
  }) => {
    const { id } = await history({ input: { message: "innocent" } });
    const before = await get<object>(`/v1/decisions/${id}`);
    const [contentHash = ""] = await column("SELECT content_hash FROM content");
    expect(await cellsWith(contentHash)).toContain("content.content_hash");
    const { body } = await erase(id, { fields: ["metadata"] });
    expect(body.erased).toEqual(["metadata", "request"]);
    expect(await get(`/v1/decisions/${id}`)).toEqual({
      ...before,
      metadata: null,
      content_hash: null,
      erased: ["metadata", "request"],
    });
    expect(await cellsWith(contentHash)).toEqual([]);
    await auditLedger({ expect }, { size: 5 });
  });

  test("takes the output with the replays that repeat it", async ({ expect }) => {
    const { id, replay } = await history({ output: { response: "OUTPUT-MARKER" } });
    const { body } = await erase(id, { fields: ["output"] });
    expect(body.erased).toEqual([
      "output",
      "request",
      `${replay}.replay_output`,
      `${replay}.request`,
    ]);
    expect(await cellsWith("OUTPUT-MARKER")).toEqual([]);
    const { body: again } = await post("/v1/replays", { decision_id: id });
    expect(again).toMatchObject({
      error: { class: "not_replayable", message: expect.stringContaining("output") },
    });
    await auditLedger({ expect }, { size: 6 });
  });

  test.for(["input", "model"])(
    "%s makes the decision not replayable",
    async (field, { expect }) => {
      const { id } = await history();
      await erase(id, { fields: [field] });
      const { body } = await post("/v1/replays", { decision_id: id, overrides: { input: {} } });
      expect(body).toMatchObject({
        execution_mode: "error",
        error: { class: "not_replayable", message: `content was erased: ${field}` },
      });
    },
  );

  test("takes one entry's words and leaves the next one's", async ({ expect }) => {
    const { id, flag } = await history();
    await acknowledged(`/v1/decisions/${id}/incorrect`, { reason: "second" });
    const { body } = await erase(id, { fields: [`${flag}.reason`] });
    expect(body.erased).toEqual([`${flag}.reason`, `${flag}.request`]);
    expect(body).toMatchObject({ incorrect_reason: "second" });
    await auditLedger({ expect }, { size: 6 });
  });

  test("in parts ends like the whole", async ({ expect }) => {
    const about = await history();
    for (const field of FIELDS) await erase(about.id, { fields: [field] });
    const { body } = await erase(about.id);
    expect(body.erased).toHaveLength(17);
    expect(await cellsWith(MARKER)).toEqual([]);
    expect(await answersWith(about, [MARKER])).toEqual([]);
    await auditLedger({ expect }, { size: 4 + FIELDS.length + 1 });
  });

  test.for<[string[], string[]]>([
    [["inputs"], ["inputs"]],
    [
      ["input", "secret", "rep_1.output"],
      ["secret", "rep_1.output"],
    ],
    [["__proto__"], ["__proto__"]],
    [
      ["constructor", ""],
      ["constructor", ""],
    ],
    [["content_hash"], ["content_hash"]],
  ])("%j names what is unknown, and erases nothing", async ([fields, unknown], { expect }) => {
    const { id } = await history();
    const { status, body } = await erase(id, { fields });
    expect(status).toBe(422);
    const named = (body.errors ?? []).map(({ message }) => message.split(" is no field")[0]);
    expect(named).toEqual(unknown);
    expect(await cellsWith(MARKER)).toEqual(["content.fields"]);
    await auditLedger({ expect }, { size: 4 });
  });

  test.for<[string, object]>([
    ["no reason", { reason_code: undefined }],
    ["a reason that is a text", { reason_code: "Because Jane asked" }],
    ["no field at all", { fields: [] }],
    ["fields that are none", { fields: "input" }],
    ["a number for a field", { fields: [1] }],
  ])("refuses %s", async ([, body], { expect }) => {
    const id = await recorded("x");
    expect((await erase(id, body)).status).toBe(422);
    expect((await erase("dec_unknown", { fields: ["input"] })).status).toBe(404);
    await auditLedger({ expect }, { size: 1 });
  });
});

describe("idempotency after an erasure (DESIGN §2)", () => {
  test("a repeat answers the present state, whatever its body says now", async ({ expect }) => {
    const { id, replay } = await history();
    await erase(id);
    const at = `/v1/decisions/${id}`;
    const repeats = [
      await post("/v1/decisions", { ...marked(), input: { message: "another" } }, "k-decision"),
      await post(`${at}/incorrect`, { reason: "another" }, "k-flag"),
      await post(`${at}/correction`, { correction: {}, corrected_by: "another" }, "k-correction"),
      await post("/v1/replays", { decision_id: id }, "k-replay"),
    ];
    expect(
      repeats.map(({ status, headers }) => [status, headers.get("Idempotent-Replayed")]),
    ).toEqual(repeats.map(() => [200, "true"]));
    for (const { body } of repeats.slice(0, 3))
      expect(body).toMatchObject({
        decision_id: id,
        input: null,
        output: null,
        content_hash: null,
      });
    expect(repeats[3]?.body).toMatchObject({ replay_id: replay, replay_output: null });
    await auditLedger({ expect }, { size: 5 });
  });

  test("an erasure under a key is one erasure", async ({ expect }) => {
    const { id } = await history();
    const first = await erase(id, {}, "k-erasure");
    const second = await erase(id, {}, "k-erasure");
    expect(second.headers.get("Idempotent-Replayed")).toBe("true");
    expect(second.body).toEqual(first.body);
    expect((await erase(id, { fields: ["input"] }, "k-erasure")).status).toBe(422);
    await auditLedger({ expect }, { size: 5 });
  });

  test("a batch's fingerprint goes with any of its decisions", async ({ expect }) => {
    const decisions = [1, 2, 3].map((n) => decision(n));
    const { body } = await acknowledged("/v1/decisions/batch", { decisions }, "k-batch");
    const [first = "", second = "", third = ""] = (body.decisions ?? []).map(
      (one) => one.decision_id,
    );
    const [fingerprint = ""] = await fingerprints();
    const before = await get<object>(`/v1/decisions/${first}`);
    const { body: erased } = await erase(third, { fields: ["input"] });
    expect(erased.erased).toEqual(["input"]);
    expect(await cellsWith(fingerprint)).toEqual([]);
    // Its own content and hash stay.
    expect(await get(`/v1/decisions/${first}`)).toEqual({ ...before, erased: ["request"] });
    expect((await erase(second)).status).toBe(200);
    expect((await erase(first)).status).toBe(200);
    const repeat = await post("/v1/decisions/batch", { decisions }, "k-batch");
    expect(repeat.status).toBe(200);
    expect(repeat.body.decisions).toMatchObject(
      [first, second, third].map((decision_id) => ({ decision_id, content_hash: null })),
    );
    await auditLedger({ expect }, { size: 6 });
  });

  test("decisions of one batch can be erased at once", async ({ expect }) => {
    const decisions = Array.from({ length: 8 }, (_, n) => decision(n));
    const { body } = await acknowledged("/v1/decisions/batch", { decisions }, "k-batch");
    const answers = await Promise.all(
      (body.decisions ?? []).flatMap(({ decision_id }, n) => [
        erase(decision_id),
        post("/v1/decisions", decision(`meanwhile ${n}`)), // nor does anybody else pay for it
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await cellsWith("body_sha256")).toEqual([]);
    await auditLedger({ expect }, { size: 24 });
  });
});

describe("a hold", () => {
  test("keeps content from erasure until it is released, and is an entry itself", async ({
    expect,
  }) => {
    const { id } = await history();
    expect(await hold(id)).toMatchObject({ status: 200, body: { decision_id: id, held: true } });
    const refused = await erase(id);
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringMatching(/held/)]);
    expect((await erase(id, { fields: ["input"] })).status).toBe(409);
    expect(await cellsWith(MARKER)).toEqual(["content.fields"]);
    expect(await hold(id, false)).toMatchObject({ status: 200, body: { held: false } });
    expect((await erase(id)).status).toBe(200);
    expect(await cellsWith(MARKER)).toEqual([]);
    const { entries } = await get<{ entries: { kind: string; facts: object }[] }>(
      `/v1/decisions/${id}/history`,
    );
    expect(entries.slice(4).map(({ kind, facts }) => [kind, facts])).toEqual([
      ["content_held", { held: true, reason_code: "litigation" }],
      ["content_held", { held: false, reason_code: "litigation" }],
      ["content_erased", expect.objectContaining({ reason_code: "gdpr_article_17" })],
    ]);
    await auditLedger({ expect }, { size: 7 });
  });

  test("of one decision does not hold another", async ({ expect }) => {
    const [one, other] = [await recorded(1), await recorded(2)];
    await hold(one);
    expect((await erase(other)).status).toBe(200);
    expect((await hold("dec_unknown")).status).toBe(404);
    await auditLedger({ expect }, { size: 4 });
  });
});

/** A request that stops before each of its calls to D1 in turn, while another one runs to its end. */
async function interleaved<T>(
  prepare: () => Promise<{ request: () => Promise<T>; meanwhile: () => Promise<unknown> }>,
  check: (answer: T) => Promise<void>,
): Promise<number> {
  let places = 0;
  for (let at = 1; ; at++) {
    const { request, meanwhile } = await prepare();
    const pause = pauseAt(at);
    const answer = await pause.play(request(), meanwhile);
    heal();
    if (!pause.reached) return places;
    places++;
    await check(answer);
  }
}

/** A decision whose output alone is personal: only a replay repeats it. */
const personal = () => recorded("personal", { output: { response: MARKER } });

describe("work in flight", () => {
  test("a replay that an erasure overtakes brings nothing back", async ({ expect }) => {
    const places = await interleaved(
      async () => {
        const id = await personal();
        return {
          request: () => post("/v1/replays", { decision_id: id }),
          meanwhile: async () => expect((await erase(id)).status).toBe(200),
        };
      },
      async ({ status, body }) => {
        expect(status).toBe(200);
        expect(body).toMatchObject({ replay_output: null, error: { class: "not_replayable" } });
        expect(await cellsWith(MARKER)).toEqual([]);
      },
    );
    expect(places).toBeGreaterThanOrEqual(2);
    await auditLedger({ expect });
  });

  test.for<[string, (id: string) => Promise<Answer>]>([
    ["a replay", (id) => post("/v1/replays", { decision_id: id })],
    ["a flag", (id) => post(`/v1/decisions/${id}/incorrect`, { reason: MARKER })],
    [
      "a correction",
      (id) =>
        post(`/v1/decisions/${id}/correction`, { correction: { a: MARKER }, corrected_by: MARKER }),
    ],
    ["another erasure", (id) => erase(id, { fields: ["output"] })],
  ])("an erasure that %s overtakes takes that too", async ([, overtake], { expect }) => {
    const places = await interleaved(
      async () => {
        const id = await personal();
        return {
          request: () => erase(id),
          meanwhile: async () => expect((await overtake(id)).status).toBe(200),
        };
      },
      async ({ status }) => {
        expect(status).toBe(200);
        expect(await cellsWith(MARKER)).toEqual([]);
      },
    );
    expect(places).toBeGreaterThanOrEqual(3);
    await auditLedger({ expect });
  });

  test("an erasure that the erasure of another decision of its batch overtakes is one of two", async ({
    expect,
  }) => {
    let batches = 0;
    const places = await interleaved(
      async () => {
        const decisions = [decision(1), decision(MARKER)];
        const { body } = await acknowledged("/v1/decisions/batch", { decisions }, `${batches++}`);
        const [first = "", second = ""] = (body.decisions ?? []).map((one) => one.decision_id);
        return {
          request: () => erase(second),
          meanwhile: async () => expect((await erase(first)).status).toBe(200),
        };
      },
      async ({ status }) => {
        expect(status).toBe(200);
        expect(await cellsWith(MARKER)).toEqual([]);
      },
    );
    expect(places).toBeGreaterThanOrEqual(3);
    await auditLedger({ expect });
  });

  test("an erasure that a hold overtakes is refused and takes nothing", async ({ expect }) => {
    let id = "";
    await interleaved(
      async () => {
        id = await personal();
        return {
          request: () => erase(id),
          meanwhile: async () => expect((await hold(id)).status).toBe(200),
        };
      },
      async ({ status }) => {
        expect(status).toBe(409);
        expect(await get(`/v1/decisions/${id}`)).toMatchObject({ output: { response: MARKER } });
      },
    );
    await auditLedger({ expect });
  });

  test("a crowd of replays, reviews and erasures leaves no copy", async ({ expect }) => {
    for (let round = 0; round < 6; round++) {
      const id = await personal();
      const answers = await Promise.all([
        post("/v1/replays", { decision_id: id }),
        post(`/v1/decisions/${id}/incorrect`, { reason: "wrong" }),
        post("/v1/replays", { decision_id: id, overrides: { prompt: { a: round } } }),
        erase(id),
        post(`/v1/decisions/${id}/correction`, { correction: {}, corrected_by: "x" }),
        post("/v1/replays", { decision_id: id }),
        erase(id, { fields: ["output"] }),
        post("/v1/replays", { decision_id: id }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(await cellsWith(MARKER)).toEqual([]);
    }
    await auditLedger({ expect });
  });
});

test("a history of hundreds of entries goes in several erasures of one commit", async ({
  expect,
}) => {
  const id = await recorded("long", { output: { response: MARKER } });
  for (let round = 0; round < 20; round++) {
    const flags = Array.from({ length: 20 }, () =>
      post(`/v1/decisions/${id}/incorrect`, { reason: MARKER }),
    );
    await Promise.all(flags);
  }
  const { status, body } = await erase(id);
  expect(status).toBe(200);
  expect(body.erased).toHaveLength(3 + 400); // input, model, output; each reason
  expect(await cellsWith(MARKER)).toEqual([]);
  const sizes = await column(
    `SELECT json_array_length(header, '$.facts.targets') FROM entry
     WHERE header ->> '$.kind' = 'content_erased' ORDER BY entry_index`,
  );
  expect(sizes).toEqual([400, 1]);
  expect(await column("SELECT size FROM checkpoint ORDER BY size DESC LIMIT 2")).toEqual([
    403, 401,
  ]);
  const bundle = JSON.parse(await textOf(`/v1/decisions/${id}/evidence`));
  expect(bundle).toMatchObject({ entries: { length: 403 } });
  await auditLedger({ expect }, { size: 403 });
}, 60_000);

/** JSON that may be recorded: no integer literal beyond 2^53. */
const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: "binary" })
  .filter((value) => !/\d{17}/.test(JSON.stringify(value)) && JSON.stringify(value).isWellFormed());
const KEYS = [
  "__proto__",
  "constructor",
  "salt",
  "value",
  "",
  "\u{1f642}",
  "\ufb33",
  "a\u0000b",
  '"',
];
const someObject = fc.dictionary(
  fc.oneof(fc.constantFrom(...KEYS), fc.string({ unit: "grapheme", maxLength: 6 })),
  fc.oneof(
    json,
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((n) => !(Number.isInteger(n) && Math.abs(n) > 2 ** 53)),
  ),
  { maxKeys: 5 },
);

test("what stays after a partial erasure is still canonical, whatever it is", async ({
  expect,
}) => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        input: someObject,
        output: someObject,
        prompt: someObject,
        metadata: someObject,
        model: someObject,
        tool_calls: fc.array(someObject, { maxLength: 2 }),
      }),
      fc.subarray(FIELDS, { minLength: 1, maxLength: 5 }),
      async (content, fields) => {
        const { decision_id: id, index } = (
          await acknowledged("/v1/decisions", decision("x", content))
        ).body;
        const at = `SELECT fields FROM content WHERE entry_index = ${index}`;
        const [before = ""] = await column(at);
        expect((await erase(id, { fields })).status).toBe(200);
        const [after = ""] = await column(at);
        // Members in their own words: cut out of the text, not written anew.
        const kept: Record<string, unknown> = JSON.parse(before);
        for (const field of fields) delete kept[field];
        expect(JSON.parse(after)).toEqual(kept);
        for (const [field, sealed] of Object.entries(JSON.parse(after)))
          expect(before).toContain(`"${field}":{"salt":"${saltOf(sealed)}"`);
      },
    ),
    { numRuns: 60, seed: 17 },
  );
  const { problems } = await recompute();
  expect(problems).toEqual([]);
  await auditLedger({ expect }, { size: 120 });
}, 120_000);

function saltOf(sealed: unknown): string {
  return typeof sealed === "object" && sealed !== null && "salt" in sealed
    ? String(sealed.salt)
    : "none";
}

test("numbers, escapes and long texts stay letter for letter beside an erased field", async ({
  expect,
}) => {
  const texts = [
    '{"a":1e21,"b":1e-7,"c":-0.5,"d":9007199254740991,"e":5e-324,"f":1.7976931348623157e+308}',
    '{"text":"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u2028\u2029\u007f\u{1f600}"}',
    `{"long":"${"\u00e9\u4e2d\u{1f600}\\\\ ".repeat(9000)}"}`,
    `${'{"deep":'.repeat(60)}[[]]${"}".repeat(60)}`,
  ];
  for (const output of texts) {
    const { body } = await acknowledged(
      "/v1/decisions",
      decision("exact", { output: JSON.parse(output), prompt: {} }),
    );
    const at = `SELECT fields FROM content WHERE entry_index = ${body.index}`;
    const sealedOutput = /"output":\{.*?(?=,"prompt":)/s;
    const [before = ""] = await column(at);
    await erase(body.decision_id, { fields: ["input", "model"] });
    const [after = ""] = await column(at);
    expect(sealedOutput.exec(after)?.[0]).toBe(sealedOutput.exec(before)?.[0]);
  }
  await auditLedger({ expect }, { size: 2 * texts.length });
});

async function reduce(sql: string): Promise<unknown> {
  return env.DB.prepare(sql).run();
}

describe("the table of contents", () => {
  const REFUSED = /content is immutable/;

  test("shrinks in no other way than by an erasure's commit", async ({ expect }) => {
    const { id } = await history();
    const untouched = await column("SELECT fields FROM content ORDER BY entry_index");
    for (const sql of [
      "UPDATE content SET fields = '{}'",
      "UPDATE content SET fields = '{}' WHERE entry_index = 0",
      "UPDATE content SET fields = json_remove(fields, '$.input') WHERE entry_index = 0",
      "UPDATE content SET content_hash = NULL WHERE entry_index = 0",
      "UPDATE content SET fields = ''",
      "DELETE FROM content WHERE entry_index = 0",
      "INSERT OR REPLACE INTO content SELECT ledger, entry_index, content_hash, '{}' FROM content",
    ])
      await expect(reduce(sql), sql).rejects.toThrow(REFUSED);
    expect(await column("SELECT fields FROM content ORDER BY entry_index")).toEqual(untouched);
    await erase(id, { fields: ["input"] });
    // An erasure that was committed is no licence for the next reduction.
    for (const sql of [
      "UPDATE content SET fields = '{}' WHERE entry_index = 0",
      "UPDATE content SET fields = fields WHERE entry_index = 0",
      "UPDATE content SET fields = fields || ' ' WHERE entry_index = 0",
    ])
      await expect(reduce(sql), sql).rejects.toThrow(REFUSED);
    await auditLedger({ expect }, { size: 5 });
  });

  test("reduced behind an erasure that nobody committed is found", async ({ expect }) => {
    await history();
    // The trigger looks for an erasure at or beyond the head, which somebody may forge …
    await env.DB.batch([
      env.DB.prepare(
        "INSERT INTO erasure (ledger, entry_index, field, erased_by) VALUES ('main', 0, 'input', 99)",
      ),
      env.DB.prepare(
        "UPDATE content SET content_hash = NULL, fields = json_remove(fields, '$.input') WHERE entry_index = 0",
      ),
    ]);
    // … and which no entry explains.
    const { valid, findings } = await verify();
    expect(valid).toBe(false);
    expect(findings).toContainEqual(
      expect.objectContaining({ index: 0, fault: "content_missing" }),
    );
    expect(findings).toContainEqual(expect.objectContaining({ fault: "projection_mismatch" }));
  });

  test("holds what an erasure took, if somebody puts it back: found", async ({ expect }) => {
    const { id } = await history();
    const [before = ""] = await column("SELECT fields FROM content WHERE entry_index = 0");
    await erase(id);
    await dropTriggers();
    await env.DB.prepare("UPDATE content SET fields = ? WHERE entry_index = 0").bind(before).run();
    const { valid, findings } = await verify();
    expect(valid).toBe(false);
    expect(findings[0]).toMatchObject({ index: 0 });
  });
});

/** By hand, as a client without this software would check a kept answer. */
test("an erased value cannot be confirmed by whoever guesses it", async ({ expect }) => {
  const guess = { message: "yes" };
  const id = await recorded("guess", { input: guess });
  const [header = ""] = await column("SELECT header FROM entry");
  await erase(id, { fields: ["input"] });
  const { commitments }: { commitments: Record<string, string> } = JSON.parse(header);
  const encoder = new TextEncoder();
  const unsalted = [
    JSON.stringify(guess),
    JSON.stringify(["input", guess]),
    `${"0".repeat(64)}${JSON.stringify(["input", guess])}`,
  ];
  for (const text of unsalted)
    expect(hex(await sha256(encoder.encode(text)))).not.toBe(commitments["input"]);
  // model and output keep their salts; the input's is gone.
  const salts = "SELECT count(*) FROM content, json_tree(fields) AS t WHERE t.key = 'salt'";
  expect(await column(salts)).toEqual([2]);
});
