/**
 * What verification reads from D1. Contract: ledger/audit.ts, AuditReader.
 * A corrupt cell must not break the query that looks for it: JSON is only taken apart where it is
 * JSON (`json_valid`).
 */
import type { AuditReader, AuditRow, StoredTally, StoredTile } from "../ledger/audit-port.ts";
import type { Finding } from "../ledger/fault.ts";
import type { StoredCheckpoint } from "../ledger/ports.ts";
import { TILE_WIDTH } from "../ledger/tiles.ts";
import { TALLY_BLOCK_ENTRIES } from "../ledger/tally.ts";
import { d1LedgerStore } from "./d1-store.ts";
import { earlierColumns } from "./d1-tally.ts";

const PAGE_BYTES_MAX = 8 * 1024 * 1024;

const member = (header: string, path: string): string =>
  `iif(json_valid(${header}), json_extract(${header}, '$.${path}'), NULL)`;

/** The erasing entry names the entry and the field of an `erasure` row. */
const JUSTIFIED = `EXISTS (
    SELECT 1 FROM entry AS by, json_each(${member("by.header", "facts.targets")}) AS target, json_each(target.value, '$.fields') AS taken
    WHERE by.ledger = ?1 AND by.entry_index = erasure.erased_by AND ${member("by.header", "kind")} = 'content_erased'
      AND target.value ->> '$.index' = erasure.entry_index AND taken.value = erasure.field)`;

const SELECT_PAGE = `
  WITH sized AS MATERIALIZED (
    SELECT entry.entry_index, header, chain_hash, content_hash, fields,
           ${member("header", "id")} AS id, ${member("header", "decision_id")} AS decision_id,
           ${member("header", "facts.request_key")} AS request_key, ${member("header", "kind")} AS kind,
           sum(octet_length(header) + coalesce(octet_length(fields), 0)) OVER (ORDER BY entry.entry_index)
             - octet_length(header) - coalesce(octet_length(fields), 0) AS bytes_before
    FROM entry LEFT JOIN content
      ON content.ledger = entry.ledger AND content.entry_index = entry.entry_index
    WHERE entry.ledger = ?1 AND entry.entry_index >= ?2 AND entry.entry_index < ?3
    ORDER BY entry.entry_index LIMIT ?4
  )
  SELECT page.entry_index, page.header, page.chain_hash, page.content_hash, page.fields,
         d.entry_index, d.service_name, d.decision_type, d.model_provider, d.model_name,
         d.flag_index, ${member("fe.header", "kind")}, ${member("fe.header", "decision_id")},
         d.correction_index, ${member("ce.header", "kind")}, ${member("ce.header", "decision_id")},
         ref.entry_index, ref.kind, ref.decision_id,
         request.entry_index, request.entries,
         about.flag_index, about.correction_index, about.decision_id IS NOT NULL,
         (SELECT json_group_array(field) FROM erasure WHERE erasure.ledger = ?1 AND erasure.entry_index = page.entry_index
            AND ${JUSTIFIED}),
         ae.header, ${earlierColumns("page.kind", "page.decision_id", "page.entry_index")}
  FROM sized AS page
  LEFT JOIN decision AS d ON d.ledger = ?1 AND d.decision_id = page.id
  LEFT JOIN entry AS fe ON fe.ledger = ?1 AND fe.entry_index = d.flag_index
  LEFT JOIN entry AS ce ON ce.ledger = ?1 AND ce.entry_index = d.correction_index
  LEFT JOIN entry_ref AS ref ON ref.ledger = ?1 AND ref.id = page.id
  LEFT JOIN request ON request.ledger = ?1 AND request.request_key = page.request_key
  LEFT JOIN decision AS about ON about.ledger = ?1 AND about.decision_id = page.decision_id
  LEFT JOIN entry AS ae ON ae.ledger = ?1 AND ae.entry_index = about.entry_index AND page.kind <> 'decision_recorded'
  WHERE page.bytes_before < ?5
  ORDER BY page.entry_index`;

type PageRow = [
  index: number,
  header: string,
  chainHash: string,
  contentHash: string | null,
  fields: string | null,
  decisionIndex: number | null,
  serviceName: string,
  decisionType: string,
  modelProvider: string | null,
  modelName: string | null,
  flagIndex: number | null,
  flagKind: string | null,
  flagDecision: string | null,
  correctionIndex: number | null,
  correctionKind: string | null,
  correctionDecision: string | null,
  refIndex: number | null,
  refKind: string,
  refDecision: string | null,
  requestIndex: number | null,
  requestCount: number,
  aboutFlag: number | null,
  aboutCorrection: number | null,
  about: number,
  erased: string,
  decided: string | null,
  ...earlier: [
    reviewed: number,
    faulted: number,
    same: number,
    confirmers: number,
    verdict: string | null,
  ],
];

