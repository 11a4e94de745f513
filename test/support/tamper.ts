/**
 * The owner of the database, who is no friend: opens a stopped server's D1 file, drops the triggers
 * and changes what he likes. He does not have the signing key, and leaves the object's storage alone.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import canonicalize from "canonicalize";
import { sha256 } from "./independent-ledger.ts";

/** Runs `change` on the ledger's database. The server must be stopped. */
export function tamperWith(persistTo: string, change: (db: DatabaseSync) => void): void {
  const files = globSync(join(persistTo, "v3/d1/**/*.sqlite"));
  const databases = files.map((file) => new DatabaseSync(file));
  const db = databases.find((candidate) => namesOf(candidate, "table").includes("entry"));
  if (db === undefined) throw new Error(`no ledger in ${files.join(", ")}`);
  for (const trigger of namesOf(db, "trigger")) db.exec(`DROP TRIGGER "${trigger}"`);
  change(db);
  for (const database of databases) database.close();
}

function namesOf(db: DatabaseSync, type: string): string[] {
  return db
    .prepare("SELECT name FROM sqlite_schema WHERE type = ?")
    .all(type)
    .map(({ name }) => String(name));
}

/** Removes the entries from `size` on, and every trace of them: the database as it once was. */
export function truncateTo(db: DatabaseSync, size: number): void {
  for (const table of ["entry", "content", "decision", "entry_ref", "request"])
    db.prepare(`DELETE FROM ${table} WHERE entry_index >= ?`).run(size);
  db.prepare("DELETE FROM checkpoint WHERE size > ?").run(size);
  db.exec("DELETE FROM decision_counter");
  db.exec(`INSERT INTO decision_counter
    SELECT ledger, service_name, decision_type, coalesce(model_provider, ''),
      coalesce(model_name, ''), status, count(*) FROM decision GROUP BY 1, 2, 3, 4, 5, 6`);
  const newest = db.prepare("SELECT chain_hash FROM entry WHERE entry_index = ?").get(size - 1);
  if (newest === undefined) db.exec("DELETE FROM head");
  else
    db.prepare("UPDATE head SET size = ?, chain_hash = ?").run(size, String(newest["chain_hash"]));
}

/** Gives an entry another fact and hashes it, and everything after it, anew. */
export function rewriteFrom(db: DatabaseSync, index: number, facts: object): void {
  const rows = db
    .prepare("SELECT entry_index, header FROM entry WHERE entry_index >= ? ORDER BY entry_index")
    .all(index);
  let previous: string | undefined;
  for (const { entry_index, header } of rows) {
    const parsed = JSON.parse(String(header));
    if (entry_index === index) Object.assign(parsed.facts, facts);
    if (previous !== undefined) parsed.previous = previous;
    const text = canonicalize(parsed) ?? "";
    previous = sha256(Uint8Array.of(0), text);
    db.prepare("UPDATE entry SET header = ?, chain_hash = ? WHERE entry_index = ?").run(
      text,
      previous,
      Number(entry_index),
    );
  }
  db.prepare("UPDATE head SET chain_hash = ?").run(previous ?? "");
}
