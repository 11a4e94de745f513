/** `loopgrid status`: whether the server is there, where its ledger stands, and whether it holds. */
import type { Command } from "commander";
import type { Integrity, LoopGrid } from "../../sdk/javascript/index.ts";
import {
  asking,
  EXIT_CODES,
  gridOf,
  out,
  printJson,
  progressOf,
  serverCommand,
  type ServerOptions,
} from "../server-command.ts";
import { counted } from "../terminal.ts";

interface Options extends ServerOptions {
  readonly verify?: true;
}

export function statusCommand(): Command {
  return serverCommand("status", "Whether the server is there, and where its ledger stands")
    .option("--verify", "recompute the whole ledger from its stored octets, however long it takes")
    .addHelpText(
      "after",
      `
Exits with 1 when the server is degraded, or when verification finds something.
The server vouches for itself here; loopgrid verify checks an export without it.
${EXIT_CODES}`,
    )
    .action((options: Options) => asking(() => run(options)));
}

async function run(options: Options): Promise<void> {
  const grid = gridOf(options);
  const health = await grid.health();
  const ledger = await grid.ledger.state();
  const integrity = options.verify === true ? await verified(grid, ledger.size) : undefined;
  if (options.json) printJson({ health, ledger, ...(integrity && { integrity }) });
  else {
    out.line(`server   ${health.status}, LoopGrid ${health.version}`);
    out.line(`ledger   ${ledger.origin}, ${counted(ledger.size)} entries`);
    out.line(`newest   ${ledger.last_recorded_at ?? "none"}`);
    for (const key of ledger.verifier_keys) out.line(`key      ${key}`);
    const last = ledger.last_verified;
    out.line(
      `verified ${last === null ? "never completely" : `to ${counted(last.size)} at ${last.at}`}`,
    );
    for (const { witness, lag, error } of ledger.witnesses)
      out.line(`witness  ${witness}, ${counted(lag)} behind${error === null ? "" : `: ${error}`}`);
    if (integrity !== undefined) out.line(`now      ${integrity.message}`);
  }
  if (health.status !== "healthy" || integrity?.valid === false) process.exitCode = 1;
}

/** A call checks as much as fits its time; the next goes on from there, up to the head. */
async function verified(grid: LoopGrid, size: number): Promise<Integrity> {
  const progress = progressOf(size);
  try {
    let page = await grid.verifyIntegrity();
    progress.advance(page.entries);
    while (page.valid !== false && page.next_cursor !== null) {
      page = await grid.verifyIntegrity(undefined, { from: Number(page.next_cursor) });
      progress.advance(page.entries);
    }
    return page;
  } finally {
    progress.finish();
  }
}
