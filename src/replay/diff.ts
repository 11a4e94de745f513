/**
 * How two answers differ, reference §6.5: identical, equivalent (the same but for spaces around it,
 * or the same JSON; spaces within may be code), or changed; with a JSON Patch (RFC 6902), a word diff, or the tool calls. Derived
 * whenever it is shown, for it quotes content. Pure.
 */
import { diffWordsWithSpace } from "diff";
import { createPatch } from "rfc6902";
import { z } from "zod";
import { canonicalize } from "../ledger/canonical-json.ts";
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { parseJson, textAt } from "./json-read.ts";
import type { ToolCall } from "./outcome.ts";
import { recordedCalls } from "./rebuild.ts";
import type { RecordedDecision } from "./recorded-decision.ts";
import { recordedAnswer } from "./verbatim.ts";

const Call = z.object({ name: z.string(), arguments: z.unknown() });

export const Diff = z
  .object({
    level: z.enum(["identical", "equivalent", "changed"]),
    patch: z
      .array(z.object({ op: z.string(), path: z.string(), value: z.unknown().optional() }))
      .nullable()
      .meta({ description: "RFC 6902, from the original to the replay, where both are JSON." }),
    words: z
      .array(z.object({ op: z.enum(["equal", "insert", "delete"]), text: z.string() }))
      .nullable()
      .meta({ description: "Where both are text." }),
    tool_calls: z
      .object({ added: z.array(Call), removed: z.array(Call) })
      .nullable()
      .meta({ description: "By name and arguments; null where neither made any." }),
  })
  .meta({ id: "Diff" });
export type Diff = z.infer<typeof Diff>;

/** An answer as far as answers can be compared. */
export interface Answer {
  readonly text: string | null;
  /** Of structured answers. */
  readonly value: JsonValue | undefined;
  readonly toolCalls: readonly ToolCall[];
}

/** More edits than this and a word diff says no more than "replaced". */
const EDITS_MAX = 5_000;
/** Two arrays of a hundred elements: a second for three hundred, and a thousand end the Worker. */
const EFFORT_MAX = 2_000_000;

export function originalAnswer(decision: RecordedDecision): Answer | null {
  const { output } = decision;
  if (output === null) return null;
  const reading = recordedAnswer(decision);
  if (reading !== undefined) return answerOf(reading.text, reading.toolCalls);
  const toolCalls = recordedCalls(decision).map(asCall);
  const text = plainText(output);
  return text === undefined ? { text: null, value: output, toolCalls } : answerOf(text, toolCalls);
}

export function replayAnswer(replayOutput: JsonObject): Answer {
  const calls = replayOutput["tool_calls"];
  const toolCalls = Array.isArray(calls) ? calls.filter(isObject).map(asCall) : [];
  return answerOf(textAt(replayOutput, "response") ?? null, toolCalls);
}

/** `{"response": text}`, or an output whose only member is text. */
function plainText(output: JsonObject): string | undefined {
  const response = textAt(output, "response");
  if (response !== undefined) return response;
  const [only, ...more] = Object.values(output);
  return typeof only === "string" && more.length === 0 ? only : undefined;
}

function answerOf(text: string | null, toolCalls: readonly ToolCall[]): Answer {
  const parsed = text === null ? undefined : parseJson(text);
  const value = typeof parsed === "object" && parsed !== null ? parsed : undefined;
  return { text, value, toolCalls };
}

function asCall(call: JsonObject): ToolCall {
  const fn = isObject(call["function"]) ? call["function"] : call;
  const given = fn["arguments"] ?? fn["args"] ?? fn["input"] ?? {};
  return {
    name: textAt(fn, "name") ?? textAt(fn, "tool") ?? "",
    arguments: typeof given === "string" ? (parseJson(given) ?? given) : given,
  };
}

