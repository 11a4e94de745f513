/**
 * Charts as inline SVG: no script, no colour needed to read them. Each is described in words for those
 * who do not see it, and followed by its table where it stands.
 */
import { scaleBand, scaleLinear, scaleUtc } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { REVIEW_EDGES_MS } from "../../ledger/tally-buckets.ts";
import { html, type SafeHtml } from "../../lib/html.ts";
import { count, duration, numberOf, percent, textOf } from "./parts.ts";

type Row = Readonly<Record<string, unknown>>;

const WIDTH = 760;
const HEIGHT = 220;
const LEFT = 56;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 34;
const DARK = "#24405e";
const LIGHT = "#c5d0dc";
const RULE = "#c3c8ce";
const BAR_MAX = 48;
/** More labels than this run into each other. */
const LABELS_MAX = 14;

const bottom = HEIGHT - BOTTOM;

/** A chart in its figure; `what` is read aloud. */
function figure(
  caption: string,
  what: string,
  height: number,
  marks: readonly SafeHtml[],
): SafeHtml {
  return html`<figure>
    <figcaption>${caption}</figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${height}"
      width="${WIDTH}"
      height="${height}"
      role="img"
      aria-label="${what}"
    >
      ${marks}
    </svg>
  </figure>`;
}

function label(x: number, y: number, words: string, anchor: "start" | "middle" | "end"): SafeHtml {
  return html`<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${words}</text>`;
}

function bar(x: number, y: number, width: number, height: number, fill: string): SafeHtml {
  return html`<rect
    x="${round(x)}"
    y="${round(y)}"
    width="${round(Math.max(width, 0))}"
    height="${round(Math.max(height, 0))}"
    fill="${fill}"
    stroke="${DARK}"
    stroke-width="0.7"
  />`;
}

