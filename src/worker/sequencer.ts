/**
 * The Durable Object around ledger/sequencer.ts: one object a ledger, addressed by the ledger's
 * name. It wires ports and decides nothing.
 */
import { DurableObject } from "cloudflare:workers";
import type { Acknowledged, SequencerMemory } from "../ledger/ports.ts";
import { LedgerSequencer } from "../ledger/sequencer.ts";
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import { Chores } from "./chores.ts";
import { parseConfig, type Env } from "./config.ts";
import { d1LedgerStore } from "./d1-store.ts";
import { openSigningKeys } from "./signing-keys.ts";

const ACKNOWLEDGED = "acknowledged";
const LEDGER = "ledger";

export class Sequencer extends DurableObject<Env> {
  readonly #sequencer: LedgerSequencer;
  readonly #chores: Chores;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const ledger = ledgerOf(state);
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
    this.#chores = new Chores({
      ledger,
      origin,
      db: env.DB,
      storage: state.storage,
      witnesses: config.witnesses,
      verifyIntervalMs: config.verifyIntervalMs,
      status: () => this.#sequencer.status(),
    });
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const outcome = await this.#sequencer.append(request);
    if (outcome.kind === "appended") await this.#chores.schedule();
    return outcome;
  }

  override alarm(): Promise<void> {
    return this.#chores.run();
  }

  status(): Promise<SequencerStatus> {
    return this.#sequencer.status();
  }
}

/** An alarm may wake an object that is not told its name: it is kept from the first call. */
function ledgerOf({ id, storage }: DurableObjectState): string {
  const ledger = id.name ?? storage.kv.get<string>(LEDGER);
  if (ledger === undefined) throw new Error("a sequencer is addressed by its ledger's name");
  if (storage.kv.get(LEDGER) === undefined) storage.kv.put(LEDGER, ledger);
  return ledger;
}

/** The object's own SQLite: a put is durable before any answer leaves (output gate). */
function sequencerMemory(storage: DurableObjectStorage): SequencerMemory {
  return {
    acknowledged: () => storage.kv.get<Acknowledged>(ACKNOWLEDGED),
    acknowledge: (head) => storage.kv.put(ACKNOWLEDGED, head),
  };
}
