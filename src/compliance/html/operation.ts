/** Human oversight; incidents, halts and drills; retention and privacy. */
import { html, type SafeHtml } from "../../lib/html.ts";
import { REVIEW_EDGES_MS } from "../../ledger/tally-buckets.ts";
import { delayChart, errorChart, monthsChart, overrideChart, retentionChart } from "./charts.ts";
import {
  cell,
  duration,
  facts,
  moment,
  number,
  numberOf,
  percent,
  table,
  text,
  textOf,
  valueOf,
} from "./parts.ts";
import type { View } from "./view.ts";

export function oversight(view: View): SafeHtml {
  const { report, thresholds } = view;
  const { by_month, by_type, review_delays } = report.timeline;
  const value = (id: string): string => valueOf(view.metric(id), thresholds.sample_min);
  const detail = (id: string, member: string) => view.metric(id).detail[member] ?? null;
  return html`${facts([
      ["Reviewed by a person", value("M-HO-01")],
      ["Found wrong among those reviewed", value("M-ACC-01")],
      ["Authenticated reviewers, of reviews", value("M-HO-02")],
      ["Reviews by declared persons", detail("M-HO-02", "declared")],
      ["Reviews by service accounts: no oversight", detail("M-HO-02", "service_account")],
      ["Distinct reviewers (pseudonyms)", value("M-HO-03")],
      ["Share of the busiest reviewer", percent(detail("M-HO-03", "top_share"))],
      ["Overridden, reversed or not used, of reviews", value("M-HO-05")],
      ["Approvals in seconds, of approvals timed", value("M-HO-07")],
      ["Reviews with a valid competence record", value("M-HO-09")],
    ])}
    <p class="note">
      Corrections through LoopGrid 0.1's route count as reviews by declared persons. No override
      does not mean that none was needed.
    </p>
    ${monthsChart(by_month)} ${errorChart(by_month, thresholds.sample_min)}
    ${table(
      "By month of the decision",
      [
        text("Month"),
        number("Decisions"),
        number("Reviewed"),
        number("Found wrong"),
        text("95 % interval"),
        number("Reviews written"),
      ],
      by_month.map((row) => [
        cell(row, "month"),
        cell(row, "decisions"),
        cell(row, "reviewed"),
        cell(row, "faults"),
        interval(row, thresholds.sample_min),
        cell(row, "reviews"),
      ]),
    )}
    ${delayChart(review_delays, detail("M-HO-04", "pending") ?? 0)}
    ${table(
      "Time to the first review",
      [text("Within"), number("Decisions")],
      [
        ...review_delays.map((row): [string, number] => [
          delayName(numberOf(row, "bucket")),
          numberOf(row, "decisions"),
        ]),
        ["pending", detail("M-HO-04", "pending") ?? 0],
      ],
    )}
    ${overrideChart(by_type)}
    ${table(
      "Overrides by decision type",
      [text("Service"), text("Type"), number("Reviews"), number("Overridden")],
      by_type
        .filter((row) => numberOf(row, "reviews") > 0)
        .map((row) => [
          cell(row, "service"),
          cell(row, "type"),
          cell(row, "reviews"),
          cell(row, "overrides"),
        ]),
    )}`;
}

function interval(row: Readonly<Record<string, unknown>>, sampleMin: number): string {
  const ends = Array.isArray(row["ci95"]) ? row["ci95"].map(Number) : [];
  if (ends.length < 2 || numberOf(row, "reviewed") < sampleMin) return "few";
  return `${percent(ends[0] ?? 0)} to ${percent(ends[1] ?? 0)}`;
}

function delayName(bucket: number): string {
  const edge = REVIEW_EDGES_MS[bucket];
  return edge === undefined ? "longer" : duration(edge);
}

