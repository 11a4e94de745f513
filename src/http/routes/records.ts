/**
 * Records: what people and systems tell the ledger besides decisions (records/kinds.ts). One route
 * for all kinds; each becomes an entry of its own kind. What may name a person is content and can be
 * erased, with the decision it is about or by itself.
 */
import { z } from "zod";
import { ErasureCreate } from "../../erasure/schema.ts";
import type { StoredEntry } from "../../ledger/decision.ts";
import { draftEntry } from "../../ledger/draft.ts";
import { canonicalize } from "../../ledger/canonical-json.ts";
import { utf8 } from "../../lib/bytes.ts";
import { isObject } from "../../lib/json.ts";
import { KINDS, type RecordKind } from "../../records/kinds.ts";
import { RECORD_KINDS, RecordCreate, recordKindOf, recordParts } from "../../records/schema.ts";
import { json, Receipt, ReceiptQuery } from "../answers.ts";
import { appendOnce } from "../append-once.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import { jsonList, streamResponse } from "../stream.ts";
import { requireDecision } from "./decision-answer.ts";

/** A header holds 65,535 octets (FORMAT.md); the rest of it takes less than 5,000. */
const FACTS_BYTES_MAX = 60_000;
const LIMIT_MAX = 100;
const LIMIT_DEFAULT = 20;
/** Each holds at most 1 MiB of content. */
const ENTRIES_PER_READ = 16;

/** What changes how everything else is judged takes whoever administers the ledger. */
const ADMIN_KINDS: ReadonlySet<RecordKind> = new Set(["context", "retention_policy"]);

export const Recorded = z
  .object({
    record_id: z.string().meta({ example: "inc_019abf2e6f0e70008000000000a1b2c3" }),
    kind: z.string(),
    index: z.int(),
    recorded_at: z.string(),
    actor: z.string(),
    decision_id: z.string().optional(),
    facts: z.record(z.string(), z.unknown()),
    content: z.record(z.string(), z.unknown()).meta({
      description: "What is still there: an erased member is absent and stands in `erased`.",
    }),
    erased: z.array(z.string()),
  })
  .meta({ id: "Record" });

const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema } },
});

const addRecord = endpoint(
  {
    method: "post",
    path: "/v1/records",
    scope: "review",
    keyed: true,
    operationId: "addRecord",
    tag: "Records",
    summary: "Record a review, an incident, a halt, a notice, a policy …",
    description:
      "`kind` decides which members there are. Codes, times and references become facts, which are never erased: put nothing personal there. Free text and persons are content and can be erased. `context` and `retention_policy` take the scope `admin`, too.",
    query: ReceiptQuery,
    body: { schema: RecordCreate, required: true },
    answer: answer("The record", Recorded.extend({ receipt: Receipt })),
    problems: [403, 404, 413, 415, 422, 503],
  },
  async (call) => {
    const { ledger, principal, services, body } = call;
    const kind = RECORD_KINDS.find((kind) => kind === body.kind);
    if (kind === undefined) throw invalid([{ path: "kind", message: "is no kind of record" }]);
    if (ADMIN_KINDS.has(kind) && !principal.scopes.has("admin"))
      throw new Problem(403, `A record of kind ${kind} needs the scope admin`);
    const { sentBody } = call;
    const parts = recordParts(kind, isObject(sentBody) ? sentBody : {});
    if (utf8(canonicalize(parts.facts)).length > FACTS_BYTES_MAX)
      throw new Problem(413, `body: facts take at most ${FACTS_BYTES_MAX} octets`);
    const appended = await appendOnce(call, async (keyed) => {
      await requireLinks(call, parts.decisionId, parts.facts);
      const draft = draftEntry(
        {
          kind: parts.entryKind,
          ...(parts.decisionId === undefined ? {} : { decisionId: parts.decisionId }),
          actor: principal.actor,
          facts: parts.facts,
          fields: parts.fields,
          keyed,
        },
        services.random,
      );
      return [draft];
    });
    const [entry] = await ledger.reader.entriesAt([appended?.index ?? 0]);
    if (entry === undefined) throw new Problem(500, "the record is not there");
    return json({ ...wireRecord(entry), receipt: appended?.receipt }, appended?.headers);
  },
);

/** Members that name another record; a link to nothing would evidence nothing. */
const LINKS = ["incident_id", "request_id"];

async function requireLinks(
  { ledger }: Pick<Call<unknown, unknown, unknown>, "ledger">,
  decisionId: string | undefined,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (decisionId !== undefined) await requireDecision(ledger, decisionId);
  for (const link of LINKS) {
    const id = facts[link];
    if (typeof id === "string" && (await ledger.reader.indexOf(id)) === undefined)
      throw new Problem(404, `${link}: Record ${id} not found`);
  }
  const linked = facts["decision_ids"];
  for (const id of Array.isArray(linked) ? linked : [])
    if (typeof id === "string") await requireDecision(ledger, id);
}

