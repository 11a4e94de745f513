/**
 * A ledger that lived: appends alone and in crowds, keys used twice, flags, corrections, erasures,
 * holds, changes of key, restarts, commits that fail in every way. A seed makes the same one again.
 */
import type { SigningKeys } from "../../src/ledger/keys.ts";
import type { AppendOutcome, AppendRequest } from "../../src/ledger/sequencing.ts";
import { seeded } from "./clients.ts";
import type { CommitFault } from "./memory-store.ts";
import type { TestSigner } from "./note-signer.ts";
import { entry, erasure } from "./proof-files.ts";
import { decisions, flag, ORIGIN, signer, synchronousSigner, TestLedger } from "./test-ledger.ts";

export interface RandomLedger {
  readonly ledger: TestLedger;
  /** In force now. */
  readonly newest: TestSigner;
  /** Signed notes that somebody was given, oldest first. */
  readonly kept: readonly string[];
  /** Fields that erasures took. */
  readonly erased: number;
  /** What happened, for the report of a failure and for the tally. */
  readonly events: readonly string[];
  /** Random numbers below a bound, going on where the ledger's making stopped. */
  readonly below: (bound: number) => number;
}

const SIGNERS: readonly TestSigner[] = [
  signer,
  await synchronousSigner(ORIGIN, 8),
  await synchronousSigner(ORIGIN, 9),
];

/** Each heals within the tries of one commit. */
const FAULTS: readonly CommitFault[] = [
  "fails before the write",
  "fails after the write",
  "conflicts without a write",
  "conflicts after the write",
  "lands at the next commit",
  "lands after the next look",
];

/** One in twenty begins with about as many entries as a tile is wide. */
const LARGE_EVERY = 20;

export async function randomLedger(seed: number): Promise<RandomLedger> {
  const below = seeded(seed);
  const ledger = new TestLedger(seed);
  const life = new Life(ledger, below);
  if (seed % LARGE_EVERY === 0) await life.append(decisions(ledger.random, { count: 249 }));
  const steps = 2 + below(9);
  for (let step = 0; step < steps || life.size === 0; step++) await life.step();
  ledger.store.faults = [];
  ledger.store.failReads("chainHashAt", 0);
  const { newest, kept, erased, events } = life;
  return { ledger, below, newest, kept, erased, events };
}

class Life {
  newest = SIGNERS[0] ?? signer;
  readonly kept: string[] = [];
  readonly events: string[] = [];
  erased = 0;
  readonly #ledger: TestLedger;
  readonly #below: (bound: number) => number;
  readonly #keys: string[] = [];

  constructor(ledger: TestLedger, below: (bound: number) => number) {
    this.#ledger = ledger;
    this.#below = below;
  }

  get size(): number {
    return this.#ledger.store.tables.head?.size ?? 0;
  }

  async step(): Promise<void> {
    if (this.#below(3) === 0) this.#fault();
    this.#ledger.now += this.#below(4) === 0 ? -5000 : this.#below(2000);
    switch (this.#below(9)) {
      case 0:
        return this.#crowd();
      case 1:
        return this.#review();
      case 2:
      case 3:
        return this.#erase();
      case 4:
        return this.#retry();
      case 5:
        return this.#rotate();
      case 6:
        this.events.push("restart");
        return this.#ledger.evict();
      default:
        return this.#record();
    }
  }

  /** Once more when the ledger could not be reached, as any caller would. */
  async append(request: AppendRequest): Promise<AppendOutcome> {
    let outcome = await this.#ledger.sequencer.append(request);
    if (outcome.kind === "unavailable") outcome = await this.#ledger.sequencer.append(request);
    if (outcome.kind === "appended" && this.#below(2) === 0) this.kept.push(outcome.checkpoint);
    if (outcome.kind === "unavailable" || outcome.kind === "refused")
      throw new Error(`${outcome.kind}: ${outcome.detail} after ${this.events.join(", ")}`);
    return outcome;
  }

  async #record(): Promise<void> {
    this.events.push("record");
    const key = this.#below(2) === 0 ? `key-${this.#keys.length}` : undefined;
    if (key !== undefined) this.#keys.push(key);
    await this.append(
      decisions(this.#ledger.random, { key, count: 1 + this.#below(3), decision: this.#content() }),
    );
  }

  #content() {
    const awkward = [1e21, 1e-7, 0.1, -1.5, "\ud83d\ude00", "\u0000", null, [], {}];
    return { input: { x: awkward[this.#below(awkward.length)] ?? null }, output: {} };
  }

  async #crowd(): Promise<void> {
    this.events.push("crowd");
    const crowd = Array.from({ length: 2 + this.#below(3) }, () => decisions(this.#ledger.random));
    await Promise.all(crowd.map((request) => this.append(request)));
  }

  async #review(): Promise<void> {
    const decision = this.#anyDecision();
    if (decision === undefined) return;
    this.events.push("review");
    if (this.#below(2) === 0) {
      await this.append(flag(this.#ledger.random, decision.id, "wrong"));
      return;
    }
    const fields = { correction: { v: this.#below(9) }, corrected_by: "jane" };
    const about = { decisionId: decision.id, facts: {}, fields };
    await this.append(entry(this.#ledger, { kind: "correction_attached", ...about }));
  }

  async #erase(): Promise<void> {
    const decision = this.#anyDecision();
    if (decision === undefined) return;
    const { contents } = this.#ledger.store.tables;
    const stored: object = JSON.parse(contents.get(decision.index)?.fields ?? "{}");
    const fields = Object.keys(stored).filter(() => this.#below(2) === 0);
    if (fields.length === 0) return;
    this.events.push("erase");
    const targets = [{ index: decision.index, fields }];
    const outcome = await this.append(erasure(this.#ledger, decision.id, targets, "asked for"));
    // After a conflict an erasure is stale: its caller would read again and ask again.
    if (outcome.kind === "appended") this.erased += fields.length;
  }

  async #retry(): Promise<void> {
    const key = this.#keys[this.#below(Math.max(this.#keys.length, 1))];
    if (key === undefined) return;
    this.events.push("retry");
    const size = this.size;
    const outcome = await this.append(decisions(this.#ledger.random, { key }));
    if (outcome.kind !== "repeated" || this.size !== size) throw new Error("recorded twice");
  }

  async #rotate(): Promise<void> {
    if (this.size === 0) return;
    this.events.push("rotate");
    this.newest = SIGNERS[this.#below(SIGNERS.length)] ?? signer;
    const others = SIGNERS.filter((one) => one !== this.newest);
    const keys: SigningKeys = { signer: this.newest, others };
    this.#ledger.keys = async () => keys;
    this.#ledger.evict();
    await this.append(decisions(this.#ledger.random)); // the change lands with the next append
  }

  #fault(): void {
    const fault = FAULTS[this.#below(FAULTS.length)] ?? "none";
    this.events.push(fault);
    this.#ledger.store.faults = [fault];
    if (this.#below(4) === 0) this.#ledger.store.failReads("chainHashAt", 1);
  }

  #anyDecision(): { readonly id: string; readonly index: number } | undefined {
    const recorded = this.#ledger.store.rows().flatMap(({ header }) => {
      const { id, index, kind }: { id: string; index: number; kind: string } = JSON.parse(header);
      return kind === "decision_recorded" ? { id, index } : [];
    });
    return recorded[this.#below(recorded.length)];
  }
}
