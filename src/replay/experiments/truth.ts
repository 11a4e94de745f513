/**
 * What an answer is held against: a human's correction as it was when the selection was frozen; the
 * decision's own output only where the caller chose to assume it. Pure.
 */
import type { JsonObject } from "../../lib/json.ts";
import type { Decision } from "../../ledger/schema.ts";
import { originalAnswer, replayAnswer } from "../diff.ts";
import type { RecordedDecision } from "../recorded-decision.ts";
import type { ItemResult } from "./item.ts";
import type { ExperimentDefinition } from "./schema.ts";
import type { Side } from "./score.ts";

export interface Truth {
  readonly basis: NonNullable<ItemResult["ground_truth"]>;
  readonly side: Side;
}

/** @param frozen the decision as of the selection's size */
export function truthOf(
  frozen: Decision,
  rule: ExperimentDefinition["ground_truth"],
): Truth | undefined {
  const corrected = frozen.correction?.output;
  if (corrected !== undefined && corrected !== null) {
    // A correction has the shape of the output it corrects.
    const side = originalSide({ ...frozen, output: corrected });
    return side && { basis: "correction", side };
  }
  if (rule === "correction" || frozen.status !== "recorded") return undefined;
  const side = originalSide(frozen);
  return side && { basis: "assumed_original", side };
}

export function originalSide(decision: RecordedDecision): Side | undefined {
  const answer = originalAnswer(decision);
  return answer === null ? undefined : { ...answer, whole: decision.output };
}

export function replaySide(replayOutput: JsonObject): Side {
  return { ...replayAnswer(replayOutput), whole: replayOutput };
}
