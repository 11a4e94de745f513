-- The ledger, DESIGN §2 and §3.
--
-- `entry`, `content`, `tile` and `checkpoint` are the ledger; `head` is its newest position; the
-- others are projections that verification recomputes. Facts are never edited: triggers abort
-- UPDATE, DELETE and an INSERT over an existing row (INSERT OR REPLACE would slip past the first
-- two). Triggers are guard rails for our own code. Whoever owns the database can drop them: the
-- evidence is the signed tree, not the trigger.
--
-- D1's splitter wants BEGIN and END in upper case and no CASE in a trigger. Statements end at the
-- marker line, so that the Worker, which applies this file itself, needs no SQL parser.

CREATE TABLE entry (
  ledger TEXT NOT NULL,
  entry_index INTEGER NOT NULL,
  header TEXT NOT NULL,      -- the exact octets that are hashed
  chain_hash TEXT NOT NULL,  -- hex(SHA-256(0x00 || header)): link of the chain and leaf of the tree
  PRIMARY KEY (ledger, entry_index)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement
CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry
  WHEN EXISTS (SELECT 1 FROM entry WHERE ledger = NEW.ledger AND entry_index = NEW.entry_index)
  BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement

-- Values and salts, apart from the headers that commit to them, so that they can be erased.
CREATE TABLE content (
  ledger TEXT NOT NULL,
  entry_index INTEGER NOT NULL,
  content_hash TEXT,    -- decisions only (CONTRACT, hashes of 0.1); null once a field was erased
  fields TEXT NOT NULL, -- RFC 8785 JSON {field: {salt, value}}
  PRIMARY KEY (ledger, entry_index)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER content_no_update BEFORE UPDATE ON content BEGIN SELECT RAISE(ABORT, 'content is immutable'); END;
--> statement
CREATE TRIGGER content_no_delete BEFORE DELETE ON content BEGIN SELECT RAISE(ABORT, 'content is immutable'); END;
--> statement
CREATE TRIGGER content_no_replace BEFORE INSERT ON content
  WHEN EXISTS (SELECT 1 FROM content WHERE ledger = NEW.ledger AND entry_index = NEW.entry_index)
  BEGIN SELECT RAISE(ABORT, 'content is immutable'); END;
--> statement

-- Full 256-wide tiles of the Merkle tree (C2SP tlog-tiles); everything narrower is derived.
CREATE TABLE tile (
  ledger TEXT NOT NULL,
  level INTEGER NOT NULL,
  tile_index INTEGER NOT NULL,
  root_hash TEXT NOT NULL, -- of the tile: its hash in the level above
  hashes TEXT NOT NULL,    -- 256 hashes, hex, joined
  PRIMARY KEY (ledger, level, tile_index)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER tile_no_update BEFORE UPDATE ON tile BEGIN SELECT RAISE(ABORT, 'tiles are immutable'); END;
--> statement
CREATE TRIGGER tile_no_delete BEFORE DELETE ON tile BEGIN SELECT RAISE(ABORT, 'tiles are immutable'); END;
--> statement
CREATE TRIGGER tile_no_replace BEFORE INSERT ON tile
  WHEN EXISTS (SELECT 1 FROM tile WHERE ledger = NEW.ledger AND level = NEW.level AND tile_index = NEW.tile_index)
  BEGIN SELECT RAISE(ABORT, 'tiles are immutable'); END;
--> statement

-- One signed note a commit; each names the one before it, back to 0.
CREATE TABLE checkpoint (
  ledger TEXT NOT NULL,
  size INTEGER NOT NULL,
  previous_size INTEGER NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (ledger, size)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
--> statement
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
--> statement
CREATE TRIGGER checkpoint_no_replace BEFORE INSERT ON checkpoint
  WHEN EXISTS (SELECT 1 FROM checkpoint WHERE ledger = NEW.ledger AND size = NEW.size)
  BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
--> statement

-- The position every commit builds on. It only grows.
CREATE TABLE head (
  ledger TEXT PRIMARY KEY NOT NULL,
  size INTEGER NOT NULL,
  chain_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER head_only_grows BEFORE UPDATE ON head
  WHEN NEW.size <= OLD.size OR NEW.ledger <> OLD.ledger
  BEGIN SELECT RAISE(ABORT, 'the head only grows'); END;
--> statement
CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'the head only grows'); END;
--> statement
CREATE TRIGGER head_no_replace BEFORE INSERT ON head
  WHEN EXISTS (SELECT 1 FROM head WHERE ledger = NEW.ledger)
  BEGIN SELECT RAISE(ABORT, 'the head only grows'); END;
--> statement

-- Always empty. A batch begins by inserting NULL here unless the head is the one it was built on:
-- NOT NULL, which no pragma can switch off, then aborts the whole transaction.
CREATE TABLE head_guard (
  head_is_expected INTEGER NOT NULL
) STRICT;
--> statement

-- Projection: one row a decision. Ids are minted in index order, so the key also orders the list.
CREATE TABLE decision (
  ledger TEXT NOT NULL,
  decision_id TEXT NOT NULL,
  entry_index INTEGER NOT NULL,
  service_name TEXT NOT NULL,
  decision_type TEXT NOT NULL,
  model_provider TEXT,
  model_name TEXT,
  flag_index INTEGER,       -- the newest decision_flagged entry
  correction_index INTEGER, -- the newest correction_attached entry
  status TEXT NOT NULL GENERATED ALWAYS AS (
    iif(coalesce(correction_index, -1) > coalesce(flag_index, -1), 'corrected',
        iif(flag_index IS NULL, 'recorded', 'incorrect'))
  ) VIRTUAL,
  PRIMARY KEY (ledger, decision_id)
) STRICT, WITHOUT ROWID;
--> statement
CREATE INDEX decision_by_service ON decision (ledger, service_name, decision_id);
--> statement
-- Flagged and corrected decisions are few and looked for; recorded ones are most of the table.
CREATE INDEX decision_by_status ON decision (ledger, status, decision_id) WHERE status <> 'recorded';
--> statement
CREATE TRIGGER decision_only_reviewed BEFORE UPDATE ON decision
  WHEN NEW.ledger <> OLD.ledger OR NEW.decision_id <> OLD.decision_id OR NEW.entry_index <> OLD.entry_index
    OR NEW.service_name <> OLD.service_name OR NEW.decision_type <> OLD.decision_type
    OR NEW.model_provider IS NOT OLD.model_provider OR NEW.model_name IS NOT OLD.model_name
    OR coalesce(NEW.flag_index, -1) < coalesce(OLD.flag_index, -1)
    OR coalesce(NEW.correction_index, -1) < coalesce(OLD.correction_index, -1)
  BEGIN SELECT RAISE(ABORT, 'decisions are immutable'); END;
--> statement
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision BEGIN SELECT RAISE(ABORT, 'decisions are immutable'); END;
--> statement
CREATE TRIGGER decision_no_replace BEFORE INSERT ON decision
  WHEN EXISTS (SELECT 1 FROM decision WHERE ledger = NEW.ledger AND decision_id = NEW.decision_id)
  BEGIN SELECT RAISE(ABORT, 'decisions are immutable'); END;
--> statement

-- Projection: how many decisions look alike, so that totals and reports never scan. '' where a
-- model has no provider or name.
CREATE TABLE decision_counter (
  ledger TEXT NOT NULL,
  service_name TEXT NOT NULL,
  decision_type TEXT NOT NULL,
  model_provider TEXT NOT NULL,
  model_name TEXT NOT NULL,
  status TEXT NOT NULL,
  decisions INTEGER NOT NULL,
  PRIMARY KEY (ledger, service_name, decision_type, model_provider, model_name, status)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER decision_counter_no_zero AFTER UPDATE ON decision_counter WHEN NEW.decisions = 0
  BEGIN
    DELETE FROM decision_counter
    WHERE ledger = NEW.ledger AND service_name = NEW.service_name AND decision_type = NEW.decision_type
      AND model_provider = NEW.model_provider AND model_name = NEW.model_name AND status = NEW.status;
  END;
--> statement

-- Projection: entries other than decision_recorded, by the id they created and by their decision.
CREATE TABLE entry_ref (
  ledger TEXT NOT NULL,
  id TEXT NOT NULL,
  entry_index INTEGER NOT NULL,
  kind TEXT NOT NULL,
  decision_id TEXT,
  PRIMARY KEY (ledger, id)
) STRICT, WITHOUT ROWID;
--> statement
CREATE INDEX entry_ref_by_decision ON entry_ref (ledger, decision_id, entry_index) WHERE decision_id IS NOT NULL;
--> statement
CREATE TRIGGER entry_ref_no_update BEFORE UPDATE ON entry_ref BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement
CREATE TRIGGER entry_ref_no_delete BEFORE DELETE ON entry_ref BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement
CREATE TRIGGER entry_ref_no_replace BEFORE INSERT ON entry_ref
  WHEN EXISTS (SELECT 1 FROM entry_ref WHERE ledger = NEW.ledger AND id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END;
--> statement

-- Projection: idempotency look-ups, kept for ever (DESIGN §2).
CREATE TABLE request (
  ledger TEXT NOT NULL,
  request_key TEXT NOT NULL, -- hex(SHA-256(Idempotency-Key)), also facts.request_key of the first entry
  entry_index INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  PRIMARY KEY (ledger, request_key)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER request_no_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'requests are immutable'); END;
--> statement
CREATE TRIGGER request_no_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'requests are immutable'); END;
--> statement
CREATE TRIGGER request_no_replace BEFORE INSERT ON request
  WHEN EXISTS (SELECT 1 FROM request WHERE ledger = NEW.ledger AND request_key = NEW.request_key)
  BEGIN SELECT RAISE(ABORT, 'request key exists'); END;
--> statement

-- Not evidence (tables named ops_ never are): the last complete verification.
CREATE TABLE ops_verification (
  ledger TEXT PRIMARY KEY NOT NULL,
  size INTEGER NOT NULL,
  root_hash TEXT NOT NULL,
  verified_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
