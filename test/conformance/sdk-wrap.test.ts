/**
 * The official clients of OpenAI and Anthropic, wrapped: against a provider on loopback they see,
 * octet for octet, what they see without; and what was recorded replays as the same request.
 */
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { JsonObject } from "../../src/lib/json.ts";
import { LoopGrid, type Decision } from "../../src/sdk/javascript/index.ts";
import { serveThisFile } from "../support/conformance.ts";
import {
  answerStream,
  CHAT_TEXT,
  CHAT_TOOLS,
  MESSAGE_TOOLS,
  RESPONSE_TEXT,
  type StreamedAnswer,
} from "../support/model-streams.ts";
import { answerJson, recordingServer, type Answering } from "../support/recording-server.ts";

const OPENAI_KEY = "sk-openai-0123456789abcdef";
const ANTHROPIC_KEY = "sk-ant-0123456789abcdef";

const provider = await recordingServer();
const served = serveThisFile({
  flags: [
    ["OPENAI_API_KEY", OPENAI_KEY],
    ["OPENAI_BASE_URL", `${provider.url}/v1`],
    ["ANTHROPIC_API_KEY", ANTHROPIC_KEY],
    ["ANTHROPIC_BASE_URL", provider.url],
  ].flatMap(([name, value]) => ["--var", `${name}:${value}`]),
});

let grid: LoopGrid;
beforeAll(() => {
  grid = new LoopGrid({ baseUrl: served.server.url, serviceName: "wrapped" });
});
afterAll(() => provider.close());

const openai = new OpenAI({ apiKey: OPENAI_KEY, baseURL: `${provider.url}/v1`, maxRetries: 1 });
const anthropic = new Anthropic({
  apiKey: ANTHROPIC_KEY,
  baseURL: provider.url,
  maxRetries: 0,
});

const MESSAGES = [{ role: "user" as const, content: "Charged twice for 5512" }];
const TOOLS = [
  {
    type: "function" as const,
    function: {
      name: "refund",
      parameters: { type: "object", properties: { order: { type: "string" } } },
    },
  },
];
const CHAT = { model: "gpt-4o", messages: MESSAGES, seed: 7, temperature: 0.2, tools: TOOLS };
const RESPONSES = { model: "gpt-5", input: "Charged twice", store: false };
const CLAUDE = {
  model: "claude-opus-5",
  max_tokens: 2048,
  messages: MESSAGES,
  thinking: { type: "enabled" as const, budget_tokens: 1024 },
  tools: [{ name: "refund", input_schema: { type: "object" as const } }],
};

/** Everything an application gets out of a stream. */
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const one of stream) seen.push(one);
  return seen;
}

type Call = (clients: { openai: OpenAI; anthropic: Anthropic }) => Promise<unknown>;
interface Case {
  readonly name: string;
  readonly answer: StreamedAnswer;
  readonly streams: boolean;
  readonly call: Call;
}

const CASES: readonly Case[] = [
  {
    name: "chat.completions.create",
    answer: CHAT_TEXT,
    streams: false,
    call: ({ openai }) => openai.chat.completions.create(CHAT),
  },
  {
    name: "chat.completions.create with a tool call",
    answer: CHAT_TOOLS,
    streams: false,
    call: ({ openai }) => openai.chat.completions.create(CHAT),
  },
  {
    name: "chat.completions.parse",
    answer: CHAT_TEXT,
    streams: false,
    call: ({ openai }) => openai.chat.completions.parse({ model: "gpt-4o", messages: MESSAGES }),
  },
  {
    name: "chat.completions.create, streamed",
    answer: CHAT_TEXT,
    streams: true,
    call: async ({ openai }) =>
      all(
        await openai.chat.completions.create({
          ...CHAT,
          stream: true,
          stream_options: { include_usage: true },
        }),
      ),
  },
  {
    name: "chat.completions.stream with tool calls",
    answer: CHAT_TOOLS,
    streams: true,
    call: async ({ openai }) =>
      openai.chat.completions
        .stream({ ...CHAT, stream_options: { include_usage: true } })
        .finalChatCompletion(),
  },
  {
    name: "responses.create",
    answer: RESPONSE_TEXT,
    streams: false,
    call: ({ openai }) => openai.responses.create(RESPONSES),
  },
  {
    name: "responses.create, streamed",
    answer: RESPONSE_TEXT,
    streams: true,
    call: async ({ openai }) => all(await openai.responses.create({ ...RESPONSES, stream: true })),
  },
  {
    name: "messages.create",
    answer: MESSAGE_TOOLS,
    streams: false,
    call: ({ anthropic }) => anthropic.messages.create(CLAUDE),
  },
  {
    name: "messages.create, streamed",
    answer: MESSAGE_TOOLS,
    streams: true,
    call: async ({ anthropic }) =>
      all(await anthropic.messages.create({ ...CLAUDE, stream: true })),
  },
  {
    name: "messages.stream",
    answer: MESSAGE_TOOLS,
    streams: true,
    call: async ({ anthropic }) => anthropic.messages.stream(CLAUDE).finalMessage(),
  },
];

