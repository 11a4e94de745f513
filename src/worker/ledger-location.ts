/**
 * Which database a ledger lives in, DESIGN §8: `main` in DB, an overridden one where the operator
 * says, any other where a hash put it at its first use, which is written down then, because a hash
 * over more bindings would answer differently for ledgers that are there already.
 */
import { leafHash } from "../ledger/hash.ts";
import { utf8 } from "../lib/bytes.ts";

/** `DB`, `DB_1`, `DB_2` … and the databases behind them. */
export type Databases = ReadonlyMap<string, D1Database>;

export const PRIMARY = "DB";
const BINDING = /^DB(?:_[1-9]\d{0,3})?$/;
const FIRST_LEDGER = "main";

const INSERT = `INSERT INTO ops_ledger_location (ledger, binding) VALUES (?1, ?2) ON CONFLICT DO NOTHING`;
const SELECT = `SELECT binding FROM ops_ledger_location WHERE ledger = ?1`;

export function databasesOf(env: object): Databases {
  return new Map(
    Object.entries(env).filter(
      (entry): entry is [string, D1Database] => BINDING.test(entry[0]) && isDatabase(entry[1]),
    ),
  );
}

function isDatabase(binding: unknown): binding is D1Database {
  return typeof binding === "object" && binding !== null && "prepare" in binding;
}

/** Known without asking: an override, or the ledger that every installation begins with. */
export function fixedBinding(
  ledger: string,
  overrides: ReadonlyMap<string, string>,
): string | undefined {
  return overrides.get(ledger) ?? (ledger === FIRST_LEDGER ? PRIMARY : undefined);
}

/** Rendezvous hashing: every ledger ranks the bindings its own way and takes its first. Pure. */
export function chooseBinding(ledger: string, bindings: readonly string[]): string {
  let chosen = PRIMARY;
  let highest = -1;
  for (const binding of bindings.toSorted()) {
    const hash = leafHash(utf8(`${ledger}\n${binding}`));
    const rank = new DataView(hash.buffer, hash.byteOffset).getUint32(0);
    if (rank > highest) [chosen, highest] = [binding, rank];
  }
  return chosen;
}

/** Undefined for a ledger that was never used. */
export async function recordedBinding(
  primary: D1Database,
  ledger: string,
): Promise<string | undefined> {
  return (await primary.prepare(SELECT).bind(ledger).first<string>("binding")) ?? undefined;
}

/** The binding of a ledger that is about to be used: chosen now if nobody was faster. */
export async function assignedBinding(
  primary: D1Database,
  ledger: string,
  databases: Databases,
): Promise<string> {
  const known = await recordedBinding(primary, ledger);
  if (known !== undefined) return known;
  const chosen = chooseBinding(ledger, [...databases.keys()]);
  await primary.prepare(INSERT).bind(ledger, chosen).run();
  return (await recordedBinding(primary, ledger)) ?? chosen;
}
