/**
 * The Durable Object around ledger/sequencer.ts: one object a ledger, addressed by the ledger's
 * name. It wires ports and decides nothing.
 */
import { DurableObject } from "cloudflare:workers";
import type { Acknowledged, SequencerMemory } from "../ledger/ports.ts";
import { LedgerSequencer } from "../ledger/sequencer.ts";
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import { parseConfig, type Env } from "./config.ts";
import { d1LedgerStore } from "./d1-store.ts";
import { openSigningKeys } from "./signing-keys.ts";

const ACKNOWLEDGED = "acknowledged";

export class Sequencer extends DurableObject<Env> {
  readonly #sequencer: LedgerSequencer;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const ledger = state.id.name;
    if (ledger === undefined) throw new Error("a sequencer is addressed by its ledger's name");
    const config = parseConfig(env);
    const origin = `${config.origin}/${ledger}`;
    this.#sequencer = new LedgerSequencer({
      ledger,
      origin,
      store: d1LedgerStore(env.DB, ledger),
      memory: sequencerMemory(state.storage),
      keys: (ledgerIsEmpty) =>
        openSigningKeys(origin, config.signingKeys, state.storage, ledgerIsEmpty),
      now: () => Date.now(),
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
    });
  }

  append(request: AppendRequest): Promise<AppendOutcome> {
    return this.#sequencer.append(request);
  }

  status(): Promise<SequencerStatus> {
    return this.#sequencer.status();
  }
}

/** The object's own SQLite: a put is durable before any answer leaves (output gate). */
function sequencerMemory(storage: DurableObjectStorage): SequencerMemory {
  return {
    acknowledged: () => storage.kv.get<Acknowledged>(ACKNOWLEDGED),
    acknowledge: (head) => storage.kv.put(ACKNOWLEDGED, head),
  };
}
