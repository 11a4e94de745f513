/** GET /v1/replays, /v1/providers and /v1/prices. */
import { z } from "zod";
import { NO_PRICES, PriceList, PriceListCreate } from "../../replay/prices.ts";
import { baseUrlVar, keyVars, PROVIDERS } from "../../replay/providers/table.ts";
import { toReplay } from "../../replay/replay.ts";
import { ListedReplay } from "../../replay/schema.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import { jsonList, streamResponse } from "../stream.ts";

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 100;
/** Entries read at once: each holds at most 1 MiB of content. */
const CHUNK = 16;

const ReplayListQuery = z.object({
  decision_id: z.string().optional(),
  outcome: z.string().optional(),
  execution_mode: z.string().optional(),
  provider: z.string().optional(),
  model: z.string().optional().meta({ description: "the requested one" }),
  experiment_id: z.string().optional(),
  limit: integerParam(1, LIMIT_MAX)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT }),
  cursor: integerParam(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ type: "string", description: "a next_cursor of this list" }),
});

export const ReplayList = z
  .object({
    replays: z.array(ListedReplay),
    has_more: z.boolean(),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: "ReplayList" });

export const ProviderList = z
  .object({
    providers: z.array(
      z.object({
        name: z.string(),
        configured: z.boolean(),
        formats: z.array(z.string()),
        key_variables: z.array(z.string()),
        base_url_variable: z.string().nullable(),
        binding: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: "ProviderList" });

const listReplays = endpoint(
  {
    method: "get",
    path: "/v1/replays",
    scope: "read",
    access: { logged: "read" },
    operationId: "listReplays",
    tag: "Replays",
    summary: "List replays, newest first",
    description: "Filters are exact and ANDed. A replay's difference is with the replay itself.",
    query: ReplayListQuery,
    answer: {
      description: "A page",
      content: { "application/json": { schema: ReplayList } },
    },
    problems: [422],
  },
  async ({ query, ledger: { reader, replays } }) => {
    const { decision_id, outcome, execution_mode, provider, model, experiment_id } = query;
    const filter = {
      decisionId: decision_id,
      outcome,
      executionMode: execution_mode,
      provider,
      model,
      experimentId: experiment_id,
    };
    const limit = query.limit ?? LIMIT_DEFAULT;
    const indexes = await replays.list(filter, query.cursor ?? Number.MAX_SAFE_INTEGER, limit + 1);
    const shown = indexes.slice(0, limit);
    const has_more = indexes.length > limit;
    const next_cursor = has_more ? String(shown.at(-1)) : null;
    const pages = async function* () {
      for (let i = 0; i < shown.length; i += CHUNK) {
        const entries = await reader.entriesAt(shown.slice(i, i + CHUNK));
        yield entries.toReversed().map((entry) => {
          const { diff: _diff, diff_summary: _summary, ...listed } = toReplay(entry);
          return listed;
        });
      }
    };
    return streamResponse(
      jsonList("replays", pages(), () => ({ has_more, next_cursor })),
      { "Content-Type": "application/json" },
    );
  },
);

const listProviders = endpoint(
  {
    method: "get",
    path: "/v1/providers",
    scope: "read",
    operationId: "listProviders",
    tag: "Replays",
    summary: "Who can answer a live replay",
    description: "Names the variables that configure each provider, never their values.",
    answer: {
      description: "Every known provider",
      content: { "application/json": { schema: ProviderList } },
    },
  },
  ({ services }) =>
    json({
      providers: PROVIDERS.map((spec) => ({
        name: spec.name,
        configured: services.providers.connection(spec) !== undefined,
        formats: spec.formats,
        key_variables: keyVars(spec),
        base_url_variable: spec.binding === undefined ? baseUrlVar(spec) : null,
        binding: spec.binding ?? null,
      })),
    }),
);

const priceAnswer = {
  description: "The prices",
  content: { "application/json": { schema: PriceList } },
};

const getPrices = endpoint(
  {
    method: "get",
    path: "/v1/prices",
    scope: "read",
    operationId: "getPrices",
    tag: "Replays",
    summary: "Prices that replays are costed with",
    query: z.object({
      version: integerParam(1, Number.MAX_SAFE_INTEGER)
        .optional()
        .meta({ type: "integer", minimum: 1, description: "an older list" }),
    }),
    answer: priceAnswer,
    problems: [404, 422],
  },
  async ({ query: { version }, ledger: { replays } }) => {
    const list = await replays.prices(version);
    if (list === undefined)
      throw new Problem(404, `Price list ${version ?? NO_PRICES.version} not found`);
    return json(list);
  },
);

const setPrices = endpoint(
  {
    method: "put",
    path: "/v1/prices",
    scope: "admin",
    operationId: "setPrices",
    tag: "Replays",
    summary: "Set the prices; the list becomes a new version",
    body: { schema: PriceListCreate, required: true },
    answer: priceAnswer,
    problems: [413, 415, 422],
  },
  async ({ body, services, ledger: { replays } }) =>
    json(await replays.setPrices(body, services.now().toISOString())),
);

export const replayListEndpoints: readonly Endpoint[] = [
  listReplays,
  listProviders,
  getPrices,
  setPrices,
];
