import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/lib/bytes.ts";
import type { JsonValue } from "../../../src/lib/json.ts";
import { parseStrictJson, type StrictJson } from "../../../src/lib/strict-json.ts";

const DEPTH_MAX = 64;
const INTEGER = "integer beyond ±9007199254740991 would lose digits; send it as a string";
const OVERFLOW = "number too large for a double; send it as a string";
const SURROGATE = "lone surrogate, which is half a character";
const SURROGATE_KEY = `key with a ${SURROGATE}`;
const DUPLICATE = "duplicate key";

function parse(text: string, depthMax = DEPTH_MAX): StrictJson {
  return parseStrictJson(utf8(text), { depthMax });
}

/** The problems as the reader of an answer sees them. */
function complaints(result: StrictJson): string[] {
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

describe("what is refused, and where", () => {
  test.each<[text: string, ...expected: string[]]>([
    // Duplicate keys, as they read after unescaping.
    ['{"a":1,"a":2}', `a: ${DUPLICATE}`],
    ['{"a":1,"\\u0061":2}', `a: ${DUPLICATE}`],
    ['{"a":1,"b":2,"a":3,"a":4}', `a: ${DUPLICATE}`, `a: ${DUPLICATE}`],
    ['{"x":[{"k":0},{"k":1,"k":2}]}', `x[1].k: ${DUPLICATE}`],
    ['{"__proto__":1,"__proto__":2}', `__proto__: ${DUPLICATE}`],
    ['{"":1,"":2}', `[""]: ${DUPLICATE}`],
    ['{"x":{"a b":1,"a b":2}}', `x["a b"]: ${DUPLICATE}`],
    ['{"x":{"\\"]":1,"\\"]":2}}', `x["\\"]"]: ${DUPLICATE}`],
    ['{"é":1,"é":2}', `["é"]: ${DUPLICATE}`],
    // Lone surrogates.
    ['"\\ud800"', `body: ${SURROGATE}`],
    ['{"a":["\\uDFFF"]}', `a[0]: ${SURROGATE}`],
    ['{"a":"\\ud83d😀"}', `a: ${SURROGATE}`],
    ['{"a":"\\ude00\\ud83d"}', `a: ${SURROGATE}`],
    ['{"\\uD800":1}', `["\\ud800"]: ${SURROGATE_KEY}`],
    [
      '{"\\ud800":1,"\\ud800":2}',
      ...[SURROGATE_KEY, SURROGATE_KEY, DUPLICATE].map((m) => `["\\ud800"]: ${m}`),
    ],
    // Numbers.
    ["9007199254740992", `body: ${INTEGER}`],
    [
      '{"input":{"items":[0,0,0,{"amount":-9007199254740993}]}}',
      `input.items[3].amount: ${INTEGER}`,
    ],
    [`[${"9".repeat(400)}]`, `[0]: ${INTEGER}`],
    ["[1e9999,-1E+309]", `[0]: ${OVERFLOW}`, `[1]: ${OVERFLOW}`],
    [`[${"9".repeat(400)}.5]`, `[0]: ${OVERFLOW}`],
    // Several at once, in the order of the text.
    [
      '{"a":"\\ud800","b":1e999,"a":[90071992547409920]}',
      `a: ${SURROGATE}`,
      `b: ${OVERFLOW}`,
      `a: ${DUPLICATE}`,
      `a[0]: ${INTEGER}`,
    ],
    // Not JSON at all.
    ["", "body: empty; send a JSON value"],
    [" \n", "body: empty; send a JSON value"],
    ["\ufeff{}", "body: starts with a byte order mark; leave it out"],
    ['{"a":1,\n "b" 2}', 'body: malformed JSON at line 2, column 6: expected ":"'],
    ['{"a":1,}', "body: malformed JSON at line 1, column 8: expected a key in double quotes"],
    ["[1,]", "body: malformed JSON at line 1, column 4: expected a value"],
    ["[1,\n]", "body: malformed JSON at line 2, column 1: expected a value"],
    ['"\u001fn"', "body: malformed JSON at line 1, column 2: expected control characters escaped"],
    ["[1 2]", 'body: malformed JSON at line 1, column 4: expected "," or "]"'],
    ['{"a":1]', 'body: malformed JSON at line 1, column 7: expected "," or "}"'],
    ["[01]", 'body: malformed JSON at line 1, column 3: expected "," or "]"'],
    ["NaN", "body: malformed JSON at line 1, column 1: expected a value"],
    ["{} {}", "body: malformed JSON at line 1, column 4: expected nothing more"],
    ["[", "body: malformed JSON at line 1, column 2: the text ends, expected a value"],
    ['{"a', 'body: malformed JSON at line 1, column 4: the text ends, expected a closing "'],
    ['\n"a\nb"', "body: malformed JSON at line 2, column 3: expected control characters escaped"],
    ['"\\x"', "body: malformed JSON at line 1, column 2: expected one of JSON's escapes"],
    ['"\\u12g4"', 'body: malformed JSON at line 1, column 2: expected "\\u" with four hex digits'],
    ["\u00a01", "body: malformed JSON at line 1, column 1: expected a value"],
  ])("%s", (text, ...expected) => {
    expect(complaints(parse(text))).toEqual(expected);
  });

  test.each([
    ["a stray octet", [0x22, 0xff, 0x22]],
    ["a surrogate in UTF-8", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["an overlong form", [0x22, 0xc0, 0xaf, 0x22]],
    ["a cut character", [0x22, 0xc3]],
    ["UTF-16", [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])("%s is not UTF-8", (_name, octets) => {
    const result = parseStrictJson(Uint8Array.from(octets), { depthMax: DEPTH_MAX });
    expect(complaints(result)).toEqual(["body: not valid UTF-8"]);
  });

  test("an object or array at depth 65, but not at 64", () => {
    expect(parse(nested(64)).ok).toBe(true);
    const place = "[0]".repeat(64);
    expect(complaints(parse(nested(65)))).toEqual([`${place}: nested deeper than 64 levels`]);
    expect(complaints(parse('{"a":{}}', 1))).toEqual(["a: nested deeper than 1 levels"]);
    expect(parse("1", 0).ok).toBe(true);
    expect(complaints(parse("[]", 0))).toEqual(["body: nested deeper than 0 levels"]);
  });

  test("at most 20 problems are listed", () => {
    const text = `[${Array.from({ length: 50 }, () => "1e999").join()}]`;
    expect(complaints(parse(text))).toHaveLength(20);
  });

  test("paths are short and well-formed however long the keys are", () => {
    for (const key of ["k".repeat(1e6), "é".repeat(1e6), `${"x".repeat(196)}😀y`]) {
      const [problem] = complaints(parse(JSON.stringify({ [key]: { [key]: "\ud800" } })));
      const path = problem?.split(": ")[0] ?? "";
      expect(path.length).toBeLessThanOrEqual(200);
      expect(path.endsWith("…")).toBe(true);
      expect(path.isWellFormed()).toBe(true);
    }
  });

  test("malformed content is never quoted", () => {
    expect(complaints(parse('{"a":secret}')).join()).not.toContain("secret");
  });
});

describe("what is accepted", () => {
  test.each<[text: string, value: JsonValue]>([
    ["1.0", 1],
    ["1e-400", 0],
    ["-0", -0],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["-9007199254740991", Number.MIN_SAFE_INTEGER],
    ["9007199254740993.0", 9007199254740992],
    ["1E4", 10000],
    ["1e308", 1e308],
    ["1e21", 1e21],
    ['"\\u0000\\ud83d\\ude00"', "\0😀"],
    ['"\\\\ud800"', "\\ud800"],
    [' \t\r\n{"a" : [ ] , "b" : { } }\n', { a: [], b: {} }],
    ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['{"a":{"a":{"a":1}}}', { a: { a: { a: 1 } } }],
  ])("%s", (text, value) => {
    expect(parse(text)).toEqual({ ok: true, value });
  });

  test("names of Object.prototype are keys like any other", () => {
    const text = '{"__proto__":{"x":1},"constructor":2,"toString":3,"toJSON":4,"hasOwnProperty":5}';
    const result = parse(text);
    expect(result.ok && JSON.stringify(result.value)).toBe(text);
    expect(result.ok && Object.getPrototypeOf(result.value)).toBe(Object.prototype);
  });
});

describe("size", () => {
  test("a million levels neither throw nor overflow the stack", () => {
    expect(complaints(parse("[".repeat(1e6)))).toHaveLength(1);
    expect(complaints(parse('{"a":'.repeat(1e6)))).toHaveLength(1);
    expect(parse(nested(1e6), 1e6).ok).toBe(true);
    expect(complaints(parse("[".repeat(1e6), 1e6))).toHaveLength(1);
  });

  test("megabytes of anything are read in linear time", () => {
    const texts = [
      `"${"\\n".repeat(2e6)}"`,
      `"${"\\ud800".repeat(5e5)}"`,
      `"${'\\"'.repeat(2e6)}`,
      "9".repeat(4e6),
      `0.${"9".repeat(4e6)}`,
      `1e${"9".repeat(4e6)}`,
      "\n".repeat(4e6),
      `${"\n".repeat(4e6)}x`,
      `{${'"a":1,'.repeat(5e5)}"b":1}`,
    ];
    expect(texts.map((text) => parse(text).ok)).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

/** A text and what a naive reading of DESIGN §3 has to say about it. */
interface Sample {
  readonly text: string;
  readonly problems: (path: string) => readonly string[];
}

const surelyFine = fc.constantFrom("0", "-0", "1.5", "1e5", "-9007199254740991", "true", "null");
const number = fc.oneof(
  surelyFine.map((text): Sample => ({ text, problems: () => [] })),
  fc.bigInt({ min: 2n ** 53n - 2n, max: 2n ** 53n + 2n }).map((integer): Sample => {
    const isUnsafe = integer > 2n ** 53n - 1n;
    return { text: `-${integer}`, problems: (path) => (isUnsafe ? [`${path}: ${INTEGER}`] : []) };
  }),
  fc.integer({ min: 300, max: 320 }).map((exponent): Sample => {
    const isTooLarge = exponent > 308;
    return {
      text: `1e${exponent}`,
      problems: (path) => (isTooLarge ? [`${path}: ${OVERFLOW}`] : []),
    };
  }),
);
/** A string, some of its characters escaped, some of them lone surrogates. */
const spelled = fc
  .array(
    fc.tuple(fc.constantFrom("a", "b", "\ud83d", "\ude00", "é", "😀", '"', "\0"), fc.boolean()),
    { maxLength: 3 },
  )
  .map((units) => ({
    value: units.map(([character]) => character).join(""),
    text: `"${units.map(([character, raw]) => spell(character, raw)).join("")}"`,
  }));

function spell(character: string, raw: boolean): string {
  if (raw && character.isWellFormed() && character !== '"' && character !== "\0") return character;
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    number,
    spelled.map(({ value, text }): Sample => ({
      text,
      problems: (path) => (value.isWellFormed() ? [] : [`${path}: ${SURROGATE}`]),
    })),
    fc.array(tie("sample"), { maxLength: 4 }).map((items): Sample => ({
      text: `[ ${items.map((item) => item.text).join(" , ")} ]`,
      problems: (path) =>
        items.flatMap((item, i) => item.problems(`${path === "body" ? "" : path}[${i}]`)),
    })),
    fc.array(fc.tuple(spelled, tie("sample")), { maxLength: 5 }).map((members): Sample => ({
      text: `{${members.map(([key, member]) => `${key.text}:${member.text}`).join(",\n")}}`,
      problems: (path) =>
        members.flatMap(([key, member], i) => {
          const place = memberPath(path, key.value);
          const isDuplicate = members.slice(0, i).some(([other]) => other.value === key.value);
          return [
            ...(key.value.isWellFormed() ? [] : [`${place}: ${SURROGATE_KEY}`]),
            ...(isDuplicate ? [`${place}: ${DUPLICATE}`] : []),
            ...member.problems(place),
          ];
        }),
    })),
  ),
}));

function memberPath(path: string, key: string): string {
  const parent = path === "body" ? "" : path;
  if (!/^[ab]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === "" ? key : `${parent}.${key}`;
}

describe("properties", () => {
  test("finds exactly what a naive reading finds", () => {
    fc.assert(
      fc.property(sample, ({ text, problems }) => {
        expect(complaints(parse(text))).toEqual(problems("body").slice(0, 20));
      }),
      { numRuns: 2000 },
    );
  });

  test("returns what JSON.stringify wrote", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, stringUnit: "binary" }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!holdsUnsafeInteger(value));
        expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test("has the grammar of JSON.parse: texts with one character changed", () => {
    const character = fc.constantFrom(
      ...Array.from('{}[]:,"\\/ \n\t\0-+.0123456789eEtrufalsn\u007f\u2028é'),
    );
    const text = fc
      .jsonValue({ maxDepth: 3 })
      .chain((value) => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, null, 2)));
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          sample.map((s) => s.text),
        ),
        fc.nat(),
        fc.nat(1),
        character,
        (valid, place, removed, added) => {
          const at = place % (valid.length + 1);
          const text = (valid.slice(0, at) + added + valid.slice(at + removed)).toWellFormed();
          const found = complaints(parse(text));
          fc.pre(found.length < 20);
          const isMalformed = found.some((line) => /^body: (malformed JSON at|empty)/.test(line));
          expect(isMalformed).toBe(!isJson(text));
        },
      ),
      { numRuns: 5000 },
    );
  });
});

/** JSON.stringify writes a double from 2^53 to 10^21 as an integer literal, refused by design. */
function holdsUnsafeInteger(value: unknown): boolean {
  if (typeof value === "object" && value !== null)
    return Object.values(value).some(holdsUnsafeInteger);
  if (typeof value !== "number" || Math.abs(value) >= 1e21) return false;
  return Math.abs(value) > Number.MAX_SAFE_INTEGER;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
