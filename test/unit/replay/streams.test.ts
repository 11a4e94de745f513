/** Streams put together: the body that would have come without streaming, however the stream is cut. */
import { array, assert, nat, property } from "fast-check";
import { describe, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { EventReader } from "../../../src/replay/streams/events.ts";
import { mergeDelta } from "../../../src/replay/streams/merge.ts";
import { assemblerOf } from "../../../src/replay/streams/table.ts";
import {
  CHAT_TEXT,
  CHAT_TOOLS,
  MESSAGE_TOOLS,
  RESPONSE_TEXT,
} from "../../support/model-streams.ts";

const STREAMS = [
  ["openai.chat", CHAT_TEXT],
  ["openai.chat", CHAT_TOOLS],
  ["anthropic.messages", MESSAGE_TOOLS],
  ["openai.responses", RESPONSE_TEXT],
] as const;

test.for(STREAMS)(
  "%s is the whole body, wherever its text is cut",
  ([format, stream], { expect }) => {
    const text = stream.events.join("");
    assert(
      property(array(nat(text.length), { maxLength: 12 }), (cuts) => {
        const reader = new EventReader();
        const assembler = assemblerOf(format);
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        for (const [i, place] of places.entries())
          for (const event of reader.push(text.slice(place, places[i + 1]))) assembler.push(event);
        for (const event of reader.end()) assembler.push(event);
        expect(assembler.body()).toEqual(stream.whole);
        expect(assembler.isComplete).toBe(true);
      }),
      { numRuns: 50 },
    );
  },
);

test.for(STREAMS)("%s is never complete before its end", ([format, { events }], { expect }) => {
  const reader = new EventReader();
  const assembler = assemblerOf(format);
  const last = format === "openai.chat" ? 3 : 1;
  for (const event of reader.push(events.slice(0, -last).join(""))) assembler.push(event);
  expect(assembler.isComplete).toBe(false);
  expect(assembler.body()).toBeDefined();
});

const read = (text: string) => {
  const reader = new EventReader();
  return [...reader.push(text), ...reader.end()];
};

describe("events", () => {
  test("take CRLF, comments, several data lines and no last empty line", ({ expect }) => {
    expect(read(': hi\r\nevent: x\r\ndata: {"a":1}\r\n\r\ndata:{"b":2}')).toEqual([
      { a: 1 },
      { b: 2 },
    ]);
  });
  test("leave out what is no object", ({ expect }) => {
    expect(read("data: [DONE]\n\ndata: oops\n\ndata: 3\n\n")).toEqual([]);
  });
});

const merged = (...deltas: readonly JsonObject[]) => deltas.reduce(mergeDelta, {});

describe("deltas", () => {
  test("continue texts, keep names, take null for nothing", ({ expect }) => {
    expect(
      merged(
        { role: "assistant", content: "", reasoning_content: "a" },
        { role: "assistant", content: "x", reasoning_content: null },
        { content: "y" },
      ),
    ).toEqual({ role: "assistant", content: "xy", reasoning_content: "a" });
  });
  test("go on in the element they name, whatever index comes from outside", ({ expect }) => {
    expect(
      merged(
        { tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{" } }] },
        { tool_calls: [{ index: 0, function: { arguments: "}" } }] },
        { tool_calls: [{ index: 1_000_000_000, id: "2" }] },
      ),
    ).toEqual({
      tool_calls: [{ id: "1", function: { name: "f", arguments: "{}" } }, { id: "2" }],
    });
  });
});

test("Gemini's chunks join their text, and keep a signature where it came", ({ expect }) => {
  const assembler = assemblerOf("google.generateContent");
  const chunk = (parts: JsonObject[], more = {}) =>
    assembler.push({ candidates: [{ content: { role: "model", parts }, index: 0, ...more }] });
  chunk([{ text: "Re" }]);
  chunk([{ text: "funded" }]);
  chunk([{ functionCall: { name: "refund", args: {} }, thoughtSignature: "c2ln" }]);
  expect(assembler.isComplete).toBe(false);
  chunk([{ text: "." }], { finishReason: "STOP" });
  assembler.push({ usageMetadata: { promptTokenCount: 3 } });
  expect(assembler.isComplete).toBe(true);
  expect(assembler.body()).toEqual({
    candidates: [
      {
        index: 0,
        finishReason: "STOP",
        content: {
          role: "model",
          parts: [
            { text: "Refunded" },
            { functionCall: { name: "refund", args: {} }, thoughtSignature: "c2ln" },
            { text: "." },
          ],
        },
      },
    ],
    usageMetadata: { promptTokenCount: 3 },
  });
});

test("an error in a stream is the answer's error, beside what had come", ({ expect }) => {
  const chat = assemblerOf("openai.chat");
  chat.push({ id: "c", choices: [{ index: 0, delta: { content: "half" } }] });
  chat.push({ error: { code: 502, message: "upstream" } });
  expect(chat.body()).toMatchObject({
    error: { code: 502 },
    choices: [{ message: { content: "half" } }],
  });
  const messages = assemblerOf("anthropic.messages");
  messages.push({ type: "error", error: { type: "overloaded_error", message: "busy" } });
  expect(messages.body()).toMatchObject({ error: { type: "overloaded_error" } });
});
