// The bindings that tests see: those of wrangler.toml and what vitest.config.ts adds.
import type { D1Migration } from "cloudflare:test";
import type * as worker from "../../../src/worker/index.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly DB: D1Database;
      readonly DB_1: D1Database;
      readonly SEQUENCER: DurableObjectNamespace<worker.Sequencer>;
      readonly REPLAY_RUNNER: DurableObjectNamespace<worker.ReplayRunner>;
      readonly EXPERIMENT_RUNNER: DurableObjectNamespace<worker.ExperimentRunner>;
      readonly MIGRATIONS: D1Migration[];
    }
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
