/**
 * Bad input, DESIGN §3 "Refused at the door": either a documented 4xx whose detail names the field,
 * with nothing stored, or a faithful round trip. Never a 500 (the client throws on any 5xx).
 */
import * as fc from "fast-check";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, test, type ExpectStatic } from "vitest";
import {
  EXAMPLE,
  sameJson,
  type Answer,
  type Operation,
  type ProblemBody,
  type Recorded,
} from "../support/api.ts";
import { serveThisFile } from "../support/conformance.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { isRecord } from "../support/json-schema.ts";
import type { JsonValue } from "../../src/lib/json.ts";

const served = serveThisFile();

/** A decision that flags, corrections and replays are about. */
let decisionId = "";
beforeAll(async () => {
  decisionId = (await served.api.record()).decision_id;
});

const MIB = 1024 * 1024;

/** The entry at an index: field → value, read back through the ledger's own route. */
async function contentAt(index: number): Promise<JsonValue> {
  const { text } = await served.api.get(`/v1/ledger/entries?from=${index}&limit=1`);
  const line: JsonValue = JSON.parse(text);
  const content = isRecord(line) && isRecord(line["content"]) ? line["content"] : {};
  return Object.fromEntries(
    Object.entries(content).map(([field, salted]) => [
      field,
      isRecord(salted) ? (salted["value"] ?? null) : null,
    ]),
  );
}

function at(value: JsonValue | undefined, path: readonly (string | number)[]): JsonValue {
  let inner = value;
  for (const step of path) {
    if (typeof step === "number" && Array.isArray(inner)) inner = inner[step];
    else if (typeof step === "string" && isRecord(inner) && Object.hasOwn(inner, step))
      inner = inner[step];
    else return `nothing at ${path.join(".")}`;
  }
  return inner ?? null;
}

/** A place for a value in a request. */
interface Position {
  /** As a problem names it. */
  readonly path: string;
  readonly route: () => string;
  /** The body with `raw` JSON text in its place. */
  readonly body: (raw: string) => string;
  /** Where the value is in the content of the entry. */
  readonly stored: readonly (string | number)[];
}

/** The example with one member replaced by JSON text. */
function decision(member: string, raw: string): string {
  const members = Object.entries({ ...EXAMPLE, [member]: "" }).map(
    ([name, value]) => `${JSON.stringify(name)}:${name === member ? raw : JSON.stringify(value)}`,
  );
  return `{${members.join(",")}}`;
}

const correctionRoute = () => `/v1/decisions/${decisionId}/correction`;
const replayBody = (overrides: string) =>
  `{"decision_id":${JSON.stringify(decisionId)},"overrides":${overrides}}`;

/** Where an object stands. */
const OBJECTS: readonly Position[] = [
  ...["input", "model", "output", "prompt", "metadata"].map((member) => ({
    path: member,
    route: () => "/v1/decisions",
    body: (raw: string) => decision(member, raw),
    stored: [member],
  })),
  {
    path: "tool_calls[1]",
    route: () => "/v1/decisions",
    body: (raw) => decision("tool_calls", `[{},${raw}]`),
    stored: ["tool_calls", 1],
  },
  {
    path: "decisions[1].input",
    route: () => "/v1/decisions/batch",
    body: (raw) => `{"decisions":[${decision("input", "{}")},${decision("input", raw)}]}`,
    stored: ["input"],
  },
  {
    path: "correction",
    route: correctionRoute,
    body: (raw) => `{"correction":${raw},"corrected_by":"jane"}`,
    stored: ["correction"],
  },
  { path: "overrides", route: () => "/v1/replays", body: replayBody, stored: ["overrides"] },
  ...["input", "model", "prompt"].map((member) => ({
    path: `overrides.${member}`,
    route: () => "/v1/replays",
    body: (raw: string) => replayBody(`{"${member}":${raw}}`),
    stored: ["overrides", member],
  })),
];

/** Where any value stands: a member of each object. */
const MEMBERS: readonly Position[] = OBJECTS.map((position) => ({
  ...position,
  path: `${position.path}.x`,
  body: (raw) => position.body(`{"x":${raw}}`),
  stored: [...position.stored, "x"],
}));

