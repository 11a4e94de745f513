/** Random secrets of the server itself: made at first use, the same for every isolate. */
import { fromHex, toHex } from "../lib/bytes.ts";

const INSERT = `INSERT INTO ops_server_secret (name, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING`;
const SELECT = `SELECT secret FROM ops_server_secret WHERE name = ?1`;
const SECRET_BYTES = 32;

export async function serverSecret(db: D1Database, name: string): Promise<Uint8Array> {
  const known = await read(db, name);
  if (known !== undefined) return known;
  const made = toHex(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  await db.prepare(INSERT).bind(name, made).run(); // whoever was first wins
  const winner = await read(db, name);
  if (winner === undefined) throw new Error("a server secret cannot be read back");
  return winner;
}

async function read(db: D1Database, name: string): Promise<Uint8Array | undefined> {
  return fromHex((await db.prepare(SELECT).bind(name).first<string>("secret")) ?? "none");
}
