/**
 * The Durable Object around ledger/sequencer.ts: one object a ledger, addressed by the ledger's
 * name. It wires ports and decides nothing.
 */
import { DurableObject } from "cloudflare:workers";
import type { Acknowledged, SequencerMemory } from "../ledger/ports.ts";
import { present } from "../lib/assert.ts";
import { LedgerSequencer } from "../ledger/sequencer.ts";
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import { Chores } from "./chores.ts";
import type { Env } from "./bindings.ts";
import { parseConfig, type Config } from "./config.ts";
import { migrate } from "./d1-migrations.ts";
import { d1LedgerStore } from "./d1-store.ts";
import { assignedBinding, databasesOf, fixedBinding } from "./ledger-location.ts";
import { openSigningKeys } from "./signing-keys.ts";

const ACKNOWLEDGED = "acknowledged";
const LEDGER = "ledger";
const DATABASE = "database";

interface Parts {
  readonly sequencer: LedgerSequencer;
  readonly chores: Chores;
}

export class Sequencer extends DurableObject<Env> {
  readonly #state: DurableObjectState;
  readonly #env: Env;
  readonly #ledger: string;
  readonly #config: Config;
  #parts: Parts | undefined;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#state = state;
    this.#env = env;
    this.#ledger = ledgerOf(state);
    this.#config = parseConfig(env);
    const known =
      fixedBinding(this.#ledger, this.#config.ledgerDatabases) ??
      state.storage.kv.get<string>(DATABASE);
    if (known !== undefined) this.#parts = this.#wire(known);
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    const { sequencer, chores } = await this.#open();
    const outcome = await sequencer.append(request);
    if (outcome.kind === "appended") await chores.schedule();
    return outcome;
  }

  override async alarm(): Promise<void> {
    return (await this.#open()).chores.run();
  }

  async status(): Promise<SequencerStatus> {
    return (await this.#open()).sequencer.status();
  }

  /** Which database holds the ledger is asked once in the object's life, and only where it can differ. */
  async #open(): Promise<Parts> {
    if (this.#parts !== undefined) return this.#parts;
    const { DB } = this.#env;
    await migrate(DB);
    const binding = await assignedBinding(DB, this.#ledger, databasesOf(this.#env));
    this.#state.storage.kv.put(DATABASE, binding);
    this.#parts ??= this.#wire(binding);
    return this.#parts;
  }

  #wire(binding: string): Parts {
    const ledger = this.#ledger;
    const config = this.#config;
    const { storage } = this.#state;
    const db = present(databasesOf(this.#env).get(binding), `the database of ledger ${ledger}`);
    const origin = `${config.origin}/${ledger}`;
    const sequencer = new LedgerSequencer({
      ledger,
      origin,
      store: d1LedgerStore(db, ledger),
      memory: sequencerMemory(storage),
      keys: (ledgerIsEmpty) => openSigningKeys(origin, config.signingKeys, storage, ledgerIsEmpty),
      now: () => Date.now(),
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
    });
    const chores = new Chores({
      ledger,
      origin,
      db,
      storage,
      witnesses: config.witnesses,
      verifyIntervalMs: config.verifyIntervalMs,
      status: () => sequencer.status(),
    });
    return { sequencer, chores };
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
