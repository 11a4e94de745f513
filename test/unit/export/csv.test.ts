import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CSV_HEADER, csvCell, csvRow } from "../../../src/export/csv.ts";
import type { Decision } from "../../../src/ledger/schema.ts";

/** One cell as RFC 4180 reads it. */
function read(cell: string): string {
  return cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
}

const decision: Decision = {
  decision_id: "dec_0192",
  created_at: "2026-11-22T18:26:55.934Z",
  service_name: 'support, "agent"',
  decision_type: "=1+1",
  input: { text: "not in the table" },
  model: {},
  output: {},
  status: "recorded",
  content_hash: null,
  chain_hash: "ab".repeat(32),
  prompt: null,
  tool_calls: null,
  metadata: null,
  incorrect_reason: null,
  incorrect_at: null,
  correction: null,
  ledger: "main",
  index: 41,
};

test("the header begins with the columns of 0.1", () => {
  expect(CSV_HEADER).toBe(
    "decision_id,created_at,service_name,decision_type,status,content_hash,chain_hash,index\r\n",
  );
});

test("a row holds the cells of the header, quoted and defused where needed", () => {
  expect(csvRow(decision)).toBe(
    `dec_0192,2026-11-22T18:26:55.934Z,"support, ""agent""","'=1+1",recorded,,${"ab".repeat(32)},41\r\n`,
  );
  expect(CSV_HEADER.split(",")).toHaveLength(8);
});

describe("a cell", () => {
  test.each([
    ["=1+1"],
    ["=cmd|' /C calc'!A0"],
    ["+1"],
    ["-1"],
    ["@SUM(A1)"],
    ["\t=1+1"],
    ["\r=1+1"],
    ["\n=1+1"],
    ["\ttext"],
    ["\rtext"],
    ["\ntext"],
    [" =1+1"],
    ["\u00a0=1+1"],
    ["\ufeff=1+1"],
    ["＝1+1"],
    ["＋1"],
    ["－1"],
    ["＠SUM(A1)"],
    ['=HYPERLINK("http://example.com","x")'],
  ])("%j is text to a spreadsheet, not a formula", (text) => {
    expect(read(csvCell(text))).toBe(`'${text}`);
  });

  test.each([["support-agent"], ["a=b"], ["1-1"], ["me@example.com"], [""], ["é"], ["'quoted'"]])(
    "%j is as it was",
    (text) => {
      expect(read(csvCell(text))).toBe(text);
    },
  );

  test("of any text is one cell of one row, and is read back but for the apostrophe", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const cell = csvCell(text);
        expect(cell).toMatch(/^(?:[^",\r\n]*|"(?:[^"]|"")*")$/);
        expect(read(cell) === text || read(cell) === `'${text}`).toBe(true);
      }),
    );
  });

  test("of a number is its digits, and of nothing is empty", () => {
    expect(csvCell(0)).toBe("0");
    expect(csvCell(41)).toBe("41");
    expect(csvCell(null)).toBe("");
  });
});
