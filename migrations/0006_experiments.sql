-- Experiments: how far each is. What was asked, and how it ended, are entries; what each item's replay
-- answered is its replay_completed entry. These rows hold no content of any decision: places, states,
-- verdicts and costs. Losing them costs a repetition, changing them changes no proof.
CREATE TABLE ops_experiment (
  ledger TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  state TEXT NOT NULL,        -- queued, running, completed, completed_with_errors, cancelled, budget_exhausted
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT,
  actor TEXT NOT NULL,        -- who started, resumed or cancelled it last
  max_items INTEGER,          -- null: all of them
  max_cost REAL,              -- in the currency of the price list; null: no limit
  ended_entry_id TEXT,        -- minted before the experiment_ended entry is appended: it is appended once
  report TEXT,                -- JSON, once it has ended
  PRIMARY KEY (ledger, experiment_id)
) STRICT, WITHOUT ROWID;
--> statement
CREATE TABLE ops_experiment_item (
  ledger TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  position INTEGER NOT NULL,  -- in the frozen selection, from 0
  decision_id TEXT NOT NULL,
  provider TEXT NOT NULL,     -- whose turn it is, as far as the projection tells; '' unknown
  state TEXT NOT NULL,        -- pending, running, succeeded, failed, skipped
  replay_id TEXT,             -- minted before the provider is asked: a restart joins the same replay
  cost REAL,                  -- of every attempt and its judges; null while none has a price
  result TEXT,                -- JSON, once it is over
  PRIMARY KEY (ledger, experiment_id, position)
) STRICT, WITHOUT ROWID;
--> statement
CREATE INDEX ops_experiment_item_by_state ON ops_experiment_item (ledger, experiment_id, state, provider, position);
