/**
 * What an erasure takes, DESIGN §3 and §4: whole decisions or single fields, with every copy the
 * system made of them. Pure: names in, names out; no content is read.
 */
import type { ErasableEntry } from "../ledger/read.ts";

/** As `facts.targets` names it. */
export interface ErasureTarget {
  readonly index: number;
  readonly fields: readonly string[];
}

/** Unknown names are the caller's mistake; nothing is erased then. */
export type Targets =
  | { readonly ok: true; readonly targets: readonly ErasureTarget[] }
  | { readonly ok: false; readonly unknown: readonly string[] };

/** What an erasure or a hold says about itself is the record of it, and stays. */
const KEPT_KINDS: ReadonlySet<string> = new Set(["content_erased", "content_held"]);

/** The unsalted hash of a request's body would confirm guesses: it goes with whatever goes. */
const REQUEST = "request";

/**
 * @param entries about the decision, oldest first; the first one recorded it
 * @param requested `input`, or `<entry id>.<field>`; absent: everything
 * @param known every name there is or was, so that erasing twice is no mistake
 */
export function erasureTargets(
  entries: readonly ErasableEntry[],
  requested: readonly string[] | undefined,
  known: ReadonlySet<string>,
): Targets {
  const unknown = (requested ?? []).filter((name) => !known.has(name));
  if (unknown.length > 0) return { ok: false, unknown };
  const wanted = requested === undefined ? undefined : new Set(requested);
  const targets = entries
    .filter(({ kind }) => !KEPT_KINDS.has(kind))
    .map((entry) => ({ index: entry.index, fields: fieldsToErase(entry, wanted) }))
    .filter(({ fields }) => fields.length > 0);
  return { ok: true, targets };
}

function fieldsToErase(entry: ErasableEntry, wanted: ReadonlySet<string> | undefined): string[] {
  // A judge is shown the question, the answers and the correction: whatever goes, its copy goes too.
  const isCopy = entry.kind === "judgement_recorded";
  if (wanted === undefined || isCopy) return [...entry.fields].toSorted();
  const taken = entry.fields.filter(
    (field) =>
      wanted.has(nameOf(entry, field)) ||
      sourcesOf(entry, field).some((source) => wanted.has(source)),
  );
  const withRequest =
    taken.length > 0 && entry.fields.includes(REQUEST) ? [...taken, REQUEST] : taken;
  return [...new Set(withRequest)].toSorted();
}

/**
 * The decision's fields that another entry's field may repeat: a replay's output may be the recorded
 * one, a provider's error may quote the request.
 */
function sourcesOf({ kind, repeatsOutput }: ErasableEntry, field: string): readonly string[] {
  if (kind !== "replay_completed") return [];
  if (field === "replay_output") return repeatsOutput ? ["output"] : [];
  return field === "error" ? ["input", "prompt", "tool_calls", "metadata"] : [];
}

/** How the API names an erased field: the decision's own by itself, another entry's behind its id. */
export function nameOf(
  entry: { readonly id: string; readonly kind: string },
  field: string,
): string {
  return entry.kind === "decision_recorded" ? field : `${entry.id}.${field}`;
}

/** A header holds 65,535 octets; a target takes less than 130 with every field there is. */
const TARGETS_PER_ENTRY = 400;

/** One content_erased entry holds only so many targets; a long history takes several. */
export function chunkTargets(targets: readonly ErasureTarget[]): ErasureTarget[][] {
  const chunks: ErasureTarget[][] = [];
  for (let i = 0; i < targets.length; i += TARGETS_PER_ENTRY)
    chunks.push(targets.slice(i, i + TARGETS_PER_ENTRY));
  return chunks;
}