export function diffAnswers(original: Answer, replay: Answer): Diff {
  const level = diffLevel(original, replay);
  const tool_calls = diffCalls(original.toolCalls, replay.toolCalls);
  if (original.value !== undefined && replay.value !== undefined)
    return { level, patch: patchOf(original.value, replay.value), words: null, tool_calls };
  const words = diffWords(wordsOf(original), replay.text ?? "");
  return { level, patch: null, words, tool_calls };
}

/** Whether they differ, at the cost of comparing them: what is where is not looked for. */
export function diffLevel(original: Answer, replay: Answer): Diff["level"] {
  const calls = diffCalls(original.toolCalls, replay.toolCalls);
  const sameCalls = calls === null || calls.added.length + calls.removed.length === 0;
  if (original.value !== undefined && replay.value !== undefined) {
    const same = canonicalize(original.value) === canonicalize(replay.value);
    return levelOf(original.text !== null && original.text === replay.text, same, sameCalls);
  }
  const [before, after] = [wordsOf(original), replay.text ?? ""];
  return levelOf(before === after, before.trim() === after.trim(), sameCalls);
}

function wordsOf({ text, value }: Answer): string {
  return text ?? (value === undefined ? "" : JSON.stringify(value));
}

function patchOf(before: JsonValue, after: JsonValue): NonNullable<Diff["patch"]> {
  return effortOf(before) + effortOf(after) > EFFORT_MAX
    ? [{ op: "replace", path: "", value: after }]
    : createPatch(before, after);
}

/** What the patch library spends on arrays: the third power of their length. */
function effortOf(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? value.length ** 3 : 0;
  return Object.values(value).reduce((total: number, inside) => total + effortOf(inside), own);
}

function levelOf(identical: boolean, equivalent: boolean, sameCalls: boolean): Diff["level"] {
  if (!sameCalls || !equivalent) return "changed";
  return identical ? "identical" : "equivalent";
}

function diffWords(before: string, after: string): Diff["words"] {
  if (before === "" && after === "") return null;
  const changes = diffWordsWithSpace(before, after, { maxEditLength: EDITS_MAX });
  if (changes === undefined)
    return [
      { op: "delete", text: before },
      { op: "insert", text: after },
    ];
  return changes.map(({ added, removed, value }) => ({
    op: added ? "insert" : removed ? "delete" : "equal",
    text: value,
  }));
}

function diffCalls(original: readonly ToolCall[], replay: readonly ToolCall[]): Diff["tool_calls"] {
  if (original.length === 0 && replay.length === 0) return null;
  return { added: beyond(replay, original), removed: beyond(original, replay) };
}

/** The calls of one that the other did not make as often. */
function beyond(calls: readonly ToolCall[], others: readonly ToolCall[]): ToolCall[] {
  const left = others.map(spelled);
  return calls.filter((call) => {
    const at = left.indexOf(spelled(call));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function spelled({ name, arguments: given }: ToolCall): string {
  return `${name} ${canonicalize(given)}`;
}

/** One readable sentence; null when nothing changed. */
export function diffSentence({ level, patch, words, tool_calls }: Diff): string | null {
  if (level !== "changed") return null;
  const said: string[] = [];
  if (patch !== null && patch.length > 0) {
    const paths = patch.slice(0, 5).map(({ path }) => path || "/");
    const more = patch.length > paths.length ? ` and ${patch.length - paths.length} more` : "";
    said.push(`the structured output differs at ${paths.join(", ")}${more}`);
  }
  if (words !== null) {
    const count = (op: string) =>
      words
        .filter((word) => word.op === op)
        .flatMap(({ text }) => text.split(/\s+/).filter(Boolean)).length;
    const [added, removed] = [count("insert"), count("delete")];
    if (added + removed > 0) said.push(`the text has ${added} new and ${removed} removed words`);
    else if (words.some(({ op }) => op !== "equal")) said.push("the text differs in its spaces");
  }
  for (const { name } of tool_calls?.removed ?? [])
    said.push(`the call of ${name} is gone or changed`);
  for (const { name } of tool_calls?.added ?? []) said.push(`${name} is called anew or otherwise`);
  return `Live: ${said.join("; ")}.`;
}
