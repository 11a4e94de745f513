/**
 * Pruning: content whose retention class is over is erased, in portions, by whoever may erase. The
 * policy is a record (`retention_policy`); a hold keeps what it holds; every prune is a
 * `content_erased` entry with the reason code `retention_expired`, so that a report can tell it from
 * an erasure somebody asked for.
 */
import { z } from "zod";
import { chunkTargets } from "../../erasure/targets.ts";
import { draftEntry, withCount, type KeyedRequest } from "../../ledger/draft.ts";
import type { EntryDraft } from "../../ledger/entry.ts";
import { factText } from "../../ledger/facts.ts";
import type { Header } from "../../ledger/schema.ts";
import { RETENTION_EXPIRED } from "../../ledger/tally.ts";
import { classesOf, isExpired, latestExpiry } from "../../records/retention.ts";
import { json, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { asFact, readTargets } from "../erasable.ts";

const REPLAYED = "Idempotent-Replayed";
/** Decisions in one call: each takes a few reads, and a request may make a thousand. */
const PORTION_MAX = 50;

const Prune = z
  .object({
    cursor: z
      .string()
      .regex(/^dec_[0-9a-f]{32}$/, { error: "must be a next_cursor of this route" })
      .nullish(),
    dry_run: z.boolean().nullish().meta({ description: "Says what would go, and erases nothing." }),
  })
  .nullish()
  .meta({ id: "Prune", example: { dry_run: true } });

export const PruneAnswer = z
  .object({
    policy: z.string().nullable().meta({
      description: "The retention_policy record that was applied; without one everything is kept.",
    }),
    pruned: z.array(z.string()),
    held: z.array(z.string()).meta({ description: "Over, but on hold: kept." }),
    next_cursor: z.string().nullable(),
    receipt: z.union([Receipt, z.null()]),
  })
  .meta({ id: "PruneAnswer" });

type PruneCall = Call<unknown, z.infer<typeof ReceiptQuery>, z.infer<typeof Prune>>;

const prune = endpoint(
  {
    method: "post",
    path: "/v1/retention/prune",
    scope: "erase",
    keyed: true,
    operationId: "pruneExpired",
    tag: "Records",
    summary: "Erase content whose retention class is over",
    description: `The newest retention_policy decides; the longest class that applies to a decision wins, and what no class covers is kept. At most ${PORTION_MAX} decisions a call, oldest first: go on with \`next_cursor\` until it is null.`,
    query: ReceiptQuery,
    body: { schema: Prune, required: false },
    answer: {
      description: "What went",
      content: { "application/json": { schema: PruneAnswer } },
    },
    problems: [409, 413, 415, 422, 503],
  },
  async (call) => {
    const policy = await policyOf(call);
    let portion: Portion = { expired: [], held: [], next_cursor: null };
    if (call.body?.dry_run) {
      portion = await nextPortion(call, policy);
      return json(wirePortion(policy, portion));
    }
    const appended = await appendOnce(call, async (keyed) => {
      portion = await nextPortion(call, policy);
      return pruneDrafts(call, portion.expired, keyed);
    });
    const receipt = appended?.receipt ?? null;
    const answer =
      appended !== undefined && REPLAYED in appended.headers
        ? await prunedBefore(call, appended.index)
        : portion;
    return json({ ...wirePortion(policy, answer), receipt }, appended?.headers);
  },
);

async function policyOf({ ledger }: PruneCall): Promise<Header | undefined> {
  const size = (await ledger.reader.head())?.size ?? 0;
  const [policy] = await ledger.records.headers("retention_policy_set", size, 1);
  return policy;
}

interface Portion {
  readonly expired: readonly string[];
  readonly held: readonly string[];
  readonly next_cursor: string | null;
}

async function nextPortion(
  { body, ledger, services }: PruneCall,
  policy: Header | undefined,
): Promise<Portion> {
  if (policy === undefined) return { expired: [], held: [], next_cursor: null };
  const classes = classesOf(policy);
  const now = services.now();
  const before = latestExpiry(classes, now).getTime();
  const kept = await ledger.records.withContent(before, body?.cursor ?? "", PORTION_MAX);
  const expired: string[] = [];
  const held: string[] = [];
  for (const decision of kept) {
    if (!isExpired(decision, classes, now)) continue;
    const isHeld = await ledger.reader.isHeld(decision.decisionId);
    (isHeld ? held : expired).push(decision.decisionId);
  }
  const last = kept.at(-1)?.decisionId ?? null;
  return { expired, held, next_cursor: kept.length === PORTION_MAX ? last : null };
}

async function pruneDrafts(
  { ledger, principal, services }: PruneCall,
  decisionIds: readonly string[],
  keyed: KeyedRequest | undefined,
): Promise<EntryDraft[]> {
  const taken = new Set<string>(); // a batch's request stands once, and is everybody's
  const parts: {
    decisionId: string;
    size: number;
    targets: ReturnType<typeof chunkTargets>[number];
  }[] = [];
  for (const decisionId of decisionIds) {
    const { size, targets } = await readTargets(ledger, decisionId, undefined);
    const own = targets
      .map(({ index, fields }) => ({
        index,
        fields: fields.filter((field) => !taken.has(`${index} ${field}`)),
      }))
      .filter(({ fields }) => fields.length > 0);
    for (const { index, fields } of own) for (const field of fields) taken.add(`${index} ${field}`);
    parts.push(...chunkTargets(own).map((chunk) => ({ decisionId, size, targets: chunk })));
  }
  return parts.map(({ decisionId, size, targets }, i): EntryDraft => ({
    ...draftEntry(
      {
        kind: "content_erased",
        decisionId,
        actor: principal.actor,
        facts: { reason_code: RETENTION_EXPIRED, targets: targets.map(asFact) },
        fields: {},
        keyed: i === 0 && keyed ? withCount(keyed, parts.length) : undefined,
      },
      services.random,
    ),
    onlyIf: { size },
  }));
}

/** What the first attempt erased, from the ledger; the rest of its answer was of that moment. */
async function prunedBefore({ ledger }: PruneCall, firstIndex: number): Promise<Portion> {
  const [first] = await ledger.reader.entriesAt([firstIndex]);
  const key = first === undefined ? null : factText(first.header, "request_key");
  const row = key === null ? undefined : await ledger.reader.request(key);
  const indexes = Array.from({ length: row?.count ?? 1 }, (_, i) => firstIndex + i);
  const entries = await ledger.reader.entriesAt(indexes);
  const expired = [...new Set(entries.flatMap(({ header }) => header.decision_id ?? []))];
  return { expired, held: [], next_cursor: expired.at(-1) ?? null };
}

function wirePortion(policy: Header | undefined, { expired, held, next_cursor }: Portion) {
  return { policy: policy?.id ?? null, pruned: expired, held, next_cursor, receipt: null };
}

export const retentionEndpoints: readonly Endpoint[] = [prune];
