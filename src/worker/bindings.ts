/** Bindings of wrangler.toml. The object's methods stand here as a shape, so that nothing runs in circles. */
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import type { LimiterBindings } from "./rate-limits.ts";

/** What the Worker may call on a sequencer (src/worker/sequencer.ts). */
export interface SequencerRpc extends Rpc.DurableObjectBranded {
  append(request: AppendRequest): Promise<AppendOutcome>;
  status(): Promise<SequencerStatus>;
}

/** What the Worker may call on a replay runner (src/worker/replay-runner.ts). */
export interface ReplayRunnerRpc extends Rpc.DurableObjectBranded {
  run(replayId: string): Promise<void>;
}

/** What the Worker may call on an experiment runner (src/worker/experiment-runner.ts). */
export interface ExperimentRunnerRpc extends Rpc.DurableObjectBranded {
  wake(): Promise<void>;
}

export interface Env extends LimiterBindings {
  readonly DB: D1Database;
  readonly SEQUENCER: DurableObjectNamespace<SequencerRpc>;
  readonly REPLAY_RUNNER: DurableObjectNamespace<ReplayRunnerRpc>;
  readonly EXPERIMENT_RUNNER: DurableObjectNamespace<ExperimentRunnerRpc>;
}
