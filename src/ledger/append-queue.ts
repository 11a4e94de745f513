/**
 * What waits for the next commit, DESIGN §2 "Group commit": first come, first placed, bounded.
 * Pure but for the callbacks it keeps.
 */
import type { RequestRow } from "./ports.ts";
import type { AppendOutcome, AppendRequest } from "./sequencing.ts";

/** One commit: at most these entries, and these octets of content (an isolate holds 128 MB). */
const GROUP_ENTRIES_MAX = 1000;
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** What may wait. Beyond it callers are turned away at once instead of timing out later. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
/** Small ones are bounded in number: about what the old SDKs' 30 s are enough for. */
const QUEUE_REQUESTS_MAX = 10_000;

export interface Waiting {
  readonly request: AppendRequest;
  readonly bytes: number;
  readonly answer: (outcome: AppendOutcome) => void;
}

export class AppendQueue {
  readonly #waiting: Waiting[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** False when there is no room; nothing was queued then. */
  offer(request: AppendRequest, answer: (outcome: AppendOutcome) => void): boolean {
    const bytes = request.drafts.reduce((sum, draft) => sum + draft.content.length, 0);
    if (this.#bytes + bytes > QUEUE_BYTES_MAX) return false;
    if (this.#waiting.length >= QUEUE_REQUESTS_MAX) return false;
    this.#waiting.push({ request, bytes, answer });
    this.#bytes += bytes;
    return true;
  }

  /** The requests of the next commit: at least one, as many as one transaction should hold. */
  takeGroup(): Waiting[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    const decisions = new Set<string>();
    const ids = new Set<string>();
    let erases = false;
    for (const waiting of this.#waiting) {
      entries += waiting.request.drafts.length;
      bytes += waiting.bytes;
      const full = entries > GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX;
      const erasesToo = isErasure(waiting);
      if (count > 0 && (full || (erases && erasesToo) || dependsOn(waiting, decisions))) break;
      const given = waiting.request.drafts.flatMap(({ id }) => id ?? []);
      // The same entry twice: the second finds the first in the ledger.
      if (given.some((id) => ids.has(id))) break;
      for (const id of given) ids.add(id);
      erases ||= erasesToo;
      for (const { decisionId } of waiting.request.drafts)
        if (decisionId) decisions.add(decisionId);
      count++;
      this.#bytes -= waiting.bytes;
    }
    return this.#waiting.splice(0, count);
  }
}

/** Two may take the same field, a batch's request: the second is decided by what the first left. */
export function isErasure({ request }: Waiting): boolean {
  return request.drafts.some(({ kind }) => kind === "content_erased");
}

/** A condition is checked against what is committed, not against the group it would join. */
function dependsOn({ request }: Waiting, decisions: ReadonlySet<string>): boolean {
  return request.drafts.some(
    ({ onlyIf, decisionId }) =>
      onlyIf !== undefined && decisionId !== undefined && decisions.has(decisionId),
  );
}

/** Where each keyed request's entries will be, once `size` entries precede the group. */
export function requestRows(waiting: readonly Waiting[], size: number): RequestRow[] {
  const rows: RequestRow[] = [];
  let firstIndex = size;
  for (const { request } of waiting) {
    const count = request.drafts.length;
    if (request.requestKey !== undefined)
      rows.push({ requestKey: request.requestKey, firstIndex, count });
    firstIndex += count;
  }
  return rows;
}

export function answerAll(waiting: readonly Waiting[], outcome: AppendOutcome): void {
  for (const { answer } of waiting) answer(outcome);
}
