/** The Worker: reads its configuration, wires ports to bindings, and hands requests to http/app.ts. */
import script from "swagger-ui-dist/swagger-ui-bundle.js";
import style from "swagger-ui-dist/swagger-ui.css";
import { handleRequest } from "../http/app.ts";
import { Problem, problemResponse } from "../http/problem.ts";
import type { LedgerService, Services } from "../http/services.ts";
import { parseConfig, type Config, type Env } from "./config.ts";
import { d1AuditReader } from "./d1-audit.ts";
import { migrate } from "./d1-migrations.ts";
import { d1Operations, readDegraded } from "./d1-operations.ts";
import { d1LedgerReader } from "./d1-reader.ts";

export { Sequencer } from "./sequencer.ts";

/** Bindings and vars do not change in an isolate's life. */
const wired = new WeakMap<Env, Services>();

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      let services = wired.get(env);
      if (services === undefined) {
        services = wire(env, parseConfig(env));
        wired.set(env, services);
      }
      await migrate(env.DB);
      return await handleRequest(request, services);
    } catch (error) {
      console.error(error);
      return startFailure(error);
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

function wire(env: Env, config: Config): Services {
  return {
    auth: config.auth,
    corsOrigins: config.corsOrigins,
    async authenticate() {
      return config.auth === "open" ? { actor: "anonymous", ledger: "main" } : undefined;
    },
    ledger: (name) => wireLedger(env, config, name),
    async health() {
      await migrate(env.DB);
      return readDegraded(env.DB);
    },
    now: () => new Date(),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    docs: { script, style },
  };
}

function wireLedger(env: Env, config: Config, name: string): LedgerService {
  // A stub is dead after an exception: each call makes its own.
  const sequencer = () => env.SEQUENCER.getByName(name);
  return {
    name,
    origin: `${config.origin}/${name}`,
    reader: d1LedgerReader(env.DB, name),
    audit: d1AuditReader(env.DB, name),
    operations: d1Operations(env.DB, name),
    append: (request) => sequencer().append(request),
    status: () => sequencer().status(),
  };
}
