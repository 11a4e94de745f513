/**
 * The report of LoopGrid 0.1, CONTRACT "Report": its shape and its three status words, kept for old
 * clients and marked as 0.1's rule. Facts in, model out; JSON and HTML render the same model.
 * Pure.
 */

/** What the report is computed from; counters, never a scan. */
export interface ReportFacts {
  readonly generatedAt: string;
  readonly version: string;
  readonly serviceFilter: string | null;
  readonly counts: readonly {
    readonly serviceName: string;
    readonly decisionType: string;
    readonly modelProvider: string;
    readonly modelName: string;
    readonly status: string;
    readonly decisions: number;
  }[];
  readonly firstDecision: string | null;
  readonly lastDecision: string | null;
  readonly integrity: {
    readonly valid: boolean | null;
    readonly total: number;
    readonly broken_at: string | null;
    readonly message: string;
  };
}

export type LegacyReport = ReturnType<typeof legacyReport>;

/** These words are 0.1's rule over counts, not a verdict about the law. */
const STATUS_BASIS = "loopgrid-0.1-rule";

export function legacyReport(facts: ReportFacts) {
  const summary = summarize(facts);
  const { total, incorrect, corrected } = totals(facts);
  const reviewed = incorrect + corrected;
  return {
    report_type: "EU AI Act Compliance Assessment",
    generated_at: facts.generatedAt,
    generator: `LoopGrid v${facts.version}`,
    service_filter: facts.serviceFilter,
    summary,
    ledger_integrity: facts.integrity,
    eu_ai_act_mapping: {
      article_12_record_keeping: {
        status: total > 0 && facts.integrity.valid === true ? "compliant" : "non_compliant",
        status_basis: STATUS_BASIS,
        description: "Automatic recording of events over the lifetime of the system",
        evidence: {
          total_decisions_logged: total,
          immutable_hash_chain: facts.integrity.valid,
          chain_length: facts.integrity.total,
          logging_period_start: facts.firstDecision,
          logging_period_end: facts.lastDecision,
        },
      },
      article_14_human_oversight: {
        status: reviewed > 0 ? "compliant" : "partial",
        status_basis: STATUS_BASIS,
        description: "Human oversight: people can flag and correct decisions",
        evidence: {
          human_corrections: corrected,
          flagged_for_review: incorrect,
          correction_rate: percent(corrected, total),
          human_in_the_loop: reviewed > 0,
        },
      },
      article_9_risk_management: {
        status: "partial",
        status_basis: STATUS_BASIS,
        description: "Risk management: errors are measured and past decisions can be replayed",
        evidence: {
          error_rate_tracked: reviewed > 0,
          error_rate_percent: percent(reviewed, total),
          replay_capability: total > 0,
          systematic_improvement: corrected > 0,
        },
      },
    },
  };
}

function totals({ counts }: ReportFacts) {
  const withStatus = (status: string): number =>
    counts.reduce((sum, row) => sum + (row.status === status ? row.decisions : 0), 0);
  const [recorded, incorrect, corrected] = [
    withStatus("recorded"),
    withStatus("incorrect"),
    withStatus("corrected"),
  ];
  return { total: recorded + incorrect + corrected, recorded, incorrect, corrected };
}

function summarize(facts: ReportFacts) {
  const { total, recorded, incorrect, corrected } = totals(facts);
  if (total === 0) return { total };
  const distinct = (keyOf: (row: ReportFacts["counts"][number]) => string): number =>
    new Set(facts.counts.map(keyOf)).size;
  return {
    total,
    recorded,
    incorrect,
    corrected,
    correction_rate: percent(corrected, total),
    error_rate: percent(incorrect + corrected, total),
    unique_models: distinct((row) => JSON.stringify([row.modelProvider, row.modelName])),
    unique_services: distinct((row) => row.serviceName),
    unique_decision_types: distinct((row) => row.decisionType),
    first_decision: facts.firstDecision,
    last_decision: facts.lastDecision,
  };
}

/** In percent, one decimal. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((1000 * part) / whole) / 10;
}
