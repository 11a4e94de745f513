/**
 * The words of the report. It says what the ledger evidences, never that something complies: the
 * Art. 99(5) of the AI Act fines misleading information to authorities. Pure.
 */
import { z } from "zod";

export const EVIDENCE_STATUSES = [
  "evidence_present",
  "evidence_partial",
  "evidence_missing",
  "outside_ledger_scope",
  "not_assessed",
  "not_applicable",
] as const;
export const EvidenceStatus = z.enum(EVIDENCE_STATUSES);
export type EvidenceStatus = z.infer<typeof EvidenceStatus>;

/** Shown on the page and in the annexes; the codes are for machines. */
export const STATUS_WORDS: Readonly<Record<EvidenceStatus, { word: string; meaning: string }>> = {
  evidence_present: {
    word: "Evidence present",
    meaning: "Every condition that must hold does, each from data the ledger measured.",
  },
  evidence_partial: {
    word: "Evidence partial",
    meaning:
      "Some conditions hold, or the data is only declared or referenced, or the ledger is younger than the requirement looks back.",
  },
  evidence_missing: {
    word: "Evidence missing",
    meaning: "No condition holds, although the ledger could have held the data.",
  },
  outside_ledger_scope: {
    word: "Outside the ledger",
    meaning: "The obligation needs artefacts that a decision ledger cannot hold.",
  },
  not_assessed: {
    word: "Not assessed",
    meaning: "There was nothing to look at in this period: no record is not the same as no event.",
  },
  not_applicable: {
    word: "Not applicable",
    meaning:
      "The operator declared it not applicable, or did not declare the special case it is for; the reason stands beside it.",
  },
};

/** How the data came to be: only what the ledger measured itself can be full evidence. */
export const Basis = z.enum(["measured", "declared", "referenced"]);
export type Basis = z.infer<typeof Basis>;

export const APPLICABILITY_STATES = [
  "in_application",
  "formally_in_application_contested",
  "not_yet",
  "voluntary",
] as const;

export const Applicability = z.object({
  state: z.enum(APPLICABILITY_STATES),
  from: z.string().nullable().meta({ description: "First day of application, 00:00 UTC." }),
  note: z.string().nullable(),
});
export type Applicability = z.infer<typeof Applicability>;

export const APPLICABILITY_WORDS: Readonly<Record<Applicability["state"], string>> = {
  in_application: "applies",
  formally_in_application_contested: "contested",
  not_yet: "not yet",
  voluntary: "voluntary",
};

export const FRAMEWORKS = [
  "eu_ai_act",
  "gdpr",
  "iso_42001",
  "nist_ai_rmf",
  "nist_ai_600_1",
  "colorado_sb26_189",
  "nyc_ll144",
  "sr_26_2",
  "sec_17a_4",
  "hipaa",
  "soc2",
  "cfr_21_11",
] as const;
export const Framework = z.enum(FRAMEWORKS);
export type Framework = z.infer<typeof Framework>;

export const FRAMEWORK_TITLES: Readonly<Record<Framework, string>> = {
  eu_ai_act: "EU AI Act",
  gdpr: "GDPR",
  iso_42001: "ISO/IEC 42001",
  nist_ai_rmf: "NIST AI RMF",
  nist_ai_600_1: "NIST AI 600-1",
  colorado_sb26_189: "Colorado SB 26-189",
  nyc_ll144: "NYC Local Law 144",
  sr_26_2: "SR 26-2",
  sec_17a_4: "SEC Rule 17a-4(f)",
  hipaa: "HIPAA Security Rule",
  soc2: "SOC 2",
  cfr_21_11: "21 CFR Part 11",
};
