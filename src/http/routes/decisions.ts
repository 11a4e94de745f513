/** Reading decisions: lists, one, and every entry about it, CONTRACT and DESIGN §4. */
import { z } from "zod";
import type { StoredEntry } from "../../ledger/decision.ts";
import { Decision } from "../../ledger/schema.ts";
import { json } from "../answers.ts";
import { decisionsOf } from "../decision-pages.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { DecisionFilterQuery, PageQuery, toFilter } from "../queries.ts";
import { jsonList, streamResponse } from "../stream.ts";
import { decisionWithErasures } from "./decision-answer.ts";

const PAGE_SIZE_DEFAULT = 20;

const DecisionParams = z.object({ decision_id: z.string() });

export const DecisionList = z
  .object({
    decisions: z.array(Decision),
    total: z.int().optional(),
    page: z.int().optional(),
    page_size: z.int().optional(),
    has_more: z.boolean(),
    next_cursor: z.string().nullable().optional(),
  })
  .meta({ id: "DecisionList" });

export const HistoryAnswer = z
  .object({
    entries: z.array(
      z.object({
        index: z.int(),
        kind: z.string(),
        id: z.string(),
        recorded_at: z.string(),
        actor: z.string(),
        facts: z.record(z.string(), z.unknown()),
        content: z.record(z.string(), z.unknown()),
      }),
    ),
  })
  .meta({ id: "DecisionHistory" });

const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema } },
});

const listDecisions = endpoint(
  {
    method: "get",
    path: "/v1/decisions",
    scope: "read",
    access: { logged: "read" },
    operationId: "listDecisions",
    tag: "Decisions",
    summary: "List decisions, newest first",
    description:
      "Pages with a total (`page`, `page_size`), or keyset pages without (`limit`, `cursor`): those cost the same at any depth.",
    query: DecisionFilterQuery.extend(PageQuery.shape),
    answer: answer("A page", DecisionList),
    problems: [422],
  },
  async ({ query, ledger: { reader } }) => {
    const filter = toFilter(query);
    const json = { "Content-Type": "application/json" };
    if (query.cursor !== undefined || query.limit !== undefined) {
      const limit = query.limit ?? PAGE_SIZE_DEFAULT;
      const start = query.cursor === undefined ? { offset: 0 } : { after: query.cursor };
      const keys = await reader.decisionKeys(filter, start, limit + 1);
      const shown = keys.slice(0, limit);
      const has_more = keys.length > limit;
      const next_cursor = has_more ? (shown.at(-1)?.decisionId ?? null) : null;
      return streamResponse(
        jsonList("decisions", decisionsOf(reader, shown), () => ({ has_more, next_cursor })),
        json,
      );
    }
    const page = query.page ?? 1;
    const page_size = query.page_size ?? PAGE_SIZE_DEFAULT;
    const offset = Math.min((page - 1) * page_size, Number.MAX_SAFE_INTEGER);
    const [total, keys] = await Promise.all([
      reader.countDecisions(filter),
      reader.decisionKeys(filter, { offset }, page_size + 1),
    ]);
    const has_more = keys.length > page_size;
    const shown = decisionsOf(reader, keys.slice(0, page_size));
    return streamResponse(
      jsonList("decisions", shown, () => ({ total, page, page_size, has_more })),
      json,
    );
  },
);

const getDecision = endpoint(
  {
    method: "get",
    path: "/v1/decisions/{decision_id}",
    scope: "read",
    access: { logged: "read" },
    operationId: "getDecision",
    tag: "Decisions",
    summary: "One decision",
    params: DecisionParams,
    answer: answer(
      "The decision; `erased` names fields that are gone, where there are any",
      Decision.extend({ erased: z.array(z.string()).optional() }),
    ),
    problems: [404],
  },
  async ({ params: { decision_id }, ledger }) => {
    const { erased, ...decision } = await decisionWithErasures(ledger, decision_id);
    return json(erased.length === 0 ? decision : { ...decision, erased });
  },
);

/** Entries of a history read at once: each holds at most 1 MiB of content. */
const HISTORY_CHUNK = 16;

const getHistory = endpoint(
  {
    method: "get",
    path: "/v1/decisions/{decision_id}/history",
    scope: "read",
    access: { logged: "read" },
    operationId: "getDecisionHistory",
    tag: "Decisions",
    summary: "Every entry about a decision, oldest first",
    params: DecisionParams,
    answer: answer("Entries with their content", HistoryAnswer),
    problems: [404],
  },
  async ({ params: { decision_id }, ledger: { reader } }) => {
    const indexes = await reader.historyIndexes(decision_id);
    if (indexes.length === 0) throw new Problem(404, `Decision ${decision_id} not found`);
    const pages = async function* () {
      for (let i = 0; i < indexes.length; i += HISTORY_CHUNK) {
        yield (await reader.entriesAt(indexes.slice(i, i + HISTORY_CHUNK))).map(historyEntry);
      }
    };
    return streamResponse(
      jsonList("entries", pages(), () => ({})),
      { "Content-Type": "application/json" },
    );
  },
);

function historyEntry({ header, content }: StoredEntry) {
  const { index, kind, id, recorded_at, actor, facts } = header;
  // What was asked under an idempotency key is the client's business, not part of the story.
  const values = Object.entries(content).filter(([field]) => field !== "request");
  return {
    index,
    kind,
    id,
    recorded_at,
    actor,
    facts,
    content: Object.fromEntries(values.map(([field, { value }]) => [field, value])),
  };
}

export const decisionEndpoints: readonly Endpoint[] = [listDecisions, getDecision, getHistory];
