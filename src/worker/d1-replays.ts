/** Replay jobs, prices and the list of replays in D1. Contract: replay/job.ts, LedgerReplays. */
import { NO_PRICES, PriceListCreate, type PriceList } from "../replay/prices.ts";
import {
  ReplayJob,
  ReplayResult,
  type LedgerReplays,
  type OpenJob,
  type ReplayJobs,
} from "../replay/job.ts";

const INSERT_JOB = `
  INSERT INTO ops_replay_job (ledger, replay_id, request_key, job, starts) VALUES (?1, ?2, ?3, ?4, 0)
  ON CONFLICT DO NOTHING`;
const SELECT_BY_KEY = `SELECT job FROM ops_replay_job WHERE ledger = ?1 AND request_key = ?2`;
const SELECT_JOB = `SELECT job, starts, result FROM ops_replay_job WHERE ledger = ?1 AND replay_id = ?2`;
/** As many as are begun at once after a restart; the rest follows. */
const SELECT_OPEN = `SELECT job, starts, result FROM ops_replay_job WHERE ledger = ?1 ORDER BY replay_id LIMIT 50`;
const START = `UPDATE ops_replay_job SET starts = starts + 1 WHERE ledger = ?1 AND replay_id = ?2`;
const KEEP_RESULT = `UPDATE ops_replay_job SET result = ?3 WHERE ledger = ?1 AND replay_id = ?2`;
const DELETE_JOB = `DELETE FROM ops_replay_job WHERE ledger = ?1 AND replay_id = ?2`;
const SELECT_PRICES = `
  SELECT version, set_at, list FROM ops_price_list
  WHERE ledger = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY version DESC LIMIT 1`;
/** Versions count up; of two writers at once one is refused by the key and tries again. */
const INSERT_PRICES = `
  INSERT INTO ops_price_list (ledger, version, set_at, list)
  SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3 FROM ops_price_list WHERE ledger = ?1`;
const SELECT_REPLAYS = `
  SELECT entry_ref.entry_index FROM entry_ref JOIN entry USING (ledger, entry_index)
  WHERE entry_ref.ledger = ?1 AND entry_ref.kind = 'replay_completed' AND entry_ref.entry_index < ?2
    AND (?3 IS NULL OR entry_ref.decision_id = ?3)
    AND (?4 IS NULL OR entry.header ->> '$.facts.outcome' = ?4)
    AND (?5 IS NULL OR entry.header ->> '$.facts.execution_mode' = ?5)
    AND (?6 IS NULL OR entry.header ->> '$.facts.provider' = ?6)
    AND (?7 IS NULL OR entry.header ->> '$.facts.requested_model' = ?7)
    AND (?8 IS NULL OR entry.header ->> '$.facts.experiment_id' = ?8)
  ORDER BY entry_ref.entry_index DESC LIMIT ?9`;

interface JobRow {
  readonly job: string;
  readonly starts: number;
  readonly result: string | null;
}

function openJob({ job, starts, result }: JobRow): OpenJob {
  return {
    job: ReplayJob.parse(JSON.parse(job)),
    starts,
    result: result === null ? undefined : ReplayResult.parse(JSON.parse(result)),
  };
}

function d1ReplayJobs(db: D1Database, ledger: string): ReplayJobs {
  return {
    async reserve(job) {
      const key = job.keyed?.requestKey ?? null;
      await db.prepare(INSERT_JOB).bind(ledger, job.replayId, key, JSON.stringify(job)).run();
      if (key === null) return job;
      const kept = await db.prepare(SELECT_BY_KEY).bind(ledger, key).first<string>("job");
      // Gone already: a faster twin has committed, which its entry tells.
      return kept === null ? job : ReplayJob.parse(JSON.parse(kept));
    },
    async find(replayId) {
      const row = await db.prepare(SELECT_JOB).bind(ledger, replayId).first<JobRow>();
      return row === null ? undefined : openJob(row);
    },
    async open() {
      return (await db.prepare(SELECT_OPEN).bind(ledger).all<JobRow>()).results.map(openJob);
    },
    async start(replayId) {
      await db.prepare(START).bind(ledger, replayId).run();
    },
    async keepResult(replayId, result) {
      await db.prepare(KEEP_RESULT).bind(ledger, replayId, JSON.stringify(result)).run();
    },
    async remove(replayId) {
      await db.prepare(DELETE_JOB).bind(ledger, replayId).run();
    },
  };
}

export function d1Replays(db: D1Database, ledger: string): Omit<LedgerReplays, "run"> {
  async function prices(version?: number): Promise<PriceList | undefined> {
    const [row] = await db
      .prepare(SELECT_PRICES)
      .bind(ledger, version ?? null)
      .raw<[version: number, setAt: string, list: string]>();
    if (row === undefined) return version === undefined ? NO_PRICES : undefined;
    const [found, set_at, list] = row;
    return { ...PriceListCreate.parse(JSON.parse(list)), version: found, set_at };
  }
  return {
    jobs: d1ReplayJobs(db, ledger),
    prices,
    async setPrices(list, at) {
      await db.prepare(INSERT_PRICES).bind(ledger, at, JSON.stringify(list)).run();
      return (await prices()) ?? NO_PRICES;
    },
    async list(filter, before, limit) {
      const { decisionId, outcome, executionMode, provider, model, experimentId } = filter;
      const asked = [decisionId, outcome, executionMode, provider, model, experimentId];
      const bound = [ledger, before, ...asked, limit];
      const rows = await db
        .prepare(SELECT_REPLAYS)
        .bind(...bound.map((value) => value ?? null))
        .raw<[number]>();
      return rows.flat();
    },
  };
}
