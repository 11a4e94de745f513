/** What the operator declared, and which systems recorded decisions. */
import { html, type SafeHtml } from "../../lib/html.ts";
import { configurationChart } from "./charts.ts";
import { cell, facts, number, show, table, text, unbroken, words } from "./parts.ts";
import type { View } from "./view.ts";

export function context({ report }: View): SafeHtml {
  const { declared_context: declared } = report;
  if (declared === null)
    return html`<p class="banner">
      Nobody declared the operator's role, the risk class or the purposes. Whether a system is
      high-risk, and who is its provider or deployer, does not follow from a ledger.
    </p>`;
  const { record_id, declared_at, actor, index, ...members } = declared;
  return html`<p>
      Declared, not checked. By ${show(cell(members, "declared_by"))} through
      <code>${String(actor)}</code> at ${String(declared_at)}, entry ${String(index)}
      (<code>${String(record_id)}</code>).
    </p>
    ${facts(Object.keys(members).map((member) => [words(member), declaredCell(members, member)]))}`;
}

function declaredCell(members: Readonly<Record<string, unknown>>, member: string) {
  const value = members[member];
  if (member !== "not_applicable" || !Array.isArray(value)) return cell(members, member);
  return value
    .map(
      (item: { requirement?: unknown; reason_code?: unknown }) =>
        `${String(item.requirement)} (${String(item.reason_code)})`,
    )
    .join(", ");
}

export function system({ report }: View): SafeHtml {
  const { configurations, by_type } = report.timeline;
  return html`<p>
      What recorded decisions, as the decisions themselves say. The ledger stands beside the system:
      it holds what was sent to it and knows of nothing else.
      ${
        report.declared_context === null
          ? ""
          : html`Declared as not instrumented:
            ${cell(report.declared_context, "not_instrumented") ?? "nothing was said"}.`
      }
    </p>
    ${table(
      "Services and decision types",
      [
        text("Service"),
        text("Type"),
        number("Decisions"),
        number("Reviewed"),
        number("Reviews"),
        number("Overridden"),
      ],
      by_type.map((row) => [
        cell(row, "service"),
        cell(row, "type"),
        cell(row, "decisions"),
        cell(row, "reviewed"),
        cell(row, "reviews"),
        cell(row, "overrides"),
      ]),
    )}
    ${configurationChart(configurations)}
    ${table(
      "Configurations in the order of their first decision",
      [
        text("Service"),
        text("Provider"),
        text("Model"),
        text("Version"),
        text("System version"),
        number("Decisions"),
        text("First"),
        text("Last"),
        text("Change before"),
      ],
      configurations.map((row) => [
        cell(row, "service"),
        cell(row, "provider"),
        cell(row, "model"),
        cell(row, "model_version"),
        cell(row, "system_version"),
        cell(row, "decisions"),
        unbroken(cell(row, "first_day")),
        unbroken(cell(row, "last_day")),
        cell(row, "announced"),
      ]),
    )}`;
}
