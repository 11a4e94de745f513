/** The access log in D1. Contract: auth/access-log.ts, AccessLog. */
import {
  ACCESS_LOG_DAYS,
  ACCESS_LOG_ROWS_MAX,
  type AccessLog,
  type StoredAccess,
} from "../auth/access-log.ts";

const INSERT = `
  INSERT INTO ops_access_log
    (at, ledger, actor, action, method, route, target, status, reason, suppressed)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`;
/** Ids grow with time, so the first row that is young enough ends the range; older ones are read once. */
const PRUNE = `
  DELETE FROM ops_access_log
  WHERE id < coalesce((SELECT id FROM ops_access_log WHERE at >= ?1 ORDER BY id LIMIT 1), 0)
     OR id <= (SELECT max(id) FROM ops_access_log) - ?2`;
const COLUMNS = `id, at, ledger, actor, action, method, route, target, status, reason, suppressed`;
const SELECT_ALL = `
  SELECT ${COLUMNS} FROM ops_access_log WHERE id < ?1 ORDER BY id DESC LIMIT ?2`;
const SELECT_OF_LEDGER = `
  SELECT ${COLUMNS} FROM ops_access_log WHERE ledger = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2`;

/** The first write of an isolate prunes, and every so many after it. */
const WRITES_BETWEEN_PRUNES = 500;
const DAY_MS = 86_400_000;

export function d1AccessLog(db: D1Database): AccessLog {
  let writes = 0;
  return {
    async record(access) {
      const { at, ledger, actor, action, method, route, target, status } = access;
      const cells = [at, ledger, actor, action, method, route, target, status];
      const insert = db.prepare(INSERT).bind(...cells, access.reason, access.suppressed);
      const prunes = writes++ % WRITES_BETWEEN_PRUNES === 0 ? [prune(db, at)] : [];
      await db.batch([insert, ...prunes]);
    },
    async list(ledger, before, limit) {
      const from = before ?? Number.MAX_SAFE_INTEGER;
      const statement =
        ledger === undefined
          ? db.prepare(SELECT_ALL).bind(from, limit)
          : db.prepare(SELECT_OF_LEDGER).bind(from, limit, ledger);
      return (await statement.all<StoredAccess>()).results;
    },
  };
}

function prune(db: D1Database, now: string): D1PreparedStatement {
  const oldest = new Date(Date.parse(now) - ACCESS_LOG_DAYS * DAY_MS).toISOString();
  return db.prepare(PRUNE).bind(oldest, ACCESS_LOG_ROWS_MAX);
}