/** And deeper. */
const VALUES: readonly Position[] = [
  ...MEMBERS,
  ...OBJECTS.filter(({ path }) => ["input", "correction", "overrides"].includes(path)).map(
    (position): Position => ({
      ...position,
      path: `${position.path}.a[1].x`,
      body: (raw) => position.body(`{"a":[0,{"x":${raw}}]}`),
      stored: [...position.stored, "a", 1, "x"],
    }),
  ),
];

/** Where text stands. */
const TEXTS: readonly Position[] = [
  ...["provider", "name"].map((member) => ({
    path: `model.${member}`,
    route: () => "/v1/decisions",
    body: (raw: string) => decision("model", `{"${member}":${raw}}`),
    stored: ["model", member],
  })),
  {
    path: "reason",
    route: () => `/v1/decisions/${decisionId}/incorrect`,
    body: (raw) => `{"reason":${raw}}`,
    stored: ["reason"],
  },
  {
    path: "corrected_by",
    route: correctionRoute,
    body: (raw) => `{"correction":{},"corrected_by":${raw}}`,
    stored: ["corrected_by"],
  },
  {
    path: "notes",
    route: correctionRoute,
    body: (raw) => `{"correction":{},"corrected_by":"jane","notes":${raw}}`,
    stored: ["notes"],
  },
  {
    path: "triggered_by",
    route: () => "/v1/replays",
    body: (raw) => `{"decision_id":${JSON.stringify(decisionId)},"triggered_by":${raw}}`,
    stored: ["triggered_by"],
  },
];

function withBody(operations: readonly Operation[]): Operation[] {
  return operations.filter(({ declared }) => declared["requestBody"] !== undefined);
}

function send(position: Position, raw: string): Promise<Answer> {
  return served.api.send("POST", position.route(), { body: position.body(raw) });
}

/** Every request is refused, and none of them stores anything. */
async function expectAllRefused(
  expect: ExpectStatic,
  status: number,
  requests: readonly (() => Promise<Answer>)[],
): Promise<ProblemBody[]> {
  const size = await served.api.ledgerSize();
  const problems: ProblemBody[] = [];
  for (const request of requests) {
    const answer = await request();
    expect(answer.status, answer.text.slice(0, 300)).toBe(status);
    problems.push(JSON.parse(answer.text));
  }
  expect(await served.api.ledgerSize()).toBe(size);
  return problems;
}

async function expectRefused(
  expect: ExpectStatic,
  status: number,
  request: () => Promise<Answer>,
): Promise<ProblemBody> {
  const [problem] = await expectAllRefused(expect, status, [request]);
  if (problem === undefined) throw new Error("no answer");
  return problem;
}

async function expectRoundTrip(
  expect: ExpectStatic,
  position: Position,
  raw: string,
): Promise<void> {
  const answer = await send(position, raw);
  expect(answer.status, answer.text.slice(0, 300)).toBe(200);
  // A batch holds the value in its last entry.
  const last = at(answer.body, ["decisions", 1, "index"]);
  const index = typeof last === "number" ? last : at(answer.body, ["receipt", "index"]);
  const stored = at(await contentAt(Number(index)), position.stored);
  const sent: JsonValue = JSON.parse(raw);
  expect(sameJson(stored, sent), `${position.path}: ${JSON.stringify(stored)}`).toBe(true);
}

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe.for([
  ["an integer of 2^53", "9007199254740992", "would lose digits"],
  ["an integer of -2^53", "-9007199254740992", "would lose digits"],
  ["an unsafe integer in an array", "[1,9007199254740993]", "would lose digits"],
  ["a 400-digit integer", "9".repeat(400), "would lose digits"],
  ["1e9999", "1e9999", "too large for a double"],
  ["-1e9999", "-1e9999", "too large for a double"],
  ["a lone high surrogate", String.raw`"\ud800"`, "lone surrogate"],
  ["a lone low surrogate", String.raw`"x\udc00y"`, "lone surrogate"],
  ["two high surrogates", String.raw`"\ud83d\ud83d"`, "lone surrogate"],
  ["surrogates the wrong way round", String.raw`"\ude00\ud83d"`, "lone surrogate"],
  ["a key with a lone surrogate", String.raw`{"\ud800":1}`, "lone surrogate"],
  ["a duplicate key", '{"a":1,"b":2,"a":1}', "duplicate key"],
  ["a duplicate key, escaped", String.raw`{"a":1,"\u0061":2}`, "duplicate key"],
  ["a duplicate __proto__", '{"__proto__":1,"__proto__":2}', "duplicate key"],
  ["300-deep nesting", nested(300), "nested deeper than 64"],
  ["100,000-deep nesting", nested(100_000), "nested deeper than 64"],
] as const)("%s", ([, raw, message]) => {
  test("is refused in every position, which is named", async ({ expect }) => {
    const requests = VALUES.map((position) => () => send(position, raw));
    const problems = await expectAllRefused(expect, 422, requests);
    for (const [i, { detail, errors }] of problems.entries()) {
      const path = VALUES[i]?.path ?? "";
      expect(detail).toContain(message);
      expect(detail.startsWith(path), `${path} in ${detail}`).toBe(true);
      expect(errors?.[0]?.path.startsWith(path)).toBe(true);
    }
  });
});