export function incidents(view: View): SafeHtml {
  const { timeline } = view.report;
  return html`${table(
      "Incidents with their clocks",
      [
        text("Incident"),
        text("Class"),
        text("Clock"),
        text("Aware"),
        text("Deadline"),
        text("Reported"),
        text("Steps"),
        text("Overdue"),
        number("Linked, held"),
      ],
      timeline.incidents.map((row) => [
        html`<span class="hash">${textOf(row, "id")}</span>`,
        cell(row, "incident_class"),
        cell(row, "clock_class"),
        moment(cell(row, "aware_at")),
        moment(cell(row, "deadline")),
        row["reported_at"] === null ? "not reported" : moment(cell(row, "reported_at")),
        cell(row, "steps"),
        row["overdue"] === true ? html`<strong>overdue</strong>` : "no",
        `${Array.isArray(row["linked"]) ? row["linked"].length : 0}, ${numberOf(row, "linked_held")}`,
      ]),
    )}
    <p class="note">
      No incident recorded is not the same as no incident. Whether one is a serious incident does
      not follow from a ledger.
    </p>
    ${table(
      "Halts and resumptions",
      [text("Entry"), text("What"), text("Service"), text("Recorded"), text("Trigger")],
      timeline.halts.map((row) => [
        cell(row, "index"),
        cell(row, "kind"),
        cell(row, "service_name"),
        moment(cell(row, "recorded_at")),
        cell(row, "trigger"),
      ]),
    )}
    ${table(
      "Drills",
      [text("Entry"), text("Drill"), text("Result"), text("Recorded")],
      timeline.drills.map((row) => [
        cell(row, "index"),
        cell(row, "drill"),
        cell(row, "result"),
        moment(cell(row, "recorded_at")),
      ]),
    )}`;
}

export function retention(view: View): SafeHtml {
  const { report, thresholds } = view;
  const { retention_classes, erasures } = report.timeline;
  const value = (id: string): string => valueOf(view.metric(id), thresholds.sample_min);
  return html`${facts([
      ["Shortest configured retention", value("M-RET-01")],
      ["Age of the ledger", value("M-RET-02")],
      ["Youngest content pruned", value("M-RET-03")],
      ["Erasures inside the floor that were asked for", value("M-RET-04")],
      ["Decisions with content past its class", value("M-PRV-02")],
      ["Erasure requests", value("M-PRV-01")],
      ["Requests for explanation or review, median", value("M-EXP-02")],
      ["Declared solely automated", value("M-PRV-03")],
    ])}
    ${retentionChart(retention_classes, thresholds.floor_months)}
    ${table(
      "Retention classes",
      [text("Class"), number("Months"), text("Service"), text("Type")],
      retention_classes.map((row) => [
        cell(row, "class"),
        cell(row, "months"),
        cell(row, "service_name"),
        cell(row, "decision_type"),
      ]),
    )}
    ${table(
      "Erasures by day and reason; what was erased is not shown",
      [text("Day"), text("Reason"), text("Inside six months"), number("Entries")],
      erasures.map((row) => [
        cell(row, "day"),
        cell(row, "reason_code"),
        cell(row, "inside_floor"),
        cell(row, "entries"),
      ]),
    )}
    <p class="note">
      An erasure takes effect for good 30 days later at the latest: until then the database's
      operator can restore deleted rows. Erasures that were asked for are listed, not counted as
      failures.
    </p>
    ${
      report.timeline.selections.length === 0
        ? ""
        : html`<h3>Selection rates of the categories the operator supplied</h3>
            ${table(
              "A data feed for an independent auditor, not a bias audit",
              [
                text("Service"),
                text("Category"),
                text("Group"),
                number("Assessed"),
                number("Selected"),
                number("Rate"),
                number("Impact ratio"),
              ],
              report.timeline.selections.map((row) => [
                cell(row, "service"),
                cell(row, "category"),
                cell(row, "group"),
                cell(row, "assessed"),
                cell(row, "selected"),
                cell(row, "selection_rate"),
                cell(row, "impact_ratio"),
              ]),
            )}`
    }`;
}
