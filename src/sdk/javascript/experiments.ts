/** `grid.experiments`: replays of many decisions, held against what people corrected. */
import { LoopGridTimeoutError } from "./errors.ts";
import { onTheWire } from "./naming.ts";
import type { WaitOptions } from "./replays.ts";
import { sleep } from "./runtime.ts";
import { eachOf, jsonLinesOf } from "./streams.ts";
import type { AppendOptions, CallOptions, Transport } from "./transport.ts";
import type {
  CreatedExperiment,
  Experiment,
  ExperimentBudget,
  ExperimentEstimate,
  ExperimentItem,
  ExperimentParams,
  ListedExperiment,
} from "./wire.ts";

const PAGE_MAX = 100;
/** A day: some experiments take hours. */
const WAIT_MS = 86_400_000;
const POLL_MS = 500;
const POLL_MS_MAX = 5_000;

export class Experiments {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Freezes the selection and starts. */
  async create(
    experiment: Omit<ExperimentParams, "dryRun">,
    options?: AppendOptions,
  ): Promise<CreatedExperiment> {
    return this.#transport.append("/v1/experiments", onTheWire(experiment), options);
  }

  /** What it would select and about cost. Writes nothing. */
  async estimate(
    experiment: Omit<ExperimentParams, "dryRun">,
    options: CallOptions = {},
  ): Promise<ExperimentEstimate> {
    const body = JSON.stringify({ ...onTheWire(experiment), dry_run: true });
    const asked = { ...options, method: "POST", path: "/v1/experiments", body } as const;
    return (await this.#transport.json<ExperimentEstimate>(asked)).value;
  }

  /** How far it is, and its report once it has ended. */
  async get(experimentId: string, options?: CallOptions): Promise<Experiment> {
    return this.#transport.get(pathOf(experimentId), {}, options);
  }

  /** Newest first, without their reports. */
  all(options?: CallOptions): AsyncGenerator<ListedExperiment> {
    return eachOf(async (cursor) => {
      const page = await this.#transport.get<{
        experiments: ListedExperiment[];
        next_cursor: string | null;
      }>("/v1/experiments", { limit: PAGE_MAX, cursor }, options);
      return { items: page.experiments, nextCursor: page.next_cursor };
    });
  }

  /** Every item with its verdicts, in the order of the selection. */
  async *items(
    experimentId: string,
    options?: CallOptions,
  ): AsyncGenerator<ExperimentItem, void, undefined> {
    const path = `${pathOf(experimentId)}/items`;
    yield* jsonLinesOf<ExperimentItem>(await this.#transport.stream(path, {}, options));
  }

  /** Begins no further item; what runs is finished and recorded. */
  async cancel(experimentId: string, options: CallOptions = {}): Promise<Experiment> {
    const asked = { ...options, method: "POST", path: `${pathOf(experimentId)}/cancel` } as const;
    return (await this.#transport.json<Experiment>(asked)).value;
  }

  /** Runs again what failed or was skipped, and nothing else. */
  async resume(
    experimentId: string,
    budget: NonNullable<ExperimentBudget> = {},
    options: CallOptions = {},
  ): Promise<Experiment> {
    const path = `${pathOf(experimentId)}/resume`;
    const body = JSON.stringify(onTheWire(budget));
    return (await this.#transport.json<Experiment>({ ...options, method: "POST", path, body }))
      .value;
  }

  /**
   * Waits for its end.
   * @param seen is shown the experiment each time it is looked at
   * @throws LoopGridTimeoutError; the experiment goes on
   */
  async wait(
    experimentId: string,
    { timeoutMs = WAIT_MS, signal }: WaitOptions = {},
    seen: (experiment: Experiment) => void = () => undefined,
  ): Promise<Experiment> {
    const deadlineMs = Date.now() + timeoutMs;
    for (let pauseMs = POLL_MS; ; pauseMs = Math.min(2 * pauseMs, POLL_MS_MAX)) {
      const experiment = await this.get(experimentId, { signal });
      seen(experiment);
      if (experiment.report !== null) return experiment;
      if (Date.now() + pauseMs > deadlineMs)
        throw new LoopGridTimeoutError(`Experiment ${experimentId} is still ${experiment.state}`);
      await sleep(pauseMs, signal);
    }
  }
}

function pathOf(experimentId: string): string {
  return `/v1/experiments/${encodeURIComponent(experimentId)}`;
}
