import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ID_RANDOM_BYTES, mintId } from "../../../src/lib/ids.ts";

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const counters = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const randoms = fc.uint8Array({ minLength: ID_RANDOM_BYTES, maxLength: ID_RANDOM_BYTES });
const ONES = new Uint8Array(ID_RANDOM_BYTES).fill(0xff);
const ZEROS = new Uint8Array(ID_RANDOM_BYTES);

/** 32 bits, and 10 more that the counter leaves. */
function usedBits(random: Uint8Array): string {
  return [...random.slice(0, 4), (random[4] ?? 0) & 3, random[5]].join();
}

describe("an id", () => {
  test("has the layout of a UUIDv7, RFC 9562 §5.7, with a counter after the time", () => {
    const at = Date.parse("2026-11-22T18:26:55.934Z");
    const counter = 0b1010_1111_0000_0011_1100_0101_1010_1001;
    const octets = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0x02, 0x6a);
    const id = mintId("dec_", at, counter, octets);
    expect(id).toMatch(/^dec_[0-9a-f]{32}$/);
    const bits = BigInt(`0x${id.slice(4)}`)
      .toString(2)
      .padStart(128, "0");
    const parts = [48, 4, 12, 2, 20, 10, 32];
    const values = parts.map((width, i) => {
      const from = parts.slice(0, i).reduce((sum, bits) => sum + bits, 0);
      return Number.parseInt(bits.slice(from, from + width), 2);
    });
    const low = counter >>> 0;
    expect(values).toEqual([at, 7, low >>> 20, 2, low % 2 ** 20, 0x26a, 0xdeadbeef]);
  });

  test("sorts by time, then by counter, whatever the randomness", () => {
    fc.assert(
      fc.property(times, counters, times, counters, (at1, count1, at2, count2) => {
        const earlier = at1 < at2 || (at1 === at2 && count1 < count2);
        fc.pre(at1 !== at2 || count1 !== count2);
        const a = mintId("dec_", at1, count1, earlier ? ONES : ZEROS);
        const b = mintId("dec_", at2, count2, earlier ? ZEROS : ONES);
        expect(a < b).toBe(earlier);
      }),
    );
  });

  test("of neighbouring counters in one millisecond sorts by the counter", () => {
    for (const counter of [0, 1, 63, 64, 1023, 1024, 2 ** 20 - 1, 2 ** 31 - 1, 2 ** 32 - 2]) {
      expect(mintId("", 1, counter, ONES) < mintId("", 1, counter + 1, ZEROS)).toBe(true);
    }
  });

  test("differs in 42 bits of randomness, and takes no more", () => {
    fc.assert(
      fc.property(times, counters, randoms, randoms, (at, counter, a, b) => {
        const same = usedBits(a) === usedBits(b);
        expect(mintId("x_", at, counter, a) === mintId("x_", at, counter, b)).toBe(same);
      }),
    );
  });

  test("takes counters past 2^32: an index may", () => {
    expect(mintId("", 5, 2 ** 32 + 9, ZEROS)).toBe(mintId("", 5, 9, ZEROS));
    expect(mintId("", 5, 2 ** 52 + 2 ** 31, ZEROS)).toBe(mintId("", 5, 2 ** 31, ZEROS));
  });
});
