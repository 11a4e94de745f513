import { describe, expect, test } from "vitest";
import {
  canonicalFields,
  chainHashOf,
  contentBytes,
  contentHashOf,
  decodeHeader,
  encodeHeader,
  SALT_BYTES,
  sealContent,
} from "../../../src/ledger/entry.ts";
import type { Header } from "../../../src/ledger/schema.ts";
import { sha256Hex, sortedJson } from "../../support/audit-ledger.ts";
import { sha256Of } from "../../support/reference-tree.ts";

const header: Header = {
  v: 1,
  ledger: "main",
  index: 41,
  kind: "decision_flagged",
  id: "flg_1",
  decision_id: "dec_1",
  recorded_at: "2026-11-22T18:26:55.934Z",
  actor: "key_1",
  facts: { ä: 1, a: [true, null], A: "line\nbreak" },
  commitments: { reason: "ab".repeat(32) },
  previous: "00".repeat(32),
};

describe("content fields", () => {
  test("that are null or absent are left out; empty ones are not", () => {
    const fields = { a: null, b: undefined, c: {}, d: [], e: "", f: 0, g: false };
    expect(canonicalFields(fields)).toEqual({ c: "{}", d: "[]", e: '""', f: "0", g: "false" });
  });

  test("are taken in canonical form, numbers and keys included", () => {
    expect(canonicalFields({ a: { z: 1e21, b: 1.0, "\u20ac": [-0] } })).toEqual({
      a: '{"b":1,"z":1e+21,"€":[0]}',
    });
  });

  test("count octets of their values, not characters", () => {
    expect(contentBytes({})).toBe(0);
    expect(contentBytes({ a: '"€"', bcd: "12" })).toBe(7);
  });
});

describe("sealed content", () => {
  const fields = { output: '{"a":"€"}', input: "[]", 'odd "name"': "1" };
  const random = Uint8Array.from({ length: 3 * SALT_BYTES }, (_, i) => i);
  const { text, commitments } = sealContent(fields, random);

  test("is canonical JSON with a salt of its own for each field", () => {
    const parsed: Record<string, { salt: string; value: unknown }> = JSON.parse(text);
    expect(sortedJson(parsed)).toBe(text);
    const salts = Object.values(parsed).map(({ salt }) => salt);
    expect(salts.map((salt) => salt.length)).toEqual([64, 64, 64]);
    expect(salts.join("")).toBe(Buffer.from(random).toString("hex"));
    expect(parsed["output"]?.value).toEqual({ a: "€" });
  });

  test("commits to each field as SHA-256(salt, [field, value])", () => {
    const parsed: Record<string, { salt: string; value: unknown }> = JSON.parse(text);
    expect(Object.keys(commitments).toSorted()).toEqual(Object.keys(fields).toSorted());
    for (const [field, { salt, value }] of Object.entries(parsed)) {
      const opening = Buffer.from(sortedJson([field, value]));
      const digest = sha256Of(Buffer.from(salt, "hex"), opening);
      expect(commitments[field]).toBe(Buffer.from(digest).toString("hex"));
    }
  });

  test("of no fields is an empty object without commitments", () => {
    expect(sealContent({}, new Uint8Array())).toEqual({ text: "{}", commitments: {} });
  });

  test("of the same value under other salts commits to something else", () => {
    const one = sealContent({ a: "1" }, random);
    const other = sealContent({ a: "1" }, random.slice(1));
    expect(one.commitments["a"]).not.toBe(other.commitments["a"]);
  });
});

