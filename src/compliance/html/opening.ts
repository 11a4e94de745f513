/** Cover, how to read it, and the summary with the exceptions first. No badge, no grade. */
import { html, type SafeHtml } from "../../lib/html.ts";
import {
  APPLICABILITY_WORDS,
  EVIDENCE_STATUSES,
  FRAMEWORK_TITLES,
  STATUS_WORDS,
} from "../vocabulary.ts";
import { statusChart } from "./charts.ts";
import {
  cell,
  count,
  facts,
  list,
  number,
  reasonOf,
  status,
  table,
  text,
  unbroken,
  words,
} from "./parts.ts";
import type { View } from "./view.ts";

export function cover({ report }: View): SafeHtml {
  const { ledger_integrity: integrity, period, declared_context: context } = report;
  return html`<header class="cover">
    <h1>LoopGrid Compliance Report</h1>
    <p class="lead">Evidence from the decision ledger</p>
    ${
      integrity.valid === false
        ? html`<p class="banner">
            <strong>The ledger does not verify.</strong> ${integrity.message}. No measured evidence
            below counts as whole.
          </p>`
        : ""
    }
    ${facts([
      ["Organisation", context === null ? null : cell(context, "organisation")],
      [
        "System",
        report.service_filter === null
          ? "all services of the ledger"
          : html`<strong>${report.service_filter}</strong>`,
      ],
      ["Decision type", period.decision_type ?? "all"],
      [
        "Period",
        `${period.from ?? "beginning of the ledger"} to ${period.to ?? "last entry that counts"} (UTC)`,
      ],
      ["Ledger", report.ledger.origin],
      ["Report", report.report_id ?? "preview: not issued"],
      ["Generated", `${report.generated_at} by ${report.generator}`],
      [
        "Last entry that counts",
        report.as_of === null
          ? "the ledger is empty"
          : `${report.as_of}, recorded ${report.as_of_recorded_at}`,
      ],
      ["Its chain hash", html`<span class="hash">${integrity.head_chain_hash ?? "none"}</span>`],
      ["Integrity", integrity.message],
      ["House thresholds", overriddenIn(report)],
      ["Legal baseline", `${report.legal_baseline["set"]}: ${report.legal_baseline["ai_act"]}`],
    ])}
    <p class="calm">${report.notice}</p>
  </header>`;
}

function overriddenIn({ threshold_set: { id, overrides } }: View["report"]): string | SafeHtml {
  const own = Object.entries(overrides).map(([name, value]) => `${words(name)} ${value}`);
  return own.length === 0 ? id : html`${id}, <strong>overridden: ${own.join(", ")}</strong>`;
}

export function contents(titles: readonly (readonly [id: string, title: string])[]): SafeHtml {
  return html`<nav aria-label="Contents">
    <ol>
      ${titles.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}
    </ol>
  </nav>`;
}

export function reading({ report, thresholds }: View): SafeHtml {
  return html`<p>
      Each requirement has an <em>evidence status</em>: what this ledger can show about it, not
      whether it is met. Numbers are counted from the ledger's entries up to the last one that
      counts; every number says over what it was counted and how to count it again.
    </p>
    ${table(
      "Evidence statuses",
      [text("Status"), text("What it means")],
      EVIDENCE_STATUSES.map((word) => [status(word), STATUS_WORDS[word].meaning]),
    )}
    <p>
      <strong>Thresholds are house thresholds</strong> (${report.threshold_set.id}): no law names
      them. A share from ${thresholds.coverage_present} on is full coverage, from
      ${thresholds.coverage_partial} on partial. Fewer than ${thresholds.sample_min} are counted,
      not charted as a percentage. Of the AI Act come only the six months, ten years, two persons
      and 15, 10 and 2 days.
    </p>
    <p>
      <strong>When it applies</strong> stands beside each status. Most of Chapter III of the AI Act
      applies from 2 December 2027 (Annex III) or 2 August 2028 (Annex I): until then a status is
      readiness. "Contested" marks provisions in application by the letter for systems whose
      classification rule is not.
    </p>
    <h3>What this report does not claim</h3>
    ${list(report.non_claims)}`;
}

export function summary({ report }: View): SafeHtml {
  const counts = EVIDENCE_STATUSES.map((word): [string, number] => [
    STATUS_WORDS[word].word,
    report.status_counts[word] ?? 0,
  ]);
  const order = { failure: 0, warning: 1 };
  const exceptions = report.exceptions.toSorted((a, b) => order[a.severity] - order[b.severity]);
  return html`<h3>Exceptions first</h3>
    ${
      exceptions.length === 0
        ? html`<p>No exception was found in what the ledger can show.</p>`
        : table(
            "Failures, then what the report cannot know",
            [text("Kind"), text("Exception"), text("Metric")],
            exceptions.map(({ severity, message, metric }) => [
              severity === "failure" ? html`<strong>failure</strong>` : "warning",
              message,
              metric,
            ]),
          )
    }
    <h3>Decisions in scope</h3>
    ${table(
      "Decisions by their newest flag or correction",
      [text("Status"), number("Decisions")],
      ["total", "recorded", "incorrect", "corrected"].map((member) => [
        member,
        Number(report.summary[member] ?? 0),
      ]),
    )}
    ${facts([
      [
        "0.1's correction rate: corrected, in % of all",
        Number(report.summary["correction_rate"] ?? 0),
      ],
      [
        "0.1's error rate: incorrect or corrected, in % of all",
        Number(report.summary["error_rate"] ?? 0),
      ],
    ])}
    <p class="note">
      0.1's rates divide by all decisions: where nobody reviews they are 0. Read them beside how
      many were reviewed.
    </p>
    <h3>Requirements</h3>
    ${statusChart(counts)}
    ${table(
      "Requirements by status",
      [text("Status"), number("Requirements")],
      counts.map(([name, n]) => [name, n]),
    )}
    ${table(
      "Every requirement",
      [text("Requirement"), text("Where"), text("Evidence"), text("Applies"), text("Why")],
      report.requirements.map((item) => [
        html`<a href="#req-${item.id}">${item.id}</a>`,
        `${FRAMEWORK_TITLES[item.framework]}, ${item.citation}`,
        status(item.evidence_status),
        item.applicability.state === "not_yet"
          ? unbroken(`from ${item.applicability.from}`)
          : APPLICABILITY_WORDS[item.applicability.state],
        item.reasons.map(reasonOf).join("; "),
      ]),
    )}
    <p class="note">${count(report.requirements.length)} requirements were looked at.</p>`;
}
