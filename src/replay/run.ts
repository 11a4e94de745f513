/**
 * Runs a live replay from its job to its entry: one `replay_completed`, whatever happens on the way.
 * Ports come in; a restart between any two steps is told beside it.
 */
import { toDecision } from "../ledger/decision.ts";
import { ContentTooLarge, draftEntry, type Random } from "../ledger/draft.ts";
import type { EntryDraft } from "../ledger/entry.ts";
import type { LedgerReader } from "../ledger/read.ts";
import type { AppendOutcome, AppendRequest } from "../ledger/sequencing.ts";
import type { JsonObject } from "../lib/json.ts";
import { refusedBaseUrl, withoutSlash } from "./base-url.ts";
import type { ProviderConnections } from "./connections.ts";
import {
  ATTEMPTS_MAX,
  execute,
  type Attempt,
  type Connection,
  type ExecutePorts,
} from "./execute.ts";
import type { ReplayJob, ReplayJobs, ReplayResult } from "./job.ts";
import { objectAt, textAt } from "./json-read.ts";
import { failure } from "./outcome.ts";
import { costOf, NO_PRICES, type PriceList } from "./prices.ts";
import type { ProviderSpec } from "./providers/table.ts";
import { effectiveProvider, rebuild } from "./rebuild.ts";
import { notReplayable, resultOf } from "./result.ts";

/** 0.1's clients give up after 30 s: what remains is for the commit and the way back. */
const WAITED_MS = 25_000;
/** Nobody waits; models that think for longer are not replayed. */
const PATIENT_MS = 10 * 60_000;
/** A restart that comes with every start would call the provider for ever. */
const STARTS_MAX = 3;

export interface RunPorts extends ExecutePorts {
  readonly reader: LedgerReader;
  readonly jobs: ReplayJobs;
  readonly providers: ProviderConnections;
  readonly randomBytes: Random;
  append(request: AppendRequest): Promise<AppendOutcome>;
  prices(): Promise<PriceList | undefined>;
}

/** Resolves when the entry is committed and the job gone. @throws when the ledger does not take it now */
export async function runReplay(replayId: string, ports: RunPorts): Promise<void> {
  const { jobs, reader } = ports;
  const open = await jobs.find(replayId);
  if (open === undefined) return;
  const { job } = open;
  // Committed, and restarted before the job was removed.
  if ((await reader.indexOf(replayId)) !== undefined) return jobs.remove(replayId);
  let { result } = open;
  if (result === undefined) {
    // A restart after this line is seen by the next start: it says so in the attempts.
    await jobs.start(replayId);
    result = await answerOf(job, open.starts, ports);
    // A restart after this line commits what was paid for without asking again.
    await jobs.keepResult(replayId, result);
  }
  const outcome = await append(job, result, ports);
  if (outcome.kind !== "appended" && outcome.kind !== "repeated")
    throw new Error(`replay ${replayId} is not committed yet: ${outcome.kind}`);
  await jobs.remove(replayId);
}

async function answerOf(job: ReplayJob, starts: number, ports: RunPorts): Promise<ReplayResult> {
  const size = (await ports.reader.head())?.size ?? 0;
  const entries = await ports.reader.decision(job.decisionId);
  const decision = entries && toDecision(entries);
  if (decision === undefined || decision.input === null)
    return resultOf(size, notReplayable("the decision's content was erased"));
  const overrides = job.overrides ?? {};
  const provider = effectiveProvider(decision, overrides);
  const connection = provider && connectionOf(provider, overrides, ports.providers);
  if (provider === undefined || connection === undefined)
    return resultOf(size, notReplayable("no provider is configured for it"));
  const rebuilt = rebuild(decision, overrides, provider);
  if (!rebuilt.ok)
    return resultOf(
      size,
      notReplayable(rebuilt.message, rebuilt.kind === "not_replayable" ? rebuilt.fidelity : null),
    );
  const { request } = rebuilt;
  if (starts >= STARTS_MAX) {
    const message = "the server was restarted during every attempt";
    const reading = failure(
      "provider_error",
      { status: null, code: "interrupted", message },
      false,
    );
    return resultOf(size, {
      reading,
      attempts: interrupted(starts),
      latencyMs: null,
      request,
      cost: null,
      fidelity: request.fidelity,
    });
  }
  const totalMs = job.patient ? PATIENT_MS : WAITED_MS;
  const { reading, attempts, latencyMs } = await execute(request, connection, totalMs, ports);
  const list = (await ports.prices()) ?? NO_PRICES;
  const cost = costOf(list, provider.name, [reading.servedModel, request.model], reading.usage);
  const before = interrupted(starts);
  const numbered = attempts.map((attempt) => ({ ...attempt, n: attempt.n + before.length }));
  const { fidelity } = request;
  return resultOf(
    size,
    { reading, attempts: [...before, ...numbered], latencyMs, request, cost, fidelity },
    decision,
  );
}

