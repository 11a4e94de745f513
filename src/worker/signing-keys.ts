/**
 * Signing keys, DESIGN §3: from the secret LOOPGRID_SIGNING_KEY, or made once and kept in the
 * sequencer's own storage, so that local development and a first deploy need no set-up.
 */
import { fromBase64 } from "../lib/bytes.ts";
import type { SigningKeys } from "../ledger/keys.ts";
import { LedgerRefused } from "../ledger/load.ts";
import type { NoteSigner } from "../ledger/note.ts";

const STORED_KEY = "signing_key";
const ED25519 = "Ed25519";

/**
 * @param configured LOOPGRID_SIGNING_KEY, parsed by its own rule: base64 PKCS#8, comma-separated
 * @param ledgerIsEmpty an object without a key over a ledger with entries never makes one: that
 *   would sign a second history
 * @throws LedgerRefused when there is no usable key
 */
export async function openSigningKeys(
  origin: string,
  configured: string | undefined,
  storage: DurableObjectStorage,
  ledgerIsEmpty: boolean,
): Promise<SigningKeys> {
  const encoded =
    configured === undefined
      ? []
      : configured.split(",").map((key) => decodeConfigured(key.trim()));
  const stored = storage.kv.get<Uint8Array>(STORED_KEY);
  const pkcs8 = [...(stored === undefined ? [] : [stored]), ...encoded];
  if (pkcs8.length === 0) {
    if (!ledgerIsEmpty) {
      throw new LedgerRefused(
        "signature_invalid",
        "the sequencer's storage is empty over a ledger that has entries, and no LOOPGRID_SIGNING_KEY is configured; no new key is made over an existing history",
      );
    }
    pkcs8.push(await makeKey(storage));
  }
  const signers = await Promise.all(pkcs8.map((key) => importSigner(origin, key)));
  const signer = signers.at(-1);
  if (signer === undefined) throw new LedgerRefused("signature_invalid", "no signing key");
  return { signer, others: signers.slice(0, -1) };
}

function decodeConfigured(base64: string): Uint8Array {
  const octets = fromBase64(base64);
  if (octets === undefined) throw badKey();
  return octets;
}

async function importSigner(name: string, pkcs8: Uint8Array): Promise<NoteSigner> {
  try {
    // Extractable only because the public key can be had in no other way.
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, ED25519, true, ["sign"]);
    const exported = await crypto.subtle.exportKey("jwk", key);
    const publicKey =
      "x" in exported && exported.x !== undefined ? fromBase64Url(exported.x) : undefined;
    if (publicKey === undefined) throw badKey();
    return {
      name,
      publicKey,
      sign: async (message) => new Uint8Array(await crypto.subtle.sign(ED25519, key, message)),
    };
  } catch {
    throw badKey(); // the cause may quote the key
  }
}

async function makeKey(storage: DurableObjectStorage): Promise<Uint8Array> {
  const pair = await crypto.subtle.generateKey(ED25519, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw badKey();
  const exported = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  if (!(exported instanceof ArrayBuffer)) throw badKey();
  // Both awaits let other calls in. Read again, then put: synchronous, so exactly one key wins.
  const winner = storage.kv.get<Uint8Array>(STORED_KEY) ?? new Uint8Array(exported);
  storage.kv.put(STORED_KEY, winner);
  return winner;
}

function badKey(): LedgerRefused {
  return new LedgerRefused(
    "signature_invalid",
    "LOOPGRID_SIGNING_KEY must hold base64 PKCS#8 Ed25519 keys, separated by commas",
  );
}

function fromBase64Url(text: string): Uint8Array | undefined {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return fromBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="));
}
