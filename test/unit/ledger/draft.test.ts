import { describe, expect, test } from "vitest";
import {
  ContentTooLarge,
  draftDecision,
  draftEntry,
  keyedRequest,
  type EntryInput,
} from "../../../src/ledger/draft.ts";
import { SALT_BYTES } from "../../../src/ledger/entry.ts";
import { CONTENT_BYTES_MAX } from "../../../src/ledger/limits.ts";
import type { DecisionCreate } from "../../../src/ledger/schema.ts";
import { sha256Hex, sortedJson } from "../../support/audit-ledger.ts";
import { seededRandom } from "../../support/test-ledger.ts";

const create: DecisionCreate = {
  service_name: "support-agent",
  decision_type: "reply",
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: "Your account looks fine." },
};
const entry: EntryInput = {
  kind: "decision_flagged",
  decisionId: "dec_1",
  actor: "key_1",
  facts: {},
  fields: { reason: "wrong tone" },
};
const request = { method: "POST", path: "/v1/decisions", body: { b: 1, a: [2] }, count: 1 };

function valuesIn(content: Uint8Array): Record<string, unknown> {
  const parsed: Record<string, { value: unknown }> = JSON.parse(Buffer.from(content).toString());
  return Object.fromEntries(Object.entries(parsed).map(([field, { value }]) => [field, value]));
}

describe("a drafted decision", () => {
  test("holds as content what was sent, null and absent left out, empty kept", () => {
    const sent = { ...create, prompt: {}, tool_calls: [], metadata: null };
    const draft = draftDecision(sent, "key_1", seededRandom(1));
    expect(valuesIn(draft.content)).toEqual({
      input: create.input,
      model: create.model,
      output: create.output,
      prompt: {},
      tool_calls: [],
    });
    expect(Object.keys(draft.commitments).toSorted()).toEqual(
      Object.keys(valuesIn(draft.content)).toSorted(),
    );
  });

  test("ignores members it does not know", () => {
    const sent = Object.assign({ extra: "secret" }, create);
    const draft = draftDecision(sent, "key_1", seededRandom(1));
    expect(Buffer.from(draft.content).toString()).not.toContain("secret");
    expect(JSON.stringify(draft.facts)).not.toContain("secret");
  });

  test("states as facts its names, and the model's where they are text", () => {
    const factsOf = (model: DecisionCreate["model"]) =>
      draftDecision({ ...create, model }, "key_1", seededRandom(1)).facts;
    const names = { service_name: "support-agent", decision_type: "reply" };
    expect(factsOf(create.model)).toEqual({
      ...names,
      model_provider: "openai",
      model_name: "gpt-4",
    });
    expect(factsOf({})).toEqual(names);
    expect(factsOf({ provider: null, name: 4, key: "secret" })).toEqual(names);
    expect(factsOf({ provider: "", name: "" })).toEqual({
      ...names,
      model_provider: "",
      model_name: "",
    });
  });

  test("has the content hash of 0.1, which no key changes", () => {
    const hash = draftDecision(create, "key_1", seededRandom(1)).contentHash;
    const all = { prompt: null, tool_calls: null, metadata: null, ...create };
    expect(hash).toBe(sha256Hex(sortedJson(all)));
    const keyed = keyedRequest("k", request);
    expect(draftDecision(create, "key_2", seededRandom(2), keyed).contentHash).toBe(hash);
  });
});

describe("a keyed request", () => {
  const keyed = keyedRequest("Überraschung k", request);

  test("is told by the hash of its key and a fingerprint of what was asked", () => {
    expect(keyed).toEqual({
      requestKey: sha256Hex("Überraschung k"),
      fingerprint: {
        method: "POST",
        path: "/v1/decisions",
        body_sha256: sha256Hex('{"a":[2],"b":1}'),
        count: 1,
      },
    });
  });

  test("states its key as a fact, hashed, and commits to the fingerprint", () => {
    for (const draft of [
      draftEntry({ ...entry, facts: { a: 1 }, keyed }, seededRandom(1)),
      draftDecision(create, "key_1", seededRandom(1), keyed),
    ]) {
      expect(draft.facts["request_key"]).toBe(keyed.requestKey);
      expect(valuesIn(draft.content)["request"]).toEqual(keyed.fingerprint);
      expect(draft.commitments["request"]).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(draftEntry({ ...entry, facts: { a: 1 }, keyed }, seededRandom(1)).facts).toEqual({
      a: 1,
      request_key: keyed.requestKey,
    });
  });

  test("is absent where there is no key", () => {
    const draft = draftEntry(entry, seededRandom(1));
    expect(draft.facts).toEqual({});
    expect(Object.keys(draft.commitments)).toEqual(["reason"]);
  });
});

describe("any draft", () => {
  test("takes one salt a field from the randomness, and no more", () => {
    const asked: number[] = [];
    const random = (bytes: number) => {
      asked.push(bytes);
      return new Uint8Array(bytes);
    };
    draftEntry({ ...entry, fields: { a: 1, b: null, c: 2 } }, random);
    draftEntry({ ...entry, fields: {} }, random);
    expect(asked).toEqual([2 * SALT_BYTES, 0]);
  });

  test("names its decision and its id only where it has them", () => {
    const { decisionId: _, ...aboutNone } = entry;
    expect(draftEntry(entry, seededRandom(1))).toMatchObject({ decisionId: "dec_1" });
    expect(draftEntry({ ...entry, id: "rep_1" }, seededRandom(1))).toMatchObject({ id: "rep_1" });
    expect(Object.keys(draftEntry(aboutNone, seededRandom(1)))).not.toContain("decisionId");
    expect(Object.keys(draftEntry(aboutNone, seededRandom(1)))).not.toContain("id");
  });

  test("may hold 1 MiB of canonical content, counted in octets, and not one more", () => {
    const reason = "é".repeat((CONTENT_BYTES_MAX - 2) / 2); // two quotes around
    const draft = draftEntry({ ...entry, fields: { reason } }, seededRandom(1));
    expect(draft.content.length).toBeGreaterThan(CONTENT_BYTES_MAX);
    const tooLarge = () =>
      draftEntry({ ...entry, fields: { reason: `${reason}a` } }, seededRandom(1));
    expect(tooLarge).toThrow(ContentTooLarge);
    expect(tooLarge).toThrow(`${CONTENT_BYTES_MAX + 1} octets`);
  });

  test("is as large with a key as without one: the request's fingerprint is not counted", () => {
    const reason = "a".repeat(CONTENT_BYTES_MAX - 2);
    const keyed = keyedRequest("k", request);
    const draft = draftEntry({ ...entry, fields: { reason }, keyed }, seededRandom(1));
    expect(Object.keys(draft.commitments)).toEqual(["reason", "request"]);
  });
});
