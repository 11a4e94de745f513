/**
 * The law as this version knows it, with the day it was looked at and the day after which the report
 * says that somebody should look again. Dates only; what follows from them is in applicability.ts.
 */

/** When provisions begin to apply. A date means its first moment in UTC. */
export const REGIMES = {
  /** Art. 113(3)(c)(i) as amended: Chapter III sections 1 to 3, Annex III systems. */
  ai_act_high_risk: {
    from: "2027-12-02",
    annex_i_from: "2028-08-02",
    contested: false,
    note: "Chapter III, sections 1 to 3: 2 December 2027 for Annex III systems, 2 August 2028 for Annex I systems.",
  },
  /** Chapter IX and Art. 49, 71: by the letter since August 2026, while what is high-risk is not. */
  ai_act_contested: {
    from: "2026-08-02",
    contested: true,
    note: "In application by the letter of Art. 113 since 2 August 2026, but it binds only high-risk AI systems, and Art. 6, which says what those are, applies from 2 December 2027. No position of the Commission was found.",
  },
  ai_act_literacy: {
    from: "2025-02-02",
    contested: false,
    note: "In the wording of Regulation (EU) 2026/1744, since 27 July 2026.",
  },
  ai_act_penalties: { from: "2025-08-02", contested: false, note: null },
  ai_act_transparency: { from: "2026-08-02", contested: false, note: null },
  ai_act_marking: {
    from: "2026-08-02",
    contested: false,
    note: "Generative systems placed on the market before 2 August 2026: from 2 December 2026 (Art. 111(4)).",
  },
  gdpr: { from: "2018-05-25", contested: false, note: null },
  colorado: {
    from: "2027-01-01",
    contested: false,
    note: "SB 26-189; the Attorney General's rules were not final when this was looked at.",
  },
  nyc: { from: "2023-07-05", contested: false, note: null },
  in_force: { from: null, contested: false, note: "Where the operator is subject to it." },
  voluntary: { from: null, contested: false, note: null },
} as const;
export type RegimeName = keyof typeof REGIMES;

export const LEGAL_BASELINE = {
  set: "2026-11-22",
  ai_act: "Regulation (EU) 2024/1689 as amended by Regulation (EU) 2026/1744",
  consolidated: "02024R1689-20260727",
  gdpr: "Regulation (EU) 2016/679",
  us: "Colorado SB 26-189; NYC Local Law 144; SR 26-2; 17 CFR 240.17a-4(f); 45 CFR 164.312; 21 CFR 11",
  standards:
    "No harmonised standard under the AI Act was cited in the Official Journal: nothing here gives a presumption of conformity.",
  stale_after: "2027-05-22",
} as const;

/** Instruments people still ask for, and why there is no mapping to them. */
export const DEAD_INSTRUMENTS = [
  "SR 11-7 / OCC 2011-12: rescinded on 17 April 2026 (SR 26-2 leaves generative and agentic AI out of scope).",
  "Colorado SB 24-205: repealed and re-enacted by SB 26-189.",
] as const;
