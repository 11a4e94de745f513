/**
 * The entries of an experiment, DESIGN §3: `experiment_started` says before anybody is asked what
 * will be asked of whom and how it will be judged; `experiment_ended` what came of it. Between them
 * stand the replays. Pure.
 */
import { canonicalize } from "../../ledger/canonical-json.ts";
import { draftEntry, type KeyedRequest, type Random } from "../../ledger/draft.ts";
import type { StoredEntry } from "../../ledger/decision.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import { sha256 } from "../../ledger/hash.ts";
import { toHex, utf8 } from "../../lib/bytes.ts";
import type { JsonObject, JsonValue } from "../../lib/json.ts";
import type { Selected } from "./port.ts";
import {
  ExperimentDefinition,
  FrozenSelection,
  type ExperimentCreate,
  type ExperimentReport,
  type ExperimentState,
  type Progress,
} from "./schema.ts";

/** @param size of the ledger, read after the list: corrections up to it count */
export function freeze(selected: readonly Selected[], size: number): FrozenSelection {
  const ids = selected.map(({ decisionId }) => decisionId);
  return { count: ids.length, hash: toHex(sha256(utf8(canonicalize(ids)))), size };
}

/** @throws ContentTooLarge */
export function startedDraft(
  experimentId: string,
  create: ExperimentCreate,
  selection: FrozenSelection,
  by: { readonly actor: string; readonly keyed: KeyedRequest | undefined },
  random: Random,
): EntryDraft {
  const { name, overrides, scorers, selection: asked, dry_run: _, ...facts } = create;
  return draftEntry(
    {
      kind: "experiment_started",
      id: experimentId,
      actor: by.actor,
      keyed: by.keyed,
      facts: asObject({ ...facts, selection, scorers: scorers.map(({ type }) => type) }),
      fields: { name, overrides, scorers: asJson(scorers), selection: asJson(asked) },
    },
    random,
  );
}

export interface Started {
  readonly definition: ExperimentDefinition;
  readonly selection: FrozenSelection;
}

/** What the entry says; undefined when it is none of these, or its content is gone. */
export function readStarted({ header, content }: StoredEntry): Started | undefined {
  if (header.kind !== "experiment_started") return undefined;
  const fields = Object.entries(content).map(([field, { value }]) => [field, value] as const);
  const { selection: _, ...told } = Object.fromEntries(fields);
  const definition = ExperimentDefinition.safeParse({ ...header.facts, ...told });
  const selection = FrozenSelection.safeParse(header.facts["selection"]);
  if (!definition.success || !selection.success) return undefined;
  return { definition: definition.data, selection: selection.data };
}

export interface Ending {
  readonly entryId: string;
  readonly experimentId: string;
  readonly actor: string;
  readonly state: ExperimentState;
  readonly progress: Progress;
  readonly report: ExperimentReport;
}

export function endedDraft(ending: Ending, random: Random): EntryDraft {
  const { entryId, experimentId, actor, state, progress, report } = ending;
  const { n, both_right, fixed, broken, both_wrong, mcnemar_p, cost } = report;
  return draftEntry(
    {
      kind: "experiment_ended",
      id: entryId,
      actor,
      facts: asObject({
        experiment_id: experimentId,
        state,
        progress,
        n,
        both_right,
        fixed,
        broken,
        both_wrong,
        mcnemar_p,
        cost: { amount: cost.replay, currency: cost.currency, unpriced: cost.unpriced },
        report_sha256: toHex(sha256(utf8(canonicalize(asJson(report))))),
      }),
      fields: {},
    },
    random,
  );
}

/** Members that are undefined are not there, as on the wire. */
function asJson(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value));
}

function asObject(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value));
}
