/**
 * Signed, expiring links for people without a key: `lgs_<payload>.<mac>`, both base64url, the MAC an
 * HMAC-SHA-256 under a secret of the server. A token opens one thing until one moment, and no longer
 * than the key that made it is in force. Pure.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { z } from "zod";
import { concatBytes, fromBase64, fromUtf8, toBase64, utf8 } from "../lib/bytes.ts";
import { sha256 } from "../ledger/hash.ts";
import { equalDigests } from "./api-key.ts";

/** What one link opens. */
export const ShareTarget = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("evidence"), decision_id: z.string() }),
  z.strictObject({ kind: z.literal("report"), service_name: z.string().nullable() }),
]);
export type ShareTarget = z.infer<typeof ShareTarget>;

const Share = z.strictObject({
  share_id: z.string(),
  ledger: z.string(),
  /** Whose key made it: the link ends with the key. */
  by: z.string(),
  target: ShareTarget,
  expires_at: z.string(),
});
export type Share = z.infer<typeof Share>;

/** One text is signed for one purpose. */
const PURPOSE = utf8("loopgrid-share/1\n");
const TOKEN = /^lgs_([0-9A-Za-z_-]+)\.([0-9A-Za-z_-]{43})$/;
const TOKEN_LENGTH_MAX = 8192;

/** The HMAC key: what the database alone holds is not enough where LOOPGRID_ADMIN_KEY is set. */
export function shareSecret(stored: Uint8Array, adminKey: string | undefined): Uint8Array {
  return hmac(sha256, stored, utf8(`loopgrid-share-secret/1\n${adminKey ?? ""}`));
}

export function signShare(share: Share, secret: Uint8Array): string {
  const payload = toBase64Url(utf8(JSON.stringify(share)));
  return `lgs_${payload}.${toBase64Url(macOf(payload, secret))}`;
}

/** What a token opens, expired or not; undefined when it is not one of ours. */
export function openShare(token: string, secret: Uint8Array): Share | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined;
  const [, payload, mac] = TOKEN.exec(token) ?? [];
  if (payload === undefined || mac === undefined) return undefined;
  const given = fromBase64Url(mac);
  // Compared before anything of the payload is looked at.
  if (given === undefined || !equalDigests(macOf(payload, secret), given)) return undefined;
  const octets = fromBase64Url(payload);
  return octets && Share.parse(JSON.parse(fromUtf8(octets)));
}

function macOf(payload: string, secret: Uint8Array): Uint8Array {
  return hmac(sha256, secret, concatBytes(PURPOSE, utf8(payload)));
}

function toBase64Url(octets: Uint8Array): string {
  return toBase64(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array | undefined {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return fromBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
}
