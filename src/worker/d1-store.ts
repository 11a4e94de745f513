/**
 * The ledger in D1: what the sequencer reads and the one transaction it writes (DESIGN §2).
 * Contract: ledger/ports.ts, LedgerStore.
 */
import { present } from "../lib/assert.ts";
import type { Hash } from "../ledger/hash.ts";
import {
  CommitConflict,
  type Commit,
  type LedgerStore,
  type RequestRow,
  type StoredCheckpoint,
  type StoredHead,
} from "../ledger/ports.ts";
import { TILE_WIDTH } from "../ledger/tiles.ts";
import { commitStatements } from "./d1-commit.ts";
import { migrate } from "./d1-migrations.ts";
import { decodeHash, splitHashes } from "./tile-text.ts";

/** D1 gives a query 30 s. A commit that hangs is of unknown outcome well before the callers give up. */
const COMMIT_TIMEOUT_MS = 10_000;

const SELECT_HEAD = `
  SELECT head.size, head.chain_hash AS chainHash, entry.header ->> 'recorded_at' AS recordedAt,
         checkpoint.note AS checkpoint
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
        await Promise.race([db.batch(commitStatements(db, commit)), afterTimeout()]);
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
    return splitHashes(present(joined, `tile ${level}/${index}`));
  }
  const first = index * TILE_WIDTH;
  const statement =
    level === 0
      ? db.prepare(SELECT_CHAIN_HASHES).bind(ledger, first, first + width)
      : db.prepare(SELECT_TILE_ROOTS).bind(ledger, level - 1, first, first + width);
  const hashes = (await statement.raw<[string]>()).map(([hash]) => decodeHash(hash));
  if (hashes.length !== width)
    throw new Error(`tile ${level}/${index} has ${hashes.length} of ${width} hashes`);
  return hashes;
}

/** D1 errors carry no code: the constraint's name stands in the text (platform notes §1.4). */
function isConstraintError(error: unknown): boolean {
  return error instanceof Error && /SQLITE_CONSTRAINT/.test(error.message);
}

function afterTimeout(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("D1 did not answer in time")), COMMIT_TIMEOUT_MS);
  });
}