describe("text", () => {
  test.for([
    String.raw`"\ud800"`,
    String.raw`"\udfff\ud800"`,
    "7",
    "[]",
    "{}",
    "true",
    "9007199254740993",
  ])("%s is refused wherever text is wanted", async (raw, { expect }) => {
    const requests = TEXTS.map((position) => () => send(position, raw));
    const problems = await expectAllRefused(expect, 422, requests);
    for (const [i, { detail }] of problems.entries()) expect(detail).toContain(TEXTS[i]?.path);
  });

  test("a name of 1024 characters is kept, of 1025 refused", async ({ expect }) => {
    for (const member of ["service_name", "decision_type"]) {
      const kept = await served.api.record({ [member]: "\u{1f600}".repeat(512) });
      expect(kept).toMatchObject({ [member]: "\u{1f600}".repeat(512) });
      const raw = JSON.stringify("x".repeat(1025));
      const { detail } = await expectRefused(expect, 422, () =>
        served.api.send("POST", "/v1/decisions", { body: decision(member, raw) }),
      );
      expect(detail).toContain(`${member}: `);
    }
    for (const position of TEXTS.filter(({ path }) => path.startsWith("model."))) {
      await expectRoundTrip(expect, position, JSON.stringify("\u0001".repeat(1024)));
      await expectRefused(expect, 422, () => send(position, JSON.stringify("x".repeat(1025))));
    }
  });
});

/** Unusual but right, as JSON text. */
const UNUSUAL: readonly string[] = [
  "9007199254740991",
  "-9007199254740991",
  "9007199254740993.0",
  "1e21",
  "123456789012345678901234567890e-10",
  "1.7976931348623157e308",
  "5e-324",
  "1e-9999",
  "-0",
  "-0.0",
  "0.1",
  "1.0",
  '""',
  String.raw`"\u0000"`,
  String.raw`"a\u0000b\u001f\u007f\u0080"`,
  String.raw`"\ud83d\ude00"`,
  String.raw`"\ufeff\ufffe\uffff\u2028\u2029\u202e"`,
  String.raw`"\/\b\f\n\r\t\"\\"`,
  '"e\u0301 is not \u00e9"',
  "null",
  "[null,[],{},[[]]]",
  '{"":{"":""}}',
  String.raw`{"\u0000":"NUL","a\u0000":1,"a":2}`,
  '{"b":1,"a":2,"10":3,"9":4,"\u20ac":5,"\ud83d\ude00":6}',
  String.raw`{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}`,
  '{"toString":1,"hasOwnProperty":null,"valueOf":[],"length":-1,"then":true,"prototype":{}}',
  nested(57),
];

