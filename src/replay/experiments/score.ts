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
  if (scorer.type === "regex") {
    const given = placed(answer, scorer.path);
    return given !== undefined && found(scorer, asText(given));
  }
  if (scorer.type === "contains") return contains(scorer, answer, truth);
  if (truth === undefined) return null;
  const pair = comparable(scorer, answer, truth);
  if (pair.right === undefined) return null;
  if (pair.given === undefined) return false;
  return compare(scorer, pair.given, pair.right);
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

interface Pair {
  readonly given: JsonValue | undefined;
  readonly right: JsonValue | undefined;
}

/** Where both are JSON, spacing and the order of members say nothing: they are compared as JSON. */
function comparable(scorer: Comparing, answer: Side, truth: Side): Pair {
  const { path, truth_path = path } = scorer;
  if (scorer.type === "json_fields" && path === undefined)
    return { given: answer.value ?? answer.whole, right: truth.value ?? truth.whole };
  const areJson = answer.value !== undefined && truth.value !== undefined;
  if (path === undefined && truth_path === undefined && areJson)
    return { given: answer.value, right: truth.value };
  return { given: placed(answer, path), right: placed(truth, truth_path) };
}

/**
 * At the pointer: in the answer where it is JSON, else in the object that holds it. An answer of words
 * alone has no members: then it is the whole of it that a member is compared with.
 */
function placed({ text, value, whole }: Side, pointer: string | undefined): JsonValue | undefined {
  if (pointer === undefined) return text ?? value;
  const inside = at(value, pointer) ?? at(whole, pointer);
  return inside ?? (value === undefined ? (text ?? undefined) : undefined);
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

/** A sign before a digit means something; a text of signs alone is its signs. */
function normalized(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();
  const words = folded
    .replaceAll(/(?!-(?<![\p{L}\d]-)\d)\p{P}+/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return words === "" ? folded : words;
}

/** What a pattern looks at: with PROGRAM_SIZE_MAX of scorers.ts about a second at most. */
const PATTERN_TEXT_MAX = 100_000;

function found({ pattern, ignore_case }: { pattern: string; ignore_case: boolean }, text: string) {
  const flags = ignore_case ? RE2JS.CASE_INSENSITIVE : 0;
  return compiled(pattern, flags).matcher(text.slice(0, PATTERN_TEXT_MAX)).find();
}

/** An experiment asks the same few of every answer. */
const PATTERNS_KEPT = 50;
const patterns = new Map<string, RE2JS>();

function compiled(pattern: string, flags: number): RE2JS {
  const name = `${flags} ${pattern}`;
  const known = patterns.get(name);
  if (known !== undefined) return known;
  if (patterns.size >= PATTERNS_KEPT) patterns.clear();
  const made = RE2JS.compile(pattern, flags);
  patterns.set(name, made);
  return made;
}

type Contains = Extract<ComputedScorer, { type: "contains" }>;

function contains(scorer: Contains, answer: Side, truth: Side | undefined): Verdict {
  const { path, truth_path = path, ignore_case } = scorer;
  const right = truth && placed(truth, truth_path);
  const wanted = scorer.text ?? (right === undefined ? "" : asText(right));
  if (wanted === "") return null; // everything contains nothing
  const given = placed(answer, path);
  if (given === undefined) return false;
  const text = asText(given);
  return ignore_case ? text.toLowerCase().includes(wanted.toLowerCase()) : text.includes(wanted);
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
  // 0.4 - 0.3 is a little more than 0.1 in binary fractions.
  const rounding = Number.EPSILON * 4 * Math.max(Math.abs(answer), Math.abs(truth));
  return Math.abs(answer - truth) <= allowed + rounding;
}

/** With thousands separators and a sign; a word's dash is none. */
const NUMBER =
  /(?<![\p{L}\d.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?/giu;

function numberIn({ pattern }: Numeric, value: JsonValue): number | undefined {
  if (typeof value === "number") return value;
  const text = asText(value);
  if (pattern === undefined) return lastNumber(text);
  const matcher = compiled(pattern, 0).matcher(text.slice(0, PATTERN_TEXT_MAX));
  if (!matcher.find()) return undefined;
  return lastNumber((matcher.groupCount() > 0 ? matcher.group(1) : matcher.group()) ?? "");
}

const MINUS_SIGN = "\u2212";

function lastNumber(text: string): number | undefined {
  const last = [...text.replaceAll(MINUS_SIGN, "-").matchAll(NUMBER)].at(-1)?.[0];
  return last === undefined ? undefined : Number(last.replaceAll(",", ""));
}

function sameLabel(labels: readonly string[] | undefined, given: string, right: string): Verdict {
  if (labels === undefined) return normalized(given) === normalized(right);
  const truth = namedBy(labels, right);
  return truth === undefined ? null : namedBy(labels, given) === truth;
}

/**
 * The only label that the text names, as whole words; undefined: none, or several. One that stands
 * within another that is named too ("approved" in "not approved") is not named by itself.
 */
function namedBy(labels: readonly string[], text: string): string | undefined {
  const words = ` ${normalized(text)} `;
  const exact = labels.find((label) => ` ${normalized(label)} ` === words);
  if (exact !== undefined) return exact;
  let left = words;
  const named = labels
    .toSorted((a, b) => b.length - a.length)
    .filter((label) => {
      const spelled = ` ${normalized(label)} `;
      const isThere = left.includes(spelled);
      left = left.replaceAll(spelled, " | ");
      return isThere;
    });
  return named.length === 1 ? named[0] : undefined;
}

/** 1 for equal texts, 0 for texts with nothing in common. */
function similarity(a: string, b: string): number {
  const [from, to] = [a.slice(0, EDIT_CHARACTERS_MAX), b.slice(0, EDIT_CHARACTERS_MAX)];
  const longer = Math.max(from.length, to.length);
  return longer === 0 ? 1 : 1 - distance(from, to) / longer;
}
