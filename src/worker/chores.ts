/**
 * What a sequencer does when nobody asks, driven by its alarm: verifies the ledger in slices, counts
 * its full blocks (ledger/tally.ts), and submits checkpoints to witnesses. All go on where they were
 * after a restart, for their state is rows; none is ever in the path of an append.
 */
import { checkAcknowledged } from "../ledger/acknowledged.ts";
import { auditLedger } from "../ledger/audit.ts";
import { CorruptLedger } from "../ledger/ports.ts";
import { proveConsistency } from "../ledger/proof.ts";
import type { SequencerStatus } from "../ledger/sequencing.ts";
import { afterSlice, NEVER_VERIFIED } from "../ledger/verification-pass.ts";
import { TALLY_BLOCK_ENTRIES } from "../ledger/tally.ts";
import { writeMissing } from "../ledger/tally-port.ts";
import {
  addCheckpointBody,
  ANSWER_CHARACTERS_MAX,
  readAnswer,
  type Witness,
  type WitnessAnswer,
} from "../ledger/witness.ts";
import { d1AuditReader } from "./d1-audit.ts";
import {
  readVerification,
  readWitnesses,
  writeVerification,
  writeWitness,
} from "./d1-operations.ts";
import { d1LedgerStore } from "./d1-store.ts";
import { d1Tallies } from "./d1-tally.ts";

export interface ChoresConfig {
  readonly ledger: string;
  readonly origin: string;
  readonly db: D1Database;
  readonly storage: DurableObjectStorage;
  readonly witnesses: readonly Witness[];
  readonly verifyIntervalMs: number;
  readonly status: () => Promise<SequencerStatus>;
}

/** A new ledger is first verified this soon, or after the interval where that is shorter. */
const FIRST_VERIFY_MS = 60_000;
/** One slice; appends go on meanwhile, between its queries. */
const SLICE_MS = 2_000;
const SLICE_PAUSE_MS = 500;
const WITNESS_INTERVAL_MS = 10_000;
const WITNESS_TIMEOUT_MS = 10_000;

const NEXT_VERIFY = "next_verify_ms";

export class Chores {
  readonly #config: ChoresConfig;
  #scheduled = false;

  constructor(config: ChoresConfig) {
    this.#config = config;
  }

  /** Makes sure an alarm is set; cheap to call after every append. */
  async schedule(): Promise<void> {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { storage, witnesses, verifyIntervalMs } = this.#config;
    const soon =
      Date.now() +
      (witnesses.length > 0 ? WITNESS_INTERVAL_MS : Math.min(FIRST_VERIFY_MS, verifyIntervalMs));
    const set = await storage.getAlarm();
    if (set === null || set > soon) await storage.setAlarm(soon);
  }

  /** The alarm. The next one is set first: a failure in here must not be the last thing that happens. */
  async run(): Promise<void> {
    const { storage, witnesses, verifyIntervalMs } = this.#config;
    this.#scheduled = true;
    const now = Date.now();
    const rest =
      witnesses.length > 0 ? Math.min(WITNESS_INTERVAL_MS, verifyIntervalMs) : verifyIntervalMs;
    await storage.setAlarm(now + rest);
    // Side by side: neither holds the other up, nor keeps it from being done.
    const chores = await Promise.allSettled([this.#cosign(), this.#count(), this.#verify(now)]);
    const failed = chores.flatMap((chore) => (chore.status === "rejected" ? [chore.reason] : []));
    if (failed.length > 0) throw new AggregateError(failed, "a chore failed; it is tried again");
  }

  /** Reports count what is not counted yet: a ledger that is never asked for one would make the first wait. */
  async #count(): Promise<void> {
    const { db, ledger, storage } = this.#config;
    const size = (await d1LedgerStore(db, ledger).head())?.size ?? 0;
    const deadline = Date.now() + SLICE_MS;
    const blocks = Math.floor(size / TALLY_BLOCK_ENTRIES);
    const mayContinue = () => Date.now() < deadline;
    const { left } = await writeMissing(d1Tallies(db, ledger), blocks, Infinity, mayContinue);
    if (left > 0) await storage.setAlarm(Date.now() + SLICE_PAUSE_MS);
  }

  async #verify(now: number): Promise<void> {
    const { storage, verifyIntervalMs } = this.#config;
    if ((storage.kv.get<number>(NEXT_VERIFY) ?? 0) > now) return;
    const complete = await this.#verifySlice();
    if (!complete) return storage.setAlarm(Date.now() + SLICE_PAUSE_MS);
    storage.kv.put(NEXT_VERIFY, Date.now() + verifyIntervalMs);
  }

