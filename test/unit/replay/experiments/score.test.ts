/** Scorers: what each calls right, wrong, and not to be judged. */
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../../../src/lib/json.ts";
import { Scorer, type ComputedScorer } from "../../../../src/replay/experiments/scorers.ts";
import { score, type Side } from "../../../../src/replay/experiments/score.ts";
import { originalSide, replaySide } from "../../../../src/replay/experiments/truth.ts";

function scorer(given: JsonObject): ComputedScorer {
  const parsed = Scorer.parse(given);
  if (parsed.type === "judge") throw new Error("a judge is not computed");
  return parsed;
}

const answer = (response: string): Side => replaySide({ response });

function recorded(output: JsonObject): Side {
  const nothing = { input: {}, model: {}, prompt: null, tool_calls: null, metadata: null };
  const side = originalSide({ ...nothing, output });
  if (side === undefined) throw new Error("there is an output");
  return side;
}

type Row = readonly [answer: string, correction: JsonValue, verdict: boolean | null];

const TABLE: readonly (readonly [JsonObject, readonly Row[]])[] = [
  [
    { type: "exact" },
    [
      ["A: 18", { solution: "A: 18" }, true],
      ["A: 18 ", { solution: "A: 18" }, false],
      ["", { solution: "" }, true],
      ['{ "score": 1, "label": "a" }', { label: "a", score: 1 }, true],
      ['{ "score": 2, "label": "a" }', { label: "a", score: 1 }, false],
    ],
  ],
  [
    { type: "normalized_text" },
    [
      ["  The ANSWER is: “yes”.", { solution: "the answer is yes" }, true],
      ["ﬁne", { solution: "fine" }, true],
      ["no", { solution: "yes" }, false],
      ["👍", { solution: "👎" }, false],
      ["a < b", { solution: "a > b" }, false],
      ["-5", { solution: "5" }, false],
      ["?", { solution: "!" }, false],
      ['{"b": 1, "a": "X"}', { a: "x", b: 1 }, true],
    ],
  ],
  [
    { type: "json_fields", fields: ["/total", "/items/0/id"] },
    [
      ['{"total":2,"items":[{"id":"a","x":1}]}', { total: 2, items: [{ id: "a" }], y: 1 }, true],
      ['{"total":2.0,"items":[{"id":"b"}]}', { total: 2, items: [{ id: "a" }] }, false],
      ['{"total":2}', { total: 2 }, true],
      ["no JSON at all", { total: 2, items: [] }, false],
      ['{"total":2}', { other: 2, more: 3 }, null],
    ],
  ],
  [
    { type: "numeric", tolerance: 0.01 },
    [
      ["Step 1: 3 eggs.\nA: 1,234.50", { solution: "A: 1234.5" }, true],
      ["so $1,234.495 it is", { solution: "1234.5" }, true],
      ["so 1235", { solution: "1234.5" }, false],
      ["-5", { solution: "5" }, false],
      ["covid-5", { solution: "5" }, true],
      ["1e3", { solution: "1000" }, true],
      ["5 (e10)", { solution: "10" }, false],
      ["it is \u22125", { solution: "-5" }, true],
      ["0.4", { solution: "0.39" }, true],
      ["no number", { solution: "5" }, false],
      ["5", { solution: "none" }, null],
    ],
  ],
  [
    { type: "numeric", tolerance: 0.1, relative: true },
    [
      ["109", { solution: "100" }, true],
      ["111", { solution: "100" }, false],
    ],
  ],
  [
    { type: "numeric", pattern: "A: ([0-9,.]+)" },
    [
      ["A: 18 of 20", { solution: "A: 18 and then 7" }, true],
      ["B: 18", { solution: "A: 18" }, false],
    ],
  ],
  [
    { type: "contains" },
    [
      ["The refund is on its WAY today.", { response: "on its way" }, true],
      ["nothing", { response: "on its way" }, false],
      ["anything", { response: "" }, null],
    ],
  ],
  [
    { type: "contains", text: "Refund", ignore_case: false },
    [
      ["Refund", {}, true],
      ["refund", {}, false],
    ],
  ],
  [
    { type: "regex", pattern: "^refund(ed)?\\b", ignore_case: true },
    [
      ["Refunded today", {}, true],
      ["we Refunded", {}, false],
    ],
  ],
  [
    { type: "label" },
    [
      [" Positive ", { label: "positive" }, true],
      ["negative", { label: "positive" }, false],
    ],
  ],
  [
    { type: "label", labels: ["positive", "negative", "not positive"] },
    [
      ["I would say: positive.", { label: "positive" }, true],
      ["positive or negative", { label: "positive" }, false],
      ["positive", { label: "something else" }, null],
    ],
  ],
  [
    { type: "label", labels: ["approved", "not approved"] },
    [
      ["It is not approved.", { label: "not approved" }, true],
      ["It is not approved.", { label: "approved" }, false],
      ["Approved!", { label: "approved" }, true],
    ],
  ],
  [
    { type: "edit_similarity", at_least: 0.75 },
    [
      ["kitten", { text: "mitten" }, true],
      ["kitten", { text: "sitting" }, false],
      ["", { text: "" }, true],
    ],
  ],
];

