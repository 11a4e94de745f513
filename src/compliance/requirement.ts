/**
 * What a requirement is, as data: where it stands, what it means, which metrics speak to it and what
 * must not be claimed. One file a framework in requirements/; evaluate.ts reads them all alike.
 */
import type { RegimeName } from "./legal-baseline.ts";
import type { ThresholdName } from "./thresholds.ts";
import type { Basis, Framework } from "./vocabulary.ts";

export interface Predicate {
  readonly metric: string;
  /** A member of the metric's `detail`; absent: its value. */
  readonly of?: string;
  /** `covers`: a share against the two coverage thresholds. `known`: it could be measured at all. */
  readonly op: "covers" | ">=" | "<=" | "==" | "known";
  readonly threshold?: number | ThresholdName;
  /** A condition that only informs and never decides is `may`. */
  readonly level?: "must" | "may";
}

/** What the operator declared decides whether a requirement is looked at at all. */
export type Condition = "biometric_rbi" | "interacts_with_people" | "generates_content";

export interface Requirement {
  readonly id: string;
  readonly framework: Framework;
  readonly citation: string;
  readonly duty_holder: "provider" | "deployer" | "provider_and_deployer" | "operator";
  readonly meaning: string;
  readonly regime: RegimeName;
  /** What the ledger can hold about it, in words. */
  readonly evidence: string;
  /** Absent: outside of what a ledger can hold. */
  readonly predicates?: readonly Predicate[];
  /** The metric whose denominator is what there is to look at; without any the status is not_assessed. */
  readonly population?: string;
  /** The most it can be, whatever the metrics say. */
  readonly max?: "evidence_partial";
  readonly basis?: Basis;
  readonly condition?: Condition;
  /** A member of the declared context that is shown with it. */
  readonly reference?: string;
  /** The ledger must be this old before the evidence is whole. */
  readonly horizon_months?: number;
  readonly does_not_show: readonly string[];
}
