import { describe, expect, test } from "vitest";
import { entryLine, provenEntryLine } from "../../../src/ledger/entry-line.ts";
import type { EntryRow } from "../../../src/ledger/read.ts";
import { sha256Hex, sortedJson } from "../../support/audit-ledger.ts";

const HEADER = '{"actor":"a \\"b\\" \\\\ € \\u0001","v":1}';
const row: EntryRow = {
  index: 41,
  header: HEADER,
  chainHash: sha256Hex(`\0${HEADER}`),
  contentHash: "cd".repeat(32),
  fields: '{"input":{"salt":"00","value":{"a":"€ \u2028"}}}',
};

describe("an entry line", () => {
  test("is one line of canonical JSON that gives the header back octet for octet", () => {
    const line = entryLine(row);
    expect(line).not.toMatch(/[\n\r]/);
    const parsed: { header: string } = JSON.parse(line);
    expect(sortedJson(parsed)).toBe(line);
    expect(parsed).toEqual({
      header: HEADER,
      chain_hash: row.chainHash,
      content: { input: { salt: "00", value: { a: "€ \u2028" } } },
    });
    expect(sha256Hex(`\0${parsed.header}`)).toBe(row.chainHash);
  });

  test("of an entry without content has none, and never null", () => {
    expect(JSON.parse(entryLine({ ...row, fields: null }))).toMatchObject({ content: {} });
  });

  test("with its proof is canonical too", () => {
    const proof = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(0xab)];
    const line = provenEntryLine(row, proof);
    const parsed: unknown = JSON.parse(line);
    expect(sortedJson(parsed)).toBe(line);
    expect(parsed).toMatchObject({
      header: HEADER,
      index: 41,
      proof: ["01".repeat(32), "ab".repeat(32)],
    });
  });
});