const wholly = ({ whole }: StreamedAnswer): Answering =>
  answerJson(200, whole, { "x-request-id": "req-whole", "Set-Cookie": "session=secret-cookie" });

const wrapped = (options = {}) => ({
  openai: grid.wrap(openai, options),
  anthropic: grid.wrap(anthropic, options),
});

/** What was recorded since, oldest first. */
async function recordedOf(decisionType: string): Promise<Decision[]> {
  await grid.flush();
  return (await all(grid.decisions.all({ decisionType }))).toReversed();
}

async function one(decisionType: string): Promise<Decision> {
  const [decision] = await recordedOf(decisionType);
  if (decision === undefined) throw new Error(`nothing of ${decisionType} was recorded`);
  return decision;
}

/** With what a client makes up anew for each request. */
function sent(): unknown {
  return provider.received.map(({ path, headers, body }) => {
    const { "content-length": _length, ...same } = headers;
    return { path, headers: same, body };
  });
}

describe.for(CASES)("$name", ({ name, answer, streams, call }) => {
  test("is seen the same with and without, recorded, and replays exactly", async ({ expect }) => {
    const answering = streams ? answerStream(answer) : wholly(answer);
    provider.answer(answering);
    const plain = await call({ openai, anthropic });
    const plainSent = sent();
    provider.answer(answering);
    const seen = await call(wrapped({ decisionType: name, metadata: { ticket: "t-1" } }));
    expect(seen).toEqual(plain);
    expect(JSON.stringify(seen)).toBe(JSON.stringify(plain));
    expect(sent()).toEqual(plainSent);

    const decision = await one(name);
    const { stream, stream_options, ...asked } = provider.received[0]?.body ?? {};
    expect(decision.input).toEqual({ request: asked });
    expect(decision.output).toEqual({ response: answer.whole });
    expect(decision.metadata).toMatchObject({
      ticket: "t-1",
      provider_call: { status: 200, endpoint: provider.url + (provider.received[0]?.path ?? "") },
    });
    const about = decision.metadata?.["provider_call"];
    if (streams)
      expect(about).toMatchObject({
        streamed: {
          ended: "complete",
          assembled: true,
          request: {
            stream,
            ...(stream_options === undefined ? {} : { stream_options }),
          },
        },
      });
    expect(JSON.stringify(decision)).not.toMatch(/sk-|secret-cookie|authorization/i);

    provider.answer(wholly(answer));
    const replay = await grid.createReplay({ decisionId: decision.decision_id, mode: "live" });
    expect(replay.error).toBeNull();
    expect(replay).toMatchObject({
      execution_status: "completed",
      fidelity: { level: "exact" },
      output_changed: false,
    });
    expect(provider.received[0]?.body).toEqual(asked);
  });

  test("is octet for octet what the provider sent", async ({ expect }) => {
    const octets: Uint8Array[] = [];
    for (const fetch of [globalThis.fetch, grid.fetch({ decisionType: "octets" })]) {
      provider.answer(streams ? answerStream(answer, { pieceBytes: 11 }) : wholly(answer));
      const path = { chat: "/v1/chat/completions", resp: "/v1/responses", mess: "/v1/messages" };
      const kind = name.startsWith("chat") ? "chat" : name.startsWith("resp") ? "resp" : "mess";
      const response = await fetch(provider.url + path[kind], { method: "POST", body: "{}" });
      expect(response.url).toBe(provider.url + path[kind]);
      octets.push(new Uint8Array(await response.arrayBuffer()));
    }
    expect(octets[1]).toEqual(octets[0]);
  });
});

