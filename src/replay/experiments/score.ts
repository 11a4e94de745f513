/**
 * Computes a scorer's verdict on one answer, held against the truth (scorers.ts). Pure; bounded: an
 * answer is at most an entry's content.
 */
import { distance } from "fastest-levenshtein";
import { RE2JS } from "re2js";
import { canonicalize } from "../../ledger/canonical-json.ts";
import { isObject, type JsonValue } from "../../lib/json.ts";
import type { Answer } from "../diff.ts";
import type { ComputedScorer } from "./scorers.ts";

/** An answer or a correction, with the whole object that it is in. */
export interface Side extends Answer {
  readonly whole: JsonValue;
}

/** Null: this pair cannot be judged, for there is no truth where the scorer looks. */
export type Verdict = boolean | null;

/** Bit-parallel, but quadratic: beyond this the beginnings are compared. */
const EDIT_CHARACTERS_MAX = 20_000;

/** @param truth undefined: nobody has corrected it; scorers that need no truth still judge */
export function score(scorer: ComputedScorer, answer: Side, truth: Side | undefined): Verdict {
  const wantsJson = scorer.type === "json_fields";
  const given = placed(answer, scorer.path, wantsJson);
  const right = truth && placed(truth, scorer.truth_path ?? scorer.path, wantsJson);
  if (scorer.type === "regex") return given !== undefined && found(scorer, asText(given));
  if (scorer.type === "contains") {
    const wanted = scorer.text ?? (right === undefined ? undefined : asText(right));
    if (wanted === undefined) return null;
    return given !== undefined && holds(asText(given), wanted, scorer.ignore_case);
  }
  if (right === undefined) return null;
  if (given === undefined) return false;
  return compare(scorer, given, right);
}

type Comparing = Exclude<ComputedScorer, { type: "regex" | "contains" }>;

function compare(scorer: Comparing, given: JsonValue, right: JsonValue): Verdict {
  switch (scorer.type) {
    case "exact":
      return canonicalize(given) === canonicalize(right);
    case "normalized_text":
      return normalized(asText(given)) === normalized(asText(right));
    case "json_fields":
      return sameFields(scorer.fields, given, right);
    case "numeric":
      return withinTolerance(scorer, given, right);
    case "label":
      return sameLabel(scorer.labels, asText(given), asText(right));
    case "edit_similarity":
      return similarity(asText(given), asText(right)) >= scorer.at_least;
  }
}

/** At the pointer: in the answer where it is JSON, else in the object that holds it. */
function placed(
  { text, value, whole }: Side,
  pointer: string | undefined,
  wantsJson: boolean,
): JsonValue | undefined {
  if (pointer === undefined) return wantsJson ? (value ?? whole) : (text ?? value);
  return at(value, pointer) ?? at(whole, pointer);
}

/** RFC 6901. */
function at(value: JsonValue | undefined, pointer: string): JsonValue | undefined {
  let found = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(found)) found = /^\d+$/.test(name) ? found[Number(name)] : undefined;
    else found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}

function asText(value: JsonValue): string {
  return typeof value === "string" ? value : canonicalize(value);
}

function normalized(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[\p{P}\p{S}]+/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function found({ pattern, ignore_case }: { pattern: string; ignore_case: boolean }, text: string) {
  return RE2JS.compile(pattern, ignore_case ? RE2JS.CASE_INSENSITIVE : 0)
    .matcher(text)
    .find();
}

function holds(text: string, wanted: string, ignoreCase: boolean): boolean {
  return ignoreCase ? text.toLowerCase().includes(wanted.toLowerCase()) : text.includes(wanted);
}

function sameFields(fields: readonly string[], given: JsonValue, right: JsonValue): Verdict {
  const wanted = fields.map((field) => at(right, field));
  if (wanted.every((value) => value === undefined)) return null;
  return fields.every((field, i) => {
    const [answer, truth] = [at(given, field), wanted[i]];
    if (answer === undefined || truth === undefined) return answer === truth;
    return canonicalize(answer) === canonicalize(truth);
  });
}

type Numeric = Extract<ComputedScorer, { type: "numeric" }>;

function withinTolerance(scorer: Numeric, given: JsonValue, right: JsonValue): Verdict {
  const [answer, truth] = [numberIn(scorer, given), numberIn(scorer, right)];
  if (truth === undefined) return null;
  if (answer === undefined) return false;
  const allowed = scorer.relative ? scorer.tolerance * Math.abs(truth) : scorer.tolerance;
  return Math.abs(answer - truth) <= allowed;
}

/** With thousands separators and a sign; a word's dash is none. */
const NUMBER = /(?<![\p{L}\d])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[-+]?\d+)?/giu;

function numberIn({ pattern }: Numeric, value: JsonValue): number | undefined {
  if (typeof value === "number") return value;
  const text = asText(value);
  if (pattern === undefined) return lastNumber(text);
  const matcher = RE2JS.compile(pattern).matcher(text);
  if (!matcher.find()) return undefined;
  return lastNumber((matcher.groupCount() > 0 ? matcher.group(1) : matcher.group()) ?? "");
}

function lastNumber(text: string): number | undefined {
  const last = [...text.matchAll(NUMBER)].map(([match]) => match).findLast((m) => /\d/.test(m));
  return last === undefined ? undefined : Number(last.replaceAll(",", ""));
}

function sameLabel(labels: readonly string[] | undefined, given: string, right: string): Verdict {
  if (labels === undefined) return normalized(given) === normalized(right);
  const truth = namedBy(labels, right);
  return truth === undefined ? null : namedBy(labels, given) === truth;
}

/** The only label that the text names, as whole words; undefined: none, or several. */
function namedBy(labels: readonly string[], text: string): string | undefined {
  const words = ` ${normalized(text)} `;
  const exact = labels.find((label) => ` ${normalized(label)} ` === words);
  if (exact !== undefined) return exact;
  const named = labels.filter((label) => words.includes(` ${normalized(label)} `));
  return named.length === 1 ? named[0] : undefined;
}

/** 1 for equal texts, 0 for texts with nothing in common. */
function similarity(a: string, b: string): number {
  const [from, to] = [a.slice(0, EDIT_CHARACTERS_MAX), b.slice(0, EDIT_CHARACTERS_MAX)];
  const longer = Math.max(from.length, to.length);
  return longer === 0 ? 1 : 1 - distance(from, to) / longer;
}
