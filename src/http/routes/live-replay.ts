/** POST /v1/replays where a model is asked: reserve, run, answer; or 202 and run (DESIGN §2). */
import type { z } from "zod";
import { toDecision, type StoredEntry } from "../../ledger/decision.ts";
import type { KeyedRequest } from "../../ledger/draft.ts";
import type { LedgerReader } from "../../ledger/read.ts";
import { ID_RANDOM_BYTES, mintId } from "../../lib/ids.ts";
import { refusedBaseUrl } from "../../replay/base-url.ts";
import type { ReplayJob } from "../../replay/job.ts";
import { objectAt, textAt } from "../../replay/json-read.ts";
import { replayMode, type Erasable } from "../../replay/mode.ts";
import { effectiveProvider, rebuild } from "../../replay/rebuild.ts";
import type { RecordedDecision } from "../../replay/recorded-decision.ts";
import { toReplay } from "../../replay/replay.ts";
import type { Replay, ReplayAccepted, ReplayCreate } from "../../replay/schema.ts";
import {
  coveredBy,
  json,
  landedBefore,
  receiptOf,
  replayedHeader,
  type Landed,
  type ReceiptQuery,
} from "../answers.ts";
import type { Call } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";

type ReplayCall = Call<unknown, z.infer<typeof ReceiptQuery>, ReplayCreate>;

/** @throws Problem 422 when live is asked for and nobody is configured to answer */
export function isLive({ body, services }: ReplayCall, decision: Erasable): boolean {
  const mode = replayMode(body.mode, decision, body.overrides ?? {}, services.providers);
  if (mode.kind === "refused") throw invalid([{ path: "mode", message: mode.message }]);
  return mode.kind === "live";
}

export async function createLive(
  call: ReplayCall,
  decision: RecordedDecision,
  keyed: KeyedRequest | undefined,
): Promise<Response> {
  const { ledger, body, services, request } = call;
  requireSendable(call, decision);
  const patient = asksForAsync(request);
  const asked = jobOf(call, keyed, patient);
  // From here on the key is taken: a twin finds this job, and after it the entry.
  const job = await ledger.replays.jobs.reserve(asked);
  if (keyed !== undefined && job.keyed?.fingerprint.body_sha256 !== keyed.fingerprint.body_sha256)
    throw invalid([{ path: "Idempotency-Key", message: "was used for another request" }]);
  const meanwhile = await landedBefore(ledger, keyed);
  if (meanwhile !== undefined) {
    await ledger.replays.jobs.remove(asked.replayId);
    return replayAt(call, meanwhile);
  }
  const running = ledger.replays.run(job.replayId);
  services.defer(running); // goes on when the client is gone
  if (patient) return accepted(job.replayId, body.decision_id);
  try {
    await running;
  } catch (error) {
    console.error(error);
    const detail = `Not acknowledged: the replay ${job.replayId} goes on, GET /v1/replays/${job.replayId} has its result`;
    throw new Problem(503, detail, { headers: { "Retry-After": "5" } });
  }
  const index = await ledger.reader.indexOf(job.replayId);
  const landed =
    index === undefined
      ? await landedBefore(ledger, keyed)
      : { replayed: true as const, firstIndex: index, count: 1 };
  if (landed === undefined) throw new Problem(500, "the replay cannot be read back");
  return replayAt(call, landed, job.replayId !== asked.replayId);
}

/** What the caller can mend is a 422, before anything is reserved or paid for. */
function requireSendable({ body, services }: ReplayCall, decision: RecordedDecision): void {
  const overrides = body.overrides ?? {};
  const baseUrl = textAt(objectAt(overrides, "model"), "base_url");
  const refusal =
    baseUrl === undefined ? undefined : refusedBaseUrl(baseUrl, services.providers.requestBaseUrls);
  if (refusal !== undefined)
    throw invalid([{ path: "overrides.model.base_url", message: refusal }]);
  const provider = effectiveProvider(decision, overrides);
  if (provider === undefined) return;
  const rebuilt = rebuild(decision, overrides, provider);
  if (!rebuilt.ok && rebuilt.kind === "invalid")
    throw invalid([{ path: rebuilt.path, message: rebuilt.message }]);
}

function jobOf(
  { body, principal, services }: ReplayCall,
  keyed: KeyedRequest | undefined,
  patient: boolean,
): ReplayJob {
  const now = services.now();
  const counter = new DataView(services.random(4).buffer).getUint32(0);
  return {
    replayId: mintId("rep_", now.getTime(), counter, services.random(ID_RANDOM_BYTES)),
    decisionId: body.decision_id,
    createdAt: now.toISOString(),
    actor: principal.actor,
    triggeredBy: body.triggered_by,
    overrides: body.overrides ?? null,
    keyed:
      keyed === undefined
        ? null
        : { requestKey: keyed.requestKey, fingerprint: { ...keyed.fingerprint } },
    patient,
  };
}

/** RFC 7240. */
function asksForAsync(request: Request): boolean {
  const preferences = (request.headers.get("Prefer") ?? "").split(",");
  return preferences.some(
    (preference) => preference.split(";")[0]?.trim().toLowerCase() === "respond-async",
  );
}

function accepted(replayId: string, decisionId: string): Response {
  const body: z.infer<typeof ReplayAccepted> = {
    replay_id: replayId,
    decision_id: decisionId,
    execution_status: "pending",
  };
  return new Response(JSON.stringify(body), {
    status: 202,
    headers: {
      "Content-Type": "application/json",
      "Preference-Applied": "respond-async",
      Location: `/v1/replays/${replayId}`,
    },
  });
}

/** The replay that an append left. @param isRepeat whether the client should be told */
export async function replayAt(
  { ledger, query }: ReplayCall,
  landed: Landed,
  isRepeat = true,
): Promise<Response> {
  const index = landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
  const [entry] = await ledger.reader.entriesAt([index]);
  if (entry === undefined) throw new Problem(500, "the replay cannot be read back");
  const receipt = await receiptOf(ledger, index, await coveredBy(ledger, landed), query);
  const headers = isRepeat ? replayedHeader(landed) : {};
  return json({ ...(await replayOf(ledger.reader, entry)), receipt }, headers);
}

/** With its difference from the decision, as far as both are there. */
export async function replayOf(reader: LedgerReader, entry: StoredEntry): Promise<Replay> {
  const entries = await reader.decision(entry.header.decision_id ?? "");
  return toReplay(entry, entries && toDecision(entries));
}