describe("what is unusual but right", () => {
  test.for(OBJECTS.map((position) => [position.path, position] as const))(
    "survives in %s",
    async ([, position], { expect }) => {
      // As members, each under a key of its own, and as items of one list.
      const members = UNUSUAL.map((raw, i) => `"v${i}":${raw}`);
      await expectRoundTrip(
        expect,
        position,
        `{${members.join(",")},"list":[${UNUSUAL.join(",")}]}`,
      );
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    },
  );

  test.for([
    '{"__proto__":{"polluted":"yes"}}',
    '{"constructor":{"prototype":{"polluted":"yes"}},"toString":"x"}',
    '{"__proto__":null,"":[]}',
    String.raw`{"\u005f_proto__":{"toJSON":"x"},"toJSON":1}`,
  ])("the object %s survives wherever an object stands", async (raw, { expect }) => {
    for (const position of OBJECTS) await expectRoundTrip(expect, position, raw);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test("overriding __proto__ is an override like any other", async ({ expect }) => {
    const overrides = '{"prompt":{"__proto__":{"template":"x"}}}';
    const answer = await served.api.send("POST", "/v1/replays", { body: replayBody(overrides) });
    expect(answer.body).toMatchObject({
      output_changed: true,
      replay_output: { simulated: { overridden: ["prompt.__proto__"] } },
    });
  });

  test("__proto__ beside the known members is ignored like any unknown key", async ({ expect }) => {
    const extra = '{"__proto__":{"status":"corrected","ledger":"x"},"constructor":1,';
    const body = extra + JSON.stringify(EXAMPLE).slice(1);
    const { status, text } = await served.api.send("POST", "/v1/decisions", { body });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ ...EXAMPLE, status: "recorded", ledger: "main" });
  });

  test("nesting up to 64 survives, 65 does not", async ({ expect }) => {
    // The body is the first level, the member's object the second.
    const [position] = OBJECTS;
    if (position === undefined) throw new Error("no position");
    await expectRoundTrip(expect, position, `{"x":${nested(62)}}`);
    const tooDeep = () => send(position, `{"x":${nested(63)}}`);
    const { detail } = await expectRefused(expect, 422, tooDeep);
    expect(detail).toContain("nested deeper than 64");
  });

  test.for([
    "a\u0000b",
    "\u0000",
    "\ufeffx",
    "\u202e",
    "\u{10ffff}",
    "%00",
    "' OR 1=1 --",
    "__proto__",
  ])("names with %j are told apart, listed and filtered exactly", async (name, { expect }) => {
    const { api } = served;
    const wanted = await api.record({ service_name: name, decision_type: name });
    await api.record({ service_name: `${name}x`, decision_type: name });
    await api.record({ service_name: Array.from(name)[0], decision_type: `${name}y` });
    const encoded = encodeURIComponent(name);
    const query = `service_name=${encoded}&decision_type=${encoded}`;
    const { body } = await api.get<{ decisions: readonly Recorded[]; total: number }>(
      `/v1/decisions?${query}`,
    );
    expect(body.total).toBe(1);
    const { receipt: _, ...recorded } = wanted;
    expect(body.decisions).toEqual([recorded]);
    const report = await api.get(`/v1/compliance/report?service_name=${encoded}`);
    expect(report.body).toMatchObject({ service_filter: name });
  });
});

/** A body with these octets inside a string. */
function around(...bad: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...Buffer.from('{"service_name":"'), ...bad, ...Buffer.from('"}')]);
}

describe("a body that is no JSON", () => {
  const text = JSON.stringify(EXAMPLE);

  test.for<[string, string | Uint8Array<ArrayBuffer>]>([
    ["cut short", text.slice(0, -1)],
    ["with a trailing comma", '{"a":1,}'],
    ["with a missing comma", '{"a":1 "b":2}'],
    ["twice", `${text}${text}`],
    ["with a comment", `/* hi */${text}`],
    ["in single quotes", "{'a':1}"],
    ["with bare keys", "{a:1}"],
    ["NaN", '{"input":{"x":NaN}}'],
    ["Infinity", '{"input":{"x":-Infinity}}'],
    ["a leading zero", '{"input":{"x":01}}'],
    ["a plus sign", '{"input":{"x":+1}}'],
    ["a bare point", '{"input":{"x":.5}}'],
    ["hexadecimal", '{"input":{"x":0x10}}'],
    ["undefined", "undefined"],
    ["a bare word", "recorded"],
    ["an open string", '{"input":{"x":"'],
    ["a raw control character", '{"input":{"x":"a\nb"}}'],
    ["a raw NUL", '{"input":{"x":"a\0b"}}'],
    ["a bad escape", String.raw`{"input":{"x":"\x41"}}`],
    ["a short escape", String.raw`{"input":{"x":"\u12"}}`],
    ["space only", "  \n"],
    ["a form", "service_name=a&input=b"],
    ["a byte order mark", `\ufeff${text}`],
    ["an invalid octet", around(0xff)],
    ["an overlong form", around(0xc0, 0x80)],
    ["an encoded surrogate", around(0xed, 0xa0, 0x80)],
    ["beyond Unicode", around(0xf4, 0x90, 0x80, 0x80)],
    ["a cut character", around(0xe2, 0x82)],
    ["UTF-16", new Uint8Array(Buffer.from(text, "utf16le"))],
    ["gzip", new Uint8Array(gzipSync(text))],
  ])("%s is refused on every route that takes a body", async ([, body], { expect }) => {
    const requests = withBody(served.api.operations).map(
      ({ method, path }) =>
        () =>
          served.api.send(method, path.replace("{decision_id}", decisionId), { body }),
    );
    const problems = await expectAllRefused(expect, 422, requests);
    for (const { detail } of problems) expect(detail).toMatch(/^body|^input/);
  });

  test("a missing body is refused where one is required", async ({ expect }) => {
    for (const path of ["/v1/decisions", "/v1/decisions/batch", "/v1/replays", correctionRoute()]) {
      const { detail } = await expectRefused(expect, 422, () => served.api.send("POST", path));
      expect(detail).toContain("body: ");
    }
  });

  test("another charset, or another encoding, is refused", async ({ expect }) => {
    const headers = { "Content-Type": "application/json; charset=iso-8859-1" };
    const charset = await expectRefused(expect, 415, () =>
      served.api.send("POST", "/v1/decisions", { body: text, headers }),
    );
    expect(charset.detail).toContain("UTF-8");
    const encoding = await expectRefused(expect, 422, () =>
      served.api.send("POST", "/v1/decisions", {
        body: new Uint8Array(gzipSync(text)),
        headers: { "Content-Encoding": "gzip" },
      }),
    );
    expect(encoding.detail).toContain("body: ");
  });
});

