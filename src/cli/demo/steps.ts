/**
 * The five things the demo does. Each asks the server and returns what it found; demo.ts shows it.
 *
 * Idempotency keys are derived from what is sent and from the run's name, so that the same command
 * after an abort finds what is already in the ledger and adds only the rest.
 */
import { createHash } from "node:crypto";
import { ServerProblem, type LoopGridClient } from "../client.ts";
import { forEachConcurrently } from "../concurrent.ts";
import { InputError, type JsonLine } from "../json-lines.ts";
import type { Progress } from "../terminal.ts";
import * as answers from "./answers.ts";
import type { Review, Source } from "./source.ts";

export interface Run {
  readonly client: LoopGridClient;
  readonly source: Source;
  /** Part of every key: another name records the same decisions again. */
  readonly name: string;
  readonly progress: Progress;
  /** One keeps the file's order. */
  readonly batchesAtOnce?: number;
}

const BATCH_DECISIONS = 100;
/** Keeps a batch of large decisions far below what one request may hold. */
const BATCH_CHARACTERS = 2 * 1024 * 1024;
const BATCHES_AT_ONCE = 4;
const REVIEWS_AT_ONCE = 16;

export interface Recorded {
  recorded: number;
  /** Found in the ledger: an earlier run got that far. */
  alreadyThere: number;
  /** Of the first decision, and of every reviewed one. */
  readonly ids: Map<number, string>;
}

export async function recordDecisions(run: Run): Promise<Recorded> {
  const { client, source, name, progress, batchesAtOnce = BATCHES_AT_ONCE } = run;
  const result: Recorded = { recorded: 0, alreadyThere: 0, ids: new Map() };
  await forEachConcurrently(inBatches(source.decisions()), batchesAtOnce, async (lines) => {
    const [first] = lines;
    if (first === undefined) return;
    const body = `{"decisions":[${lines.map(({ text }) => text).join(",")}]}`;
    const key = keyOf(name, "record", String(first.index), body);
    const { value, replayed } = await client
      .post("/v1/decisions/batch", answers.Batch, body, key)
      .catch((error: unknown) => {
        throw withPlace(error, source, lines);
      });
    for (const [i, { decision_id }] of value.decisions.entries()) {
      const index = lines[i]?.index;
      if (index === undefined) continue;
      if (index === 0 || source.reviewed.has(index)) result.ids.set(index, decision_id);
    }
    if (replayed) result.alreadyThere += lines.length;
    else result.recorded += lines.length;
    progress.advance(lines.length);
  });
  return result;
}

async function* inBatches(lines: AsyncIterable<JsonLine>): AsyncGenerator<JsonLine[]> {
  let batch: JsonLine[] = [];
  let characters = 0;
  for await (const line of lines) {
    const full =
      batch.length === BATCH_DECISIONS || characters + line.text.length > BATCH_CHARACTERS;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(line);
    characters += line.text.length;
  }
  if (batch.length > 0) yield batch;
}

/** The server names a batch's position; people look for the file's line. */
function withPlace(error: unknown, source: Source, lines: readonly JsonLine[]): unknown {
  if (!(error instanceof ServerProblem) || error.status < 400 || error.status >= 500) return error;
  const detail = error.detail.replaceAll(/decisions\[(\d+)\]\.?/g, (whole, position: string) => {
    const index = lines[Number(position)]?.index;
    return index === undefined ? whole : `${source.placeOf(index)}: `;
  });
  return detail === error.detail ? error : new InputError(detail, { cause: error });
}

export interface Reviewed {
  flagged: number;
  corrected: number;
  alreadyThere: number;
}

export async function reviewDecisions(
  { client, source, name, progress }: Run,
  ids: ReadonlyMap<number, string>,
): Promise<Reviewed> {
  const result: Reviewed = { flagged: 0, corrected: 0, alreadyThere: 0 };
  await forEachConcurrently(source.reviews(), REVIEWS_AT_ONCE, async (review) => {
    const id = ids.get(review.index);
    if (id === undefined) throw new InputError(`${source.placeOf(review.index)} holds no decision`);
    const path = `/v1/decisions/${id}`;
    const post = async (action: string, body: string): Promise<boolean> => {
      const key = keyOf(name, action, id, body);
      const answer = await client.post(`${path}/${action}`, answers.Decision, body, key);
      if (answer.replayed) result.alreadyThere++;
      return !answer.replayed;
    };
    const reason = JSON.stringify({ reason: review.reason ?? null });
    if (await post("incorrect", reason)) result.flagged++;
    if (review.correction !== undefined && (await post("correction", correctionBody(review))))
      result.corrected++;
    progress.advance(1);
  });
  return result;
}

function correctionBody({ correction, corrected_by, notes }: Review): string {
  return JSON.stringify({ correction, corrected_by, ...(notes === undefined ? {} : { notes }) });
}

export interface Replayed {
  readonly decision: answers.Decision;
  readonly replay: answers.Replay;
  readonly template: string;
  readonly comparison: answers.Comparison;
}

/** Asks what another prompt template would have changed. */
export async function replayDecision({ client, name }: Run, id: string): Promise<Replayed> {
  const decision = await client.get(`/v1/decisions/${id}`, answers.Decision);
  const before = decision.prompt?.["template"];
  const template = `${typeof before === "string" ? before.replace(/_v\d+$/, "") : decision.decision_type}_v2`;
  const body = JSON.stringify({
    decision_id: id,
    overrides: { prompt: { template } },
    triggered_by: "demo",
  });
  const key = keyOf(name, "replay", id, body);
  const { value: replay } = await client.post("/v1/replays", answers.Replay, body, key);
  const comparison = await client.get(
    `/v1/decisions/${id}/compare/${replay.replay_id}`,
    answers.Comparison,
  );
  return { decision, replay, template, comparison };
}

export interface Verified {
  readonly valid: boolean | null;
  readonly entries: number;
  readonly size: number;
  readonly rootHash: string;
  readonly message: string;
}

/** A call checks as much as fits its time; the next goes on from there, up to the head. */
export async function verifyLedger({ client }: Pick<Run, "client">): Promise<Verified> {
  let entries = 0;
  let path = "/v1/integrity/verify";
  for (;;) {
    const page = await client.get(path, answers.Integrity);
    entries += page.entries;
    if (page.valid !== false && page.next_cursor !== null) {
      path = `/v1/integrity/verify?from=${page.next_cursor}`;
      continue;
    }
    // A last page answers for itself only; every page before it was without findings.
    const valid = page.valid ?? (entries === page.size ? true : null);
    const { size, root_hash: rootHash, message } = page;
    return { valid, entries, size, rootHash, message };
  }
}

/** At most 255 visible ASCII characters, the same for the same request of the same run. */
function keyOf(run: string, ...parts: readonly string[]): string {
  return `loopgrid-${createHash("sha256")
    .update(JSON.stringify([run, ...parts]))
    .digest("hex")}`;
}