function rule(x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1): SafeHtml {
  return html`<line
    x1="${round(x1)}"
    y1="${round(y1)}"
    x2="${round(x2)}"
    y2="${round(y2)}"
    stroke="${stroke}"
    stroke-width="${width}"
  />`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function grid(
  y: (value: number) => number,
  ticks: readonly number[],
  format: (n: number) => string,
) {
  return ticks.flatMap((tick) => [
    rule(LEFT, y(tick), WIDTH - RIGHT, y(tick), RULE),
    label(LEFT - 6, y(tick) + 4, format(tick), "end"),
  ]);
}

function every(names: readonly string[]): number {
  return Math.ceil(names.length / LABELS_MAX);
}

function legend(items: readonly (readonly [fill: string, words: string])[]): SafeHtml[] {
  return items.flatMap(([fill, words], i) => [
    bar(LEFT + i * 190, HEIGHT - 12, 10, 10, fill),
    label(LEFT + 16 + i * 190, HEIGHT - 3, words, "start"),
  ]);
}

/** Decisions per month, reviewed (dark) and not (light). */
export function monthsChart(months: readonly Row[]): SafeHtml {
  const names = months.map((row) => textOf(row, "month"));
  const x = scaleBand(names, [LEFT, WIDTH - RIGHT]).padding(0.25);
  const most = Math.max(1, ...months.map((row) => numberOf(row, "decisions")));
  const y = scaleLinear([0, most], [bottom, TOP]).nice(4);
  const marks = months.flatMap((row, i) => {
    const [decisions, reviewed] = [numberOf(row, "decisions"), numberOf(row, "reviewed")];
    const width = Math.min(x.bandwidth(), BAR_MAX);
    const left = (x(names[i] ?? "") ?? LEFT) + (x.bandwidth() - width) / 2;
    return [
      bar(left, y(decisions), width, y(reviewed) - y(decisions), LIGHT),
      bar(left, y(reviewed), width, bottom - y(reviewed), DARK),
      ...(i % every(names) === 0
        ? [label(left + width / 2, bottom + 14, names[i] ?? "", "middle")]
        : []),
    ];
  });
  return figure(
    "Decisions per month, reviewed by a person and not",
    `Bars for ${months.length} months; the largest has ${count(most)} decisions.`,
    HEIGHT,
    [
      ...grid(y, y.ticks(4).filter(Number.isInteger), count),
      ...marks,
      ...legend([
        [DARK, "reviewed by a person"],
        [LIGHT, "not reviewed"],
      ]),
    ],
  );
}

/** Share found wrong among those reviewed, with Wilson's interval; months with few are left out. */
export function errorChart(months: readonly Row[], sampleMin: number): SafeHtml {
  const shown = months.filter((row) => numberOf(row, "reviewed") >= sampleMin);
  if (shown.length === 0)
    return html`<p class="note">
      No month has ${sampleMin} reviewed decisions: counts are in the table, no rate is charted.
    </p>`;
  const names = shown.map((row) => textOf(row, "month"));
  const x = scaleBand(names, [LEFT, WIDTH - RIGHT]).padding(0.25);
  const y = scaleLinear([0, 1], [bottom, TOP]);
  const marks = shown.flatMap((row, i) => {
    const interval = Array.isArray(row["ci95"]) ? row["ci95"].map(Number) : [0, 0];
    const middle = (x(names[i] ?? "") ?? LEFT) + x.bandwidth() / 2;
    const [low = 0, high = 0] = interval;
    return [
      rule(middle, y(low), middle, y(high), DARK, 2),
      rule(middle - 6, y(low), middle + 6, y(low), DARK, 2),
      rule(middle - 6, y(high), middle + 6, y(high), DARK, 2),
      html`<circle
        cx="${round(middle)}"
        cy="${round(y(numberOf(row, "fault_rate")))}"
        r="4"
        fill="${DARK}"
      />`,
      ...(i % every(names) === 0 ? [label(middle, bottom + 14, names[i] ?? "", "middle")] : []),
    ];
  });
  return figure(
    "Found wrong among reviewed decisions, by month of the decision, with 95 % interval",
    `Points with intervals for ${shown.length} months.`,
    HEIGHT,
    [...grid(y, [0, 0.25, 0.5, 0.75, 1], percent), ...marks],
  );
}

/** Share of reviewed decisions that were reviewed within a time. */
export function delayChart(delays: readonly Row[], pending: number): SafeHtml {
  const total = delays.reduce((sum, row) => sum + numberOf(row, "decisions"), 0);
  if (total === 0)
    return html`<p class="note">
      No decision was reviewed by a person: there is no time to the first review to chart;
      ${count(pending)} are pending.
    </p>`;
  const edges = REVIEW_EDGES_MS.map((edge) => duration(edge));
  const names = [...edges, "more"];
  const x = scaleBand(names, [LEFT, WIDTH - RIGHT]);
  const y = scaleLinear([0, 1], [bottom, TOP]);
  let seen = 0;
  const points = names.map((name, bucket): [number, number] => {
    const row = delays.find((delay) => numberOf(delay, "bucket") === bucket);
    seen += row === undefined ? 0 : numberOf(row, "decisions");
    return [x(name) ?? LEFT, y(seen / total)];
  });
  const path = line().curve(curveStepAfter)([...points, [WIDTH - RIGHT, TOP]]);
  return figure(
    `Time to the first review: share of ${count(total)} reviewed decisions; ${count(pending)} are pending and not in it`,
    `A rising step line over ${names.length} spans of time.`,
    HEIGHT,
    [
      ...grid(y, [0, 0.25, 0.5, 0.75, 1], percent),
      html`<path d="${path ?? ""}" fill="none" stroke="${DARK}" stroke-width="2.5" />`,
      ...names.map((name) =>
        label((x(name) ?? LEFT) + x.bandwidth() / 2, bottom + 14, name, "middle"),
      ),
    ],
  );
}

/** Bars from the left, one a row. */
function rowsChart(
  caption: string,
  rows: readonly { readonly name: string; readonly share: number; readonly words: string }[],
): SafeHtml {
  const height = TOP + rows.length * 24 + 8;
  const x = scaleLinear([0, 1], [240, WIDTH - 110]);
  return figure(
    caption,
    rows.map(({ name, words }) => `${name}: ${words}`).join("; "),
    height,
    rows.flatMap(({ name, share, words }, i) => {
      const top = TOP + i * 24;
      return [
        label(232, top + 12, name.length > 36 ? `${name.slice(0, 35)}…` : name, "end"),
        bar(240, top, x(share) - 240, 15, share > 0 ? DARK : LIGHT),
        label(x(share) + 6, top + 12, words, "start"),
      ];
    }),
  );
}

/** As many rows as a page takes. */
const ROWS_MAX = 16;

export function overrideChart(types: readonly Row[]): SafeHtml {
  const reviewed = types.filter((row) => numberOf(row, "reviews") > 0).slice(0, ROWS_MAX);
  if (reviewed.length === 0) return html`<p class="note">No review to chart.</p>`;
  return rowsChart(
    "Overridden, reversed or not used, of reviews, by decision type",
    reviewed.map((row) => {
      const [overrides, reviews] = [numberOf(row, "overrides"), numberOf(row, "reviews")];
      return {
        name: `${textOf(row, "service")} / ${textOf(row, "type")}`,
        share: overrides / reviews,
        words: `${count(overrides)} of ${count(reviews)}`,
      };
    }),
  );
}

export function statusChart(counts: readonly (readonly [string, number])[]): SafeHtml {
  const most = Math.max(1, ...counts.map(([, n]) => n));
  return rowsChart(
    "Requirements by evidence status: no total, no score",
    counts.map(([name, n]) => ({ name, share: n / most, words: count(n) })),
  );
}

/** When each configuration recorded decisions. */
export function configurationChart(configurations: readonly Row[]): SafeHtml {
  const shown = configurations.slice(-ROWS_MAX);
  if (shown.length === 0) return html`<p class="note">No configuration to chart.</p>`;
  const day = (row: Row, member: string): number => Date.parse(textOf(row, member));
  const from = Math.min(...shown.map((row) => day(row, "first_day")));
  const to = Math.max(...shown.map((row) => day(row, "last_day"))) + 86_400_000;
  const x = scaleUtc([from, to], [300, WIDTH - RIGHT]);
  const height = TOP + shown.length * 24 + 26;
  const marks = shown.flatMap((row, i) => {
    const top = TOP + i * 24;
    const left = x(day(row, "first_day"));
    const right = x(day(row, "last_day") + 86_400_000);
    const names = ["service", "model", "model_version", "system_version"]
      .map((member) => textOf(row, member))
      .filter((name) => name !== "");
    const name = names.join(" · ");
    return [
      label(292, top + 12, name.length > 46 ? `${name.slice(0, 45)}…` : name, "end"),
      bar(left, top, Math.max(right - left, 3), 15, row["announced"] === true ? DARK : LIGHT),
    ];
  });
  const axis = new Date(from).toISOString().slice(0, 10);
  const end = new Date(to - 1).toISOString().slice(0, 10);
  return figure(
    "Configurations by first and last day; dark: a change was recorded before first use",
    `Bars for ${shown.length} configurations between ${axis} and ${end}.`,
    height,
    [...marks, label(300, height - 6, axis, "start"), label(WIDTH - RIGHT, height - 6, end, "end")],
  );
}

/** Retention classes against the six months that logs are kept at least. */
export function retentionChart(classes: readonly Row[], floorMonths: number): SafeHtml {
  const most = Math.max(floorMonths * 2, ...classes.map((row) => numberOf(row, "months")));
  const x = scaleLinear([0, most], [200, WIDTH - 90]);
  const height = TOP + Math.max(classes.length, 1) * 24 + 30;
  return figure(
    `Configured retention; the line is the floor of ${floorMonths} months`,
    classes.map((row) => `${textOf(row, "class")}: ${numberOf(row, "months")} months`).join("; ") ||
      "No retention policy.",
    height,
    [
      ...classes.slice(0, ROWS_MAX).flatMap((row, i) => {
        const months = numberOf(row, "months");
        return [
          label(192, TOP + i * 24 + 12, textOf(row, "class"), "end"),
          bar(200, TOP + i * 24, x(months) - 200, 15, months >= floorMonths ? DARK : LIGHT),
          label(x(months) + 6, TOP + i * 24 + 12, `${months} months`, "start"),
        ];
      }),
      rule(x(floorMonths), 2, x(floorMonths), height - 20, "#8f1414", 2),
      label(x(floorMonths), height - 6, `${floorMonths} months`, "middle"),
    ],
  );
}
