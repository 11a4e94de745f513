/**
 * The ledger in D1: what the sequencer reads and the one transaction it writes (DESIGN §2).
 * Contract: ledger/ports.ts, LedgerStore.
 */
import type { Hash } from "../ledger/hash.ts";
import {
  CommitConflict,
  CorruptLedger,
  type Commit,
  type LedgerStore,
  type RequestRow,
  type StoredCheckpoint,
  type StoredHead,
} from "../ledger/ports.ts";
import { TILE_WIDTH } from "../ledger/tiles.ts";
import { BROKEN_CONDITION, commitStatements, conditionRows } from "./d1-commit.ts";
import { isConstraintError } from "./d1-errors.ts";
import { migrate } from "./d1-migrations.ts";
import { decodeHash, splitHashes } from "./tile-text.ts";

/** D1 gives a query 30 s. A commit that hangs is of unknown outcome well before the callers give up. */
const COMMIT_TIMEOUT_MS = 10_000;

const SELECT_HEAD = `
  SELECT head.size, head.chain_hash AS chainHash,
         coalesce(iif(json_valid(entry.header), entry.header ->> 'recorded_at', NULL), '') AS recordedAt,
         coalesce(checkpoint.note, '') AS checkpoint
  FROM head
  LEFT JOIN entry ON entry.ledger = head.ledger AND entry.entry_index = head.size - 1
  LEFT JOIN checkpoint ON checkpoint.ledger = head.ledger AND checkpoint.size = head.size
  WHERE head.ledger = ?1`;
const SELECT_CHAIN_HASHES = `
  SELECT chain_hash FROM entry WHERE ledger = ?1 AND entry_index >= ?2 AND entry_index < ?3
  ORDER BY entry_index`;
const SELECT_TILE = `
  SELECT hashes FROM tile WHERE ledger = ?1 AND level = ?2 AND tile_index = ?3`;
const SELECT_TILE_ROOTS = `
  SELECT root_hash FROM tile WHERE ledger = ?1 AND level = ?2 AND tile_index >= ?3 AND tile_index < ?4
  ORDER BY tile_index`;
const SELECT_REQUESTS = `
  SELECT request_key AS requestKey, entry_index AS firstIndex, entries AS count
  FROM request WHERE ledger = ?1 AND request_key IN (SELECT value FROM json_each(?2))`;
const SELECT_PLACED = `
  SELECT id, entry_index AS "index" FROM entry_ref
  WHERE ledger = ?1 AND id IN (SELECT value FROM json_each(?2))`;
const SELECT_HEADERS_OF_KIND = `
  SELECT header FROM entry_ref JOIN entry USING (ledger, entry_index)
  WHERE ledger = ?1 AND entry_ref.kind = ?2 AND entry_ref.decision_id IS NULL ORDER BY entry_index`;
const SELECT_BROKEN_CONDITIONS = `
  SELECT DISTINCT condition.value ->> 0 FROM json_each(?2) AS condition
  CROSS JOIN entry_ref ON entry_ref.ledger = ?1 AND ${BROKEN_CONDITION}`;
const SELECT_CHECKPOINTS_ABOVE = `
  SELECT size, previous_size AS previousSize, note FROM checkpoint
  WHERE ledger = ?1 AND size > ?2 ORDER BY size LIMIT ?3`;

export function d1LedgerStore(db: D1Database, ledger: string): LedgerStore {
  return {
    async head() {
      await migrate(db);
      return (await db.prepare(SELECT_HEAD).bind(ledger).first<StoredHead>()) ?? undefined;
    },

    async commit(commit: Commit) {
      try {
        await inTime(db.batch(commitStatements(db, commit)));
      } catch (error) {
        if (isConstraintError(error))
          throw new CommitConflict("a constraint refused it", { cause: error });
        throw error;
      }
    },

    async chainHashAt(index) {
      const rows = await db
        .prepare(SELECT_CHAIN_HASHES)
        .bind(ledger, index, index + 1)
        .raw<[string]>();
      return rows[0]?.[0];
    },

    async requests(keys) {
      const { results } = await db
        .prepare(SELECT_REQUESTS)
        .bind(ledger, JSON.stringify(keys))
        .all<RequestRow>();
      return results;
    },

    async placed(ids) {
      const { results } = await db
        .prepare(SELECT_PLACED)
        .bind(ledger, JSON.stringify(ids))
        .all<{ id: string; index: number }>();
      return results;
    },

    async headersOfKind(kind) {
      return (await db.prepare(SELECT_HEADERS_OF_KIND).bind(ledger, kind).raw<[string]>()).flat();
    },

    async brokenConditions(conditions) {
      const rows = JSON.stringify(conditionRows(conditions));
      return (await db.prepare(SELECT_BROKEN_CONDITIONS).bind(ledger, rows).raw<[number]>()).flat();
    },

    async checkpointsAbove(size, limit) {
      const { results } = await db
        .prepare(SELECT_CHECKPOINTS_ABOVE)
        .bind(ledger, size, limit)
        .all<StoredCheckpoint>();
      return results;
    },

    tile: (level, index, width) => readTile(db, ledger, level, index, width),
  };
}

/**
 * A tile's hashes. A full one is one row; a partial one is the leaves themselves, or the roots of
 * the tiles below it: nothing narrower than a full tile is stored (DESIGN §3).
 */
export async function readTile(
  db: D1Database,
  ledger: string,
  level: number,
  index: number,
  width: number,
): Promise<readonly Hash[]> {
  if (width === TILE_WIDTH) {
    const joined = await db.prepare(SELECT_TILE).bind(ledger, level, index).first<string>("hashes");
    if (joined === null) throw new CorruptLedger(`tile ${level}/${index} is missing`);
    return requireWidth(splitHashes(joined), level, index, width);
  }
  const first = index * TILE_WIDTH;
  const statement =
    level === 0
      ? db.prepare(SELECT_CHAIN_HASHES).bind(ledger, first, first + width)
      : db.prepare(SELECT_TILE_ROOTS).bind(ledger, level - 1, first, first + width);
  const hashes = (await statement.raw<[string]>()).map(([hash]) => decodeHash(hash));
  return requireWidth(hashes, level, index, width);
}

function requireWidth(
  hashes: readonly Hash[],
  level: number,
  index: number,
  width: number,
): readonly Hash[] {
  if (hashes.length === width) return hashes;
  throw new CorruptLedger(`tile ${level}/${index} has ${hashes.length} of ${width} hashes`);
}

/** The timer goes with the answer: a pending one keeps the object awake, and billed. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: number | null = null;
  const late = new Promise<never>((_, reject) => {
    const error = new Error("D1 did not answer in time");
    timer = setTimeout(() => reject(error), COMMIT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