const SELECT_CHECKPOINTS = `
  SELECT size, previous_size AS previousSize, note FROM checkpoint
  WHERE ledger = ?1 AND size > ?2 AND size <= ?3 ORDER BY size`;
const SELECT_CHECKPOINT_SIZE = `
  SELECT coalesce(max(size), 0) AS size FROM checkpoint WHERE ledger = ?1 AND size <= ?2`;
const SELECT_TILES = `
  SELECT level, tile_index AS "index", root_hash AS rootHash, hashes FROM tile
  WHERE ledger = ?1 AND level = ?2 AND tile_index >= ?3 AND tile_index < ?4 ORDER BY tile_index`;

/** Levels above 0 that a database can fill: 256^4 entries are four billion. */
const TILE_LEVELS = 4;

/**
 * Each line must be 0: rows behind the head, rows without an entry, pointers at nothing. One
 * statement, hence one consistent look while appends go on.
 */
const SELECT_STRAYS = `
  WITH h(size) AS (SELECT coalesce((SELECT size FROM head WHERE ledger = ?1), 0))
  SELECT
    (SELECT count(*) FROM entry, h WHERE ledger = ?1 AND entry_index >= size),
    (SELECT count(*) FROM content, h WHERE ledger = ?1 AND entry_index >= size),
    (SELECT count(*) FROM entry WHERE ledger = ?1) - (SELECT size FROM h),
    (SELECT count(*) FROM content WHERE ledger = ?1) - (SELECT size FROM h),
    (SELECT count(*) FROM decision WHERE ledger = ?1)
      + (SELECT count(*) FROM entry_ref WHERE ledger = ?1) - (SELECT size FROM h),
    (SELECT count(*) FROM checkpoint, h WHERE ledger = ?1 AND (checkpoint.size > h.size OR checkpoint.size < 1)),
    (SELECT count(*) FROM tile, h WHERE ledger = ?1 AND level = 0 AND (tile_index + 1) * 256 > size),
    (SELECT count(*) FROM tile, h WHERE ledger = ?1 AND level = 1 AND (tile_index + 1) * 65536 > size),
    (SELECT count(*) FROM tile, h WHERE ledger = ?1 AND level = 2 AND (tile_index + 1) * 16777216 > size),
    (SELECT count(*) FROM tile WHERE ledger = ?1 AND (level NOT IN (0, 1, 2) OR tile_index < 0)),
    (SELECT count(*) FROM request WHERE ledger = ?1 AND NOT EXISTS (
       SELECT 1 FROM entry WHERE entry.ledger = ?1 AND entry.entry_index = request.entry_index
         AND ${member("entry.header", "facts.request_key")} = request.request_key)),
    (SELECT count(*) FROM (
       SELECT service_name, decision_type, coalesce(model_provider, '') AS provider, coalesce(model_name, '') AS model, status, count(*) AS n
       FROM decision WHERE ledger = ?1 GROUP BY 1, 2, 3, 4, 5
       EXCEPT SELECT service_name, decision_type, model_provider, model_name, status, decisions
       FROM decision_counter WHERE ledger = ?1)),
    (SELECT coalesce(sum(decisions), 0) FROM decision_counter WHERE ledger = ?1)
      - (SELECT count(*) FROM decision WHERE ledger = ?1),
    (SELECT count(*) FROM decision_counter WHERE ledger = ?1 AND decisions <= 0),
    (SELECT count(*) FROM head_guard),
    (SELECT count(*) FROM erasure WHERE ledger = ?1 AND NOT ${JUSTIFIED}),
    (SELECT count(*) FROM entry_ref AS ref JOIN entry AS by ON by.ledger = ref.ledger AND by.entry_index = ref.entry_index,
       json_each(${member("by.header", "facts.targets")}) AS target, json_each(target.value, '$.fields') AS taken
     WHERE ref.ledger = ?1 AND ref.kind = 'content_erased' AND NOT EXISTS (
       SELECT 1 FROM erasure WHERE erasure.ledger = ?1 AND erasure.entry_index = target.value ->> '$.index'
         AND erasure.field = taken.value AND erasure.erased_by = by.entry_index)),
    (SELECT count(*) FROM tally, h WHERE ledger = ?1 AND (block < 0 OR (block + 1) * ${TALLY_BLOCK_ENTRIES} > size))`;

