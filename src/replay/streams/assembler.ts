/**
 * A streamed answer put together as it comes: the body that would have come without streaming. Holds
 * the answer, not the stream. Pure.
 */
import type { JsonObject } from "../../lib/json.ts";

export interface Assembler {
  push(event: JsonObject): void;
  /** Whether the answer's own end was seen. */
  readonly isComplete: boolean;
  /** What is there so far; undefined before anything was. An error in the stream is its `error`. */
  body(): JsonObject | undefined;
}

/** All at once, of a stream that is over. */
export function assembled(
  assembler: Assembler,
  events: readonly JsonObject[],
): JsonObject | undefined {
  for (const event of events) assembler.push(event);
  return assembler.body();
}