describe("size", () => {
  test("an entry takes exactly 1 MiB of canonical content", async ({ expect }) => {
    const { api } = served;
    const others = ["model", "output"] as const;
    const used = others.reduce((sum, member) => sum + JSON.stringify(EXAMPLE[member]).length, 0);
    const fill = (octets: number) => ({
      ...EXAMPLE,
      input: { x: "y".repeat(octets - used - '{"x":""}'.length) },
    });
    expect((await api.post("/v1/decisions", fill(MIB))).status).toBe(200);
    const { detail } = await expectRefused(expect, 413, () =>
      api.post("/v1/decisions", fill(MIB + 1)),
    );
    expect(detail).toContain("1048577");
    const { detail: named } = await expectRefused(expect, 413, () =>
      api.post("/v1/decisions/batch", { decisions: [EXAMPLE, fill(MIB + 1)] }),
    );
    expect(named).toContain("decisions[1]");
  });

  test("octets count, not characters", async ({ expect }) => {
    const { api } = served;
    const input = { x: "\u20ac".repeat(MIB / 3) };
    const { detail } = await expectRefused(expect, 413, () =>
      api.post("/v1/decisions", { ...EXAMPLE, input }),
    );
    expect(detail).toContain("octets");
  });

  test.for(OBJECTS.map((position) => [position.path, position] as const))(
    "5 MB in %s is a 413",
    async ([, position], { expect }) => {
      const raw = JSON.stringify({ x: "y".repeat(5_000_000) });
      const { detail } = await expectRefused(expect, 413, () => send(position, raw));
      expect(detail).toContain("octets");
    },
  );

  test.for(TEXTS.filter(({ path }) => !path.startsWith("model.")).map((p) => [p.path, p] as const))(
    "2 MB in %s is a 413",
    async ([, position], { expect }) => {
      const long = JSON.stringify("y".repeat(2_000_000));
      const { detail } = await expectRefused(expect, 413, () => send(position, long));
      expect(detail).toContain("octets");
    },
  );

  test.for(["with a length", "in chunks"])(
    "a request of 17 MB, sent %s, is a 413",
    async (how, { expect }) => {
      const { detail } = await expectRefused(expect, 413, () =>
        served.api.send("POST", "/v1/decisions", {
          body:
            how === "in chunks"
              ? chunksOf(17)
              : decision("input", `{"x":"${"y".repeat(17 * MIB)}"}`),
        }),
      );
      expect(detail).toContain("16777216");
    },
  );

  test("a large decision can be read back, listed and exported", async ({ expect }) => {
    const { api } = served;
    const service_name = "large";
    const input = { x: "\u{1f600}".repeat(250_000) };
    const { decision_id } = await api.record({ service_name, input });
    expect((await api.get(`/v1/decisions/${decision_id}`)).body).toMatchObject({ input });
    for (const path of ["/v1/decisions", "/v1/export/decisions"]) {
      const { body } = await api.get(`${path}?service_name=${service_name}`);
      expect(body).toMatchObject({ decisions: [{ input }], total: 1 });
    }
  });
});

