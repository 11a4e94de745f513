/**
 * Whom a conflict was about, DESIGN §2 "Outcomes": nothing of the group was written, and each request
 * that can never be is answered here, so that the others can be sequenced again without it.
 */
import { answerAll, isErasure, type Waiting } from "./append-queue.ts";
import type { EntryDraft } from "./entry.ts";
import type { DecisionCondition, LedgerStore } from "./ports.ts";

/** Those that may still be appended. */
export async function stillAppendable(
  store: LedgerStore,
  waiting: readonly Waiting[],
): Promise<readonly Waiting[]> {
  return withoutStale(store, await withoutPlaced(store, await withoutRepeats(store, waiting)));
}

export function conditionOf({ decisionId, onlyIf }: EntryDraft): DecisionCondition[] {
  return decisionId === undefined || onlyIf === undefined ? [] : [{ decisionId, ...onlyIf }];
}

/** Answers those whose key is in the ledger already. */
async function withoutRepeats(
  store: LedgerStore,
  waiting: readonly Waiting[],
): Promise<readonly Waiting[]> {
  const keys = waiting.flatMap(({ request }) => request.requestKey ?? []);
  if (keys.length === 0) return waiting;
  const used = new Map((await store.requests(keys)).map((row) => [row.requestKey, row]));
  return waiting.filter(({ request, answer }) => {
    const row = request.requestKey === undefined ? undefined : used.get(request.requestKey);
    if (row !== undefined)
      answer({ kind: "repeated", firstIndex: row.firstIndex, count: row.count });
    return row === undefined;
  });
}

/**
 * Answers those whose entry is in the ledger already: its id was given before the commit, and an
 * earlier try landed late, or a replaced object did not know it was replaced.
 */
async function withoutPlaced(
  store: LedgerStore,
  waiting: readonly Waiting[],
): Promise<readonly Waiting[]> {
  const ids = waiting.flatMap(({ request }) => request.drafts.flatMap(({ id }) => id ?? []));
  if (ids.length === 0) return waiting;
  const placed = new Map((await store.placed(ids)).map(({ id, index }) => [id, index]));
  return waiting.filter(({ request: { drafts }, answer }) => {
    const indexes = drafts.flatMap(({ id }) => placed.get(id ?? "") ?? []);
    const [firstIndex] = indexes;
    if (firstIndex !== undefined) answer({ kind: "repeated", firstIndex, count: drafts.length });
    return firstIndex === undefined;
  });
}

/**
 * Answers those whose condition no longer holds. Erasures always read again: what one of them takes
 * may be what another took meanwhile.
 */
async function withoutStale(
  store: LedgerStore,
  all: readonly Waiting[],
): Promise<readonly Waiting[]> {
  const waiting = all.filter((one) => !isErasure(one));
  answerAll(all.filter(isErasure), { kind: "stale" });
  const conditional = waiting.flatMap((one) =>
    one.request.drafts.flatMap(conditionOf).map((condition) => ({ one, condition })),
  );
  if (conditional.length === 0) return waiting;
  const broken = await store.brokenConditions(conditional.map(({ condition }) => condition));
  const stale = new Set(broken.flatMap((position) => conditional[position]?.one ?? []));
  answerAll([...stale], { kind: "stale" });
  return waiting.filter((one) => !stale.has(one));
}
