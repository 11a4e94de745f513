/**
 * Runs an experiment, DESIGN §8: rows in, rows out, so that it goes on after a restart where it was.
 * A thin loop: what may begin and how it ends is progress.ts, what an item is is run-item.ts.
 */
import { ID_RANDOM_BYTES, mintId } from "../../lib/ids.ts";
import { providerNamed } from "../providers/table.ts";
import { objectAt, textAt } from "../json-read.ts";
import {
  NOTHING_SPENT,
  type ExperimentRow,
  type ItemRow,
  type RunnerRows,
  type Spent,
} from "./port.ts";
import { afterItem, endOf, roomFor } from "./progress.ts";
import { ReportFold } from "./report.ts";
import { runItem, type ItemContext, type ItemPorts } from "./run-item.ts";
import { isOver, type ExperimentReport, type Progress } from "./schema.ts";
import { endedDraft, readStarted } from "./started.ts";

/** Rows of a report read at once. */
const ITEMS_PAGE = 500;
/** After a fault of the ledger's or of storage, before the items that stand are tried again. */
const RETRY_MS = 2_000;
/** A list is frozen before its entry is committed, and a commit takes seconds at most. */
const COMMIT_MS_MAX = 60_000;

export interface RunnerPorts extends ItemPorts {
  readonly rows: RunnerRows;
  /** The failure of an item that stays claimed and is tried again. */
  readonly log: (error: unknown) => void;
}

export type Slice =
  | { readonly kind: "over" }
  /** There is more to do, `inMs` from now. */
  | { readonly kind: "more"; readonly inMs: number };

export class ExperimentRun {
  readonly #experimentId: string;
  readonly #ports: RunnerPorts;
  /** By position: in this process. A row that says `running` and is not here was interrupted. */
  readonly #running = new Map<
    number,
    { readonly provider: string; readonly done: Promise<void> }
  >();
  #spent: Spent = NOTHING_SPENT;
  #failedAtMs = -Infinity;

  constructor(experimentId: string, ports: RunnerPorts) {
    this.#experimentId = experimentId;
    this.#ports = ports;
  }