function chunksOf(mebibytes: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ === mebibytes) controller.close();
      else controller.enqueue(new Uint8Array(MIB).fill(0x20));
    },
  });
}

describe("what is around the body", () => {
  test.for([
    ["page=1e3", 422],
    ["page=%2B1", 422],
    ["page=+1", 422],
    ["page=0x1", 422],
    ["page=١", 422],
    ["page=9007199254740992", 422],
    [`page=${"9".repeat(400)}`, 422],
    ["page=%00", 422],
    ["page=%ff", 422],
    ["page[]=1", 200],
    ["page=1&page=abc", 200],
    ["page=9007199254740991&page_size=100", 200],
    ["limit=0", 422],
    ["limit=101", 422],
    ["cursor=dec_x", 422],
    ["cursor=%27%20OR%201", 422],
    ["from=yesterday", 422],
    ["from=2026-02-30", 422],
    ["to=2026-13-01T00:00:00Z", 422],
    ["from=0001-01-01&to=9999-12-31", 200],
    ["service_name=%00", 200],
    ["service_name=%ff%fe", 200],
    ["service_name=%ed%a0%80", 200],
    ["service_name=%", 200],
    [`service_name=${"x".repeat(8000)}`, 200],
    ["__proto__=1&constructor=2&toString=3", 200],
    ["&&&==&=", 200],
    ["status=%F0%9F%98%80", 200],
  ] as const)("GET /v1/decisions?%s answers %i", async ([query, status], { expect }) => {
    expect((await served.api.get(`/v1/decisions?${query}`)).status).toBe(status);
  });

  test.for([
    "/v1/ledger/entries?from=-1",
    "/v1/ledger/entries?limit=0",
    "/v1/ledger/entries?limit=1001",
    "/v1/ledger/entries?from=1e1",
    "/v1/ledger/checkpoint?size=0",
    "/v1/ledger/checkpoint?size=abc",
    "/v1/integrity/verify?from=-1",
    "/v1/integrity/verify?from=2&to=1",
    "/v1/integrity/verify?to=%00",
    "/v1/export/decisions?format=JSON",
    "/v1/export/decisions?from=%00",
  ])("GET %s is a 422 that names the parameter", async (path, { expect }) => {
    const { status, body } = await served.api.get<ProblemBody>(path);
    expect(status).toBe(422);
    expect(body.errors?.[0]?.path).toMatch(/^(from|to|limit|size|format)$/);
  });

  test.for([
    "/v1/ledger/entries?from=9007199254740991&limit=1000",
    "/v1/integrity/verify?from=9007199254740991",
    "/v1/integrity/verify?from=0&to=9007199254740991",
  ])("GET %s, beyond the end, answers", async (path, { expect }) => {
    expect((await served.api.get(path)).status).toBe(200);
  });

  test.for([
    "%00",
    "%ff",
    "%ed%a0%80",
    "%2F",
    "..%2f..%2fhealth",
    "%2e%2e",
    "dec_%00",
    "'",
    "%22%3E%3Cscript%3E",
    "%",
    "%zz",
    "null",
    "undefined",
    "__proto__",
    "\u{1f600}",
    "x".repeat(4000),
    "dec_",
    "rep_",
  ])("the id %s is not found, nowhere", async (id, { expect }) => {
    const { api } = served;
    const known = `/v1/decisions/${decisionId}/compare`;
    for (const path of [`/v1/decisions/${id}/history`, `/v1/replays/${id}`, `${known}/${id}`])
      expect((await api.get(path)).status, path).toBe(404);
    expect((await api.post(`/v1/decisions/${id}/incorrect`, {})).status).toBe(404);
    expect((await api.post("/v1/replays", { decision_id: id })).status).toBe(404);
  });

  test.for(["PROPFIND", "PURGE", "LOCK", "QUERY", "PUT", "PATCH", "DELETE"])(
    "the method %s is a 405, or a 404 where nothing is",
    async (method, { expect }) => {
      const { status, headers } = await served.api.send(method, "/v1/decisions");
      expect(status).toBe(405);
      expect(headers.get("Allow")).toContain("POST");
      expect((await served.api.send(method, "/nowhere")).status).toBe(404);
    },
  );

  test("huge headers change nothing", async ({ expect }) => {
    const huge = "x".repeat(12_000);
    for (const name of ["X-Custom", "Authorization", "Cookie", "User-Agent", "Origin"]) {
      const { status } = await served.api.get("/v1/decisions", { [name]: huge });
      expect(status, name).toBe(200);
    }
  });

  test.for(["Bearer", "Bearer ", "Basic !!!", "Basic /w==", "Basic Og==", "Digest x", ","])(
    "in open mode the credential '%s' is nobody's business",
    async (credential, { expect }) => {
      const { status } = await served.api.get("/v1/decisions", { Authorization: credential });
      expect(status).toBe(200);
    },
  );
});

