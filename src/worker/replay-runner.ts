/**
 * The Durable Object that runs a ledger's live replays, DESIGN §8: a client that goes away, or a
 * restart, loses no call that was paid for. What is open are rows; the alarm finds them again.
 */
import { DurableObject } from "cloudflare:workers";
import { runReplay } from "../replay/run.ts";
import type { Env } from "./bindings.ts";
import { parseConfig } from "./config.ts";
import { d1LedgerReader } from "./d1-reader.ts";
import { d1Replays } from "./d1-replays.ts";
import { ledgerLocations } from "./ledger-databases.ts";
import { sequencers } from "./objects.ts";
import { providerConnections } from "./providers.ts";

/** How soon after a restart, or a refused commit, an open replay is taken up. */
const RESUME_MS = 5_000;
const LEDGER = "ledger";

export class ReplayRunner extends DurableObject<Env> {
  readonly #state: DurableObjectState;
  readonly #env: Env;
  /** By replay id: whoever asks for the same one joins it. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#state = state;
    this.#env = env;
  }

  async run(replayId: string): Promise<void> {
    const { storage } = this.#state;
    // Before anything is paid for: after a restart the alarm knows that something is open.
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + RESUME_MS);
    return this.#join(replayId);
  }

  override async alarm(): Promise<void> {
    const ledger = this.#ledger();
    const { jobs } = await this.#replays(ledger);
    const open = await jobs.open();
    if (open.length === 0) return;
    // First: a failure in here must not be the last thing that happens.
    await this.#state.storage.setAlarm(Date.now() + RESUME_MS);
    for (const { job } of open) {
      this.#join(job.replayId).catch((error: unknown) => console.error(error));
    }
  }

  #join(replayId: string): Promise<void> {
    const known = this.#running.get(replayId);
    if (known !== undefined) return known;
    const running = this.#run(replayId).finally(() => this.#running.delete(replayId));
    this.#running.set(replayId, running);
    return running;
  }

  async #run(replayId: string): Promise<void> {
    const ledger = this.#ledger();
    const config = parseConfig(this.#env);
    const db = await this.#database(ledger);
    const { jobs, prices } = d1Replays(db, ledger);
    return runReplay(replayId, {
      reader: d1LedgerReader(db, ledger),
      jobs,
      prices,
      providers: providerConnections(this.#env),
      append: (request) => sequencers(this.#env, config).getByName(ledger).append(request),
      fetch: (url, init) => fetch(url, init),
      sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
      nowMs: () => Date.now(),
      random: () => Math.random(),
      randomBytes: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    });
  }

  #database(ledger: string): Promise<D1Database> {
    return ledgerLocations(this.#env, parseConfig(this.#env)).assign(ledger);
  }

  async #replays(ledger: string) {
    return d1Replays(await this.#database(ledger), ledger);
  }

  /** An alarm may wake an object that is not told its name: it is kept from the first call. */
  #ledger(): string {
    const { id, storage } = this.#state;
    const ledger = id.name ?? storage.kv.get<string>(LEDGER);
    if (ledger === undefined) throw new Error("a replay runner is addressed by its ledger's name");
    if (storage.kv.get(LEDGER) === undefined) storage.kv.put(LEDGER, ledger);
    return ledger;
  }
}
