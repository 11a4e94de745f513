/**
 * `loopgrid keys …`: API keys from a terminal. The credential comes from the environment, never from
 * an argument: arguments are in shell histories and process lists. A new key is the only thing on
 * standard output, so that it can go straight to where it is kept.
 */
import { env } from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { SCOPES, Scope } from "../../auth/scope.ts";
import type { Keys } from "../../sdk/javascript/admin.ts";
import type { ListedKey, NewKey } from "../../sdk/javascript/index.ts";
import {
  asking,
  EXIT_CODES,
  gridOf,
  info,
  out,
  printJson,
  serverCommand,
  type ServerOptions as Options,
} from "../server-command.ts";
import { oneLine } from "../terminal.ts";

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
  return serverCommand(name, description).addHelpText("after", KEYS_HELP);
}

const KEYS_HELP = `
${EXIT_CODES}
LOOPGRID_ADMIN_KEY comes before it.`;

interface CreateOptions {
  readonly name: string;
  readonly scopes: Scope[];
  readonly ledger?: string;
  readonly expires?: string;
}

async function create({ server, json, name, scopes, ledger, expires }: Options & CreateOptions) {
  const made = await keysOf(server).create({ name, scopes, ledger, expiresAt: expires });
  if (json) return printJson(made);
  show(made);
}

async function list({ server, json }: Options): Promise<void> {
  const keys: ListedKey[] = [];
  for await (const key of keysOf(server).all()) keys.push(key);
  if (json) return printJson({ keys });
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
  const made = await keysOf(server).rotate(keyId, { overlapSeconds: overlap });
  if (json) return printJson(made);
  info.line(`${keyId} ends ${made.replaced_expires_at}`);
  show(made);
}

async function revoke(keyId: string, { server, json }: Options): Promise<void> {
  const ended = await keysOf(server).revoke(keyId);
  if (json) return printJson(ended);
  info.line(`${ended.key_id} ended ${ended.revoked_at}; other locations follow within 30 s`);
}

function show({ key, key_id, ledger, scopes, expires_at }: NewKey): void {
  info.line(`${key_id} in ledger ${ledger}: ${scopes.join(", ")}; ends ${expires_at ?? "never"}`);
  if (key !== undefined) return out.line(key);
  // The first answer was lost, and with it the only sight of the key.
  info.line("The key was made, but its answer was lost: revoke it and make another.");
  process.exitCode = 1;
}

function keysOf(server: string): Keys {
  return gridOf({ server }, env["LOOPGRID_ADMIN_KEY"]).keys;
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
