/** Tables, lists and numbers as the page writes them. A value that is not known is said to be. */
import { html, type SafeHtml } from "../../lib/html.ts";
import type { Metric } from "../metric.ts";
import { STATUS_WORDS, type EvidenceStatus } from "../vocabulary.ts";

export type Cell = string | number | boolean | null | undefined | SafeHtml;

export interface Column {
  readonly title: string;
  readonly numeric?: boolean;
}

export const text = (title: string): Column => ({ title });
export const number = (title: string): Column => ({ title, numeric: true });

/** The first cell of a row is its header. No rows: a sentence instead of an empty table. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): SafeHtml {
  if (rows.length === 0) return html`<p class="note">${caption}: nothing recorded.</p>`;
  return html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        ${columns.map(({ title, numeric }) =>
          numeric
            ? html`<th scope="col" class="n">${title}</th>`
            : html`<th scope="col">${title}</th>`,
        )}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${row.map((cell, i) => cellOf(cell, i, columns[i]))}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function cellOf(cell: Cell, i: number, column: Column | undefined): SafeHtml {
  const shown = show(cell);
  if (i === 0) return html`<th scope="row">${shown}</th>`;
  return column?.numeric ? html`<td class="n">${shown}</td>` : html`<td>${shown}</td>`;
}

export function show(value: Cell): string | SafeHtml {
  if (value === null || value === undefined || value === "") return "–";
  if (value === true) return "yes";
  if (value === false) return "no";
  return typeof value === "number" ? count(value) : value;
}

/** Facts in pairs. */
export function facts(pairs: readonly (readonly [string, Cell])[]): SafeHtml {
  return html`<dl class="facts">
    ${pairs.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${show(value)}</dd>`,
    )}
  </dl>`;
}

export function list(items: readonly (string | SafeHtml)[]): SafeHtml {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

const GROUPS = /\B(?=(\d{3})+(?!\d))/g;

export function count(value: number): string {
  const [whole = "", part] = String(value).split(".");
  return whole.replace(GROUPS, " ") + (part === undefined ? "" : `.${part}`);
}

export function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

export function duration(ms: number | null): string {
  if (ms === null) return "–";
  const [size = 1, name = "ms"] = UNITS.find(([size]) => ms >= size) ?? [];
  return `${Math.round((10 * ms) / size) / 10} ${name}`;
}

/** A metric's value in words: few are counted, shares have their fraction. */
export function valueOf(metric: Metric, sampleMin: number): string {
  const { value, unit, numerator, denominator, ci95 } = metric;
  // A percentile behind the last bucket was measured: it is just not known how long it took.
  if (value === null)
    return (metric.detail["beyond_last_edge"] ?? 0) > 0
      ? "longer than the longest span counted"
      : "not measured";
  if (unit === "ms") return duration(value);
  if (unit !== "ratio") return `${count(value)}${unit === "count" ? "" : ` ${unit}`}`;
  const few = denominator !== null && denominator < sampleMin;
  const fraction =
    numerator === null || denominator === null
      ? ""
      : `${count(numerator)} of ${count(denominator)}`;
  if (few && fraction !== "") return fraction;
  const interval =
    ci95 === null ? "" : ` (95 %: ${percent(ci95[0] ?? 0)} to ${percent(ci95[1] ?? 0)})`;
  return `${percent(value)}${interval}${fraction === "" ? "" : `, ${fraction}`}`;
}

/** Told apart by shape and word, not by colour. */
const MARKS: Readonly<Record<EvidenceStatus, string>> = {
  evidence_present: "●",
  evidence_partial: "◐",
  evidence_missing: "○",
  outside_ledger_scope: "▫",
  not_assessed: "·",
  not_applicable: "×",
};

export function status(word: EvidenceStatus): SafeHtml {
  return html`<span class="status"
    ><span class="mark" aria-hidden="true">${MARKS[word]}</span>${STATUS_WORDS[word].word}</span
  >`;
}

/** Short values that a narrow column must not break: dates, numbers of entries. */
export function unbroken(value: Cell): SafeHtml {
  return html`<span class="nw">${show(value)}</span>`;
}

/** A time to the second, as people read it. */
export function moment(value: Cell): SafeHtml {
  const text = String(value ?? "");
  const [, day = text, time = ""] = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})/.exec(text) ?? [];
  return html`<span class="nw">${day}</span> <span class="nw">${time}</span>`;
}

/** Codes as a reader takes them: `no_condition_holds` is "no condition holds". */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}

/** A reason: its code in words, and what stands behind the colon as it is: keys and addresses. */
export function reasonOf(reason: string): string {
  const [code = ""] = reason.split(":", 1);
  return words(code) + reason.slice(code.length);
}

/** A row of the report as the page reads it. */
export function cell(row: Readonly<Record<string, unknown>>, member: string): Cell {
  const value = row[member];
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  return Array.isArray(value) ? value.map(String).join(", ") : JSON.stringify(value);
}

/** The same as plain text, for charts and captions. */
export function textOf(row: Readonly<Record<string, unknown>>, member: string): string {
  const value = cell(row, member);
  return value === null || typeof value === "object" ? "" : String(value);
}

export function numberOf(row: Readonly<Record<string, unknown>>, member: string): number {
  const value = row[member];
  return typeof value === "number" ? value : 0;
}
