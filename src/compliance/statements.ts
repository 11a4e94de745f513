/** What the report says about itself, whatever the numbers. Data only. */

export const NOTICE =
  "This report presents evidence held in a decision ledger. It is not a conformity assessment, certification, audit opinion or legal advice.";

export const LIMITATIONS = [
  "The ledger holds what was sent to it. It does not know of decisions, services or systems that do not record here.",
  "A tamper-evident ledger shows that something was changed; it does not prevent it, and it does not show that what was recorded was true when it was recorded.",
  "Times of recording are set by the server; occurred_at and every other time in a record is the client's word.",
  "Corrections through LoopGrid 0.1's route count as reviews by declared persons: the name was said, not verified.",
  "Rates among reviewed decisions say nothing about those nobody reviewed, unless they were drawn at random.",
  "Erased content cannot be read again; copies in exports, at model providers and in backups are outside the ledger, and a deleted row can be restored by the database's operator for 30 days.",
  "Both stores of a ledger restored together can only be noticed by somebody who kept a signed checkpoint.",
  "Numbers follow from entry headers; what inputs and outputs say is not judged.",
] as const;

export const NON_CLAIMS = [
  "that any requirement is met: statuses say what the ledger evidences",
  "that an AI system is or is not high-risk, or that a change is or is not substantial",
  "that oversight is effective or a reviewer competent",
  "a level of accuracy, robustness or fairness",
  "that the ledger is a qualified electronic ledger, or has legal effect by itself",
] as const;

/** What the operator has to do for the numbers to mean something. */
export const OPERATOR_CONTROLS = [
  "Instrument every service that uses the AI system, and number the records of every writer.",
  "Require credentials, give each person and service a key of its own, and protect the signing key.",
  "Keep a signed checkpoint outside, or configure witnesses.",
  "Declare role, risk class, purposes and retention, and renew the declaration when they change.",
  "Record incidents, halts, changes, notices and requests when they happen.",
  "Keep personal data out of service names, types, references and codes: those are never erased.",
] as const;
