/** Reading, cancelling and resuming experiments. */
import { z } from "zod";
import type { ItemRow } from "../../replay/experiments/port.ts";
import { ExperimentItem, NO_RESULT } from "../../replay/experiments/item.ts";
import {
  Experiment,
  ExperimentList,
  ExperimentResume,
  isOver,
} from "../../replay/experiments/schema.ts";
import { json } from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import { streamResponse } from "../stream.ts";
import { experimentAnswer, experimentAnswers, requireExperiment } from "./experiment-answer.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;
/** Items read at once; a line takes less than a kibibyte. */
const ITEMS_PAGE = 500;

const ExperimentParams = z.object({ experiment_id: z.string() });

const one = {
  description: "The experiment",
  content: { "application/json": { schema: Experiment } },
};

/** Whoever looks at what should run makes sure that it does. */
function wakeUnlessOver(
  { services, ledger }: Pick<Call<unknown, unknown, unknown>, "services" | "ledger">,
  { experiment_id, report }: Pick<Experiment, "experiment_id" | "report">,
): void {
  if (report === null) services.defer(ledger.experiments.wake(experiment_id));
}

const getExperiment = endpoint(
  {
    method: "get",
    path: "/v1/experiments/{experiment_id}",
    scope: "read",
    access: { logged: "read" },
    operationId: "getExperiment",
    tag: "Experiments",
    summary: "One experiment: how far it is, and its report once it has ended",
    params: ExperimentParams,
    answer: one,
    problems: [404],
  },
  async ({ params: { experiment_id }, ...call }) => {
    const experiment = await experimentAnswer(call.ledger, experiment_id);
    wakeUnlessOver(call, experiment);
    return json(experiment);
  },
);

const listExperiments = endpoint(
  {
    method: "get",
    path: "/v1/experiments",
    scope: "read",
    access: { logged: "read" },
    operationId: "listExperiments",
    tag: "Experiments",
    summary: "List experiments, newest first, without their reports",
    query: z.object({
      limit: integerParam(1, LIMIT_MAX)
        .optional()
        .meta({ type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT }),
      cursor: z
        .string()
        .regex(/^exp_[0-9a-f]{32}$/, { error: "must be a next_cursor of this list" })
        .optional(),
    }),
    answer: {
      description: "A page",
      content: { "application/json": { schema: ExperimentList } },
    },
    problems: [422],
  },
  async ({ query, ledger }) => {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const rows = await ledger.experiments.list(query.cursor, limit + 1);
    const shown = rows.slice(0, limit);
    const has_more = rows.length > limit;
    const experiments = await experimentAnswers(ledger, shown);
    return json({
      experiments: experiments.map(({ report: _report, overrides: _overrides, ...rest }) => rest),
      has_more,
      next_cursor: has_more ? (shown.at(-1)?.experimentId ?? null) : null,
    });
  },
);

const getItems = endpoint(
  {
    method: "get",
    path: "/v1/experiments/{experiment_id}/items",
    scope: "read",
    operationId: "getExperimentItems",
    tag: "Experiments",
    summary: "Every item with its verdicts, in the order of the selection",
    description: "Places, states, verdicts and costs; no content. The replays have the answers.",
    params: ExperimentParams,
    answer: {
      description: "One item a line",
      content: { "application/x-ndjson": { schema: ExperimentItem } },
    },
    problems: [404],
  },
  async ({ params: { experiment_id }, ledger }) => {
    await requireExperiment(ledger, experiment_id);
    const lines = async function* () {
      for (let from = 0; ; from += ITEMS_PAGE) {
        const items = await ledger.experiments.items(experiment_id, from, ITEMS_PAGE);
        if (items.length > 0) yield `${items.map(itemLine).join("\n")}\n`;
        if (items.length < ITEMS_PAGE) return;
      }
    };
    return streamResponse(lines(), { "Content-Type": "application/x-ndjson" });
  },
);

function itemLine({ position, decisionId, state, replayId, cost, result }: ItemRow): string {
  const item: ExperimentItem = {
    position,
    decision_id: decisionId,
    state,
    replay_id: replayId,
    ...(result ?? NO_RESULT),
    cost,
  };
  return JSON.stringify(item);
}

const cancelExperiment = endpoint(
  {
    method: "post",
    path: "/v1/experiments/{experiment_id}/cancel",
    scope: "replay",
    operationId: "cancelExperiment",
    tag: "Experiments",
    summary: "Begin no further item; what runs is finished and recorded",
    description: "Repeatable. One that is over stays as it is.",
    params: ExperimentParams,
    answer: one,
    problems: [404],
  },
  async ({ params: { experiment_id }, ...call }) => {
    const { ledger, principal } = call;
    await requireExperiment(ledger, experiment_id);
    await ledger.experiments.cancel(experiment_id, principal.actor);
    const experiment = await experimentAnswer(ledger, experiment_id);
    wakeUnlessOver(call, experiment);
    return json(experiment);
  },
);

const resumeExperiment = endpoint(
  {
    method: "post",
    path: "/v1/experiments/{experiment_id}/resume",
    scope: "replay",
    operationId: "resumeExperiment",
    tag: "Experiments",
    summary: "Run again what failed or was skipped, and nothing else",
    description:
      "Repeatable. One that runs, or in which nothing failed or was skipped, stays as it is.",
    params: ExperimentParams,
    body: { schema: ExperimentResume.nullish(), required: false },
    answer: one,
    problems: [404, 409, 422],
  },
  async ({ params: { experiment_id }, ...call }) => {
    const { ledger, principal, body } = call;
    const row = await requireExperiment(ledger, experiment_id);
    const { max_items: maxItems = row.maxItems, max_cost: maxCost = row.maxCost } = body ?? {};
    const budget = { maxItems, maxCost };
    if (isOver(row.state) && row.report === null)
      throw new Problem(409, "What still runs is finished first: resume once there is a report", {
        headers: { "Retry-After": "5" },
      });
    if (isOver(row.state)) await ledger.experiments.resume(experiment_id, principal.actor, budget);
    const experiment = await experimentAnswer(ledger, experiment_id);
    wakeUnlessOver(call, experiment);
    return json(experiment);
  },
);

export const experimentProgressEndpoints: readonly Endpoint[] = [
  listExperiments,
  getExperiment,
  getItems,
  cancelExperiment,
  resumeExperiment,
];
