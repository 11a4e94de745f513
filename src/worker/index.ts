/** The Worker: reads its configuration, wires ports to bindings, and hands requests to http/app.ts. */
import script from "swagger-ui-dist/swagger-ui-bundle.js";
import style from "swagger-ui-dist/swagger-ui.css";
import { RefusalRation } from "../auth/access-log.ts";
import { Authenticator } from "../auth/authenticate.ts";
import { KeyCache, throughCache } from "../auth/key-cache.ts";
import { shareSecret } from "../auth/share-token.ts";
import { handleRequest, withSecurityHeaders } from "../http/app.ts";
import { Problem, problemResponse } from "../http/problem.ts";
import type { LedgerService, Services } from "../http/services.ts";
import type { Env } from "./bindings.ts";
import { parseConfig, type Config } from "./config.ts";
import { d1AccessLog } from "./d1-access-log.ts";
import { d1AuditReader } from "./d1-audit.ts";
import { d1ApiKeys } from "./d1-keys.ts";
import { migrate } from "./d1-migrations.ts";
import { d1Operations, readDegraded } from "./d1-operations.ts";
import { d1Experiments } from "./d1-experiments.ts";
import { d1LedgerReader } from "./d1-reader.ts";
import { d1Records } from "./d1-records.ts";
import { d1Replays } from "./d1-replays.ts";
import { d1Tallies } from "./d1-tally.ts";
import { serverSecret } from "./d1-server-secret.ts";
import { ledgerLocations } from "./ledger-databases.ts";
import { databasesOf } from "./ledger-location.ts";
import { experimentRunners, replayRunners, sequencers } from "./objects.ts";
import { providerConnections } from "./providers.ts";
import { rateLimits } from "./rate-limits.ts";

export { ExperimentRunner } from "./experiment-runner.ts";
export { ReplayRunner } from "./replay-runner.ts";
export { Sequencer } from "./sequencer.ts";

/** Bindings and vars do not change in an isolate's life. */
const wired = new WeakMap<Env, Wired>();

/** Shorter ones might be guessed; an operator is told, not stopped. */
const ADMIN_KEY_LENGTH = 32;

/** Everything but what belongs to one request. */
type Wired = Omit<Services, "defer">;

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    try {
      let services = wired.get(env);
      if (services === undefined) {
        services = wire(env, parseConfig(env));
        wired.set(env, services);
      }
      await migrate(env.DB);
      const defer = (work: Promise<unknown>) =>
        context.waitUntil(work.catch((error: unknown) => console.error(error)));
      return await handleRequest(request, { ...services, defer });
    } catch (error) {
      console.error(error);
      return withSecurityHeaders(startFailure(error));
    }
  },
};

/** Nothing can be served: the configuration is bad, which its message names, or storage is away. */
function startFailure(error: unknown): Response {
  const message =
    error instanceof Error && error.message.startsWith("Configuration:")
      ? error.message
      : undefined;
  return problemResponse(
    message === undefined
      ? new Problem(503, "Storage cannot be reached", { headers: { "Retry-After": "5" } })
      : new Problem(500, message),
  );
}

function wire(env: Env, config: Config): Wired {
  const rows = d1ApiKeys(env.DB);
  const cache = new KeyCache(
    (keyId) => rows.find(keyId),
    () => Date.now(),
  );
  const { adminKey, defaultLedger } = config;
  if (adminKey !== undefined && adminKey.length < ADMIN_KEY_LENGTH && config.auth === "required")
    console.warn(`LOOPGRID_ADMIN_KEY is short: use ${ADMIN_KEY_LENGTH} random characters or more`);
  const authenticator = new Authenticator({
    keys: cache,
    adminKey,
    defaultLedger,
    nowMs: () => Date.now(),
  });
  const locations = ledgerLocations(env, config);
  let secret: Promise<Uint8Array> | undefined;
  return {
    auth: config.auth,
    corsOrigins: config.corsOrigins,
    defaultLedger,
    publicProofs: config.publicProofs,
    authenticate: (credential) => authenticator.authenticate(credential),
    keys: throughCache(rows, cache),
    limits: config.auth === "open" ? undefined : rateLimits(env, config.rateLimits),
    accessLog: d1AccessLog(env.DB),
    refusals: new RefusalRation(),
    shareSecret() {
      secret ??= serverSecret(env.DB, "share")
        .then((stored) => shareSecret(stored, adminKey))
        .catch((error: unknown) => {
          secret = undefined;
          throw error;
        });
      return secret;
    },
    ledger: async (name) => wireLedger(env, config, name, await locations.assign(name)),
    isLedger: (name) => locations.isUsed(name),
    async health() {
      for (const db of databasesOf(env).values()) {
        await migrate(db);
        const found = await readDegraded(db);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    now: () => new Date(Date.now()),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    providers: providerConnections(env),
    docs: { script, style },
  };
}

function wireLedger(env: Env, config: Config, name: string, db: D1Database): LedgerService {
  // A stub is dead after an exception: each call makes its own.
  const sequencer = () => sequencers(env, config).getByName(name);
  return {
    name,
    origin: `${config.origin}/${name}`,
    reader: d1LedgerReader(db, name),
    audit: d1AuditReader(db, name),
    operations: d1Operations(db, name),
    tallies: d1Tallies(db, name),
    records: d1Records(db, name),
    replays: {
      ...d1Replays(db, name),
      run: (replayId) => replayRunners(env, config).getByName(name).run(replayId),
    },
    experiments: {
      ...d1Experiments(db, name),
      wake: (experimentId) =>
        experimentRunners(env, config).getByName(`${name}/${experimentId}`).wake(),
    },
    async append(request) {
      try {
        return await sequencer().append(request);
      } catch (error) {
        // The object died, or could not be reached: whether it committed is unknown.
        console.error(error);
        return { kind: "unavailable", detail: "the sequencer did not answer" };
      }
    },
    status: () => sequencer().status(),
  };
}