/** What the application catches, as far as it can tell. */
async function thrown(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message } = error;
    const seen: Record<string, unknown> = { class: error.constructor.name, name, message };
    for (const member of ["status", "code", "error", "requestID"])
      seen[member] = Reflect.get(error, member);
    return seen;
  }
}

const abort = async (client: Anthropic) => {
  provider.answer(answerStream(MESSAGE_TOOLS, { pieceBytes: 60, pauseMs: 2 }));
  const ender = new AbortController();
  const stream = await client.messages.create(
    { ...CLAUDE, stream: true },
    { signal: ender.signal },
  );
  let events = 0;
  for await (const _ of stream) if (++events === 5) ender.abort();
  return events;
};

const broken = async (client: Anthropic) => {
  provider.answer(answerStream(MESSAGE_TOOLS, { cutAfter: 1200 }));
  return all(await client.messages.create({ ...CLAUDE, stream: true }));
};

describe("errors and aborts", () => {
  const failing: readonly (readonly [string, Answering])[] = [
    ["400", answerJson(400, { error: { message: "bad", code: "bad_request", type: "x" } })],
    ["401", answerJson(401, { error: { message: "no", code: "invalid_api_key", type: "x" } })],
    ["529", answerJson(529, { type: "error", error: { type: "overloaded_error", message: "b" } })],
    ["a reset connection", (_, response) => response.destroy()],
    [
      "malformed JSON",
      (_, response) => response.writeHead(200, { "Content-Type": "application/json" }).end("{oops"),
    ],
  ];
  test.for(failing)("%s is the same error, and no decision", async ([name, answer], { expect }) => {
    const decisionType = `failure ${name}`;
    const clients = wrapped({ decisionType });
    for (const call of [
      (c: typeof clients) => c.openai.chat.completions.create(CHAT),
      (c: typeof clients) => c.anthropic.messages.create(CLAUDE),
    ]) {
      provider.answer(answer);
      const plain = await thrown(() => call({ openai, anthropic }));
      provider.answer(answer);
      expect(await thrown(() => call(clients))).toEqual(plain);
    }
    const recorded = await recordedOf(decisionType);
    // What came is no JSON, but it came: it is recorded as what it is.
    expect(recorded.map(({ output }) => output)).toEqual(name === "malformed JSON" ? [{}, {}] : []);
  });

  test("a retry of the client is its own business: one answer, one decision", async ({
    expect,
  }) => {
    const busy = answerJson(429, { error: { message: "slow" } }, { "retry-after-ms": "1" });
    provider.answer((got, response, n) => (n === 1 ? busy : wholly(CHAT_TEXT))(got, response, n));
    await wrapped({ decisionType: "retried" }).openai.chat.completions.create(CHAT);
    expect((await recordedOf("retried")).length).toBe(1);
  });

  test("recordFailures also records attempts without an answer", async ({ expect }) => {
    provider.answer(answerJson(400, { error: { message: "bad", code: "bad_request" } }));
    const { openai } = wrapped({ decisionType: "failed", recordFailures: true });
    await thrown(() => openai.chat.completions.create(CHAT));
    const decision = await one("failed");
    expect(decision.output).toEqual({
      response: { error: { message: "bad", code: "bad_request" } },
    });
    expect(decision.metadata).toMatchObject({ provider_call: { status: 400 } });
  });

  test("a stream the application leaves is cut off, and recorded as far as it came", async ({
    expect,
  }) => {
    for (const [client, decisionType] of [
      [openai, ""],
      [grid.wrap(openai, { decisionType: "left" }), "left"],
    ] as const) {
      provider.answer(answerStream(CHAT_TEXT, { pieceBytes: 40, pauseMs: 5 }));
      const stream = await client.chat.completions.create({ ...CHAT, stream: true });
      let text = "";
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? "";
        if (text.includes("zweite")) break;
      }
      expect(text).toBe("Die zweite ");
      if (decisionType === "") continue;
      const decision = await one(decisionType);
      expect(decision.output).toMatchObject({
        response: { choices: [{ message: { content: "Die zweite " }, finish_reason: null }] },
      });
      expect(decision.metadata).toMatchObject({
        provider_call: { streamed: { ended: "cancelled" } },
      });
    }
  });

  test("an aborted stream and a broken one are the same errors, and say how they ended", async ({
    expect,
  }) => {
    for (const [call, decisionType, ended] of [
      [abort, "aborted", "cancelled"],
      [broken, "broken", "interrupted"],
    ] as const) {
      const plain = await thrown(() => call(anthropic));
      const client = grid.wrap(anthropic, { decisionType });
      expect(await thrown(() => call(client))).toEqual(plain);
      const decision = await one(decisionType);
      expect(decision.metadata).toMatchObject({ provider_call: { streamed: { ended } } });
      expect(decision.output).toMatchObject({ response: { id: "msg_1", stop_reason: null } });
    }
  });
});

