/** Decisions read for an answer: keys first, then contents in chunks bounded by octets. */
import { toDecision, type DecisionEntries } from "../ledger/decision.ts";
import type { DecisionFilter, DecisionKey, LedgerReader } from "../ledger/read.ts";
import type { Decision } from "../ledger/schema.ts";

/** Held at once: one chunk of decisions, at two octets a character far below an isolate's 128 MB. */
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
/** Keys read at once for an export. */
const KEYS_PAGE = 500;

/** The decisions of these keys, in their order. */
export async function* decisionsOf(
  reader: LedgerReader,
  keys: readonly DecisionKey[],
): AsyncGenerator<readonly Decision[]> {
  for (const chunk of chunks(keys)) {
    const entries: readonly DecisionEntries[] = await reader.decisions(
      chunk.map(({ decisionId }) => decisionId),
    );
    yield entries.map(toDecision);
  }
}

/** Every matching decision, newest first. What is recorded meanwhile is newer, and not part of it. */
export async function* allDecisions(
  reader: LedgerReader,
  filter: DecisionFilter,
): AsyncGenerator<readonly Decision[]> {
  let keys = await reader.decisionKeys(filter, { offset: 0 }, KEYS_PAGE);
  while (keys.length > 0) {
    yield* decisionsOf(reader, keys);
    const last = keys.at(-1);
    if (last === undefined || keys.length < KEYS_PAGE) return;
    keys = await reader.decisionKeys(filter, { after: last.decisionId }, KEYS_PAGE);
  }
}

function* chunks(keys: readonly DecisionKey[]): Generator<readonly DecisionKey[]> {
  let from = 0;
  let bytes = 0;
  for (const [i, key] of keys.entries()) {
    if (i > from && bytes + key.bytes > CHUNK_BYTES_MAX) {
      yield keys.slice(from, i);
      from = i;
      bytes = 0;
    }
    bytes += key.bytes;
  }
  if (from < keys.length) yield keys.slice(from);
}
