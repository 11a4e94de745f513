/** What is shown to people: colour where the stream takes it (NO_COLOR is honoured), and progress. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Bars are redrawn, plain lines repeated, at most this often. */
const REDRAW_MS = 100;
const REPEAT_MS = 5000;
const BAR_WIDTH = 24;

export interface Progress {
  advance(count: number): void;
  /** Takes the bar away; what was reached is for the caller to say. */
  finish(): void;
}

export class Terminal {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  line(text = ""): void {
    this.#stream.write(`${text}\n`);
  }

  paint(style: Style, text: string): string {
    // Node 20 paints for pipes too.
    if (!this.#stream.isTTY && process.env["FORCE_COLOR"] === undefined) return text;
    return styleText(style, text, { stream: this.#stream });
  }

  /** A bar on a terminal, a line every few seconds elsewhere. */
  progress(total: number): Progress {
    const stream = this.#stream;
    const startedMs = performance.now();
    let shownMs = startedMs;
    let done = 0;
    return {
      advance: (count) => {
        done += count;
        const nowMs = performance.now();
        if (nowMs - shownMs < (stream.isTTY ? REDRAW_MS : REPEAT_MS)) return;
        shownMs = nowMs;
        const rate = perSecond(done, nowMs - startedMs);
        const reached = `${counted(done)} of ${counted(total)}, ${rate}`;
        if (!stream.isTTY) return this.line(`   ${reached}`);
        const filled = Math.min(BAR_WIDTH, Math.round((BAR_WIDTH * done) / Math.max(total, 1)));
        const bar = `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
        stream.write(`\r\u001B[2K   ${this.paint("cyan", bar)} ${reached}`);
      },
      finish: () => {
        if (stream.isTTY) stream.write("\r\u001B[2K");
      },
    };
  }
}

/** 2638 → "2,638" */
export function counted(count: number): string {
  return count.toLocaleString("en");
}

/** "8 decisions", "1 decision" */
export function plural(count: number, noun: string): string {
  return `${counted(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
}

/** " (812/s)"; nothing for counts too small to mean anything. */
export function rated(count: number, ms: number): string {
  return count < 100 ? "" : ` (${perSecond(count, ms)})`;
}

export function perSecond(count: number, ms: number): string {
  return `${counted(Math.round((1000 * count) / Math.max(ms, 1)))}/s`;
}

/** Data on one line of a terminal: no control characters (they move cursors), no wrap. */
export function oneLine(text: string, charactersMax = 84): string {
  const clean = text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
  const characters = Array.from(clean);
  if (characters.length <= charactersMax) return clean;
  return `${characters.slice(0, charactersMax - 1).join("")}…`;
}
