/** A verdict for people: the word first, then what was checked, what is wrong, what is missing. */
import type { Verdict, VerdictStatus } from "../../ledger/verdict.ts";
import { counted, plural, type Terminal } from "../terminal.ts";

const WORDS: Readonly<Record<VerdictStatus, { word: string; style: "green" | "red" | "yellow" }>> =
  {
    verified: { word: "VERIFIED", style: "green" },
    tampered: { word: "TAMPERED", style: "red" },
    unproven: { word: "UNPROVEN", style: "yellow" },
  };

export function printVerdict(terminal: Terminal, file: string, verdict: Verdict): void {
  const { word, style } = WORDS[verdict.status];
  terminal.line(`${terminal.paint([style, "bold"], word)}  ${file}  (${verdict.format})`);
  if (verdict.origin !== null) {
    const signed = verdict.size === null ? "" : `, signed tree of ${entriesOf(verdict.size)}`;
    terminal.line(`  ${verdict.origin}${signed}`);
  }
  if (verdict.rootHash !== null) terminal.line(`  root ${verdict.rootHash}`);
  if (verdict.entries > 0) {
    const erased =
      verdict.erased > 0 ? `, ${plural(verdict.erased, "field")} erased and accounted for` : "";
    terminal.line(`  ${entriesOf(verdict.entries)} checked${erased}`);
  }
  for (const { index, fault, message } of verdict.findings) {
    const where = index === null ? "" : ` at entry ${index}`;
    terminal.line(`  ${terminal.paint("red", fault)}${where}: ${message}`);
  }
  for (const reason of verdict.unproven)
    terminal.line(`  ${terminal.paint("yellow", "unproven")}: ${reason}`);
  for (const limit of verdict.limits) terminal.line(`  ${terminal.paint("dim", limit)}`);
}

function entriesOf(count: number): string {
  return `${counted(count)} ${count === 1 ? "entry" : "entries"}`;
}
