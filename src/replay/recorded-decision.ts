/** What a replay starts from. */
import type { JsonObject } from "../lib/json.ts";

/** What was recorded; null where it was absent or erased. */
export interface RecordedDecision {
  readonly input: JsonObject | null;
  readonly model: JsonObject | null;
  readonly prompt: JsonObject | null;
  readonly tool_calls: readonly JsonObject[] | null;
  readonly output: JsonObject | null;
  readonly metadata: JsonObject | null;
}
