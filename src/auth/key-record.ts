/**
 * API keys as they are stored and as entries tell them. The entry is the evidence; the row is what
 * authentication looks up, and can be made again from the entry that created the key. Pure.
 */
import { z } from "zod";
import type { JsonObject } from "../lib/json.ts";
import type { EntryInput } from "../ledger/draft.ts";
import type { StoredEntry } from "../ledger/decision.ts";
import { Scope, sortedScopes } from "./scope.ts";

export interface ApiKeyRecord {
  readonly keyId: string;
  readonly ledger: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** hex(SHA-256(key)): of 256 random bits, so it reveals nothing. */
  readonly keySha256: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  /** Whether the ledger says so too. */
  readonly revocationRecorded: boolean;
  /** The key that replaces it. */
  readonly rotatedTo: string | null;
  readonly lastUsedAt: string | null;
}

/** What rows of keys can do. Reads see every write. */
export interface ApiKeyStore {
  find(keyId: string): Promise<ApiKeyRecord | undefined>;
  /** Newest first, ids below `before`; of every ledger when none is given. */
  list(
    ledger: string | undefined,
    before: string | undefined,
    limit: number,
  ): Promise<readonly ApiKeyRecord[]>;
  /** Harmless when the key is there. With `replaces` both rows change in one transaction. */
  add(record: ApiKeyRecord, replaces?: { keyId: string; expiresAt: string }): Promise<void>;
  /** Ends the key; the first time counts. */
  revoke(keyId: string, at: string): Promise<void>;
  revocationRecorded(keyId: string): Promise<void>;
  /** Not evidence: written at most once a minute a key. */
  used(keyId: string, at: string): Promise<void>;
}

/** Facts of an `api_key_changed` entry. The key's name may be a person's: it is content, erasable. */
const Created = z.object({
  change: z.enum(["created", "rotated"]),
  key_id: z.string(),
  scopes: z.array(Scope),
  expires_at: z.string().nullable(),
  key_sha256: z.string(),
  replaces: z.string().optional(),
  replaced_expires_at: z.string().optional(),
});

type KeyEntry = Pick<EntryInput, "kind" | "facts" | "fields">;

export interface Replacement {
  readonly keyId: string;
  /** When the replaced key ends. */
  readonly expiresAt: string;
}

export function createdEntry(
  key: Pick<ApiKeyRecord, "keyId" | "name" | "scopes" | "expiresAt" | "keySha256">,
  replaces?: Replacement,
): KeyEntry {
  const facts: JsonObject = {
    change: replaces === undefined ? "created" : "rotated",
    key_id: key.keyId,
    scopes: [...key.scopes],
    expires_at: key.expiresAt,
    key_sha256: key.keySha256,
  };
  if (replaces !== undefined) {
    facts["replaces"] = replaces.keyId;
    facts["replaced_expires_at"] = replaces.expiresAt;
  }
  return { kind: "api_key_changed", facts, fields: { name: key.name } };
}

export function revokedEntry(keyId: string): KeyEntry {
  return { kind: "api_key_changed", facts: { change: "revoked", key_id: keyId }, fields: {} };
}

/** The key an entry created; undefined when it created none. */
export function recordFrom({
  header,
  content,
}: Pick<StoredEntry, "header" | "content">):
  | { readonly record: ApiKeyRecord; readonly replaces: Replacement | undefined }
  | undefined {
  const parsed = Created.safeParse(header.facts);
  if (header.kind !== "api_key_changed" || !parsed.success) return undefined;
  const { key_id, scopes, expires_at, key_sha256, replaces, replaced_expires_at } = parsed.data;
  const name = content["name"]?.value;
  return {
    record: {
      keyId: key_id,
      ledger: header.ledger,
      name: typeof name === "string" ? name : "",
      scopes: sortedScopes(scopes),
      keySha256: key_sha256,
      createdAt: header.recorded_at,
      expiresAt: expires_at,
      revokedAt: null,
      revocationRecorded: false,
      rotatedTo: null,
      lastUsedAt: null,
    },
    replaces:
      replaces === undefined || replaced_expires_at === undefined
        ? undefined
        : { keyId: replaces, expiresAt: replaced_expires_at },
  };
}
