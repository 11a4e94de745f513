import { crc32 as zlibCrc32 } from "node:zlib";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { test } from "vitest";
import {
  API_KEY_RANDOM_BYTES,
  credentialHash,
  equalDigests,
  formatApiKey,
  keyIdOf,
  KEY_ID,
  KEY_PATTERN,
  mintApiKey,
} from "../../../src/auth/api-key.ts";

const NOW = Date.UTC(2026, 10, 22);
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test("a key is recognised by its form, and its id is in it", ({ expect }) => {
  fc.assert(
    fc.property(octets(API_KEY_RANDOM_BYTES), (random) => {
      const { keyId, key } = mintApiKey(NOW, random);
      expect(key).toMatch(/^lgk_[0-9a-f]{32}_[0-9A-Za-z]{49}$/);
      expect(keyId).toMatch(KEY_ID);
      expect(keyIdOf(key)).toBe(keyId);
      expect(`see ${key}.`.replaceAll(KEY_PATTERN, "…")).toBe("see ….");
    }),
  );
});

test("one wrong character anywhere in a key is noticed without storage", ({ expect }) => {
  const { key } = mintApiKey(NOW, randomBytes(API_KEY_RANDOM_BYTES));
  for (let i = 0; i < key.length; i++) {
    const typo = key.slice(0, i) + (key[i] === "a" ? "b" : "a") + key.slice(i + 1);
    expect(keyIdOf(typo), typo).toBeUndefined();
  }
  for (const other of ["", "lgk_", key.slice(0, -1), `${key}a`, key.toUpperCase(), ` ${key}`])
    expect(keyIdOf(other), other).toBeUndefined();
});

test("the checksum is the CRC-32 that everybody has, in base 62", ({ expect }) => {
  const key = formatApiKey(`key_${"0".repeat(32)}`, new Uint8Array(32));
  const body = key.slice(0, -6);
  let rest = zlibCrc32(body);
  let digits = "";
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (; digits.length < 6; rest = Math.floor(rest / 62)) digits = alphabet[rest % 62] + digits;
  expect(key.slice(-6)).toBe(digits);
});

test("every one of the 256 random bits is in the key", ({ expect }) => {
  const id = `key_${"0".repeat(32)}`;
  const keys = new Set([formatApiKey(id, new Uint8Array(32))]);
  for (let bit = 0; bit < 256; bit++) {
    const secret = new Uint8Array(32);
    secret[bit >> 3] = 1 << (bit & 7);
    keys.add(formatApiKey(id, secret));
  }
  expect(keys.size).toBe(257);
});

test("ids of keys are in the order in which they were made", ({ expect }) => {
  const ids = [0, 1, 2000].map(
    (ms) => mintApiKey(NOW + ms, randomBytes(API_KEY_RANDOM_BYTES)).keyId,
  );
  expect(ids.toSorted()).toEqual(ids);
});

test("what is stored is SHA-256 of the key", ({ expect }) => {
  const { key } = mintApiKey(NOW, randomBytes(API_KEY_RANDOM_BYTES));
  expect(Buffer.from(credentialHash(key)).toString("hex")).toBe(
    createHash("sha256").update(key).digest("hex"),
  );
});

test("digests are equal exactly when all their octets are", ({ expect }) => {
  fc.assert(
    fc.property(octets(32), octets(32), fc.nat(255), (a, b, bit) => {
      expect(equalDigests(a, Uint8Array.from(a))).toBe(true);
      expect(equalDigests(a, b)).toBe(Buffer.from(a).equals(Buffer.from(b)));
      const flipped = Uint8Array.from(a);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(equalDigests(a, flipped)).toBe(false);
      expect(equalDigests(a, a.subarray(1))).toBe(false);
    }),
  );
});

test("the comparison has no way out before its last octet", ({ expect }) => {
  const source = readFileSync(new URL("../../../src/auth/api-key.ts", import.meta.url), "utf8");
  const [, body = ""] = /export function equalDigests\([^]*?\{\n([^]*?)\n\}/.exec(source) ?? [];
  expect(body).toContain("for (");
  expect(body.match(/return/g)).toHaveLength(1);
  expect(body).not.toMatch(/break|&&|\|\||every|some|\bif\b/);
});
