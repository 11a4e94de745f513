import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  toBase64,
  toHex,
  utf8,
} from "../../../src/lib/bytes.ts";

const octets = fc.uint8Array({ maxLength: 70 });

describe("hex", () => {
  test("is what Node writes, and is read back", () => {
    fc.assert(
      fc.property(octets, (any) => {
        expect(toHex(any)).toBe(Buffer.from(any).toString("hex"));
        expect(fromHex(toHex(any))).toEqual(any);
      }),
    );
  });

  test.each(["0", "AB", "aB", "0x00", "0g", " 00", "00 ", "00\n", "-0", "٠٠", "0".repeat(63)])(
    "spelled %j is refused",
    (text) => {
      expect(fromHex(text)).toBeUndefined();
    },
  );
});

describe("base64", () => {
  test("is what Node writes, and is read back", () => {
    fc.assert(
      fc.property(octets, (any) => {
        expect(toBase64(any)).toBe(Buffer.from(any).toString("base64"));
        expect(fromBase64(toBase64(any))).toEqual(any);
      }),
    );
  });

  test("has one accepted spelling: any other text is refused or is other octets", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9+/]{0,6}={0,3}$/), (text) => {
        const decoded = fromBase64(text);
        expect(decoded === undefined ? text : toBase64(decoded)).toBe(text);
      }),
    );
  });

  test.each([
    "A",
    "AA",
    "AAA",
    "AA=",
    "AB==",
    "AAB=",
    "AA==\n",
    " AA==",
    "AA==AA==",
    "A===",
    "____",
    "----",
    "AA=A",
  ])("spelled %j is refused", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});

describe("UTF-8", () => {
  test("of any text is read back, a byte order mark included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  test.each([
    ["a stray octet", [0xff]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["half a surrogate pair", [0xed, 0xa0, 0x80]],
    ["a cut character", [0xe2, 0x82]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
  ])("with %s is none", (_, malformed) => {
    expect(() => fromUtf8(Uint8Array.from(malformed))).toThrow(TypeError);
  });
});

test("joined octets are the octets of all parts in order", () => {
  fc.assert(
    fc.property(fc.array(octets), (parts) => {
      expect(concatBytes(...parts)).toEqual(new Uint8Array(Buffer.concat(parts)));
    }),
  );
});

test("octets are equal when every octet and the length are", () => {
  fc.assert(
    fc.property(octets, octets, (a, b) => {
      expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b));
      expect(equalBytes(a, a.slice())).toBe(true);
      expect(equalBytes(a, Uint8Array.of(...a, 0))).toBe(false);
    }),
  );
});
