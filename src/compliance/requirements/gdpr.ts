/** GDPR, Regulation (EU) 2016/679. Data only. */
import type { Requirement } from "../requirement.ts";

const framework = "gdpr";
const regime = "gdpr";

export const GDPR: readonly Requirement[] = [
  {
    id: "GDPR-5-1-e",
    framework,
    citation: "Art. 5(1)(e)",
    duty_holder: "operator",
    meaning: "Keep personal data no longer than necessary.",
    regime,
    evidence: "A retention policy, and no content past its class.",
    predicates: [
      { metric: "M-RET-01", op: "known" },
      { metric: "M-PRV-02", op: "==", threshold: 0 },
    ],
    population: "M-LOG-01",
    does_not_show: ["that the chosen period is necessary"],
  },
  {
    id: "GDPR-17",
    framework,
    citation: "Art. 17, 12(3)",
    duty_holder: "operator",
    meaning: "Erase on request where a ground applies; answer within one month.",
    regime,
    evidence: "Erasure requests, their answers and the erasures executed.",
    predicates: [
      { metric: "M-PRV-01", of: "over_one_month", op: "==", threshold: 0 },
      { metric: "M-PRV-01", of: "answered_share", op: "covers" },
    ],
    population: "M-PRV-01",
    does_not_show: [
      "that erasing content and salt is erasure within the meaning of Art. 17",
      "that a refusal was right: while Art. 19 and 26(6) of the AI Act do not apply they are a weak ground",
      "copies outside the ledger: exports, providers, backups (deleted rows can be restored for 30 days)",
    ],
  },
  {
    id: "GDPR-22",
    framework,
    citation: "Art. 22",
    duty_holder: "operator",
    meaning: "Solely automated decisions: human intervention and the right to contest.",
    regime,
    evidence: "How far decisions were automated, and requests for human review.",
    predicates: [
      { metric: "M-PRV-03", of: "declared_share", op: "covers" },
      { metric: "M-EXP-02", of: "overdue", op: "==", threshold: 0 },
    ],
    population: "M-LOG-01",
    max: "evidence_partial",
    basis: "declared",
    does_not_show: ["that a review was meaningful"],
  },
  {
    id: "GDPR-30",
    framework,
    citation: "Art. 30",
    duty_holder: "operator",
    meaning: "Keep records of processing activities.",
    regime,
    evidence: "The declared reference.",
    predicates: [{ metric: "M-CTX-01", of: "processing_record", op: "==", threshold: 1 }],
    max: "evidence_partial",
    basis: "referenced",
    reference: "processing_record_ref",
    does_not_show: ["that this is the record of processing"],
  },
  {
    id: "GDPR-32",
    framework,
    citation: "Art. 32",
    duty_holder: "operator",
    meaning: "Keep processing secure; test that it is.",
    regime,
    evidence: "Integrity of the ledger, and exports that left an entry.",
    predicates: [
      { metric: "M-INT-01", op: "==", threshold: 1 },
      { metric: "M-SEC-01", op: "known" },
    ],
    population: "M-LOG-01",
    max: "evidence_partial",
    does_not_show: ["that measures are appropriate to the risk"],
  },
];
