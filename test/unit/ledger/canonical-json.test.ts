import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalize, isCanonical } from "../../../src/ledger/canonical-json.ts";
import type { JsonValue } from "../../../src/lib/json.ts";

describe("canonicalize", () => {
  test.each<[value: JsonValue, text: string]>([
    [{ b: 1, a: [] }, '{"a":[],"b":1}'],
    // By UTF-16 code unit, where U+1F600 sorts before U+FB33: RFC 8785 §3.2.3.
    [{ "\ufb33": 1, "😀": 2, "10": 3, "9": 4 }, '{"10":3,"9":4,"😀":2,"\ufb33":1}'],
    [[-0, 1e21, 1e20, 1e-7, 0.1], "[0,1e+21,100000000000000000000,1e-7,0.1]"],
    ["\0\u001f\n/\u007f\u2028€", '"\\u0000\\u001f\\n/\u007f\u2028€"'],
    [{ toJSON: "data", constructor: null }, '{"constructor":null,"toJSON":"data"}'],
    [JSON.parse('{"z":1,"__proto__":{"b":1,"a":2}}'), '{"__proto__":{"a":2,"b":1},"z":1}'],
    [null, "null"],
  ])("%j", (value, text) => {
    expect(canonicalize(value)).toBe(text);
    expect(isCanonical(text)).toBe(true);
  });

  test("a value met twice is written twice; null prototypes are plain", () => {
    const shared: JsonValue = { a: 1 };
    expect(canonicalize([shared, shared])).toBe('[{"a":1},{"a":1}]');
    expect(canonicalize(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
  });

  test("does not recurse", () => {
    const text = "[".repeat(100_000) + "]".repeat(100_000);
    expect(canonicalize(JSON.parse(text))).toBe(text);
  });

  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  test.each<[name: string, value: unknown]>([
    ["undefined", undefined],
    ["a member that is undefined", { a: undefined }],
    ["an item that is undefined", [undefined]],
    ["a hole", Array.from({ length: 1 }).concat(1)],
    ["a function", { a: () => 1 }],
    ["a symbol", [Symbol("a")]],
    ["a bigint", 1n],
    ["NaN", [Number.NaN]],
    ["an infinity", { a: -Infinity }],
    ["a lone surrogate", ["\ud800"]],
    ["a key with a lone surrogate", { "\udfff": 1 }],
    ["a date", { at: new Date(0) }],
    ["a map", new Map([["a", 1]])],
    ["octets", [Uint8Array.of(1)]],
    ["a toJSON method", { a: { toJSON: () => 1 } }],
    ["an array with a toJSON method", Object.assign([1], { toJSON: () => 1 })],
    ["a toJSON method over a cycle", { cyclic, toJSON: () => 1 }],
    ["a cycle", cyclic],
  ])("refuses %s instead of dropping or rewriting it", (_name, value) => {
    // Past the types, as a cast would.
    expect(() => Reflect.apply(canonicalize, undefined, [value])).toThrow(
      /not JSON|are JSON|not allowed|BigInt|Circular/,
    );
  });

  test("parses back to the same value, whatever the order of keys", () => {
    const json = fc.jsonValue({ maxDepth: 6, stringUnit: "binary" });
    fc.assert(
      fc.property(json, (value) => {
        const parsed: JsonValue = JSON.parse(JSON.stringify(value));
        const text = canonicalize(parsed);
        expect(JSON.parse(text)).toEqual(parsed);
        expect(canonicalize(reversed(parsed))).toBe(text);
        expect(isCanonical(text)).toBe(true);
      }),
    );
  });
});

/** The same value with the members of every object in reverse order. */
function reversed(value: JsonValue): JsonValue {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(reversed);
  const members = Object.entries(value).map(([key, member]): [string, JsonValue] => [
    key,
    reversed(member),
  ]);
  return Object.fromEntries(members.toReversed());
}

describe("isCanonical", () => {
  test.each([
    ["space", '{"a": 1}'],
    ["a newline at the end", "{}\n"],
    ["a byte order mark", "\ufeff{}"],
    ["keys out of order", '{"b":1,"a":2}'],
    ["duplicate keys", '{"a":1,"a":1}'],
    ["an escape too many", '"\\u0061"'],
    ["a slash escaped", '"\\/"'],
    ["an escape in upper case", '"\\u001F"'],
    ["1.0", "1.0"],
    ["-0", "-0"],
    ["1E21", "1E21"],
    ["digits a double loses", "9007199254740993"],
    ["an overflow", "1e999"],
    ["a lone surrogate, escaped", '"\\ud800"'],
    ["a lone surrogate, raw", '"\ud800"'],
    ["nothing", ""],
    ["no JSON", "{a:1}"],
  ])("refuses %s", (_name, text) => {
    expect(isCanonical(text)).toBe(false);
  });
});
