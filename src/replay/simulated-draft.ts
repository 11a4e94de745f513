/** The entry of a replay that asks no model, from the decision as it is (simulate.ts). */
import { draftEntry, type KeyedRequest, type Random } from "../ledger/draft.ts";
import type { EntryDraft } from "../ledger/entry.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Erasable } from "./mode.ts";
import { replayed } from "./simulate.ts";

export interface SimulatedReplay {
  /** Given where it must be known before the commit. */
  readonly replayId?: string;
  readonly experimentId?: string;
  readonly decisionId: string;
  readonly overrides: JsonObject | null;
  readonly triggeredBy: string;
  readonly actor: string;
  readonly keyed: KeyedRequest | undefined;
}

/**
 * A replay of content that an erasure took meanwhile would bring a copy of it back: never committed.
 * @param size of the ledger before the decision was read
 * @throws ContentTooLarge
 */
export function simulatedDraft(
  replay: SimulatedReplay,
  decision: Erasable,
  size: number,
  random: Random,
): EntryDraft {
  const { replayId, experimentId, decisionId, overrides, actor, keyed } = replay;
  const { facts, replay_output, error } = replayed(decision, decision.erased, overrides);
  const draft = draftEntry(
    {
      kind: "replay_completed",
      ...(replayId === undefined ? {} : { id: replayId }),
      decisionId,
      actor,
      facts: experimentId === undefined ? facts : { ...facts, experiment_id: experimentId },
      fields: { overrides, replay_output, error, triggered_by: replay.triggeredBy },
      keyed,
    },
    random,
  );
  return { ...draft, onlyIf: { size, kinds: ["content_erased"] } };
}
