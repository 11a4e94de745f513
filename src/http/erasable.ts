/** What an erasure of a decision takes, as the ledger is now; shared by erasure and retention. */
import { erasureTargets, nameOf, type ErasureTarget } from "../erasure/targets.ts";
import type { JsonObject } from "../lib/json.ts";
import { invalid, Problem } from "./problem.ts";
import type { LedgerService } from "./services.ts";

export function asFact({ index, fields }: ErasureTarget): JsonObject {
  return { index, fields: [...fields] };
}

/** What there is to erase, and the size it was read at: the commit checks that nothing came after. */
export async function readTargets(
  { reader }: LedgerService,
  decision_id: string,
  fields: readonly string[] | null | undefined,
): Promise<{ readonly size: number; readonly targets: readonly ErasureTarget[] }> {
  const size = (await reader.head())?.size ?? 0;
  const [entries, erased, held] = await Promise.all([
    reader.erasableEntries(decision_id),
    reader.erasedFields(decision_id),
    reader.isHeld(decision_id),
  ]);
  if (entries.length === 0) throw new Problem(404, `Decision ${decision_id} not found`);
  if (held)
    throw new Problem(409, `Decision ${decision_id} is held; release the hold before erasing`);
  const known = new Set([
    ...entries.flatMap((entry) => entry.fields.map((field) => nameOf(entry, field))),
    ...erased.map(({ entryId, field }) =>
      entryId === decision_id ? field : `${entryId}.${field}`,
    ),
  ]);
  const result = erasureTargets(entries, fields ?? undefined, known);
  if (!result.ok) {
    throw invalid(
      result.unknown.map((name) => ({
        path: "fields",
        message: `${name} is no field of this decision`,
      })),
    );
  }
  // A batch's request hash covers this decision too, and stands with the batch's first entry.
  const [own] = entries;
  const ofOwn = result.targets.some((target) => target.index === own?.index);
  const batch = own && ofOwn ? await reader.batchRequestOf(own.index) : undefined;
  const covered = result.targets.some(
    (target) => target.index === batch && target.fields.includes("request"),
  );
  const targets =
    batch === undefined || covered ? result.targets : mergeTarget(result.targets, batch);
  return { size, targets };
}

function mergeTarget(targets: readonly ErasureTarget[], index: number): ErasureTarget[] {
  const others = targets.filter((target) => target.index !== index);
  const same = targets.find((target) => target.index === index);
  return [...others, { index, fields: [...(same?.fields ?? []), "request"].toSorted() }].toSorted(
    (a, b) => a.index - b.index,
  );
}
