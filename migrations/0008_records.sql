-- Records about a decision (reviews, notices …) are listed by kind, newest first; those about none have
-- entry_ref_by_kind. Only they pay for it: corrections, flags, replays and erasures do not.
CREATE INDEX entry_ref_records ON entry_ref (ledger, kind, entry_index)
  WHERE decision_id IS NOT NULL AND kind IN ('review_recorded', 'notice_recorded', 'explanation_recorded', 'action_recorded');
