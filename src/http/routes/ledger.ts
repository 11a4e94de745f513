/** The ledger itself: where it stands, its signed checkpoints, its entries (DESIGN §4, §5). */
import { z } from "zod";
import { toHex } from "../../lib/bytes.ts";
import { entryLine } from "../../ledger/entry-line.ts";
import { keysIn } from "../../ledger/keys.ts";
import { parseCheckpoint } from "../../ledger/checkpoint.ts";
import { rootOfEdge } from "../../ledger/merkle.ts";
import { parseNote } from "../../ledger/note.ts";
import type { StoredHead } from "../../ledger/ports.ts";
import { withCosignatures } from "../../ledger/witness.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import type { LedgerService } from "../services.ts";
import { streamResponse } from "../stream.ts";

const ENTRIES_MAX = 1000;
const ENTRIES_DEFAULT = 100;

export const LedgerAnswer = z
  .object({
    ledger: z.string(),
    origin: z.string(),
    size: z.int(),
    root_hash: z.string().nullable().meta({ description: "As the newest checkpoint signs it." }),
    chain_hash: z.string().nullable(),
    verifier_keys: z.array(z.string()).meta({ description: "C2SP verifier keys, newest first." }),
    keys: z
      .array(z.object({ key: z.string(), from_size: z.int(), to_size: z.int().nullable() }))
      .meta({ description: "Which key speaks for checkpoints of which sizes." }),
    first_recorded_at: z.string().nullable(),
    last_recorded_at: z.string().nullable(),
    last_verified: z
      .object({ size: z.int(), at: z.string() })
      .nullable()
      .meta({ description: "The last complete verification that found nothing." }),
    witnesses: z.array(
      z.object({
        witness: z.string(),
        size: z.int(),
        lag: z.int(),
        succeeded_at: z.string().nullable(),
        tried_at: z.string(),
        error: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: "Ledger" });

const getLedger = endpoint(
  {
    method: "get",
    path: "/v1/ledger",
    scope: "read",
    access: { unlimited: true },
    operationId: "getLedger",
    tag: "Ledger",
    summary: "Where the ledger stands",
    answer: {
      description: "Size, root, keys",
      content: { "application/json": { schema: LedgerAnswer } },
    },
    problems: [503],
  },
  async ({ ledger }) => {
    const [head, [first], status, witnesses, verification] = await Promise.all([
      ledger.reader.head(),
      ledger.reader.entriesAt([0]),
      ledger.status(),
      ledger.operations.witnesses(),
      ledger.operations.verification(),
    ]);
    const size = head?.size ?? 0;
    return json({
      ledger: ledger.name,
      origin: ledger.origin,
      size,
      root_hash: signedRoot(head),
      chain_hash: head?.chainHash ?? null,
      verifier_keys: keysIn(status.keys),
      keys: status.keys.map(({ key, fromSize, toSize }) => ({
        key,
        from_size: fromSize,
        to_size: toSize,
      })),
      first_recorded_at: first?.header.recorded_at ?? null,
      last_recorded_at: head?.recordedAt ?? null,
      last_verified: verification?.passed
        ? { size: verification.passed.size, at: verification.passed.at }
        : null,
      witnesses: witnesses.map(({ witness, size: cosigned, succeededAt, triedAt, error }) => ({
        witness,
        size: cosigned,
        lag: size - cosigned,
        succeeded_at: succeededAt,
        tried_at: triedAt,
        error,
      })),
    });
  },
);

/** What the newest checkpoint signs: this page has to answer when the tree itself cannot be read. */
function signedRoot(head: StoredHead | undefined): string | null {
  if (head === undefined) return toHex(rootOfEdge([]));
  const checkpoint = parseCheckpoint(parseNote(head.checkpoint)?.text ?? "");
  return checkpoint === undefined ? null : toHex(checkpoint.rootHash);
}

const getCheckpoint = endpoint(
  {
    method: "get",
    path: "/v1/ledger/checkpoint",
    scope: "read",
    access: { unlimited: true, publicProof: () => true },
    operationId: "getCheckpoint",
    tag: "Ledger",
    summary: "The newest signed checkpoint, or an older committed one",
    query: z.object({
      size: integerParam(1, Number.MAX_SAFE_INTEGER).optional().meta({ type: "integer" }),
      cosigned: z
        .enum(["true", "false"], { error: "must be true or false" })
        .optional()
        .meta({ description: "The newest checkpoint that witnesses signed, with their lines." }),
    }),
    answer: { description: "C2SP signed note", content: { "text/plain": { schema: z.string() } } },
    problems: [404, 422],
  },
  async ({ query: { size, cosigned }, ledger }) => {
    const note =
      cosigned === "true" ? await cosignedNote(ledger) : await committedNote(ledger, size);
    return new Response(note, {
      headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-cache" },
    });
  },
);

async function committedNote({ reader }: LedgerService, size: number | undefined): Promise<string> {
  if (size === undefined) {
    const note = (await reader.head())?.checkpoint;
    if (note) return note;
    throw new Problem(404, "The ledger has no checkpoint yet");
  }
  const checkpoint = await reader.checkpoint(size);
  if (checkpoint !== undefined) return checkpoint.note;
  throw new Problem(404, `No checkpoint of size ${size} was committed`);
}

async function cosignedNote(ledger: LedgerService): Promise<string> {
  const cosigned = await ledger.operations.cosigned();
  if (cosigned === undefined) throw new Problem(404, "No witness has signed a checkpoint yet");
  return withCosignatures(await committedNote(ledger, cosigned.size), cosigned.lines);
}

const getEntries = endpoint(
  {
    method: "get",
    path: "/v1/ledger/entries",
    scope: "read",
    access: {
      unlimited: true,
      logged: "read",
      publicProof: (query) => query.get("content") === "false",
    },
    operationId: "listEntries",
    tag: "Ledger",
    summary: "Entries by index, one line each",
    description: "May answer fewer than asked, bounded by octets, never none while there are more.",
    query: z.object({
      from: integerParam(0, Number.MAX_SAFE_INTEGER)
        .optional()
        .meta({ type: "integer", minimum: 0, default: 0 }),
      limit: integerParam(1, ENTRIES_MAX)
        .optional()
        .meta({ type: "integer", minimum: 1, maximum: ENTRIES_MAX, default: ENTRIES_DEFAULT }),
      content: z.enum(["true", "false"], { error: "must be true or false" }).optional().meta({
        description: "`false`: headers alone, which are what the tree is made of",
      }),
    }),
    answer: {
      description: "Entry lines",
      content: { "application/x-ndjson": { schema: z.string() } },
    },
    problems: [422],
  },
  async ({ query: { from = 0, limit = ENTRIES_DEFAULT, content }, ledger: { reader } }) => {
    const rows = await reader.entries(from, Math.min(from + limit, Number.MAX_SAFE_INTEGER), limit);
    const lines = async function* () {
      for (const row of rows)
        yield `${entryLine(content === "false" ? { ...row, fields: null } : row)}\n`;
    };
    return streamResponse(lines(), { "Content-Type": "application/x-ndjson" });
  },
);

export const ledgerEndpoints: readonly Endpoint[] = [getLedger, getCheckpoint, getEntries];
