-- Erasure, DESIGN §3: content may be reduced, only together with the content_erased entry that says
-- so, in the same transaction. The proof stays: headers and their commitments are never touched.

-- Projection: which fields of which entries an erasure took.
CREATE TABLE erasure (
  ledger TEXT NOT NULL,
  entry_index INTEGER NOT NULL, -- whose content was reduced
  field TEXT NOT NULL,
  erased_by INTEGER NOT NULL,   -- the content_erased entry
  PRIMARY KEY (ledger, entry_index, field)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TRIGGER erasure_no_update BEFORE UPDATE ON erasure BEGIN SELECT RAISE(ABORT, 'erasures are immutable'); END;
--> statement
CREATE TRIGGER erasure_no_delete BEFORE DELETE ON erasure BEGIN SELECT RAISE(ABORT, 'erasures are immutable'); END;
--> statement
CREATE TRIGGER erasure_no_replace BEFORE INSERT ON erasure
  WHEN EXISTS (SELECT 1 FROM erasure WHERE ledger = NEW.ledger AND entry_index = NEW.entry_index AND field = NEW.field)
  BEGIN SELECT RAISE(ABORT, 'erasures are immutable'); END;
--> statement

-- The one exception to immutable content: the erasing entry is at or beyond the head, which is only
-- so within the transaction that commits it, and the row only gets smaller.
DROP TRIGGER content_no_update;
--> statement
CREATE TRIGGER content_only_erased BEFORE UPDATE ON content
  WHEN NEW.ledger <> OLD.ledger OR NEW.entry_index <> OLD.entry_index
    OR (NEW.content_hash IS NOT NULL AND NEW.content_hash IS NOT OLD.content_hash)
    OR octet_length(NEW.fields) >= octet_length(OLD.fields)
    OR NOT EXISTS (
      SELECT 1 FROM erasure JOIN head ON head.ledger = erasure.ledger
      WHERE erasure.ledger = OLD.ledger AND erasure.entry_index = OLD.entry_index AND erasure.erased_by >= head.size)
  BEGIN SELECT RAISE(ABORT, 'content is immutable'); END;
--> statement

-- Entries about no decision (keys, openings, reports) are few and looked for by kind.
CREATE INDEX entry_ref_by_kind ON entry_ref (ledger, kind, entry_index) WHERE decision_id IS NULL;