  /** @returns whether the pass is over */
  async #verifySlice(): Promise<boolean> {
    const { db, ledger, origin, status } = this.#config;
    const { keys, ...remembered } = await status();
    const before = (await readVerification(db, ledger)) ?? NEVER_VERIFIED;
    const deadline = Date.now() + SLICE_MS;
    const reader = d1AuditReader(db, ledger);
    const audited = await auditLedger(reader, {
      ledger,
      origin,
      keys,
      from: before.cursor,
      mayContinue: () => Date.now() < deadline,
    });
    const rolledBack = await checkAcknowledged(remembered, audited.size, reader);
    const findings = [...(rolledBack === undefined ? [] : [rolledBack]), ...audited.findings];
    const slice = { ...audited, findings };
    const after = afterSlice(before, slice, new Date().toISOString());
    await writeVerification(db, ledger, after);
    return after.cursor === 0;
  }

  async #cosign(): Promise<void> {
    const { db, ledger, witnesses } = this.#config;
    if (witnesses.length === 0) return;
    const store = d1LedgerStore(db, ledger);
    const head = await store.head();
    if (head === undefined) return;
    const records = new Map(
      (await readWitnesses(db, ledger)).map((record) => [record.witness, record]),
    );
    await Promise.all(
      witnesses.map(async (witness) => {
        const known = records.get(witness.key.name)?.size ?? 0;
        if (known !== head.size) await this.#submit(witness, known, head.size, head.checkpoint);
      }),
    );
  }

  /** One submission; a conflict tells which size to prove from, and is tried once more. */
  async #submit(witness: Witness, known: number, size: number, note: string): Promise<void> {
    const { db, ledger } = this.#config;
    let answer = await this.#send(witness, known, size, note);
    if (answer.kind === "conflict" && answer.size <= size)
      answer = await this.#send(witness, answer.size, size, note);
    const triedAt = new Date().toISOString();
    const record = { witness: witness.key.name, triedAt };
    if (answer.kind === "cosigned") {
      await writeWitness(
        db,
        ledger,
        { ...record, size, succeededAt: triedAt, error: null },
        answer.line,
      );
      return;
    }
    const error =
      answer.kind === "conflict"
        ? `it holds size ${answer.size}, we signed ${size}`
        : answer.detail;
    await writeWitness(db, ledger, { ...record, size: known, succeededAt: null, error }, undefined);
  }

  async #send(
    witness: Witness,
    oldSize: number,
    size: number,
    note: string,
  ): Promise<WitnessAnswer> {
    const body = await this.#submission(oldSize, size, note);
    if (body === undefined)
      return { kind: "refused", detail: "the ledger cannot prove its growth: verify it" };
    try {
      const response = await fetch(`${witness.url}/add-checkpoint`, {
        method: "POST",
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(WITNESS_TIMEOUT_MS),
      });
      return await readAnswer(response.status, await boundedText(response), note, witness.key);
    } catch {
      return { kind: "refused", detail: "it could not be reached" };
    }
  }

  /** Undefined when what is stored contradicts itself, which verification reports. */
  async #submission(oldSize: number, size: number, note: string): Promise<string | undefined> {
    const { db, ledger } = this.#config;
    if (oldSize === 0 || oldSize === size) return addCheckpointBody(oldSize, [], note);
    try {
      const proof = await proveConsistency(oldSize, size, d1LedgerStore(db, ledger));
      return addCheckpointBody(oldSize, proof, note);
    } catch (error) {
      if (error instanceof CorruptLedger) return undefined;
      throw error;
    }
  }
}

/** A witness's answer is a few lines: one that goes on and on is cut off, and is none. */
async function boundedText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_CHARACTERS_MAX) break;
  }
  return text;
}
