/**
 * CSV, RFC 4180, CONTRACT "Export". A cell that a spreadsheet would run as a formula is defused with
 * an apostrophe (CONTRACT, defect 12). Pure.
 */
import type { Decision } from "../ledger/schema.ts";

const COLUMNS = [
  "decision_id",
  "created_at",
  "service_name",
  "decision_type",
  "status",
  "content_hash",
  "chain_hash",
  "index",
] as const satisfies readonly (keyof Decision)[];

export const CSV_HEADER = `${COLUMNS.join(",")}\r\n`;

/**
 * What Excel, LibreOffice and Sheets take for the start of a formula, or strip to get at one; Excel
 * with an East Asian input also takes the full-width signs.
 */
const FORMULA_START = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;

export function csvCell(value: string | number | null): string {
  const text = String(value ?? "");
  const defused = FORMULA_START.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(defused) ? `"${defused.replaceAll('"', '""')}"` : defused;
}

export function csvRow(decision: Decision): string {
  return `${COLUMNS.map((column) => csvCell(decision[column])).join(",")}\r\n`;
}