const listRecords = endpoint(
  {
    method: "get",
    path: "/v1/records",
    scope: "read",
    access: { logged: "read" },
    operationId: "listRecords",
    tag: "Records",
    summary: "Records, newest first",
    query: z.object({
      kind: z
        .string()
        .optional()
        .meta({ description: `one of ${RECORD_KINDS.join(", ")}; another one matches nothing` }),
      decision_id: z.string().optional(),
      limit: integerParam(1, LIMIT_MAX)
        .optional()
        .meta({ type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT }),
      cursor: integerParam(0, Number.MAX_SAFE_INTEGER)
        .optional()
        .meta({ type: "integer", minimum: 0, description: "a `next_cursor`" }),
    }),
    answer: answer(
      "A page",
      z.object({ records: z.array(Recorded), next_cursor: z.string().nullable() }),
    ),
    problems: [422],
  },
  async ({ query, ledger }) => {
    const limit = query.limit ?? LIMIT_DEFAULT;
    const kinds = RECORD_KINDS.filter((kind) => query.kind === undefined || kind === query.kind)
      .map((kind) => KINDS[kind])
      .filter(({ about }) => query.decision_id === undefined || about === "decision")
      .map(({ entryKind, about }) => ({ kind: entryKind, aboutDecision: about === "decision" }));
    const before = query.cursor ?? Number.MAX_SAFE_INTEGER;
    const indexes = await ledger.records.indexes(kinds, query.decision_id, before, limit + 1);
    const shown = indexes.slice(0, limit);
    const next_cursor = indexes.length > limit ? String(shown.at(-1)) : null;
    const pages = async function* () {
      for (let i = 0; i < shown.length; i += ENTRIES_PER_READ) {
        const entries = await ledger.reader.entriesAt(shown.slice(i, i + ENTRIES_PER_READ));
        yield entries.toReversed().map(wireRecord);
      }
    };
    return streamResponse(
      jsonList("records", pages(), () => ({ next_cursor })),
      { "Content-Type": "application/json" },
    );
  },
);

const RecordParams = z.object({ record_id: z.string() });

const getRecord = endpoint(
  {
    method: "get",
    path: "/v1/records/{record_id}",
    scope: "read",
    access: { logged: "read" },
    operationId: "getRecord",
    tag: "Records",
    summary: "One record",
    params: RecordParams,
    answer: answer("The record", Recorded),
    problems: [404],
  },
  async (call) => json(wireRecord(await recordOf(call))),
);

async function recordOf({
  params,
  ledger,
}: Pick<
  Call<z.infer<typeof RecordParams>, unknown, unknown>,
  "params" | "ledger"
>): Promise<StoredEntry> {
  const index = await ledger.reader.indexOf(params.record_id);
  const [entry] = index === undefined ? [] : await ledger.reader.entriesAt([index]);
  if (entry === undefined || !isRecord(entry.header.kind))
    throw new Problem(404, `Record ${params.record_id} not found`);
  return entry;
}

/** An issued report repeats texts of the declared context, and persons may stand there. */
function isRecord(entryKind: string): boolean {
  return recordKindOf(entryKind) !== undefined || entryKind === "report_issued";
}

const eraseRecord = endpoint(
  {
    method: "post",
    path: "/v1/records/{record_id}/erasure",
    scope: "erase",
    keyed: true,
    operationId: "eraseRecord",
    tag: "Records",
    summary: "Erase a record's content; its facts stay",
    description:
      "An issued report is erased here, too, by its `report_id`: its hash and its entry stay.",
    params: RecordParams,
    query: ReceiptQuery,
    body: { schema: ErasureCreate, required: true },
    answer: answer("The record", Recorded.extend({ receipt: z.union([Receipt, z.null()]) })),
    problems: [404, 409, 413, 415, 422, 503],
  },
  async (call) => {
    const { body, principal, services } = call;
    const appended = await appendOnce(call, async (keyed) => {
      const { header, content } = await recordOf(call);
      const { decision_id, commitments } = header;
      if (decision_id !== undefined && (await call.ledger.reader.isHeld(decision_id)))
        throw new Problem(409, `Decision ${decision_id} is held; release the hold before erasing`);
      for (const field of body.fields ?? [])
        if (commitments[field] === undefined || field === "request")
          throw invalid([{ path: "fields", message: `${field} is no field of this record` }]);
      const wanted = Object.keys(content).filter(
        (field) => field === "request" || (body.fields?.includes(field) ?? true),
      );
      if (wanted.every((field) => field === "request")) return [];
      const draft = draftEntry(
        {
          kind: "content_erased",
          ...(decision_id === undefined ? {} : { decisionId: decision_id }),
          actor: principal.actor,
          facts: {
            reason_code: body.reason_code,
            targets: [{ index: header.index, fields: wanted.toSorted() }],
          },
          fields: { request_id: body.request_id, note: body.note },
          keyed,
        },
        services.random,
      );
      return [draft];
    });
    const record = wireRecord(await recordOf(call));
    return json({ ...record, receipt: appended?.receipt ?? null }, appended?.headers);
  },
);

function wireRecord({ header, content }: StoredEntry) {
  const { id, kind, index, recorded_at, actor, decision_id, facts, commitments } = header;
  const { request_key: _, ...told } = facts;
  const members = Object.keys(commitments).filter((field) => field !== "request");
  return {
    record_id: id,
    kind: recordKindOf(kind) ?? kind,
    index,
    recorded_at,
    actor,
    ...(decision_id === undefined ? {} : { decision_id }),
    facts: told,
    content: Object.fromEntries(
      members.flatMap((field) => {
        const there = content[field];
        return there === undefined ? [] : [[field, there.value]];
      }),
    ),
    erased: members.filter((field) => content[field] === undefined),
  };
}

export const recordsEndpoints: readonly Endpoint[] = [
  addRecord,
  listRecords,
  getRecord,
  eraseRecord,
];
