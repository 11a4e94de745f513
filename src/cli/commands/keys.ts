/**
 * `loopgrid keys …`: API keys from a terminal. The credential comes from the environment, never from
 * an argument: arguments are in shell histories and process lists. A new key is the only thing on
 * standard output, so that it can go straight to where it is kept.
 */
import { randomUUID } from "node:crypto";
import { env } from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { SCOPES, Scope } from "../../auth/scope.ts";
import { LoopGridClient, ServerProblem, Unreachable } from "../client.ts";
import { InputError } from "../json-lines.ts";
import { oneLine, Terminal } from "../terminal.ts";

const Key = z.object({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  ledger: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
});
const NewKey = Key.extend({
  key: z.string().optional(),
  replaced_expires_at: z.string().optional(),
});
type NewKey = z.infer<typeof NewKey>;
const KeyList = z.object({
  keys: z.array(
    Key.extend({
      last_used_at: z.string().nullable(),
      revoked_at: z.string().nullable(),
      rotated_to: z.string().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
type ListedKey = z.infer<typeof KeyList>["keys"][number];
const Revoked = z.object({ key_id: z.string(), revoked_at: z.string() });

interface Options {
  readonly server: string;
  readonly json: boolean;
}

const out = new Terminal(process.stdout);
const info = new Terminal(process.stderr);

export function keysCommand(): Command {
  const keys = new Command("keys").description(
    "Make, list, replace and revoke API keys. LOOPGRID_ADMIN_KEY (or LOOPGRID_API_KEY, of a key with the scope admin) is read from the environment.",
  );
  keys
    .addCommand(
      command("create", "Make a key; it is printed once")
        .requiredOption("-n, --name <name>", "what it is for")
        .requiredOption("-s, --scopes <scopes>", `of ${SCOPES.join(", ")}`, parseScopes)
        .option("-l, --ledger <ledger>", "the ledger it belongs to")
        .option("-e, --expires <time>", "RFC 3339; never unless given", parseTime)
        .action((options: Options & CreateOptions) => asking(() => create(options))),
    )
    .addCommand(
      command("list", "Keys, newest first").action((options: Options) =>
        asking(() => list(options)),
      ),
    )
    .addCommand(
      command("rotate", "Replace a key; the new one is printed once")
        .argument("<key_id>")
        .option("-o, --overlap <seconds>", "how long the old key goes on working", parseSeconds)
        .action((keyId: string, options: Options & { overlap?: number }) =>
          asking(() => rotate(keyId, options)),
        ),
    )
    .addCommand(
      command("revoke", "End a key: at once, and everywhere within 30 seconds")
        .argument("<key_id>")
        .action((keyId: string, options: Options) => asking(() => revoke(keyId, options))),
    );
  return keys;
}

function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--server <url>", "where", env["LOOPGRID_URL"] ?? "http://localhost:8000")
    .option("--json", "print the answer as JSON", false);
}

interface CreateOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly ledger?: string;
  readonly expires?: string;
}

async function create({ server, json, name, scopes, ledger, expires }: Options & CreateOptions) {
  const body = JSON.stringify({ name, scopes, ledger, expires_at: expires });
  const { value } = await client(server).post("/v1/keys", NewKey, body, randomUUID());
  if (json) return console.log(JSON.stringify(value, null, 2));
  show(value);
}

async function list({ server, json }: Options): Promise<void> {
  const grid = client(server);
  const keys: ListedKey[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await grid.get(`/v1/keys${query}`, KeyList);
    keys.push(...page.keys);
    cursor = page.next_cursor;
  }
  if (json) return console.log(JSON.stringify({ keys }, null, 2));
  for (const key of keys) {
    const { key_id, ledger, scopes, name, last_used_at } = key;
    const used = last_used_at === null ? "never used" : `used ${last_used_at}`;
    out.line(
      `${key_id}  ${ledger}  ${scopes.join(",")}  ${stateOf(key)}  ${used}  ${oneLine(name)}`,
    );
  }
}

function stateOf({ revoked_at, rotated_to, expires_at }: ListedKey): string {
  if (revoked_at !== null) return `revoked ${revoked_at}`;
  if (rotated_to !== null) return `replaced by ${rotated_to}, ends ${expires_at ?? "never"}`;
  return expires_at === null ? "no expiry" : `ends ${expires_at}`;
}

async function rotate(keyId: string, { server, json, overlap }: Options & { overlap?: number }) {
  const body = JSON.stringify({ overlap_seconds: overlap });
  const path = `/v1/keys/${encodeURIComponent(keyId)}/rotate`;
  const { value } = await client(server).post(path, NewKey, body, randomUUID());
  if (json) return console.log(JSON.stringify(value, null, 2));
  info.line(`${keyId} ends ${value.replaced_expires_at ?? "now"}`);
  show(value);
}

async function revoke(keyId: string, { server, json }: Options): Promise<void> {
  const value = await client(server).delete(`/v1/keys/${encodeURIComponent(keyId)}`, Revoked);
  if (json) return console.log(JSON.stringify(value, null, 2));
  info.line(`${value.key_id} ended ${value.revoked_at}; other locations follow within 30 s`);
}

function show({ key, key_id, ledger, scopes, expires_at }: NewKey): void {
  info.line(`${key_id} in ledger ${ledger}: ${scopes.join(", ")}; ends ${expires_at ?? "never"}`);
  if (key !== undefined) return out.line(key);
  // The first answer was lost, and with it the only sight of the key.
  info.line("The key was made, but its answer was lost: revoke it and make another.");
  process.exitCode = 1;
}

function client(url: string): LoopGridClient {
  const apiKey = env["LOOPGRID_ADMIN_KEY"] ?? env["LOOPGRID_API_KEY"];
  try {
    return new LoopGridClient({ url, apiKey });
  } catch (error) {
    throw new InputError(`--server ${String(error)}`, { cause: error });
  }
}

async function asking(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ServerProblem || error instanceof Unreachable)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function parseScopes(text: string): Scope[] {
  return text.split(",").map((word) => {
    const scope = Scope.safeParse(word.trim());
    if (!scope.success) throw new InvalidArgumentError(`one or more of ${SCOPES.join(",")}`);
    return scope.data;
  });
}

function parseTime(text: string): string {
  if (!z.iso.datetime({ offset: true }).safeParse(text).success)
    throw new InvalidArgumentError("an RFC 3339 time such as 2027-01-31T00:00:00Z");
  return text;
}

function parseSeconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number of seconds");
  return Number(text);
}