const SELECT_TALLIES = `
  SELECT block, tally, key, entries, first_index AS firstIndex, last_index AS lastIndex
  FROM tally WHERE ledger = ?1 AND block >= ?2 AND block < ?3`;

const STRAYS = [
  "entries behind the head",
  "contents behind the head",
  "entries more or fewer than the head says",
  "contents more or fewer than entries",
  "listed decisions and references more or fewer than entries",
  "checkpoints beyond the head, or of no entries",
  "level 0 tiles beyond the head",
  "level 1 tiles beyond the head",
  "level 2 tiles beyond the head",
  "tiles of unknown levels or places",
  "idempotency keys without their entry",
  "counters that do not match the decisions",
  "counted decisions more or fewer than listed ones",
  "empty counters",
  "rows in the guard",
  "erasures that no entry explains",
  "erased fields that are not listed",
  "tallies of blocks that are not full",
];

export function d1AuditReader(db: D1Database, ledger: string): AuditReader {
  const { head, tile } = d1LedgerStore(db, ledger);
  return {
    head,
    tile,
    async page(from, to, limit) {
      const statement = db.prepare(SELECT_PAGE).bind(ledger, from, to, limit, PAGE_BYTES_MAX);
      return (await statement.raw<PageRow>()).map(toAuditRow);
    },
    async checkpoints(from, to) {
      return (await db.prepare(SELECT_CHECKPOINTS).bind(ledger, from, to).all<StoredCheckpoint>())
        .results;
    },
    async checkpointSizeAt(size) {
      return (
        (await db.prepare(SELECT_CHECKPOINT_SIZE).bind(ledger, size).first<number>("size")) ?? 0
      );
    },
    async tiles(from, to) {
      const statements = Array.from({ length: TILE_LEVELS }, (_, level) => {
        const leaves = TILE_WIDTH ** (level + 1);
        return db
          .prepare(SELECT_TILES)
          .bind(ledger, level, Math.floor(from / leaves), Math.floor(to / leaves));
      });
      return (await db.batch<StoredTile>(statements)).flatMap(({ results }) => results);
    },
    async tallies(from, to) {
      return (await db.prepare(SELECT_TALLIES).bind(ledger, from, to).all<StoredTally>()).results;
    },
    async strays() {
      const [counts = []] = await db.prepare(SELECT_STRAYS).bind(ledger).raw<number[]>();
      return counts.flatMap((count, i): Finding[] =>
        count === 0
          ? []
          : [
              {
                index: null,
                decisionId: null,
                fault: "projection_mismatch",
                message: `${STRAYS[i] ?? "rows"}: ${count}`,
              },
            ],
      );
    },
  };
}

function toAuditRow(row: PageRow): AuditRow {
  const [
    index,
    header,
    chainHash,
    contentHash,
    fields,
    decisionIndex,
    serviceName,
    decisionType,
    modelProvider,
    modelName,
    flagIndex,
    flagKind,
    flagDecision,
    correctionIndex,
    correctionKind,
    correctionDecision,
    refIndex,
    refKind,
    refDecision,
    requestIndex,
    requestCount,
    aboutFlag,
    aboutCorrection,
    about,
    erased,
    decided,
    reviewed,
    faulted,
    same,
    confirmers,
    verdict,
  ] = row;
  return {
    index,
    header,
    chainHash,
    contentHash,
    fields,
    decision:
      decisionIndex === null
        ? null
        : {
            index: decisionIndex,
            serviceName,
            decisionType,
            modelProvider,
            modelName,
            flag:
              flagIndex === null
                ? null
                : { index: flagIndex, kind: flagKind, decisionId: flagDecision },
            correction:
              correctionIndex === null
                ? null
                : { index: correctionIndex, kind: correctionKind, decisionId: correctionDecision },
          },
    ref: refIndex === null ? null : { index: refIndex, kind: refKind, decisionId: refDecision },
    request: requestIndex === null ? null : { firstIndex: requestIndex, count: requestCount },
    erased: new Set<string>(JSON.parse(erased)),
    tallied: {
      about: decided,
      reviewed: reviewed === 1,
      faulted: faulted === 1,
      same: same === 1,
      confirmers,
      verdict,
    },
    reviewed: about === 1 ? { flagIndex: aboutFlag, correctionIndex: aboutCorrection } : null,
  };
}
