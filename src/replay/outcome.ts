/**
 * How a replay ended, and what is kept of a failure (reference "providers-and-replay" §7.4).
 * A refusal or a truncated text is an answer; everything from `provider_error` on is none.
 */
import type { JsonValue } from "../lib/json.ts";

export const OUTCOMES = [
  "succeeded",
  "refused",
  "truncated",
  "tool_call",
  "invalid_output",
  "provider_error",
  "rate_limited",
  "quota_exhausted",
  "timeout",
  "model_unavailable",
  "auth_error",
  "not_replayable",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

const ANSWERS: ReadonlySet<string> = new Set([
  "succeeded",
  "refused",
  "truncated",
  "tool_call",
  "invalid_output",
]);

/** Whether the model answered: only then is there an output. */
export function isAnswer(outcome: string): boolean {
  return ANSWERS.has(outcome);
}

/** What is kept of a failure. `class` is the outcome; `code` is the provider's own word. */
export interface ReplayError {
  readonly class: string;
  readonly status: number | null;
  readonly code: string | null;
  readonly message: string;
}

export interface ToolCall {
  readonly name: string;
  /** Parsed where the provider sent JSON text that parses; else the text itself. */
  readonly arguments: JsonValue;
}

/** Counted alike for every provider (§8.0): input includes what came from a cache. */
export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_tokens: number;
  /** All of them, those kept for an hour included. */
  readonly cache_write_tokens: number;
  readonly cache_write_1h_tokens: number;
  readonly reasoning_tokens: number;
  /** Billed apart from the answer, at prices of their own: with any of them the cost is unknown. */
  readonly other_tokens: number;
}

/** A provider's reply, understood. */
export interface Reading {
  readonly outcome: Outcome;
  readonly text: string | null;
  readonly toolCalls: readonly ToolCall[];
  readonly servedModel: string | null;
  readonly usage: Usage | null;
  readonly usageRaw: JsonValue;
  readonly error: ReplayError | null;
  /** Whether asking again may help: decided by the body's code, not by the status alone (§7.5). */
  readonly retryable: boolean;
}

/** Longer provider messages are cut: an error page may be anything. */
const MESSAGE_CHARACTERS_MAX = 2_000;

/** A reading without an answer. */
export function failure(
  outcome: Outcome,
  { status, code, message }: Omit<ReplayError, "class">,
  retryable: boolean,
): Reading {
  return {
    outcome,
    text: null,
    toolCalls: [],
    servedModel: null,
    usage: null,
    usageRaw: null,
    error: {
      class: outcome,
      status,
      code: code === null ? null : code.slice(0, 200),
      message: message.slice(0, MESSAGE_CHARACTERS_MAX),
    },
    retryable,
  };
}