/** The operator's connection, elsewhere where a request may say so. */
export function connectionOf(
  provider: ProviderSpec,
  overrides: JsonObject,
  { connection, requestBaseUrls }: ProviderConnections,
): Connection | undefined {
  const configured = connection(provider);
  const asked = textAt(objectAt(overrides, "model"), "base_url");
  if (configured === undefined || asked === undefined) return configured;
  if (refusedBaseUrl(asked, requestBaseUrls) !== undefined) return undefined;
  return { ...configured, baseUrl: withoutSlash(asked) };
}

function interrupted(starts: number): Attempt[] {
  return Array.from({ length: Math.min(starts, ATTEMPTS_MAX) }, (_, i) => ({
    n: i + 1,
    status: null,
    outcome: "interrupted",
    latency_ms: 0,
    wait_ms: 0,
  }));
}

/** Once, and once more without what it quotes when an erasure was faster or it is too large. */
async function append(
  job: ReplayJob,
  result: ReplayResult,
  ports: RunPorts,
): Promise<AppendOutcome> {
  const requestKey = job.keyed === null ? {} : { requestKey: job.keyed.requestKey };
  const drafts = [draftOf(job, result, ports)];
  const outcome = await ports.append({ drafts, ...requestKey });
  if (outcome.kind !== "stale") return outcome;
  const bare = withoutContent(
    job,
    result,
    "the decision's content was erased while the model answered",
    ports,
  );
  return ports.append({ drafts: [bare], ...requestKey });
}

function draftOf(job: ReplayJob, result: ReplayResult, ports: RunPorts): EntryDraft {
  const { size, facts, content } = result;
  try {
    const fields = { ...content, overrides: job.overrides, triggered_by: job.triggeredBy };
    return { ...sealed(job, facts, fields, ports), onlyIf: { size, kinds: ["content_erased"] } };
  } catch (error) {
    if (!(error instanceof ContentTooLarge)) throw error;
    return withoutContent(job, result, "the answer is larger than an entry may be", ports);
  }
}

/** The record of a call that was paid for, and nothing that came of it. */
function withoutContent(
  job: ReplayJob,
  { facts, content }: ReplayResult,
  message: string,
  ports: RunPorts,
): EntryDraft {
  const failed = {
    ...facts,
    execution_mode: "error",
    execution_status: "failed",
    outcome: "not_replayable",
    output_changed: false,
  };
  const error = { class: "not_replayable", status: null, code: null, message };
  const { attempts = null, fidelity = null } = content;
  return sealed(job, failed, { error, attempts, fidelity, triggered_by: job.triggeredBy }, ports);
}

function sealed(
  job: ReplayJob,
  facts: JsonObject,
  fields: JsonObject,
  { randomBytes }: RunPorts,
): EntryDraft {
  const { replayId: id, decisionId, actor, keyed, experimentId } = job;
  const all = experimentId === undefined ? facts : { ...facts, experiment_id: experimentId };
  const input = { kind: "replay_completed", id, decisionId, actor, facts: all, fields } as const;
  return draftEntry(keyed === null ? input : { ...input, keyed }, randomBytes);
}
