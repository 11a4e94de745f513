/**
 * Canonical JSON against files from outside the project: the vectors of RFC 8785's author, and
 * strings known for breaking parsers. The files are outside the repository: in
 * LOOPGRID_DATA, by default ../shared/data.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { canonicalize, isCanonical } from "../../src/ledger/canonical-json.ts";
import { fromUtf8, toHex, utf8 } from "../../src/lib/bytes.ts";
import type { JsonValue } from "../../src/lib/json.ts";
import { parseStrictJson } from "../../src/lib/strict-json.ts";

const data =
  process.env["LOOPGRID_DATA"] ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const vectors = join(data, "vectors/jcs-rfc8785");
const naughty = join(data, "robustness/big-list-of-naughty-strings/blns.json");

function strictly(octets: Uint8Array): JsonValue {
  const result = parseStrictJson(octets, { depthMax: 64 });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
}

describe.skipIf(!existsSync(vectors))("RFC 8785 vectors (skipped without LOOPGRID_DATA)", () => {
  test.each(["arrays", "french", "structures", "unicode", "values", "weird"])("%s", (name) => {
    const octets = utf8(canonicalize(strictly(readFileSync(join(vectors, `input/${name}.json`)))));
    const hex = readFileSync(join(vectors, `outhex/${name}.txt`), "utf8").replaceAll(/\s/g, "");
    expect(toHex(octets)).toBe(hex);
    const expected = readFileSync(join(vectors, `output/${name}.json`), "utf8");
    expect(fromUtf8(octets)).toBe(expected);
    expect(isCanonical(expected)).toBe(true);
    expect(canonicalize(strictly(octets))).toBe(expected);
  });

  test("10,000 numbers", () => {
    const lines = readFileSync(join(vectors, "es6-numbers-first-10000.txt"), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(10_000);
    const wrong: string[] = [];
    for (const line of lines) {
      const [hex = "", expected] = line.split(",");
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt(`0x${hex}`));
      if (canonicalize(view.getFloat64(0)) !== expected) wrong.push(line);
    }
    expect(wrong).toEqual([]);
  });
});

describe.skipIf(!existsSync(naughty))(
  "big list of naughty strings (skipped without LOOPGRID_DATA)",
  () => {
    test("every string survives as value and as key", () => {
      const octets = readFileSync(naughty);
      const strings: readonly string[] = JSON.parse(octets.toString("utf8"));
      expect(strings.length).toBeGreaterThan(500);
      expect(strictly(octets)).toEqual(strings);
      for (const text of strings) {
        const value: JsonValue = Object.fromEntries([[text, [text]]]);
        expect(strictly(utf8(JSON.stringify(value)))).toEqual(value);
        const canonical = canonicalize(value);
        expect(canonicalize(strictly(utf8(canonical)))).toBe(canonical);
      }
    });
  },
);
