/** What a judge's words are taken to say. */
import { expect, test } from "vitest";
import { verdictIn } from "../../../../src/replay/experiments/judge.ts";

const said = (text: string | null) => verdictIn({ outcome: "succeeded", text });

test.for([
  ['{"right": true, "reason": "the same"}', true],
  ['```json\n{"right": false}\n```', false],
  ['The set {1,2} equals. {"right": true}', true],
  ['{"right": true} because {x}', true],
  ['{"right": false, "reason": "it says {x}, not {y}"}', false],
  ['{"answer": {"right": true}}', true],
  ["right", null],
  ['{"right": "yes"}', null],
  ["", null],
  ["{".repeat(15_000), null],
] as const)("%j is %s", ([text, verdict]) => {
  expect(said(text)).toBe(verdict);
});

test("no answer is no verdict", () => {
  expect(said(null)).toBeNull();
  expect(verdictIn({ outcome: "rate_limited", text: '{"right": true}' })).toBeNull();
});
