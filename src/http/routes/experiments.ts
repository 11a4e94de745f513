/** POST /v1/experiments: freeze a selection, say in the ledger what will be asked, then let it run. */
import type { z } from "zod";
import type { DecisionFilter } from "../../ledger/read.ts";
import { readDecision } from "../../ledger/read-decision.ts";
import { ID_RANDOM_BYTES, mintId } from "../../lib/ids.ts";
import {
  estimate,
  estimateOne,
  samplePositions,
  type Sampled,
} from "../../replay/experiments/estimate.ts";
import type { Selected } from "../../replay/experiments/port.ts";
import {
  DryRun,
  Experiment,
  ExperimentCreate,
  SELECTION_MAX,
  type FrozenSelection,
  type Selection,
  type SelectionFilter,
} from "../../replay/experiments/schema.ts";
import { freeze, startedDraft } from "../../replay/experiments/started.ts";
import { NO_PRICES } from "../../replay/prices.ts";
import {
  coveredBy,
  drafting,
  json,
  keyedFrom,
  land,
  landedBefore,
  Receipt,
  receiptOf,
  ReceiptQuery,
  replayedHeader,
  type Landed,
} from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";
import { experimentAnswer } from "./experiment-answer.ts";
import { requireRunnable } from "./experiment-checks.ts";

type CreateCall = Call<unknown, z.infer<typeof ReceiptQuery>, ExperimentCreate>;

const createExperiment = endpoint(
  {
    method: "post",
    path: "/v1/experiments",
    scope: "replay",
    keyed: true,
    operationId: "createExperiment",
    tag: "Experiments",
    summary: "Replay many decisions and hold the answers against human corrections",
    description:
      "The selection is resolved once into a frozen, hashed list. Every item is one replay, and its answer and the original's are scored against the correction. Poll GET until `state` is over; the report is there then. It survives restarts. `dry_run` writes nothing and estimates the cost.",
    query: ReceiptQuery,
    body: { schema: ExperimentCreate, required: true },
    answer: {
      description: "The experiment, queued; or with `dry_run` an estimate",
      content: {
        "application/json": { schema: Experiment.extend({ receipt: Receipt }).or(DryRun) },
      },
    },
    problems: [404, 413, 415, 422, 503],
  },
  async (call) => {
    const { ledger, body } = call;
    const keyed = keyedFrom(call);
    const before = body.dry_run ? undefined : await landedBefore(ledger, keyed);
    if (before !== undefined) return answerAt(call, before);
    await requireRunnable(call);
    const selected = await resolve(call);
    if (selected.length === 0 && !body.dry_run)
      throw new Problem(404, "No decision matches selection.filter");
    const selection = freeze(selected, (await ledger.reader.head())?.size ?? 0);
    if (body.dry_run) return json(await dryRun(call, selected, selection));
    return create(call, selected, selection);
  },
);

async function create(
  call: CreateCall,
  selected: readonly Selected[],
  selection: FrozenSelection,
): Promise<Response> {
  const { ledger, body, principal, services } = call;
  const keyed = keyedFrom(call);
  const now = services.now();
  const counter = new DataView(services.random(4).buffer).getUint32(0);
  const id = mintId("exp_", now.getTime(), counter, services.random(ID_RANDOM_BYTES));
  const by = { actor: principal.actor, keyed };
  const draft = await drafting(() => startedDraft(id, body, selection, by, services.random));
  const { experiments } = ledger;
  const { max_items: maxItems = null, max_cost: maxCost = null } = body;
  const createdAt = now.toISOString();
  await experiments.create(id, selected, { createdAt, actor: principal.actor, maxItems, maxCost });
  // Before the entry: if this request dies behind its commit, the experiment still runs.
  await experiments.wake(id);
  const landed = await land(ledger, [draft], keyed);
  if (landed.replayed) await experiments.discard(id);
  else services.defer(experiments.wake(id));
  return answerAt(call, landed);
}

/** @throws Problem 404 on an unknown id, 422 on a filter that matches too much */
async function resolve({ body, ledger }: CreateCall): Promise<readonly Selected[]> {
  const { decision_ids, filter = {} }: Selection = body.selection;
  const { experiments, reader } = ledger;
  if (decision_ids !== undefined) {
    const asked = [...new Set(decision_ids)];
    const found = await experiments.selectIds(asked);
    const known = new Set(found.map(({ decisionId }) => decisionId));
    const missing = asked.find((id) => !known.has(id));
    if (missing !== undefined) throw new Problem(404, `Decision ${missing} not found`);
    return found;
  }
  const where = toDecisionFilter(filter);
  const count = await reader.countDecisions(where);
  if (count > SELECTION_MAX) {
    const message = `matches ${count} decisions, at most ${SELECTION_MAX} can be selected: narrow it with from and to`;
    throw invalid([{ path: "selection.filter", message }]);
  }
  return experiments.select(where, SELECTION_MAX);
}

function toDecisionFilter({ from, to, ...filter }: SelectionFilter): DecisionFilter {
  return {
    serviceName: filter.service_name,
    decisionType: filter.decision_type,
    status: filter.status,
    modelProvider: filter.model_provider,
    modelName: filter.model_name,
    fromMs: from === undefined ? undefined : Date.parse(from),
    toMs: to === undefined ? undefined : Date.parse(to),
  };
}

async function dryRun(
  { body, ledger, services }: CreateCall,
  selected: readonly Selected[],
  selection: FrozenSelection,
): Promise<z.infer<typeof DryRun>> {
  const items = Math.min(selected.length, body.max_items ?? selected.length);
  const prices = (await ledger.replays.prices()) ?? NO_PRICES;
  const sampled: Sampled[] = [];
  for (const position of samplePositions(items)) {
    const decision = await readDecision(ledger.reader, selected[position]?.decisionId ?? "");
    if (decision !== undefined)
      sampled.push(estimateOne(decision, body, services.providers, prices));
  }
  return {
    dry_run: true,
    selection,
    estimate: estimate(items, sampled, prices),
  };
}

/** The experiment that an append began. */
async function answerAt({ ledger, query }: CreateCall, landed: Landed): Promise<Response> {
  const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
  const [entry] = await ledger.reader.entriesAt([index]);
  const receipt = await receiptOf(ledger, index, await coveredBy(ledger, landed), query);
  const experiment = await experimentAnswer(ledger, entry?.header.id ?? "");
  return json({ ...experiment, receipt }, replayedHeader(landed));
}

export const experimentEndpoints: readonly Endpoint[] = [createExperiment];