describe("the content hash of 0.1", () => {
  const fields = {
    input: { message: "I was charged twice" },
    model: { provider: "openai", name: "gpt-4" },
    output: { response: "Your account looks fine." },
  };
  const VECTOR = "14918a34d53629d1ce15010396641c7030e4c87d262a8c2c8e850764a2df0447";

  test("is the vector of CONTRACT.md", () => {
    const of = contentHashOf(canonicalFields(fields), "test-agent", "customer_support_reply");
    expect(of).toBe(VECTOR);
    const preimage =
      '{"decision_type":"customer_support_reply","input":{"message":"I was charged twice"},' +
      '"metadata":null,"model":{"name":"gpt-4","provider":"openai"},' +
      '"output":{"response":"Your account looks fine."},"prompt":null,' +
      '"service_name":"test-agent","tool_calls":null}';
    expect(sha256Hex(preimage)).toBe(VECTOR);
  });

  test("changes with each of its eight fields, and with no other", () => {
    const all = { ...fields, prompt: { a: 1 }, tool_calls: [{}], metadata: { b: 2 } };
    const of = (changed: object, service = "s", type = "t") =>
      contentHashOf(canonicalFields({ ...all, ...changed }), service, type);
    const hashes = [
      of({}),
      of({}, "other"),
      of({}, "s", "other"),
      ...Object.keys(all).map((field) => of({ [field]: { changed: true } })),
      ...Object.keys(all).map((field) => of({ [field]: null })),
    ];
    expect(new Set(hashes).size).toBe(1 + 2 + 6 + 6);
    expect(of({ request: { count: 1 } })).toBe(of({}));
  });

  test("tells an empty prompt from none: 0.1 did not, and cried tampering", () => {
    const none = canonicalFields({ ...fields, prompt: null });
    const empty = canonicalFields({ ...fields, prompt: {} });
    expect(contentHashOf(empty, "s", "t")).not.toBe(contentHashOf(none, "s", "t"));
  });

  test("escapes names as JSON does", () => {
    expect(contentHashOf({}, 'a"b', "é")).toBe(
      sha256Hex(
        '{"decision_type":"é","input":null,"metadata":null,"model":null,"output":null,"prompt":null,"service_name":"a\\"b","tool_calls":null}',
      ),
    );
  });
});

describe("a header", () => {
  test("is written canonically, and read back as it was", () => {
    const text = encodeHeader(header);
    expect(text).toBe(sortedJson(header));
    expect(decodeHeader(text)).toEqual(header);
  });

  test("about no decision leaves the member out", () => {
    const { decision_id: about, ...rest } = header;
    expect(about).toBe("dec_1");
    expect(encodeHeader(rest)).not.toContain("decision_id");
    expect(decodeHeader(encodeHeader(rest))).toEqual(rest);
    expect(encodeHeader({ ...rest, decision_id: undefined })).toBe(encodeHeader(rest));
  });

  test("hashes as an RFC 6962 leaf: 0x00, then the exact octets", () => {
    const text = encodeHeader(header);
    expect(Buffer.from(chainHashOf(text)).toString("hex")).toBe(sha256Hex(`\0${text}`));
    expect(Buffer.from(chainHashOf("€ ")).toString("hex")).toBe(sha256Hex("\0€ "));
  });

  test("keeps facts of any name, __proto__ too", () => {
    const facts: Header["facts"] = JSON.parse('{"__proto__":{"a":1},"constructor":"x"}');
    const text = encodeHeader({ ...header, facts });
    expect(text).toContain('"facts":{"__proto__":{"a":1},"constructor":"x"}');
    expect(encodeHeader(decodeHeader(text) ?? header)).toBe(text);
  });

  test.each<[string, object]>([
    ["a member more", { extra: 1 }],
    ["another version", { v: 2 }],
    ["a negative index", { index: -1 }],
    ["half an index", { index: 0.5 }],
    ["an index that is text", { index: "41" }],
    ["an unsafe index", { index: 2 ** 53 }],
    ["a kind in capitals", { kind: "Decision" }],
    ["an id without a prefix", { id: "123" }],
    ["an id with a space", { id: "dec_1 2" }],
    ["a time without milliseconds", { recorded_at: "2026-11-22T18:26:55Z" }],
    ["a time with an offset", { recorded_at: "2026-11-22T18:26:55.934+00:00" }],
    ["facts that are a list", { facts: [] }],
    ["facts that are null", { facts: null }],
    ["a commitment in capitals", { commitments: { a: "AB".repeat(32) } }],
    ["a short commitment", { commitments: { a: "ab" } }],
    ["a short previous", { previous: "00" }],
    ["no actor", { actor: undefined }],
  ])("with %s is none", (_, change) => {
    expect(decodeHeader(JSON.stringify({ ...header, ...change }))).toBeUndefined();
  });

  test.each(["", "{", "null", "[]", "1"])("%j is none", (text) => {
    expect(decodeHeader(text)).toBeUndefined();
  });
});
