/** The sequencer's own records in D1 (tables named ops_): verification passes and witnesses. */
import { z } from "zod";
import { FAULTS, type Finding } from "../ledger/fault.ts";
import type { LedgerOperations, WitnessRecord } from "../ledger/operations.ts";
import type { VerificationRecord } from "../ledger/verification-pass.ts";

const Findings = z.array(
  z.object({
    index: z.number().nullable(),
    decisionId: z.string().nullable(),
    fault: z.enum(FAULTS),
    message: z.string(),
  }),
);

const SELECT_VERIFICATION = `
  SELECT cursor, findings, checked_at, passed_size, passed_root_hash, passed_at
  FROM ops_verification WHERE ledger = ?1`;
const SELECT_DEGRADED = `
  SELECT ledger, findings FROM ops_verification WHERE findings <> '[]' LIMIT 1`;
const UPSERT_VERIFICATION = `
  INSERT INTO ops_verification (ledger, cursor, findings, checked_at, passed_size, passed_root_hash, passed_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
  ON CONFLICT DO UPDATE SET cursor = excluded.cursor, findings = excluded.findings,
    checked_at = excluded.checked_at, passed_size = excluded.passed_size,
    passed_root_hash = excluded.passed_root_hash, passed_at = excluded.passed_at`;
const SELECT_WITNESSES = `
  SELECT witness, size, succeeded_at AS succeededAt, tried_at AS triedAt, error
  FROM ops_witness WHERE ledger = ?1 ORDER BY witness`;
const UPSERT_WITNESS = `
  INSERT INTO ops_witness (ledger, witness, size, succeeded_at, tried_at, error)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6)
  ON CONFLICT DO UPDATE SET size = excluded.size, succeeded_at = coalesce(excluded.succeeded_at, succeeded_at),
    tried_at = excluded.tried_at, error = excluded.error`;
const INSERT_COSIGNATURE = `
  INSERT INTO ops_cosignature (ledger, size, witness, line) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET line = excluded.line`;
const SELECT_COSIGNATURES = `
  SELECT size, line FROM ops_cosignature
  WHERE ledger = ?1 AND size = (SELECT max(size) FROM ops_cosignature WHERE ledger = ?1) ORDER BY witness`;

type VerificationRow = [
  cursor: number,
  findings: string,
  checkedAt: string,
  passedSize: number | null,
  passedRoot: string | null,
  passedAt: string | null,
];

export async function readVerification(
  db: D1Database,
  ledger: string,
): Promise<VerificationRecord | undefined> {
  const [row] = await db.prepare(SELECT_VERIFICATION).bind(ledger).raw<VerificationRow>();
  if (row === undefined) return undefined;
  const [cursor, findings, checkedAt, passedSize, passedRoot, passedAt] = row;
  const passed =
    passedSize === null || passedRoot === null || passedAt === null
      ? null
      : { size: passedSize, rootHash: passedRoot, at: passedAt };
  return { cursor, findings: Findings.parse(JSON.parse(findings)), checkedAt, passed };
}

export async function writeVerification(
  db: D1Database,
  ledger: string,
  record: VerificationRecord,
): Promise<void> {
  const { cursor, findings, checkedAt, passed } = record;
  await db
    .prepare(UPSERT_VERIFICATION)
    .bind(
      ledger,
      cursor,
      JSON.stringify(findings),
      checkedAt,
      passed?.size ?? null,
      passed?.rootHash ?? null,
      passed?.at ?? null,
    )
    .run();
}

/** The first ledger whose verification found something, with what it found. */
export async function readDegraded(
  db: D1Database,
): Promise<{ ledger: string; finding: Finding } | undefined> {
  const [row] = await db.prepare(SELECT_DEGRADED).raw<[ledger: string, findings: string]>();
  if (row === undefined) return undefined;
  const [ledger, findings] = row;
  const [finding] = Findings.parse(JSON.parse(findings));
  return finding && { ledger, finding };
}

export async function readWitnesses(db: D1Database, ledger: string): Promise<WitnessRecord[]> {
  return (await db.prepare(SELECT_WITNESSES).bind(ledger).all<WitnessRecord>()).results;
}

/** Keeps what a witness said; with its cosignature where it gave one, in one transaction. */
export async function writeWitness(
  db: D1Database,
  ledger: string,
  { witness, size, succeededAt, triedAt, error }: WitnessRecord,
  line: string | undefined,
): Promise<void> {
  await db.batch([
    db.prepare(UPSERT_WITNESS).bind(ledger, witness, size, succeededAt, triedAt, error),
    ...(line === undefined
      ? []
      : [db.prepare(INSERT_COSIGNATURE).bind(ledger, size, witness, line)]),
  ]);
}

/** The newest size that a witness signed, and the lines of all who signed it. */
async function readCosignatures(
  db: D1Database,
  ledger: string,
): Promise<{ size: number; lines: readonly string[] } | undefined> {
  const { results } = await db
    .prepare(SELECT_COSIGNATURES)
    .bind(ledger)
    .all<{ size: number; line: string }>();
  const [first] = results;
  return first && { size: first.size, lines: results.map(({ line }) => line) };
}

export function d1Operations(db: D1Database, ledger: string): LedgerOperations {
  return {
    verification: () => readVerification(db, ledger),
    recordVerification: (record) => writeVerification(db, ledger, record),
    witnesses: () => readWitnesses(db, ledger),
    cosigned: () => readCosignatures(db, ledger),
  };
}
