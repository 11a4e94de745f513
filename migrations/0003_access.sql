-- Access: API keys, where ledgers live, who looked. Tables named ops_ hold nothing relied on as
-- evidence: what happened to a key is an api_key_changed entry of its ledger. All of them are used in
-- the first database, DB, alone.

-- One row a key; a revoked or replaced one stays. The key itself is nowhere.
CREATE TABLE ops_api_key (
  key_id TEXT PRIMARY KEY NOT NULL,
  ledger TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,      -- JSON array
  key_sha256 TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT,
  revocation_recorded INTEGER NOT NULL, -- 1: the ledger holds the entry, too
  rotated_to TEXT,
  last_used_at TEXT          -- to the minute
) STRICT, WITHOUT ROWID;
--> statement
CREATE INDEX ops_api_key_by_ledger ON ops_api_key (ledger, key_id);
--> statement
-- Which database binding a ledger lives in: chosen once, at its first use.
CREATE TABLE ops_ledger_location (
  ledger TEXT PRIMARY KEY NOT NULL,
  binding TEXT NOT NULL
) STRICT, WITHOUT ROWID;
--> statement
-- Random secrets of the server itself, hex. Signing links with one takes LOOPGRID_ADMIN_KEY, too,
-- where that is set.
CREATE TABLE ops_server_secret (
  name TEXT PRIMARY KEY NOT NULL,
  secret TEXT NOT NULL
) STRICT, WITHOUT ROWID;
--> statement
-- Reads of content, exports, shares, refused attempts; bounded by src/auth/access-log.ts.
CREATE TABLE ops_access_log (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  ledger TEXT,
  actor TEXT,
  action TEXT NOT NULL,
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  target TEXT,
  status INTEGER NOT NULL,
  reason TEXT,
  suppressed INTEGER NOT NULL
) STRICT;
--> statement
CREATE INDEX ops_access_log_by_ledger ON ops_access_log (ledger, id);