/** What the door lets in, DESIGN §3: the oracle of the fuzz. */
function isAcceptable(value: JsonValue): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number")
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER || /[.e]/.test(JSON.stringify(value));
  if (Array.isArray(value)) return value.every(isAcceptable);
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isAcceptable(inner));
}

describe("fuzzed JSON", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toJSON", "", "\0", "0"));
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6, depthSize: "small" },
      fc.oneof(
        text,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom<JsonValue>(2 ** 53, -(2 ** 60), "\ud800", 1e300, 5e-324),
      ),
      fc.array(tie("value"), { maxLength: 5 }),
      fc
        .array(fc.tuple(key, tie("value")), { maxLength: 5 })
        .map((entries) => Object.fromEntries(entries)),
    ),
  }));
  const object = fc
    .array(fc.tuple(key, value), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries));

  test(
    "round-trips in every object position, or is refused",
    { timeout: 120_000 },
    async ({ expect }) => {
      let stored = 0;
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...OBJECTS), object, async (position, fuzzed) => {
          const raw = JSON.stringify(fuzzed);
          if (isAcceptable(fuzzed)) {
            stored++;
            await expectRoundTrip(expect, position, raw);
          } else await expectRefused(expect, 422, () => send(position, raw));
        }),
        { numRuns: 250 },
      );
      expect(stored).toBeGreaterThan(20);
    },
  );

  test("round-trips as a whole decision, through every way to read one", async ({ expect }) => {
    const { api } = served;
    const create = fc.record({
      service_name: text.filter((name) => name.isWellFormed()),
      decision_type: text.filter((name) => name.isWellFormed()),
      input: object,
      model: object,
      output: object,
      prompt: fc.option(object),
      tool_calls: fc.option(fc.array(object, { maxLength: 3 })),
      metadata: fc.option(object),
    });
    await fc.assert(
      fc.asyncProperty(create.filter(isAcceptable), async (sent) => {
        const recorded = await api.record(sent);
        const { receipt: _, ...plain } = recorded;
        const path = `/v1/decisions/${plain.decision_id}`;
        const name = encodeURIComponent(sent.service_name);
        const read = await api.get(path);
        expect(sameJson(read.body, plain), read.text).toBe(true);
        for (const [member, value] of Object.entries(sent))
          expect(sameJson(at(read.body, [member]), value), `${member} in ${read.text}`).toBe(true);
        const list = await api.get(`/v1/decisions?page_size=1&service_name=${name}`);
        expect(sameJson(at(list.body, ["decisions", 0]), plain), list.text).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("as a body is a 422 or what CONTRACT says, never more", async ({ expect }) => {
    const { api } = served;
    const bodies = withBody(api.operations);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bodies), value, async ({ method, path }, fuzzed) => {
        const at = path.replace("{decision_id}", decisionId);
        const { status } = await api.send(method, at, { body: JSON.stringify(fuzzed) });
        // A body that is right may still be about a thing that is not there.
        expect([200, 422, ...(at.includes("{") ? [404] : [])]).toContain(status);
      }),
      { numRuns: 150 },
    );
  });
});

test("afterwards the ledger verifies", { timeout: 120_000 }, async ({ expect }) => {
  const { ledger } = await auditOverHttp(served.server.url, expect);
  expect(ledger.entries.length).toBeGreaterThan(200);
});