  /** Begins items until `untilMs`; those that still run then are joined by the next slice. */
  async slice(untilMs: number): Promise<Slice> {
    const { rows, nowMs, sleep } = this.#ports;
    const deadline = sleep(untilMs - nowMs());
    const first = await rows.row();
    const context = first && (await this.#open(first));
    if (first === undefined || first.report !== null) return { kind: "over" };
    if (context === undefined) return this.#uncommitted(first);
    if (first.state === "queued") await rows.begin(new Date(nowMs()).toISOString());
    const backOffMs = this.#failedAtMs + RETRY_MS - nowMs();
    if (backOffMs > 0) return { kind: "more", inMs: backOffMs };
    this.#spent = await rows.spent();
    await this.#joinInterrupted(context);
    for (;;) {
      const row = await rows.row();
      if (row === undefined || row.report !== null) return { kind: "over" };
      const waitMs = this.#failedAtMs + RETRY_MS - nowMs();
      if (waitMs > 0) return { kind: "more", inMs: waitMs };
      // Cancelled between the look and the claim: look again, or the end would tell another story.
      if (!isOver(row.state) && (await this.#fill(row, context)) === "changed") continue;
      if (this.#running.size === 0) {
        const progress = await rows.progress();
        // A replaced object does not know it: its items still run, and are joined when it is gone.
        if (progress.pending > 0) return { kind: "more", inMs: RETRY_MS };
        await this.#end(row, progress, context.definition);
        return { kind: "over" };
      }
      if (nowMs() >= untilMs) return { kind: "more", inMs: 0 };
      const running = [...this.#running.values()].map(({ done }) => done);
      // Answers of storage alone would never let the network have its turn.
      await sleep(1);
      await Promise.race([...running, deadline]);
    }
  }

  /** Frozen a moment ago, its entry on the way; or left behind by a request that died before that. */
  async #uncommitted({ createdAt }: ExperimentRow): Promise<Slice> {
    const isYoung = this.#ports.nowMs() - Date.parse(createdAt) < COMMIT_MS_MAX;
    if (isYoung) return { kind: "more", inMs: RETRY_MS };
    await this.#ports.rows.discard();
    return { kind: "over" };
  }

  async #open({ actor }: ExperimentRow): Promise<ItemContext | undefined> {
    const { reader } = this.#ports;
    const experimentId = this.#experimentId;
    const index = await reader.indexOf(experimentId);
    const [entry] = index === undefined ? [] : await reader.entriesAt([index]);
    const started = entry && readStarted(entry);
    if (started === undefined) return undefined;
    const { definition, selection } = started;
    return { experimentId, definition, size: selection.size, actor };
  }

  async #joinInterrupted(context: ItemContext): Promise<void> {
    const claimed = await this.#ports.rows.running();
    for (const item of claimed) {
      if (!this.#running.has(item.position)) this.#start(item, item.replayId ?? "", context);
    }
  }

  /** Begins what there is room for, provider by provider, so that a slow one holds up no other. */
  async #fill(row: ExperimentRow, context: ItemContext): Promise<"filled" | "changed"> {
    const { rows } = this.#ports;
    for (const provider of await rows.waiting()) {
      const bucket = this.#bucketOf(provider, context);
      const free = context.definition.concurrency - this.#inBucket(bucket);
      if (free <= 0) continue;
      for (const item of await rows.pending(provider, free)) {
        const room = roomFor(row, this.#spent, this.#running.size);
        if (room === "wait") return "filled";
        if (room === "no") {
          await rows.skipRest("budget");
          return "filled";
        }
        const replayId = this.#mint("rep_");
        if (!(await rows.claim(item.position, replayId))) return "changed";
        this.#spent = { ...this.#spent, items: this.#spent.items + 1 };
        this.#start(item, replayId, context);
      }
    }
    return "filled";
  }

  #start(item: ItemRow, replayId: string, context: ItemContext): void {
    const { decisionId, position } = item;
    const work = async () => {
      const settled = await runItem({ decisionId, replayId }, context, this.#ports);
      const { state, result, cost } = settled;
      await this.#ports.rows.settle({ position, replayId }, state, result, cost);
      this.#spent = afterItem(this.#spent, settled);
    };
    const done = work()
      .catch((error: unknown) => {
        this.#failedAtMs = this.#ports.nowMs();
        this.#ports.log(error);
      })
      .finally(() => this.#running.delete(position));
    this.#running.set(position, { provider: this.#bucketOf(item.provider, context), done });
  }

  /** Whose limits a call counts against; what nobody knows shares one bucket. */
  #bucketOf(recorded: string, { definition }: ItemContext): string {
    const overridden = textAt(objectAt(definition.overrides ?? {}, "model"), "provider");
    return providerNamed(overridden ?? recorded)?.name ?? "";
  }

  #inBucket(bucket: string): number {
    return [...this.#running.values()].filter(({ provider }) => provider === bucket).length;
  }

  async #end(
    { state, actor, endedEntryId }: ExperimentRow,
    progress: Progress,
    definition: ItemContext["definition"],
  ): Promise<void> {
    const { rows, reader, randomBytes, nowMs } = this.#ports;
    const experimentId = this.#experimentId;
    const ended = endOf(state, progress);
    const report = await this.#report(definition);
    const entryId = endedEntryId ?? (await rows.nameEnd(this.#mint("xnd_")));
    if ((await reader.indexOf(entryId)) === undefined) {
      const ending = { entryId, experimentId, actor, state: ended, progress, report };
      const outcome = await this.#ports.append({ drafts: [endedDraft(ending, randomBytes)] });
      if (outcome.kind !== "appended" && outcome.kind !== "repeated")
        throw new Error(`the end of ${experimentId} is not committed yet: ${outcome.kind}`);
    }
    await rows.end(ended, new Date(nowMs()).toISOString(), report);
  }

  async #report({ scorers }: ItemContext["definition"]): Promise<ExperimentReport> {
    const fold = new ReportFold(scorers.map(({ type }) => type));
    for (let from = 0; ; from += ITEMS_PAGE) {
      const items = await this.#ports.rows.items(from, ITEMS_PAGE);
      for (const item of items) fold.add(item);
      if (items.length < ITEMS_PAGE) return fold.report();
    }
  }

  #mint(prefix: string): string {
    const { nowMs, randomBytes } = this.#ports;
    const counter = new DataView(randomBytes(4).buffer).getUint32(0);
    return mintId(prefix, nowMs(), counter, randomBytes(ID_RANDOM_BYTES));
  }
}
