/**
 * From a credential to whoever holds it. One path for every credential: it is hashed, and the digest
 * is compared in constant time with a stored one, or with a stand-in where there is none; whether a
 * key exists, has expired or was revoked is only told apart behind a right secret.
 * No platform in here: rows and the clock come in.
 */
import { fromHex } from "../lib/bytes.ts";
import { credentialHash, equalDigests, keyIdOf } from "./api-key.ts";
import type { KeyCache } from "./key-cache.ts";
import { operator, type Authentication, type Refusal } from "./principal.ts";

export interface AuthenticatorPorts {
  readonly keys: Pick<KeyCache, "get">;
  /** LOOPGRID_ADMIN_KEY */
  readonly adminKey: string | undefined;
  readonly defaultLedger: string;
  nowMs(): number;
}

/** Nothing hashes to it. */
const NO_DIGEST = new Uint8Array(32);
/** Longer than any key: what is hashed is bounded. */
const CREDENTIAL_LENGTH_MAX = 1024;

export class Authenticator {
  readonly #ports: AuthenticatorPorts;
  readonly #adminDigest: Uint8Array;

  constructor(ports: AuthenticatorPorts) {
    this.#ports = ports;
    this.#adminDigest = ports.adminKey ? credentialHash(ports.adminKey) : NO_DIGEST;
  }

  async authenticate(credential: string | undefined): Promise<Authentication> {
    if (credential === undefined) return refused("missing");
    if (credential.length > CREDENTIAL_LENGTH_MAX) return refused("malformed");
    const digest = credentialHash(credential);
    if (equalDigests(digest, this.#adminDigest)) {
      const principal = operator(this.#ports.defaultLedger);
      return { ok: true, principal, lastUsedAt: undefined };
    }
    const keyId = keyIdOf(credential);
    if (keyId === undefined) return refused("malformed");
    const record = await this.#ports.keys.get(keyId);
    const stored = fromHex(record?.keySha256 ?? "") ?? NO_DIGEST;
    const isHolder = equalDigests(digest, stored);
    if (record === undefined) return refused("unknown");
    if (!isHolder) return refused("wrong");
    const { ledger, scopes, revokedAt, expiresAt, lastUsedAt } = record;
    const holder = { keyId, ledger };
    if (revokedAt !== null) return refused("revoked", holder);
    if (expiresAt !== null && Date.parse(expiresAt) <= this.#ports.nowMs())
      return refused("expired", holder);
    const principal = { actor: keyId, ledger, scopes: new Set(scopes), everyLedger: false };
    return { ok: true, principal, lastUsedAt };
  }
}

function refused(
  reason: Refusal,
  holder?: { readonly keyId: string; readonly ledger: string },
): Authentication {
  return { ok: false, reason, holder };
}
