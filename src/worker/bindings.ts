/** Bindings of wrangler.toml. The object's methods stand here as a shape, so that nothing runs in circles. */
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import type { LimiterBindings } from "./rate-limits.ts";

/** What the Worker may call on a sequencer (src/worker/sequencer.ts). */
export interface SequencerRpc extends Rpc.DurableObjectBranded {
  append(request: AppendRequest): Promise<AppendOutcome>;
  status(): Promise<SequencerStatus>;
}

export interface Env extends LimiterBindings {
  readonly DB: D1Database;
  readonly SEQUENCER: DurableObjectNamespace<SequencerRpc>;
}
