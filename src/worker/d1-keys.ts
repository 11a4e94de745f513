/** API keys in D1. Contract: auth/key-record.ts, ApiKeyStore. */
import { z } from "zod";
import type { ApiKeyRecord, ApiKeyStore } from "../auth/key-record.ts";
import { Scope } from "../auth/scope.ts";

const COLUMNS = `
  key_id AS keyId, ledger, name, scopes, key_sha256 AS keySha256, created_at AS createdAt,
  expires_at AS expiresAt, revoked_at AS revokedAt, revocation_recorded AS revocationRecorded,
  rotated_to AS rotatedTo, last_used_at AS lastUsedAt`;
const SELECT_KEY = `SELECT ${COLUMNS} FROM ops_api_key WHERE key_id = ?1`;
const SELECT_ALL = `
  SELECT ${COLUMNS} FROM ops_api_key WHERE key_id < ?1 ORDER BY key_id DESC LIMIT ?2`;
const SELECT_OF_LEDGER = `
  SELECT ${COLUMNS} FROM ops_api_key WHERE ledger = ?3 AND key_id < ?1 ORDER BY key_id DESC LIMIT ?2`;
const INSERT_KEY = `
  INSERT INTO ops_api_key
    (key_id, ledger, name, scopes, key_sha256, created_at, expires_at, revocation_recorded)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT DO NOTHING`;
const REPLACE_KEY = `
  UPDATE ops_api_key SET rotated_to = ?2, expires_at = min(coalesce(expires_at, ?3), ?3)
  WHERE key_id = ?1 AND rotated_to IS NULL`;
const REVOKE_KEY = `
  UPDATE ops_api_key SET revoked_at = ?2 WHERE key_id = ?1 AND revoked_at IS NULL`;
const RECORD_REVOCATION = `UPDATE ops_api_key SET revocation_recorded = 1 WHERE key_id = ?1`;
const USE_KEY = `
  UPDATE ops_api_key SET last_used_at = ?2
  WHERE key_id = ?1 AND coalesce(last_used_at, '') < ?2`;

/** Behind every id. */
const LAST = "key_~";

const Row = z.object({
  keyId: z.string(),
  ledger: z.string(),
  name: z.string(),
  scopes: z
    .string()
    .transform((json): unknown => JSON.parse(json))
    .pipe(z.array(Scope)),
  keySha256: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  revocationRecorded: z.int().transform((recorded) => recorded === 1),
  rotatedTo: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
});

export function d1ApiKeys(db: D1Database): ApiKeyStore {
  return {
    async find(keyId) {
      const row = await db.prepare(SELECT_KEY).bind(keyId).first();
      return row === null ? undefined : Row.parse(row);
    },
    async list(ledger, before, limit) {
      const from = before ?? LAST;
      const statement =
        ledger === undefined
          ? db.prepare(SELECT_ALL).bind(from, limit)
          : db.prepare(SELECT_OF_LEDGER).bind(from, limit, ledger);
      return (await statement.all()).results.map((row) => Row.parse(row));
    },
    async add(record, replaces) {
      const replace = replaces
        ? [db.prepare(REPLACE_KEY).bind(replaces.keyId, record.keyId, replaces.expiresAt)]
        : [];
      await db.batch([db.prepare(INSERT_KEY).bind(...cells(record)), ...replace]);
    },
    async revoke(keyId, at) {
      await db.prepare(REVOKE_KEY).bind(keyId, at).run();
    },
    async revocationRecorded(keyId) {
      await db.prepare(RECORD_REVOCATION).bind(keyId).run();
    },
    async used(keyId, at) {
      await db.prepare(USE_KEY).bind(keyId, at).run();
    },
  };
}

function cells(record: ApiKeyRecord): (string | null)[] {
  const { keyId, ledger, name, scopes, keySha256, createdAt, expiresAt } = record;
  return [keyId, ledger, name, JSON.stringify(scopes), keySha256, createdAt, expiresAt];
}
