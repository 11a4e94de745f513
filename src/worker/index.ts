/** The Worker: reads its configuration, wires ports to bindings, and hands requests to http/app.ts. */
import script from "swagger-ui-dist/swagger-ui-bundle.js";
import style from "swagger-ui-dist/swagger-ui.css";
import { handleRequest } from "../http/app.ts";
import type { LedgerService, Services } from "../http/services.ts";
import { parseConfig, type Config, type Env } from "./config.ts";
import { d1AuditReader } from "./d1-audit.ts";
import { migrate } from "./d1-migrations.ts";
import { d1LedgerReader } from "./d1-reader.ts";

export { Sequencer } from "./sequencer.ts";

/** Bindings and vars do not change in an isolate's life. */
const wired = new WeakMap<Env, Services>();

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    let services = wired.get(env);
    if (services === undefined) {
      services = wire(env, parseConfig(env));
      wired.set(env, services);
    }
    await migrate(env.DB);
    return handleRequest(request, services);
  },
};

function wire(env: Env, config: Config): Services {
  return {
    auth: config.auth,
    corsOrigins: config.corsOrigins,
    async authenticate() {
      return config.auth === "open" ? { actor: "anonymous", ledger: "main" } : undefined;
    },
    ledger: (name) => wireLedger(env, config, name),
    ready: () => migrate(env.DB),
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
    append: (request) => sequencer().append(request),
    status: () => sequencer().status(),
  };
}
