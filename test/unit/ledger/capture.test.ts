import { describe, expect, test } from "vitest";
import { draftDecision } from "../../../src/ledger/draft.ts";
import { DecisionCreate } from "../../../src/ledger/schema.ts";
import { seededRandom } from "../../support/test-ledger.ts";

const create = {
  service_name: "support-agent",
  decision_type: "reply",
  input: {},
  model: { provider: "openai", name: "gpt-4", version: "2026-08-01" },
  output: {},
};

const capture = {
  occurred_at: "2026-11-22T18:26:55+02:00",
  started_at: "2026-11-22T16:26:50Z",
  ended_at: "2026-11-22T16:26:55.123456789Z",
  capture_mode: "automatic",
  system_version: "4.2.0",
  automation_level: "human_in_the_loop",
  decision_role: "contributing",
  subject_notice: "notice-7@v3",
  writer_id: "host-1/pid-7",
  writer_seq: 1,
} as const;

function draftOf(more: object) {
  return draftDecision(DecisionCreate.parse({ ...create, ...more }), "key_1", seededRandom(1));
}

function factsOf(more: object) {
  return draftOf(more).facts;
}

describe("capture facts", () => {
  test("stand in the header as they were sent, and only where they were", () => {
    const names = {
      service_name: "support-agent",
      decision_type: "reply",
      model_provider: "openai",
      model_name: "gpt-4",
      model_version: "2026-08-01",
    };
    expect(factsOf(capture)).toEqual({ ...names, ...capture });
    expect(factsOf({})).toEqual(names);
    const nulls = Object.fromEntries(Object.keys(capture).map((member) => [member, null]));
    expect(factsOf(nulls)).toEqual(names);
  });

  test("leave the content hash of 0.1 alone", () => {
    expect(draftOf(capture).contentHash).toBe(draftOf({}).contentHash);
  });

  test.each([
    ["occurred_at", { occurred_at: "yesterday" }],
    ["occurred_at", { occurred_at: "2026-11-22T18:26:55" }],
    ["occurred_at", { occurred_at: 7 }],
    ["occurred_at", { occurred_at: `2026-11-22T18:26:55.${"0".repeat(40)}Z` }],
    ["started_at", { started_at: "2026-02-30T00:00:00Z" }],
    ["ended_at", { started_at: "2026-11-22T12:00:00Z", ended_at: "2026-11-22T12:59:59+01:00" }],
    ["capture_mode", { capture_mode: "auto" }],
    ["system_version", { system_version: "" }],
    ["system_version", { system_version: "v".repeat(129) }],
    ["automation_level", { automation_level: "some" }],
    ["decision_role", { decision_role: "all" }],
    ["subject_notice", { subject_notice: "n".repeat(257) }],
    ["writer_id", { writer_id: "two words", writer_seq: 1 }],
    ["writer_id", { writer_id: "w".repeat(129) }],
    ["writer_seq", { writer_id: "w", writer_seq: 0 }],
    ["writer_seq", { writer_id: "w", writer_seq: 1.5 }],
    ["writer_seq", { writer_seq: 1 }],
  ])("a bad %s is refused by its name", (member, more) => {
    const parsed = DecisionCreate.safeParse({ ...create, ...more });
    expect(parsed.error?.issues.map(({ path }) => path)).toEqual([[member]]);
  });
});
