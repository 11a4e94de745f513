/** Tests and results: per requirement its citation, procedure, result, exceptions and what it does not show. */
import { html, type SafeHtml } from "../../lib/html.ts";
import type { PredicateResult, RequirementResult } from "../evaluate.ts";
import { APPLICABILITY_WORDS, FRAMEWORK_TITLES, type Framework } from "../vocabulary.ts";
import { count, list, number, reasonOf, status, table, text, valueOf, words } from "./parts.ts";
import type { View } from "./view.ts";

/** The contract's words: these three articles were all that 0.1 reported on. */
const ARTICLES: readonly (readonly [prefix: string, title: string])[] = [
  ["EUAIA-9-", "Article 9: risk management"],
  ["EUAIA-12-", "Article 12: record-keeping"],
  ["EUAIA-14-", "Article 14: human oversight"],
];

export function requirements(view: View): SafeHtml {
  return html`${view.report.frameworks.map((framework) => ofFramework(view, framework))}`;
}

function ofFramework(view: View, framework: Framework): SafeHtml {
  const own = view.report.requirements.filter((item) => item.framework === framework);
  let heading = "";
  return html`<h3>${FRAMEWORK_TITLES[framework]}</h3>
    ${own.map((item) => {
      const title = ARTICLES.find(([prefix]) => item.id.startsWith(prefix))?.[1] ?? "";
      const isNew = title !== heading && title !== "";
      heading = title;
      return html`${isNew ? html`<h3 class="article">${title}</h3>` : ""}${requirement(view, item)}`;
    })}`;
}

function requirement(view: View, item: RequirementResult): SafeHtml {
  const { applicability, predicates, reasons } = item;
  return html`<article class="req" id="req-${item.id}">
    <h4><span>${item.id} · ${item.citation}</span> ${status(item.evidence_status)}</h4>
    <p>${item.meaning}</p>
    <p class="note">
      ${words(item.duty_holder)} ·
      ${APPLICABILITY_WORDS[applicability.state]}${applicability.from === null ? "" : `, from ${applicability.from}`}
      · basis: ${item.basis} · evidence: ${item.evidence}
    </p>
    ${
      predicates.length === 0
        ? ""
        : table(
            `Conditions of ${item.id}`,
            [text("Metric"), text("Measured"), text("Wanted"), number("Observed"), text("Result")],
            predicates.map((predicate) => [
              `${predicate.metric} ${view.metric(predicate.metric).name}`,
              measured(view, predicate),
              wanted(predicate),
              predicate.observed,
              predicate.result.replaceAll("_", " "),
            ]),
          )
    }
    <p><strong>Why:</strong> ${reasons.map(reasonOf).join("; ")}.</p>
    <p><strong>Does not show:</strong> ${item.does_not_show.join("; ")}.</p>
  </article>`;
}

function measured(view: View, { metric, of }: PredicateResult): string {
  const found = view.metric(metric);
  return of === "value" ? valueOf(found, view.thresholds.sample_min) : words(of);
}

function wanted({ op, threshold, level }: PredicateResult): string {
  const may = level === "may" ? " (informs only)" : "";
  if (op === "known") return `measured at all${may}`;
  return `${op === "covers" ? "at least" : op} ${threshold === null ? "" : count(threshold)}${may}`;
}

export function metrics(view: View): SafeHtml {
  const { report, thresholds } = view;
  return html`${table(
      "Every metric",
      [text("Metric"), text("Name"), text("Value"), text("Over what"), text("Basis")],
      report.metrics.map((metric) => [
        metric.id,
        metric.name,
        valueOf(metric, thresholds.sample_min),
        metric.population,
        metric.basis,
      ]),
    )}
    <h3>How to count them again</h3>
    <p>From a ledger export (<code>GET /v1/export/ledger</code>), whose lines hold every header.</p>
    ${list(report.metrics.map(({ id, recompute }) => html`<strong>${id}</strong>: ${recompute}.`))}`;
}
