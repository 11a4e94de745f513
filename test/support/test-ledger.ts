/** A ledger in memory with its sequencer: the clock stands still, randomness has a seed, nobody sleeps. */
import { createPrivateKey, sign } from "node:crypto";
import { draftDecision, draftEntry, keyedRequest, type Random } from "../../src/ledger/draft.ts";
import type { SigningKeys } from "../../src/ledger/keys.ts";
import type { DecisionCreate } from "../../src/ledger/schema.ts";
import { LedgerSequencer } from "../../src/ledger/sequencer.ts";
import type { AppendRequest } from "../../src/ledger/sequencing.ts";
import { MemoryStore, TestMemory } from "./memory-store.ts";
import { testSigner, type TestSigner } from "./note-signer.ts";

export const ORIGIN = "loopgrid.local/main";
export const signer = await synchronousSigner(ORIGIN, 7);

/** Signs before anything else gets its turn, unlike WebCrypto: so a seed replays step by step. */
export async function synchronousSigner(name: string, seed: number): Promise<TestSigner> {
  const octets = Buffer.alloc(32, seed);
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), octets]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return {
    ...(await testSigner(name, octets)),
    sign: async (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** Octets that differ from call to call and are the same on every run (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (mixed ^ (mixed >>> 14)) & 0xff;
    });
}

export class TestLedger {
  ledger = "main";
  origin = ORIGIN;
  /** Whose signatures the checkpoint of a size carries. */
  signersOf: (size: number) => readonly TestSigner[] = () => [signer];
  readonly store = new MemoryStore();
  readonly memory = new TestMemory();
  readonly random: Random;
  /** Milliseconds since 1970. */
  now = Date.parse("2026-11-22T18:26:55.934Z");
  keys: (ledgerIsEmpty: boolean) => Promise<SigningKeys> = async () => ({ signer, others: [] });
  /** What the sequencers asked to sleep. */
  readonly sleeps: number[] = [];
  sequencer: LedgerSequencer;

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    this.sequencer = this.another();
  }

  /** One more sequencer over the same store and storage: the old one does not know. */
  another(): LedgerSequencer {
    return new LedgerSequencer({
      ledger: this.ledger,
      origin: this.origin,
      store: this.store,
      memory: this.memory,
      keys: (ledgerIsEmpty) => this.keys(ledgerIsEmpty),
      now: () => this.now,
      random: this.random,
      sleep: async (ms) => {
        this.sleeps.push(ms);
        await this.store.turn("slept");
      },
    });
  }

  /** The object is gone with all it had in memory; the next call meets a new one. */
  evict(): void {
    this.sequencer = this.another();
  }
}

const DECISION: DecisionCreate = {
  service_name: "support-agent",
  decision_type: "reply",
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: "Your account looks fine." },
};

export interface RequestOptions {
  /** Idempotency-Key */
  readonly key?: string | undefined;
  readonly count?: number;
  readonly decision?: Partial<DecisionCreate>;
}

/** Decisions to append, drafted as a route drafts them. */
export function decisions(random: Random, options: RequestOptions = {}): AppendRequest {
  const { key, count = 1, decision } = options;
  const body = { ...DECISION, ...decision };
  const fingerprint = { method: "POST", path: "/v1/decisions/batch", body: null, count };
  const keyed = key === undefined ? undefined : keyedRequest(key, fingerprint);
  const drafts = Array.from({ length: count }, (_, i) =>
    draftDecision(body, "anonymous", random, i === 0 ? keyed : undefined),
  );
  return keyed === undefined ? { drafts } : { drafts, requestKey: keyed.requestKey };
}

/** A flag of a decision. */
export function flag(
  random: Random,
  decisionId: string,
  reason: string,
  key?: string,
): AppendRequest {
  const fingerprint = { method: "POST", path: "/v1/flag", body: { reason }, count: 1 };
  const keyed = key === undefined ? undefined : keyedRequest(key, fingerprint);
  const fields = { reason };
  const input = {
    kind: "decision_flagged",
    decisionId,
    actor: "key_1",
    facts: {},
    fields,
  } as const;
  const drafts = [draftEntry({ ...input, keyed }, random)];
  return keyed === undefined ? { drafts } : { drafts, requestKey: keyed.requestKey };
}
