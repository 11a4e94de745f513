import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import {
  overriddenPaths,
  replayed,
  simulate,
  simulatedDiffSummary,
} from "../../../src/replay/simulate.ts";

const recorded = {
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4", temperature: 0.5 },
  prompt: { template: "support_v1", parameters: { tone: "kind", words: 50 } },
};
const output = { response: "Your account looks fine." };

describe("the paths at which a request is overridden", () => {
  test.each<[string, JsonObject | null, string[]]>([
    ["nothing", null, []],
    ["an empty object", {}, []],
    ["the same input", { input: { message: "I was charged twice" } }, []],
    ["another input", { input: { message: "Hello" } }, ["input"]],
    ["an empty input", { input: {} }, ["input"]],
    ["the same model member", { model: { name: "gpt-4" } }, []],
    ["another model member", { model: { name: "gpt-5" } }, ["model.name"]],
    ["a new model member", { model: { seed: 1 } }, ["model.seed"]],
    ["a new member that is null", { model: { seed: null } }, ["model.seed"]],
    ["another template", { prompt: { template: "support_v2" } }, ["prompt.template"]],
    [
      "the same parameters in another order",
      { prompt: { parameters: { words: 50, tone: "kind" } } },
      [],
    ],
    [
      "fewer parameters: members are replaced, not merged",
      { prompt: { parameters: { tone: "kind" } } },
      ["prompt.parameters"],
    ],
    [
      "several, sorted",
      { prompt: { template: "x" }, model: { name: "y", provider: "z" }, input: {} },
      ["input", "model.name", "model.provider", "prompt.template"],
    ],
    ["members that mean nothing", { temperature: 1, note: "x" }, []],
    ["members of every object", { model: { constructor: "x" } }, ["model.constructor"]],
  ])("by %s", (_, overrides, paths) => {
    expect(overriddenPaths(recorded, overrides)).toEqual(paths);
  });

  test("name every prompt member where no prompt was recorded", () => {
    const overrides = { prompt: { template: "x" } };
    expect(overriddenPaths({ ...recorded, prompt: null }, overrides)).toEqual(["prompt.template"]);
  });

  test("are none when a request overrides itself", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (any) => {
        const json: JsonObject = JSON.parse(JSON.stringify(any));
        const request = { input: json, model: json, prompt: json };
        const copy: JsonObject = JSON.parse(JSON.stringify(request));
        expect(overriddenPaths(request, copy)).toEqual([]);
      }),
    );
  });
});

describe("a simulated replay", () => {
  test("without an effective change is the recorded output, unmarked", () => {
    expect(simulate(output, recorded, null)).toEqual({ output, changed: false });
    const same = { model: { name: "gpt-4" } };
    expect(simulate(output, recorded, same)).toEqual({ output, changed: false });
  });

  test("with one is the recorded output, marked, and no word of it is changed", () => {
    const overrides = { prompt: { template: "support_v2" } };
    const replay = simulate(output, recorded, overrides);
    expect(replay).toEqual({
      output: {
        ...output,
        simulated: {
          rule: expect.stringContaining("No model ran"),
          overridden: ["prompt.template"],
        },
      },
      changed: true,
    });
    expect(output).toEqual({ response: "Your account looks fine." });
  });

  test("says in one sentence that no model ran, and where the request differs", () => {
    const overrides = { prompt: { template: "x" }, input: {} };
    const summary = simulatedDiffSummary(simulate(output, recorded, overrides).output);
    expect(summary).toMatch(/no model ran.* input, prompt\.template;/);
    expect(simulatedDiffSummary(output)).toBeNull();
    expect(simulatedDiffSummary(null)).toBeNull();
    expect(simulatedDiffSummary({ simulated: true })).toBeNull();
    expect(simulatedDiffSummary({ simulated: { overridden: "input" } })).toBeNull();
  });
});

describe("the entry of a replay", () => {
  test("states mode, status and change as facts", () => {
    const facts = { execution_mode: "simulated", execution_status: "completed" };
    const decision = { ...recorded, output };
    expect(replayed(decision, [], null)).toEqual({
      facts: { ...facts, output_changed: false },
      replay_output: output,
      error: null,
    });
    const changed = replayed(decision, ["metadata"], { input: {} });
    expect(changed.facts).toEqual({ ...facts, output_changed: true });
    expect(changed.replay_output).toMatchObject({ simulated: { overridden: ["input"] } });
  });

  test.each([
    ["input", { input: null }],
    ["model", { model: null }],
    ["prompt", { prompt: null }],
    ["output", { output: null }],
    ["input, output", { input: null, output: null }],
  ])("of a decision whose %s was erased is a failure that says so", (fields, erased) => {
    const decision = { ...recorded, output, ...erased };
    const replay = replayed(decision, Object.keys(erased), { input: {} });
    expect(replay).toEqual({
      facts: {
        execution_mode: "error",
        execution_status: "failed",
        outcome: "not_replayable",
        output_changed: false,
      },
      replay_output: null,
      error: { class: "not_replayable", message: `content was erased: ${fields}` },
    });
  });
});
