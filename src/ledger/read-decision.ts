/** One decision with what was erased from its entries, DESIGN §4. */
import { toDecision } from "./decision.ts";
import type { LedgerReader } from "./read.ts";
import type { Decision } from "./schema.ts";

export type DecisionWithErasures = Decision & { readonly erased: readonly string[] };

/** As it is now; undefined when it was never recorded. */
export async function readDecision(
  reader: LedgerReader,
  decisionId: string,
): Promise<DecisionWithErasures | undefined> {
  const [entries, erased] = await Promise.all([
    reader.decision(decisionId),
    reader.erasedFields(decisionId),
  ]);
  if (entries === undefined) return undefined;
  const names = erased.map(({ entryId, field }) =>
    entryId === decisionId ? field : `${entryId}.${field}`,
  );
  return { ...toDecision(entries), erased: names };
}
