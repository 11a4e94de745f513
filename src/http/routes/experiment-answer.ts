/** An experiment as every route answers it: what was asked from its entry, how far it is from its rows. */
import type { ExperimentRow } from "../../replay/experiments/port.ts";
import type { Experiment } from "../../replay/experiments/schema.ts";
import { readStarted } from "../../replay/experiments/started.ts";
import type { JsonObject } from "../../lib/json.ts";
import { Problem } from "../problem.ts";
import type { LedgerService } from "../services.ts";

/** @throws Problem 404 */
export async function requireExperiment(
  { experiments, reader }: LedgerService,
  experimentId: string,
): Promise<ExperimentRow> {
  const row = experimentId.startsWith("exp_") ? await experiments.find(experimentId) : undefined;
  // A list that was frozen for an entry that never came is none.
  if (row === undefined || (await reader.indexOf(experimentId)) === undefined)
    throw new Problem(404, `Experiment ${experimentId} not found`);
  return row;
}

/** @throws Problem 404 */
export async function experimentAnswer(
  ledger: LedgerService,
  experimentId: string,
): Promise<Experiment> {
  const row = await requireExperiment(ledger, experimentId);
  const [experiment] = await experimentAnswers(ledger, [row]);
  if (experiment === undefined) throw new Problem(404, `Experiment ${experimentId} not found`);
  return experiment;
}

/** Those of the rows whose entry is there, in their order. */
export async function experimentAnswers(
  { experiments, reader }: LedgerService,
  rows: readonly ExperimentRow[],
): Promise<Experiment[]> {
  const answers: Experiment[] = [];
  for (const row of rows) {
    const index = await reader.indexOf(row.experimentId);
    const [entry] = index === undefined ? [] : await reader.entriesAt([index]);
    const started = entry && readStarted(entry);
    if (started === undefined) continue;
    const { definition, selection } = started;
    answers.push({
      experiment_id: row.experimentId,
      name: definition.name ?? null,
      state: row.state,
      created_at: row.createdAt,
      started_at: row.startedAt,
      ended_at: row.endedAt,
      selection,
      mode: definition.mode,
      overrides: definition.overrides ?? null,
      scorers: definition.scorers.map(asObject),
      ground_truth: definition.ground_truth,
      concurrency: definition.concurrency,
      max_items: row.maxItems,
      max_cost: row.maxCost,
      progress: await experiments.progress(row.experimentId),
      report: row.report,
    });
  }
  return answers;
}

/** Members that are undefined are not there, as on the wire. */
function asObject(scorer: object): JsonObject {
  return JSON.parse(JSON.stringify(scorer));
}
