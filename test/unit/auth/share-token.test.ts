import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { test } from "vitest";
import { openShare, shareSecret, signShare, type Share } from "../../../src/auth/share-token.ts";

const SECRET = shareSecret(randomBytes(32), "the operator's");
const SHARE: Share = {
  share_id: "shr_1",
  ledger: "acme",
  by: "key_1",
  target: { kind: "evidence", decision_id: "dec_1" },
  expires_at: "2026-12-01T00:00:00.000Z",
};

test("a token opens as what was signed, and fits a path", ({ expect }) => {
  const report: Share = { ...SHARE, target: { kind: "report", service_name: "ünï / ?" } };
  for (const share of [SHARE, report]) {
    const token = signShare(share, SECRET);
    expect(token).toMatch(/^lgs_[0-9A-Za-z_-]+\.[0-9A-Za-z_-]{43}$/);
    expect(openShare(token, SECRET)).toEqual(share);
  }
});

test("no changed character, other text or other secret opens", ({ expect }) => {
  const token = signShare(SHARE, SECRET);
  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + (token[i] === "A" ? "B" : "A") + token.slice(i + 1);
    expect(openShare(changed, SECRET), changed).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(openShare(text, SECRET)).toBeUndefined();
      expect(openShare(`lgs_${text}`, SECRET)).toBeUndefined();
    }),
  );
  expect(openShare(token, shareSecret(randomBytes(32), "the operator's"))).toBeUndefined();
});

test("the database alone signs no link where the operator has a key", ({ expect }) => {
  const stored = randomBytes(32);
  const token = signShare(SHARE, shareSecret(stored, "the operator's"));
  for (const adminKey of [undefined, "", "another"])
    expect(openShare(token, shareSecret(stored, adminKey))).toBeUndefined();
});
