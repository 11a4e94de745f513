/** What the appending routes share: idempotency, receipts and the outcome of an append on the wire. */
import { z } from "zod";
import { toHex } from "../lib/bytes.ts";
import type { JsonValue } from "../lib/json.ts";
import { parseCheckpoint } from "../ledger/checkpoint.ts";
import { ContentTooLarge, keyedRequest, type KeyedRequest } from "../ledger/draft.ts";
import type { EntryDraft } from "../ledger/entry.ts";
import { parseNote } from "../ledger/note.ts";
import { proveInclusion } from "../ledger/proof.ts";
import type { AppendOutcome, CoveredBy } from "../ledger/sequencing.ts";
import { invalid, Problem } from "./problem.ts";
import type { LedgerService } from "./services.ts";

export const Receipt = z
  .object({
    ledger: z.string(),
    index: z.int(),
    size: z.int(),
    root_hash: z.string(),
    checkpoint: z.string().meta({ description: "C2SP signed note that covers the entry." }),
    proof: z
      .array(z.string())
      .optional()
      .meta({ description: "Inclusion proof, with ?receipt=proof." }),
  })
  .meta({ id: "Receipt", description: "Keep it: with a public key it proves the entry offline." });

export const ReceiptQuery = z.object({
  receipt: z
    .enum(["checkpoint", "proof"], { error: "must be checkpoint or proof" })
    .optional()
    .meta({ description: "`proof` adds an inclusion proof to the receipt." }),
});

interface Asked {
  readonly request: Request;
  readonly path: string;
  readonly sentBody: JsonValue;
}

/** The request's Idempotency-Key with what is asked under it; undefined when it has none. */
export function keyedFrom(call: Asked, count = 1): KeyedRequest | undefined {
  const { request, path, sentBody } = call;
  const key = request.headers.get("Idempotency-Key");
  if (key === null) return undefined;
  return keyedRequest(key, { method: request.method, path, body: sentBody, count });
}

/** Builds drafts; content over the limit is a 413 that names the entry. */
export async function drafting<T>(build: () => T | Promise<T>, where = "body"): Promise<T> {
  try {
    return await build();
  } catch (error) {
    if (error instanceof ContentTooLarge) throw new Problem(413, `${where}: ${error.message}`);
    throw error;
  }
}

/** An append's answer: new, or found in the ledger under its key. */
export type Landed =
  | { readonly replayed: false; readonly outcome: Extract<AppendOutcome, { kind: "appended" }> }
  | { readonly replayed: true; readonly firstIndex: number; readonly count: number };

/** The entries of a key that was used before, if it was. @throws Problem 422 on another request */
export async function landedBefore(
  ledger: LedgerService,
  keyed: KeyedRequest | undefined,
): Promise<Landed | undefined> {
  const row = keyed && (await ledger.reader.request(keyed.requestKey));
  return row && keyed ? repeat(ledger, keyed, row.firstIndex, row.count) : undefined;
}

export function append(
  ledger: LedgerService,
  drafts: readonly EntryDraft[],
  keyed: KeyedRequest | undefined,
): Promise<AppendOutcome> {
  return ledger.append({ drafts, ...(keyed ? { requestKey: keyed.requestKey } : {}) });
}

/** Appends. @throws Problem 503 when the outcome is refused or unknown */
export async function land(
  ledger: LedgerService,
  drafts: readonly EntryDraft[],
  keyed: KeyedRequest | undefined,
): Promise<Landed> {
  return landedAs(ledger, await append(ledger, drafts, keyed), keyed);
}

export async function landedAs(
  ledger: LedgerService,
  outcome: AppendOutcome,
  keyed: KeyedRequest | undefined,
): Promise<Landed> {
  switch (outcome.kind) {
    case "appended":
      return { replayed: false, outcome };
    case "repeated":
      if (keyed === undefined)
        throw new Problem(500, "an append without a key was taken for a repeat");
      return repeat(ledger, keyed, outcome.firstIndex, outcome.count);
    case "stale":
      throw new Problem(
        409,
        "The decision changed meanwhile; nothing was written, read it again and repeat the request",
      );
    case "refused":
      throw new Problem(503, `The ledger takes no appends: ${outcome.detail}`, {
        headers: { "Retry-After": "60" },
      });
    case "unavailable":
      throw new Problem(503, `Not acknowledged: ${outcome.detail}`, {
        headers: { "Retry-After": "1" },
      });
  }
}

async function repeat(
  ledger: LedgerService,
  { fingerprint }: KeyedRequest,
  firstIndex: number,
  count: number,
): Promise<Landed> {
  const [first] = await ledger.reader.entriesAt([firstIndex]);
  // Erased with the content: then the body cannot be compared, and the present state is answered.
  const asked = first?.content["request"]?.value;
  if (typeof asked === "object" && asked !== null && !Array.isArray(asked)) {
    // `count` follows from the body, or, in an erasure, from the ledger as it was then.
    const same = (["method", "path", "body_sha256"] as const).every(
      (member) => asked[member] === fingerprint[member],
    );
    if (!same) {
      throw invalid([{ path: "Idempotency-Key", message: "was used for another request" }]);
    }
  }
  return { replayed: true, firstIndex, count };
}

/** The committed head that covers an entry: of its own commit, also when asked again later. */
export async function coveredBy(ledger: LedgerService, landed: Landed): Promise<CoveredBy> {
  if (!landed.replayed) return landed.outcome;
  const lastIndex = landed.firstIndex + landed.count - 1;
  const [covering] = await ledger.reader.checkpointsAbove(lastIndex, 1);
  const checkpoint = covering && parseCheckpoint(parseNote(covering.note)?.text ?? "");
  if (covering === undefined || checkpoint === undefined)
    throw new Problem(500, `entry ${lastIndex} is not covered by a checkpoint`);
  return { size: covering.size, rootHash: toHex(checkpoint.rootHash), checkpoint: covering.note };
}

export async function receiptOf(
  ledger: LedgerService,
  index: number,
  covered: CoveredBy,
  query: z.infer<typeof ReceiptQuery>,
): Promise<z.infer<typeof Receipt>> {
  const proof =
    query.receipt === "proof"
      ? { proof: (await proveInclusion(index, covered.size, ledger.reader)).map(toHex) }
      : {};
  return {
    ledger: ledger.name,
    index,
    size: covered.size,
    root_hash: covered.rootHash,
    checkpoint: covered.checkpoint,
    ...proof,
  };
}

export function json(body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    headers: { "Content-Type": "application/json", ...headers },
  });
}

/** Tells a client that its retry found the first attempt's entry. */
export function replayedHeader(landed: Landed): Record<string, string> {
  return landed.replayed ? { "Idempotent-Replayed": "true" } : {};
}
