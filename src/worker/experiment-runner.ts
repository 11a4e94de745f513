/**
 * The Durable Object that runs one experiment, DESIGN §8: `<ledger>/<experiment id>`. What is open are
 * rows, the alarm finds them again after a restart; it wires ports and decides nothing.
 */
import { DurableObject } from "cloudflare:workers";
import { ExperimentRun, type RunnerPorts } from "../replay/experiments/runner.ts";
import type { Env } from "./bindings.ts";
import { parseConfig } from "./config.ts";
import { d1RunnerRows } from "./d1-experiment-runner.ts";
import { d1LedgerReader } from "./d1-reader.ts";
import { d1Replays } from "./d1-replays.ts";
import { ledgerLocations } from "./ledger-databases.ts";
import { replayRunners, sequencers } from "./objects.ts";
import { providerConnections } from "./providers.ts";

/** An alarm's share of the work: far below its 15 minutes, so that a restart loses little time. */
const SLICE_MS = 10_000;
/** How soon after a restart, or a fault, the experiment is taken up. */
const RESUME_MS = 5_000;
const NAME = "name";

export class ExperimentRunner extends DurableObject<Env> {
  readonly #state: DurableObjectState;
  readonly #env: Env;
  #run: ExperimentRun | undefined;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#state = state;
    this.#env = env;
  }

  async wake(): Promise<void> {
    this.#name();
    const { storage } = this.#state;
    const set = await storage.getAlarm();
    const now = Date.now();
    if (set === null || set > now) await storage.setAlarm(now);
  }

  override async alarm(): Promise<void> {
    const { storage } = this.#state;
    // First: a failure in here must not be the last thing that happens.
    const fallback = Date.now() + SLICE_MS + RESUME_MS;
    await storage.setAlarm(fallback);
    const run = await this.#open();
    const slice = await run.slice(Date.now() + SLICE_MS);
    if (slice.kind === "more") await storage.setAlarm(Date.now() + slice.inMs);
    // Woken meanwhile, resumed for instance: then that alarm stays.
    else if ((await storage.getAlarm()) === fallback) await storage.deleteAlarm();
  }

  async #open(): Promise<ExperimentRun> {
    if (this.#run !== undefined) return this.#run;
    const { ledger, experimentId } = this.#name();
    const ports = await this.#ports(ledger, experimentId);
    this.#run ??= new ExperimentRun(experimentId, ports);
    return this.#run;
  }

  async #ports(ledger: string, experimentId: string): Promise<RunnerPorts> {
    const config = parseConfig(this.#env);
    const db = await ledgerLocations(this.#env, config).assign(ledger);
    const { jobs, prices } = d1Replays(db, ledger);
    return {
      rows: d1RunnerRows(db, ledger, experimentId),
      reader: d1LedgerReader(db, ledger),
      jobs,
      prices,
      unrecorded: new Map(),
      providers: providerConnections(this.#env),
      append: (request) => sequencers(this.#env, config).getByName(ledger).append(request),
      replay: async (job) => {
        await jobs.reserve(job);
        await replayRunners(this.#env, config).getByName(ledger).run(job.replayId);
      },
      fetch: (url, init) => fetch(url, init),
      sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
      nowMs: () => Date.now(),
      random: () => Math.random(),
      randomBytes: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      log: (error) => console.error(error),
    };
  }

  /** An alarm may wake an object that is not told its name: it is kept from the first call. */
  #name(): { readonly ledger: string; readonly experimentId: string } {
    const { id, storage } = this.#state;
    const name = id.name ?? storage.kv.get<string>(NAME);
    const [ledger, experimentId] = name?.split("/") ?? [];
    if (name === undefined || ledger === undefined || experimentId === undefined)
      throw new Error("an experiment runner is addressed by its ledger's name and its own id");
    if (storage.kv.get(NAME) === undefined) storage.kv.put(NAME, name);
    return { ledger, experimentId };
  }
}
