-- Live replays. A replay's job holds its key and its result until the entry is committed; then it
-- goes, and the ledger has the answer (DESIGN §2: a live replay reserves its key before it calls).
CREATE TABLE ops_replay_job (
  ledger TEXT NOT NULL,
  replay_id TEXT NOT NULL,
  request_key TEXT,           -- hex(SHA-256(Idempotency-Key)); null without one
  job TEXT NOT NULL,          -- JSON: what was asked, by whom
  starts INTEGER NOT NULL,    -- how often the provider may have been called
  result TEXT,                -- JSON: what came back, before it is committed
  PRIMARY KEY (ledger, replay_id)
) STRICT, WITHOUT ROWID;
--> statement
CREATE UNIQUE INDEX ops_replay_job_by_key ON ops_replay_job (ledger, request_key) WHERE request_key IS NOT NULL;
--> statement
-- Prices the operator set, every version: a replay names the one its cost was computed with.
CREATE TABLE ops_price_list (
  ledger TEXT NOT NULL,
  version INTEGER NOT NULL,
  set_at TEXT NOT NULL,
  list TEXT NOT NULL,         -- JSON {currency, prices}
  PRIMARY KEY (ledger, version)
) STRICT, WITHOUT ROWID;
--> statement
-- Replays are listed newest first; only they pay for it.
CREATE INDEX entry_ref_replays ON entry_ref (ledger, entry_index) WHERE kind = 'replay_completed';
