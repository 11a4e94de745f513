/** The database of every ledger an isolate has met. Rule and rows: ledger-location.ts. */
import { present } from "../lib/assert.ts";
import type { Env } from "./bindings.ts";
import type { Config } from "./config.ts";
import { migrate } from "./d1-migrations.ts";
import { assignedBinding, databasesOf, fixedBinding, recordedBinding } from "./ledger-location.ts";

export interface LedgerLocations {
  /** The ledger's database, its schema there; chosen now if this is the ledger's first use. */
  assign(ledger: string): Promise<D1Database>;
  isUsed(ledger: string): Promise<boolean>;
}

export function ledgerLocations(env: Env, { ledgerDatabases }: Config): LedgerLocations {
  const databases = databasesOf(env);
  /** Bindings never change once chosen. */
  const known = new Map<string, string>();

  async function bindingOf(ledger: string): Promise<string> {
    const binding =
      fixedBinding(ledger, ledgerDatabases) ??
      known.get(ledger) ??
      (await assignedBinding(env.DB, ledger, databases));
    known.set(ledger, binding);
    return binding;
  }

  return {
    async assign(ledger) {
      const db = present(
        databases.get(await bindingOf(ledger)),
        `the database of ledger ${ledger}`,
      );
      await migrate(db);
      return db;
    },
    async isUsed(ledger) {
      if (fixedBinding(ledger, ledgerDatabases) !== undefined || known.has(ledger)) return true;
      return (await recordedBinding(env.DB, ledger)) !== undefined;
    },
  };
}
