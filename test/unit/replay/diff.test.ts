/** Reference §6.5: identical, equivalent or changed, and how. */
import * as fc from "fast-check";
import { applyPatch, type Operation } from "rfc6902";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";
import {
  diffAnswers,
  diffSentence,
  originalAnswer,
  replayAnswer,
} from "../../../src/replay/diff.ts";

const NO_OUTPUT = {
  input: null,
  model: null,
  prompt: null,
  tool_calls: null,
  output: null,
  metadata: null,
};

function diff(output: JsonObject, replay: JsonObject) {
  const original = originalAnswer({ ...NO_OUTPUT, output });
  if (original === null) throw new Error("it has an output");
  return diffAnswers(original, replayAnswer(replay));
}
const said = (response: JsonValue) => ({ response });

describe("two answers", () => {
  test.for<readonly [JsonObject, JsonObject, string]>([
    [said("Yes."), said("Yes."), "identical"],
    [said(" Yes.\n"), said("Yes."), "equivalent"],
    [said("Yes."), said("No."), "changed"],
    [said('{"a":1,"b":2}'), said('{"a":1,"b":2}'), "identical"],
    [said('{"a":1,"b":2}'), said('{ "b": 2, "a": 1.0 }'), "equivalent"],
    [{ label: "spam", score: 1 }, said('{"score":1,"label":"spam"}'), "equivalent"],
    [{ label: "spam", score: 1 }, said('{"score":1,"label":"ham"}'), "changed"],
    // Spaces within are meaning: Python without its indentation is another programme.
    [said("if a:\n    b()\n"), said("if a:\nb()\n"), "changed"],
  ])("%j and %j are %s", ([before, after, level]) => {
    expect(diff(before, after).level).toBe(level);
  });

  test("a tool call counts by its name and its arguments, however they are written", () => {
    const before = {
      response: null,
      tool_calls: [{ function: { name: "refund", arguments: '{"b":1, "a":2}' } }],
    };
    const same = { response: null, tool_calls: [{ name: "refund", arguments: { a: 2, b: 1 } }] };
    const other = { response: null, tool_calls: [{ name: "refund", arguments: { a: 3, b: 1 } }] };
    expect(diff(before, same)).toMatchObject({ tool_calls: { added: [], removed: [] } });
    const changed = diff(before, other);
    expect(changed).toMatchObject({
      level: "changed",
      tool_calls: {
        added: [{ name: "refund", arguments: { a: 3, b: 1 } }],
        removed: [{ name: "refund", arguments: { a: 2, b: 1 } }],
      },
    });
    expect(diffSentence(changed)).toContain("refund");
  });

  test("a call made twice is not the call made once", () => {
    const call = { name: "refund", arguments: {} };
    const once = { response: "x", tool_calls: [call] };
    const twice = { response: "x", tool_calls: [call, call] };
    expect(diff(once, twice)).toMatchObject({ level: "changed", tool_calls: { added: [call] } });
  });
});

describe("what changed", () => {
  test("of structured answers, the patch makes the replay of the original", () => {
    const json = fc.object({ maxDepth: 3, values: [fc.integer(), fc.string(), fc.boolean()] });
    fc.assert(
      fc.property(json, json, (before, after) => {
        const [original, replay] = [copied(before), copied(after)];
        const { patch } = diff(
          { response: JSON.stringify(original) },
          said(JSON.stringify(replay)),
        );
        // The library that applies patches refuses `__proto__`; that is its own matter.
        fc.pre(!JSON.stringify([original, replay]).includes("__proto__"));
        const holder = { value: original };
        const operations = (patch ?? []).map((one) => ({ ...one, path: `/value${one.path}` }));
        applyPatch(holder, JSON.parse(JSON.stringify(operations)) satisfies Operation[]);
        expect(holder.value).toEqual(replay);
      }),
      { numRuns: 60 },
    );
  });

  test("of long lists is told as one replacement: comparing each with each ends the Worker", () => {
    const after = { list: listFrom(0.5) };
    const { patch, level } = diff({ list: listFrom(0), a: 1 }, said(JSON.stringify(after)));
    expect(level).toBe("changed");
    expect(patch).toEqual([{ op: "replace", path: "", value: after }]);
  });

  test("of texts, the words put together again are both texts", () => {
    fc.assert(
      fc.property(fc.lorem(), fc.lorem(), (before, after) => {
        const words = diff(said(before), said(after)).words ?? [];
        const without = (op: string) =>
          words
            .filter((word) => word.op !== op)
            .map(({ text }) => text)
            .join("");
        expect(without("insert")).toBe(before);
        expect(without("delete")).toBe(after);
      }),
      { numRuns: 60 },
    );
  });

  test("is one sentence, and none where nothing changed", () => {
    expect(diffSentence(diff(said("a"), said("a")))).toBeNull();
    expect(diffSentence(diff(said("a b"), said("a c")))).toBe(
      "Live: the text has 1 new and 1 removed words.",
    );
    expect(diffSentence(diff(said("a b"), said("a  b")))).toBe(
      "Live: the text differs in its spaces.",
    );
    expect(diffSentence(diff({ x: 1, y: 1 }, said('{"x":2,"y":1}')))).toBe(
      "Live: the structured output differs at /x.",
    );
  });
});

function listFrom(first: number): number[] {
  return Array.from({ length: 20_000 }, (_, i) => i + first);
}

function copied(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value));
}
