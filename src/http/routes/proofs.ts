/**
 * Proofs and tiles, DESIGN §4: computed from stored tiles, without the sequencer, in O(log n) reads.
 * C2SP tlog-tiles paths, so that existing monitors and mirrors work.
 */
import { z } from "zod";
import { concatBytes, toHex, utf8 } from "../../lib/bytes.ts";
import { entryBundle } from "../../ledger/entry-bundle.ts";
import { proveConsistency, proveInclusion, rootAt } from "../../ledger/proof.ts";
import type { LedgerReader } from "../../ledger/read.ts";
import { parseTilePath, TILE_WIDTH } from "../../ledger/tiles.ts";
import { formatTlogProof } from "../../ledger/tlog-proof.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";

const SizeParam = integerParam(1, Number.MAX_SAFE_INTEGER).meta({ type: "integer", minimum: 1 });
const IndexParam = integerParam(0, Number.MAX_SAFE_INTEGER).meta({ type: "integer", minimum: 0 });

/** Tiles never change; a week lets a mirror's cache forget what nobody asks for. */
const IMMUTABLE = "max-age=604800, immutable";

async function committedSize(reader: LedgerReader): Promise<number> {
  return (await reader.head())?.size ?? 0;
}

function requireSize(name: string, size: number, committed: number): void {
  if (size > committed)
    throw invalid([{ path: name, message: `the ledger holds ${committed} entries` }]);
}

export const InclusionAnswer = z
  .object({
    index: z.int(),
    size: z.int(),
    leaf_hash: z.string(),
    root_hash: z.string(),
    proof: z.array(z.string()),
  })
  .meta({ id: "InclusionProof" });

const getInclusion = endpoint(
  {
    method: "get",
    path: "/v1/ledger/proof/inclusion",
    scope: "read",
    access: { unlimited: true, publicProof: () => true },
    operationId: "getInclusionProof",
    tag: "Proofs",
    summary: "That an entry is in the ledger",
    description:
      "RFC 9162 inclusion proof at any size up to the ledger's. `format=tlog-proof` answers a C2SP tlog-proof@v1 over a committed checkpoint, with the entry's header as its extra line.",
    query: z.object({
      index: IndexParam,
      size: SizeParam.optional(),
      format: z.enum(["json", "tlog-proof"], { error: "must be json or tlog-proof" }).optional(),
    }),
    answer: {
      description: "The proof, leaf's sibling first",
      content: {
        "application/json": { schema: InclusionAnswer },
        "text/plain": { schema: z.string() },
      },
    },
    problems: [404, 422],
  },
  async ({ query, ledger: { reader } }) => {
    const committed = await committedSize(reader);
    const { index, size = committed } = query;
    requireSize("size", size, committed);
    if (index >= size)
      throw invalid([{ path: "index", message: `must be below the size, ${size}` }]);
    if (query.format === "tlog-proof") return tlogProofResponse(reader, index, size);
    const [[leaf], root, proof] = await Promise.all([
      reader
        .tile(0, Math.floor(index / TILE_WIDTH), (index % TILE_WIDTH) + 1)
        .then((tile) => tile.slice(-1)),
      rootAt(size, reader),
      proveInclusion(index, size, reader),
    ]);
    if (leaf === undefined) throw new Problem(500, `entry ${index} has no leaf`);
    return json({
      index,
      size,
      leaf_hash: toHex(leaf),
      root_hash: toHex(root),
      proof: proof.map(toHex),
    });
  },
);

/** One entry's proof as a text that other people's tools verify. `size` must be a checkpoint's. */
export async function tlogProofResponse(
  reader: LedgerReader,
  index: number,
  size: number,
): Promise<Response> {
  const [checkpoint, [row], proof] = await Promise.all([
    reader.checkpoint(size),
    reader.entries(index, index + 1, 1),
    proveInclusion(index, size, reader),
  ]);
  if (checkpoint === undefined)
    throw new Problem(404, `No checkpoint of size ${size} was committed`);
  if (row === undefined) throw new Problem(404, `Entry ${index} not found`);
  const text = formatTlogProof({
    index,
    proof,
    checkpoint: checkpoint.note,
    extra: utf8(row.header),
  });
  return new Response(text, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
}

export const ConsistencyAnswer = z
  .object({
    from: z.int(),
    to: z.int(),
    from_root_hash: z.string(),
    to_root_hash: z.string(),
    proof: z.array(z.string()),
  })
  .meta({ id: "ConsistencyProof" });

const getConsistency = endpoint(
  {
    method: "get",
    path: "/v1/ledger/proof/consistency",
    scope: "read",
    access: { unlimited: true, publicProof: () => true },
    operationId: "getConsistencyProof",
    tag: "Proofs",
    summary: "That the ledger only grew",
    query: z.object({ from: SizeParam, to: SizeParam.optional() }),
    answer: {
      description: "RFC 9162 consistency proof between two sizes",
      content: { "application/json": { schema: ConsistencyAnswer } },
    },
    problems: [422],
  },
  async ({ query, ledger: { reader } }) => {
    const committed = await committedSize(reader);
    const { from, to = committed } = query;
    requireSize("to", to, committed);
    if (from > to) throw invalid([{ path: "from", message: `must not be beyond \`to\`, ${to}` }]);
    const [fromRoot, toRoot, proof] = await Promise.all([
      rootAt(from, reader),
      rootAt(to, reader),
      proveConsistency(from, to, reader),
    ]);
    return json({
      from,
      to,
      from_root_hash: toHex(fromRoot),
      to_root_hash: toHex(toRoot),
      proof: proof.map(toHex),
    });
  },
);

const getTile = endpoint(
  {
    method: "get",
    path: "/v1/ledger/tile/{level}/{tile}",
    rest: "tile",
    scope: "read",
    access: { unlimited: true, publicProof: () => true },
    operationId: "getTile",
    tag: "Proofs",
    summary: "A tile of the tree, or the entries under one",
    description:
      "C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`, N in groups of three digits.",
    params: z.object({ level: z.string(), tile: z.string() }),
    answer: {
      description: "Hashes, 32 octets each; or entries, each after its 16-bit length",
      content: { "application/octet-stream": { schema: z.string() } },
    },
    problems: [404],
  },
  async ({ params, services, ledger: { reader } }) => {
    const path = `tile/${params.level}/${params.tile}`;
    const name = parseTilePath(path);
    if (name === undefined) throw new Problem(404, `${path} is not a tile path`);
    const { level, index, width } = name;
    const leaves = level === "entries" ? 1 : TILE_WIDTH ** level;
    const committed = await committedSize(reader);
    if ((index * TILE_WIDTH + width) * leaves > committed) {
      throw new Problem(404, `${path} is beyond the ledger's ${committed} entries`);
    }
    const octets =
      level === "entries"
        ? await readBundle(reader, index * TILE_WIDTH, width)
        : concatBytes(...(await reader.tile(level, index, width)));
    const shared = services.auth === "open" ? "public" : "private";
    return new Response(octets.slice(), {
      headers: {
        "Content-Type": "application/octet-stream",
        "Cache-Control": width === TILE_WIDTH ? `${shared}, ${IMMUTABLE}` : "no-cache",
      },
    });
  },
);

/** A bundle is 256 headers: 16 MiB when each has the most octets a header may have. */
async function readBundle(reader: LedgerReader, first: number, width: number): Promise<Uint8Array> {
  const headers = await reader.headers(first, first + width);
  return entryBundle(headers);
}

export const proofEndpoints: readonly Endpoint[] = [getInclusion, getConsistency, getTile];