const ask = async (options: object) => {
  provider.answer(wholly(CHAT_TEXT));
  return grid.wrap(openai, options).chat.completions.create(CHAT);
};

const redact = (decision: { input: object }) => ({ ...decision, input: { gone: true } });

const fails = () => {
  throw new Error("no dictionary");
};

describe("capture can be limited", () => {
  test("to some members, whose absence is told", async ({ expect }) => {
    const fields = { request: ["model", "seed"], response: ["usage"] };
    await ask({ decisionType: "fields", capture: { fields } });
    const decision = await one("fields");
    expect(decision.input).toEqual({ request: { model: "gpt-4o", seed: 7 } });
    expect(decision.output).toEqual({ response: { usage: CHAT_TEXT.whole["usage"] } });
    expect(decision.metadata).toMatchObject({
      provider_call: {
        omitted: { request_members: ["messages", "temperature", "tools"] },
      },
    });
  });

  test("by a function that redacts; one that throws records nothing, loudly", async ({
    expect,
  }) => {
    await ask({ decisionType: "redacted", capture: { redact } });
    expect((await one("redacted")).input).toEqual({ gone: true });
    await ask({ decisionType: "unwanted", capture: { redact: () => null } });
    expect(await recordedOf("unwanted")).toEqual([]);
    const before = grid.counters.dropped;
    expect(await ask({ decisionType: "leak", capture: { redact: fails } })).toBeDefined();
    await expect(grid.flush()).rejects.toMatchObject({ message: "Records: 1 dropped" });
    expect(grid.counters.dropped).toBe(before + 1);
    expect(await recordedOf("leak")).toEqual([]);
  });

  test("to commitments, which whoever kept the value can open", async ({ expect }) => {
    const kept: JsonObject[] = [];
    const commitmentsOnly = (openings: object) =>
      void kept.push(JSON.parse(JSON.stringify(openings)));
    await ask({ decisionType: "committed", capture: { commitmentsOnly } });
    const decision = await one("committed");
    expect(JSON.stringify(decision)).not.toContain("5512");
    const { verifyCommitment } = await import("../../src/sdk/javascript/verify.ts");
    const [openings] = kept;
    for (const field of ["input", "output"] as const) {
      const opening = Object(openings?.[field]);
      expect(decision[field]).toEqual({ commitment: opening.commitment });
      expect(verifyCommitment(field, opening)).toBe(true);
      expect(verifyCommitment(field, { ...opening, value: {} })).toBe(false);
    }
  });
});

test("a server that is not there takes nothing from the application", async ({ expect }) => {
  const away = new LoopGrid({ baseUrl: "http://127.0.0.1:9" });
  provider.answer(wholly(CHAT_TEXT));
  const answer = await away.wrap(openai).chat.completions.create(CHAT);
  expect(answer.choices[0]?.message.content).toContain("erstattet");
  await expect(away.close({ timeoutMs: 300 })).rejects.toMatchObject({
    counters: { enqueued: 1, acknowledged: 0, dropped: 1, pending: 0 },
  });
});

test("a function's decisions are recorded, its failures are its own", async ({ expect }) => {
  const route = grid.decision("routing", async (subject: string) => {
    if (subject === "") throw new Error("empty");
    return { queue: subject.includes("VAT") ? "billing" : "support" };
  });
  expect(await route("VAT number")).toEqual({ queue: "billing" });
  await expect(route("")).rejects.toThrow("empty");
  const [decision, ...more] = await recordedOf("routing");
  expect(more).toEqual([]);
  expect(decision).toMatchObject({
    input: { arguments: ["VAT number"] },
    output: { queue: "billing" },
  });
});
