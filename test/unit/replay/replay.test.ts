import { describe, expect, test } from "vitest";
import type { StoredEntry } from "../../../src/ledger/decision.ts";
import type { JsonObject, JsonValue } from "../../../src/lib/json.ts";
import { toReplay } from "../../../src/replay/replay.ts";
import { Replay } from "../../../src/replay/schema.ts";
import { replayed } from "../../../src/replay/simulate.ts";

type Recorded = Parameters<typeof replayed>[0];

const decision: Recorded = {
  input: { message: "I was charged twice" },
  model: { name: "gpt-4" },
  prompt: null,
  output: { response: "Your account looks fine." },
};

function stored(facts: JsonObject, fields: Record<string, JsonValue>): StoredEntry {
  return {
    header: {
      v: 1,
      ledger: "main",
      index: 5,
      kind: "replay_completed",
      id: "rep_5",
      decision_id: "dec_0",
      recorded_at: "2026-11-22T18:26:55.934Z",
      actor: "key_1",
      facts,
      commitments: {},
      previous: "00".repeat(32),
    },
    chainHash: "ab".repeat(32),
    contentHash: null,
    content: Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => value !== null)
        .map(([field, value]) => [field, { salt: "00".repeat(32), value }]),
    ),
  };
}

/** The entry a route would write for these overrides, read back. */
function entryFor(
  overrides: JsonObject | null,
  from: Recorded = decision,
  erased: readonly string[] = [],
): StoredEntry {
  const { facts, replay_output, error } = replayed(from, erased, overrides);
  return stored(facts, { overrides, replay_output, error, triggered_by: "sdk" });
}

describe("a replay", () => {
  test("without change has every member of the contract", () => {
    expect(toReplay(entryFor(null))).toEqual({
      replay_id: "rep_5",
      decision_id: "dec_0",
      created_at: "2026-11-22T18:26:55.934Z",
      experiment_id: null,
      triggered_by: "sdk",
      overrides: null,
      replay_output: decision.output,
      execution_status: "completed",
      execution_mode: "simulated",
      output_changed: false,
      diff_summary: null,
      error: null,
      outcome: null,
      fidelity: null,
      attempts: [],
      provider: null,
      requested_model: null,
      served_model: null,
      usage: null,
      usage_raw: null,
      cost: null,
      latency_ms: null,
      diff: null,
    });
  });

  test("with one derives its summary from what is marked", () => {
    const overrides = { model: { name: "gpt-5" } };
    const replay = toReplay(entryFor(overrides));
    expect(replay).toMatchObject({ overrides, output_changed: true });
    expect(replay.diff_summary).toMatch(/no model ran.*model\.name/);
  });

  test("that failed says so and why, and never shows an output", () => {
    const failed = toReplay(entryFor(null, { ...decision, output: null }, ["output"]));
    expect(failed).toMatchObject({
      replay_output: null,
      execution_status: "failed",
      execution_mode: "error",
      output_changed: false,
      diff_summary: null,
      error: { class: "not_replayable", message: "content was erased: output" },
    });
  });

  test("whose content was erased quotes nothing any more", () => {
    const { header } = entryFor({ input: {} });
    const erased = toReplay({ ...stored({}, {}), header });
    expect(erased).toMatchObject({
      triggered_by: null,
      overrides: null,
      replay_output: null,
      output_changed: true,
      diff_summary: null,
      error: null,
    });
  });

  test.each<[JsonValue | undefined, Replay["execution_mode"]]>([
    ["live", "live"],
    ["error", "error"],
    ["simulated", "simulated"],
  ])("of mode %j is shown as %s", (fact, mode) => {
    expect(toReplay(stored({ execution_mode: fact ?? null }, {})).execution_mode).toBe(mode);
  });

  test("fits its schema, whatever its entry holds", () => {
    for (const entry of [
      entryFor(null),
      entryFor({ input: {}, other: [1] }),
      stored({}, {}),
      stored({ output_changed: "yes" }, { error: {}, replay_output: [1], triggered_by: 7 }),
    ]) {
      const replay = toReplay(entry);
      expect(Replay.parse(replay)).toEqual(replay);
    }
  });
});
