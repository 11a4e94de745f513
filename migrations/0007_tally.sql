-- Projection: entries counted in blocks of 1024 (src/ledger/tally.ts), so that reports and gap
-- searches cost what they show and not what the ledger holds. A block is written once, when it is
-- full and somebody asks or the sequencer's alarm comes by; until then its entries are read. Nothing
-- here is ever needed: a block that is not there is counted again. What is there, verification
-- recomputes.
CREATE TABLE tally (
  ledger TEXT NOT NULL,
  block INTEGER NOT NULL,       -- entries [1024 * block, 1024 * block + 1024)
  tally TEXT NOT NULL,          -- what is counted: decision, review, writer, …
  key TEXT NOT NULL,            -- RFC 8785 JSON: what those counted together have in common
  entries INTEGER NOT NULL,
  first_index INTEGER NOT NULL,
  last_index INTEGER NOT NULL,
  PRIMARY KEY (ledger, block, tally, key)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER tally_no_update BEFORE UPDATE ON tally BEGIN SELECT RAISE(ABORT, 'tallies are immutable'); END;
--> statement
CREATE TRIGGER tally_no_delete BEFORE DELETE ON tally BEGIN SELECT RAISE(ABORT, 'tallies are immutable'); END;
--> statement
CREATE TRIGGER tally_no_replace BEFORE INSERT ON tally
  WHEN EXISTS (SELECT 1 FROM tally WHERE ledger = NEW.ledger AND block = NEW.block AND tally = NEW.tally AND key = NEW.key)
  BEGIN SELECT RAISE(ABORT, 'tallies are immutable'); END;
