/**
 * `loopgrid verify <file>`: whether a file proves what it says, DESIGN §5. Offline unless --server.
 * Exit codes: 0 verified, 1 tampered, 2 incomplete or unproven.
 */
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { fromHex } from "../../lib/bytes.ts";
import { HASH_BYTES, leafHash, type Hash } from "../../ledger/hash.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "../../ledger/note.ts";
import type { Verdict } from "../../ledger/verdict.ts";
import { resolveConfig } from "../../sdk/javascript/config.ts";
import { atServer } from "../address.ts";
import { InputError } from "../json-lines.ts";
import { Terminal } from "../terminal.ts";
import { checkKept, checkServer, type Server } from "../verify/growth.ts";
import { verifyFile } from "../verify/files.ts";
import { printVerdict } from "../verify/print.ts";

interface Options {
  readonly key: readonly VerifierKey[];
  readonly checkpoint?: string;
  readonly server?: Server;
  readonly entry?: string;
  readonly leafHash?: Hash;
  readonly json: boolean;
}

const EXIT_CODES = { verified: 0, tampered: 1, unproven: 2 } as const;

export function verifyCommand(): Command {
  return new Command("verify")
    .description(
      "Check a ledger export, an evidence bundle, an issued report, a tlog-proof or a signed note, offline.\nExit code 0: verified. 1: tampered. 2: incomplete or unproven.",
    )
    .argument("<file>", "what to check")
    .option(
      "-k, --key <vkey>",
      "a public key you trust, had from elsewhere; repeatable",
      collectKeys,
      [],
    )
    .option(
      "-c, --checkpoint <file>",
      "an older signed checkpoint you kept: the ledger must have grown from it",
    )
    .option(
      "-s, --server <url>",
      "fetch the newest checkpoint and the proof that the ledger grew to it",
      (url) => atServer(url, () => resolveConfig({ baseUrl: url })),
    )
    .option("--entry <file>", "the entry a foreign tlog-proof is about, as its exact octets")
    .option("--leaf-hash <hex>", "or its leaf hash", parseLeafHash)
    .option("--json", "print the verdict as JSON", false)
    .addHelpText(
      "after",
      `
Without --key a file vouches only for itself: that is unproven (2), never verified.
The key that --server asks for is read from LOOPGRID_API_KEY.
  $ loopgrid verify main-0-812.loopgrid.ndjson --key "example.org/main+0a1b2c3d+AY…"
  $ loopgrid verify dec_….evidence.json --key "…" --checkpoint kept.txt --server https://…`,
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const leaf = options.leafHash ?? (options.entry && leafHash(await read(options.entry)));
  const checked = await verifyFile(file, {
    trusted: options.key,
    leaf: leaf || undefined,
    kept: options.checkpoint === undefined ? undefined : await readText(options.checkpoint),
    progress: options.json ? undefined : new Terminal(process.stderr),
  });
  let { verdict } = checked;
  if (options.checkpoint !== undefined)
    verdict = await checkKept(checked, options.key, options.server);
  if (options.server !== undefined)
    verdict = await checkServer({ ...checked, verdict }, options.key, options.server);
  if (options.json) console.log(JSON.stringify(verdictJson(file, verdict), null, 2));
  else printVerdict(new Terminal(process.stdout), file, verdict);
  process.exitCode = EXIT_CODES[verdict.status];
}

function verdictJson(file: string, verdict: Verdict) {
  const { rootHash, findings, ...rest } = verdict;
  return {
    file,
    ...rest,
    root_hash: rootHash,
    findings: findings.map(({ decisionId, ...finding }) => ({
      ...finding,
      decision_id: decisionId,
    })),
  };
}

function collectKeys(text: string, keys: readonly VerifierKey[]): VerifierKey[] {
  const key = parseVerifierKey(text);
  if (key === undefined) throw new InvalidArgumentError("not a C2SP verifier key (name+id+base64)");
  const known = keys.some((other) => formatVerifierKey(other) === formatVerifierKey(key));
  return known ? [...keys] : [...keys, key];
}

function parseLeafHash(hex: string): Hash {
  const hash = fromHex(hex);
  if (hash?.length !== HASH_BYTES) throw new InvalidArgumentError("64 lower-case hex characters");
  return hash;
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InputError(`${file} cannot be read`, { cause: error });
  }
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await read(file));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file} is not UTF-8`, { cause: error });
  }
}