describe.for(TABLE)("%j", ([given, rows]) => {
  test.for(rows)("%s against %j is %s", ([text, correction, verdict]) => {
    const truth = recorded(JSON.parse(JSON.stringify(correction)));
    expect(score(scorer(given), answer(text), truth)).toBe(verdict);
  });
});

test("without a correction only scorers that need none have a verdict", () => {
  const given = answer("refunded");
  for (const type of ["exact", "normalized_text", "label", "numeric", "edit_similarity"])
    expect(score(scorer({ type }), given, undefined)).toBeNull();
  expect(score(scorer({ type: "contains" }), given, undefined)).toBeNull();
  expect(score(scorer({ type: "contains", text: "refund" }), given, undefined)).toBe(true);
  expect(score(scorer({ type: "regex", pattern: "x" }), given, undefined)).toBe(false);
});

test("a pointer finds its value in a JSON answer, in an object, and elsewhere in the correction", () => {
  const byPath = scorer({ type: "exact", path: "/total" });
  expect(score(byPath, answer('{"total": 2}'), recorded({ total: 2, note: "x" }))).toBe(true);
  expect(score(byPath, answer("two"), recorded({ total: 2, note: "x" }))).toBe(false);
  const elsewhere = scorer({ type: "exact", path: "/total", truth_path: "/expected/0/a~1b" });
  const truth = recorded({ expected: [{ "a/b": 2 }], note: "x" });
  expect(score(elsewhere, answer('{"total": 2}'), truth)).toBe(true);
  expect(score(byPath, answer('{"total": 2}'), truth)).toBeNull();
});

test("words alone are compared with the member that was corrected", () => {
  const translated = scorer({ type: "normalized_text", path: "/translation" });
  const truth = recorded({ translation: "Good day", score: 1 });
  expect(score(translated, answer("Good day!"), truth)).toBe(true);
  expect(score(translated, recorded({ translation: "Bad day", score: 1 }), truth)).toBe(false);
});

test("members that every object inherits are not there", () => {
  const inherited = scorer({ type: "exact", path: "/constructor" });
  expect(score(inherited, answer('{"a":1}'), recorded({ a: 1, b: 2 }))).toBeNull();
});

test("a pattern that hangs a backtracking engine is answered at once", () => {
  const evil = scorer({ type: "regex", pattern: "^(a+)+$" });
  expect(score(evil, answer(`${"a".repeat(50_000)}!`), undefined)).toBe(false);
});

test.for([
  { type: "regex", pattern: "(" },
  { type: "regex", pattern: "(?=a)" },
  { type: "regex", pattern: "(\\pL{1000}){80}" },
  { type: "numeric", tolerence: 1 },
  { type: "json_fields", fields: ["total"] },
  { type: "json_fields", fields: [] },
  { type: "numeric", tolerance: -1 },
  { type: "edit_similarity", at_least: 2 },
  { type: "label", labels: ["one"] },
  { type: "vibes" },
])("%j is refused", (given) => {
  expect(Scorer.safeParse(given).success).toBe(false);
});
