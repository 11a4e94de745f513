/** The stable names of what verification can find, DESIGN §4. */
export const FAULTS = [
  "content_mismatch",
  "content_missing",
  "chain_broken",
  "index_gap",
  "root_mismatch",
  "signature_invalid",
  "truncated",
  "rolled_back",
  "projection_mismatch",
  "time_reversed",
] as const;
export type Fault = (typeof FAULTS)[number];

/** One finding: where, what, and what was expected and found in readable words. */
export interface Finding {
  /** Null where the fault is not one entry's. */
  readonly index: number | null;
  readonly decisionId: string | null;
  readonly fault: Fault;
  readonly message: string;
}
