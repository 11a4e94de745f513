/** What a report says of a ledger that it did not verify as a whole: findings stand, words are true. */
import { test } from "vitest";
import { judged } from "../../../src/http/report-integrity.ts";

const PASSED = { size: 30_000, rootHash: "00", at: "2026-06-01T00:00:00Z" };
const RESULT = {
  valid: null,
  broken_at: null,
  message: "Entries 30000 to 30010 of 30010 were checked",
  size: 30_010,
  root_hash: "01",
  erased: 0,
  complete: false,
  checked: { from: 30_000, to: 30_010 },
  findings: [],
};
const FOUND = {
  cursor: 0,
  findings: [
    {
      index: 3,
      decisionId: "dec_3",
      fault: "chain_broken" as const,
      message: "entry 3 is another",
    },
  ],
  checkedAt: "2026-06-02T00:00:00Z",
  passed: PASSED,
};

test("tampering found since the last complete pass stands, though the tail is clean", ({
  expect,
}) => {
  const seen = judged(RESULT, FOUND);
  expect(seen).toMatchObject({ valid: false, broken_at: "dec_3", complete: false });
  expect(seen.message).toContain("chain_broken: entry 3 is another");
  expect(seen.findings).toEqual([expect.objectContaining({ index: 3, decision_id: "dec_3" })]);
});

test("a whole pass that is clean ends it", ({ expect }) => {
  const whole = { ...RESULT, valid: true, complete: true, checked: { from: 0, to: 30_010 } };
  expect(judged(whole, FOUND)).toMatchObject({
    valid: true,
    findings: [],
    message: "All 30010 entries verified",
  });
});

test("a tail that is clean is not called the whole", ({ expect }) => {
  const known = { ...FOUND, findings: [] };
  const seen = judged({ ...RESULT, valid: true, complete: true }, known);
  expect(seen).toMatchObject({ valid: true });
  expect(seen.message).toBe(
    "Of 30010 entries, the first 30000 were verified by the complete pass of 2026-06-01T00:00:00Z, the rest now",
  );
});
