/** The Durable Objects of a ledger, where the operator wants them. */
import type { Env } from "./bindings.ts";
import type { Config } from "./config.ts";

export function sequencers({ SEQUENCER }: Env, config: Config): Env["SEQUENCER"] {
  return within(SEQUENCER, config);
}

export function replayRunners({ REPLAY_RUNNER }: Env, config: Config): Env["REPLAY_RUNNER"] {
  return within(REPLAY_RUNNER, config);
}

export function experimentRunners(
  { EXPERIMENT_RUNNER }: Env,
  config: Config,
): Env["EXPERIMENT_RUNNER"] {
  return within(EXPERIMENT_RUNNER, config);
}

/** In the EU where configured; the local runtime has no jurisdictions and says so by throwing. */
function within<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
  { jurisdiction }: Config,
): DurableObjectNamespace<T> {
  if (jurisdiction === undefined) return namespace;
  try {
    return namespace.jurisdiction(jurisdiction);
  } catch (error) {
    if (error instanceof Error && /not implemented/i.test(error.message)) return namespace;
    throw error; // never silently somewhere else
  }
}
