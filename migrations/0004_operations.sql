-- What the server remembers of its own work. Tables named ops_ hold nothing relied on as evidence:
-- losing them costs a repetition, changing them changes no proof.

DROP TABLE ops_verification;
--> statement
-- Verification that runs by itself: how far the present pass is, the last clean one, what was found.
CREATE TABLE ops_verification (
  ledger TEXT PRIMARY KEY NOT NULL,
  cursor INTEGER NOT NULL,    -- where the present pass goes on
  findings TEXT NOT NULL,     -- JSON, of the present or the last pass
  checked_at TEXT NOT NULL,
  passed_size INTEGER,        -- the last complete pass without a finding
  passed_root_hash TEXT,
  passed_at TEXT
) STRICT, WITHOUT ROWID;
--> statement
-- Witnesses, C2SP tlog-witness: what each has signed, and when it last answered.
CREATE TABLE ops_witness (
  ledger TEXT NOT NULL,
  witness TEXT NOT NULL,      -- the name in its verifier key
  size INTEGER NOT NULL,      -- the newest checkpoint it cosigned; 0 before the first
  succeeded_at TEXT,
  tried_at TEXT NOT NULL,
  error TEXT,
  PRIMARY KEY (ledger, witness)
) STRICT, WITHOUT ROWID;
--> statement
-- Cosignature lines prove themselves with the witness's key.
CREATE TABLE ops_cosignature (
  ledger TEXT NOT NULL,
  size INTEGER NOT NULL,
  witness TEXT NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (ledger, size, witness)
) STRICT, WITHOUT ROWID;
