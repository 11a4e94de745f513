/** What a provider streams, and the body it would have sent without: by hand, from its documents. */
import type { Answering } from "./recording-server.ts";
import type { JsonObject } from "../../src/lib/json.ts";

export interface StreamedAnswer {
  readonly events: readonly string[];
  readonly whole: JsonObject;
}

const data = (event: JsonObject) => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: JsonObject & { type: string }) => `event: ${event.type}\n${data(event)}`;

/** Written in pieces that cut events, lines and characters anywhere. */
export function answerStream(
  { events }: StreamedAnswer,
  { pieceBytes = 7, pauseMs = 0, cutAfter = Number.POSITIVE_INFINITY } = {},
): Answering {
  return (_, response) => {
    const octets = Buffer.from(events.join(""));
    response.writeHead(200, { "Content-Type": "text/event-stream", "x-request-id": "req-stream" });
    const write = (from: number) => {
      if (response.destroyed) return;
      if (from >= cutAfter) response.destroy();
      else if (from >= octets.length) response.end();
      else {
        response.write(octets.subarray(from, from + pieceBytes));
        if (pauseMs > 0) setTimeout(() => write(from + pieceBytes), pauseMs);
        else setImmediate(() => write(from + pieceBytes));
      }
    };
    write(0);
  };
}

const CHAT = { id: "chatcmpl-1", created: 1_700_000_000, model: "gpt-4o-2024-08-06" };
const CHAT_USAGE = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };

function chunk(delta: JsonObject, finish_reason: string | null = null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
  return data({ ...CHAT, object: "chat.completion.chunk", choices, usage: null });
}

const chatWhole = (message: JsonObject, finish_reason: string): JsonObject => ({
  ...CHAT,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: null, refusal: null, ...message },
      logprobs: null,
      finish_reason,
    },
  ],
  usage: CHAT_USAGE,
});

const chatEnd = [
  data({ ...CHAT, object: "chat.completion.chunk", choices: [], usage: CHAT_USAGE }),
  "data: [DONE]\n\n",
];

export const CHAT_TEXT: StreamedAnswer = {
  events: [
    chunk({ role: "assistant", content: "", refusal: null }),
    chunk({ content: "Die zweite " }),
    chunk({ content: "Zahlung wird erstattet. " }),
    chunk({ content: "Grüße 👋🏽" }),
    chunk({}, "stop"),
    ...chatEnd,
  ],
  whole: chatWhole({ content: "Die zweite Zahlung wird erstattet. Grüße 👋🏽" }, "stop"),
};

export const CHAT_TOOLS: StreamedAnswer = {
  events: [
    chunk({
      role: "assistant",
      content: null,
      tool_calls: [
        { index: 0, id: "call_1", type: "function", function: { name: "refund", arguments: "" } },
      ],
    }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"order":' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '"5512"}' } }] }),
    chunk({
      tool_calls: [
        { index: 1, id: "call_2", type: "function", function: { name: "notify", arguments: "{}" } },
      ],
    }),
    chunk({}, "tool_calls"),
    ...chatEnd,
  ],
  whole: chatWhole(
    {
      tool_calls: [
        {
          id: "call_1",
          type: "function",
          function: { name: "refund", arguments: '{"order":"5512"}' },
        },
        { id: "call_2", type: "function", function: { name: "notify", arguments: "{}" } },
      ],
    },
    "tool_calls",
  ),
};

const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-opus-5",
  stop_sequence: null,
};
const MESSAGE_USAGE = { input_tokens: 20, cache_read_input_tokens: 0 };

export const MESSAGE_TOOLS: StreamedAnswer = {
  events: [
    {
      type: "message_start",
      message: {
        ...MESSAGE,
        content: [],
        stop_reason: null,
        usage: { ...MESSAGE_USAGE, output_tokens: 1 },
      },
    },
    {
      type: "content_block_start",
      index: 0,
      content_block: { type: "thinking", thinking: "", signature: "" },
    },
    { type: "ping" },
    {
      type: "content_block_delta",
      index: 0,
      delta: { type: "thinking_delta", thinking: "Charged twice, " },
    },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "so…" } },
    {
      type: "content_block_delta",
      index: 0,
      delta: { type: "signature_delta", signature: "c2lnbmF0dXJl" },
    },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "I refund " } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "it. ☂" } },
    { type: "content_block_stop", index: 1 },
    {
      type: "content_block_start",
      index: 2,
      content_block: { type: "tool_use", id: "toolu_1", name: "refund", input: {} },
    },
    {
      type: "content_block_delta",
      index: 2,
      delta: { type: "input_json_delta", partial_json: '{"order":' },
    },
    {
      type: "content_block_delta",
      index: 2,
      delta: { type: "input_json_delta", partial_json: '"5512"}' },
    },
    { type: "content_block_stop", index: 2 },
    {
      type: "message_delta",
      delta: { stop_reason: "tool_use", stop_sequence: null },
      usage: { output_tokens: 40 },
    },
    { type: "message_stop" },
  ].map(named),
  whole: {
    ...MESSAGE,
    content: [
      { type: "thinking", thinking: "Charged twice, so…", signature: "c2lnbmF0dXJl" },
      { type: "text", text: "I refund it. ☂" },
      { type: "tool_use", id: "toolu_1", name: "refund", input: { order: "5512" } },
    ],
    stop_reason: "tool_use",
    usage: { ...MESSAGE_USAGE, output_tokens: 40 },
  },
};

const RESPONSE = {
  id: "resp_1",
  object: "response",
  created_at: 1_700_000_000,
  model: "gpt-5",
  error: null,
  incomplete_details: null,
};
const PART = { type: "output_text", annotations: [], logprobs: [] };
const ITEM = { type: "message", id: "item_1", role: "assistant" };
const RESPONSE_WHOLE: JsonObject = {
  ...RESPONSE,
  status: "completed",
  output: [{ ...ITEM, status: "completed", content: [{ ...PART, text: "Refunded ✓" }] }],
  usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 },
};

export const RESPONSE_TEXT: StreamedAnswer = {
  events: [
    { type: "response.created", response: { ...RESPONSE, status: "in_progress", output: [] } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...ITEM, status: "in_progress", content: [] },
    },
    {
      type: "response.content_part.added",
      item_id: "item_1",
      output_index: 0,
      content_index: 0,
      part: { ...PART, text: "" },
    },
    {
      type: "response.output_text.delta",
      item_id: "item_1",
      output_index: 0,
      content_index: 0,
      delta: "Refunded ",
      logprobs: [],
    },
    {
      type: "response.output_text.delta",
      item_id: "item_1",
      output_index: 0,
      content_index: 0,
      delta: "✓",
      logprobs: [],
    },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { ...ITEM, status: "completed", content: [{ ...PART, text: "Refunded ✓" }] },
    },
    { type: "response.completed", response: RESPONSE_WHOLE },
  ].map((event, sequence_number) => named({ ...event, sequence_number })),
  whole: RESPONSE_WHOLE,
};
