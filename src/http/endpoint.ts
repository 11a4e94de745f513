/**
 * One declaration an endpoint: its place, scope, schemas and answers. The OpenAPI document, the
 * validation, the 405 answers and the table of scopes all come from it.
 *
 * Bodies are validated here and not by a framework's validator, because the order of checks is part
 * of the contract (credential, scope, validation, existence) and because JSON is read strictly.
 */
import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import type { Scope } from "../auth/scope.ts";
import { readJsonBody } from "./body.ts";
import type { JsonValue } from "../lib/json.ts";
import { ProblemSchema, type ProblemStatus } from "./problem.ts";
import type { LedgerService, Services } from "./services.ts";
import { IDEMPOTENCY_KEY } from "../ledger/limits.ts";
import { Validation } from "./validate.ts";

export type Method = "get" | "post" | "put" | "delete";

/** What a handler gets: everything parsed, nothing of the platform. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The body as it was sent, unknown members included; null when there was none. */
  readonly sentBody: JsonValue;
  /** Of the request, without a credential prefix and without its query. */
  readonly path: string;
  readonly request: Request;
  readonly services: Services;
  readonly principal: Principal;
  readonly ledger: LedgerService;
}

export interface EndpointSpec<Params, Query, Body> {
  readonly method: Method;
  /** OpenAPI form: `/v1/decisions/{decision_id}`. */
  readonly path: `/${string}`;
  /** The parameter that takes the rest of the path, slashes included. */
  readonly rest?: string;
  /** "public" answers without any credential. */
  readonly scope: Scope | "public";
  readonly access?: AccessRules;
  /** Takes an Idempotency-Key. */
  readonly keyed?: true;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject & z.ZodType<Params>;
  readonly query?: z.ZodObject & z.ZodType<Query>;
  readonly body?: { readonly schema: z.ZodType<Body>; readonly required: boolean };
  readonly answer: {
    readonly description: string;
    readonly content: Readonly<Record<string, { schema: z.ZodType }>>;
  };
  /** Answered with 202 to `Prefer: respond-async` (RFC 7240). */
  readonly accepted?: { readonly description: string; readonly schema: z.ZodType };
  readonly problems?: readonly ProblemStatus[];
}

/** How access to an endpoint differs from the rule. */
export interface AccessRules {
  /** Verification and copies of one's own evidence: never rate-limited. */
  readonly unlimited?: true;
  /** Listed in the access log: it answers content, or hands a copy out. */
  readonly logged?: "read" | "export";
  /** What everybody may ask where LOOPGRID_PUBLIC_PROOFS is on: it shows no content. */
  readonly publicProof?: (query: URLSearchParams) => boolean;
}

/** An endpoint ready to serve; its types are checked where it is declared and erased here. */
export interface Endpoint {
  readonly method: Method;
  readonly path: `/${string}`;
  readonly rest: string | undefined;
  readonly scope: Scope | "public";
  readonly access: AccessRules;
  readonly route: RouteConfig;
  readonly handle: (call: UnparsedCall) => Promise<Response>;
}

export interface UnparsedCall extends Omit<
  Call<never, never, never>,
  "params" | "query" | "body" | "sentBody" | "path"
> {
  readonly params: Readonly<Record<string, string>>;
  readonly url: URL;
}

type Handler<Params, Query, Body> = (
  call: Call<Params, Query, Body>,
) => Promise<Response> | Response;

/** Types are inferred from the schemas where an endpoint is declared; a missing schema takes nothing. */
export function endpoint<Params = unknown, Query = unknown, Body = undefined>(
  spec: EndpointSpec<Params, Query, Body>,
  handler: Handler<Params, Query, Body>,
): Endpoint;
export function endpoint(
  spec: EndpointSpec<unknown, unknown, unknown>,
  handler: Handler<unknown, unknown, unknown>,
): Endpoint {
  const { params = NOTHING, query = NOTHING, body } = spec;
  return {
    method: spec.method,
    path: spec.path,
    rest: spec.rest,
    scope: spec.scope,
    access: spec.access ?? {},
    route: routeConfig(spec),
    async handle({ url, ...call }) {
      const sentBody = body === undefined ? undefined : await readJsonBody(call.request);
      const validation = new Validation();
      const parsed = {
        params: validation.check(params, call.params, "path"),
        query: validation.check(query, queryObject(url), "query"),
        body: body === undefined ? undefined : validation.check(body.schema, sentBody, "body"),
      };
      const key = spec.keyed ? call.request.headers.get("Idempotency-Key") : null;
      validation.require(key === null || IDEMPOTENCY_KEY.test(key), BAD_KEY);
      validation.finish();
      return handler({ ...call, ...parsed, sentBody: sentBody ?? null, path: url.pathname });
    },
  };
}

const NOTHING = z.object({});

const BAD_KEY = {
  path: "Idempotency-Key",
  message: "must be 1 to 255 visible ASCII characters",
};

const IdempotencyHeaders = z.object({
  "Idempotency-Key": z.string().regex(IDEMPOTENCY_KEY).optional().meta({
    description: "Makes every retry safe, for ever: a repeat answers what the first attempt wrote.",
    example: "order-5512-reply",
  }),
});

/** An empty value is no filter (CONTRACT, DecisionList); of a repeated name the first counts. */
function queryObject(url: URL): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (value !== "" && !(name in query)) query[name] = value;
  }
  return query;
}

function routeConfig<Params, Query, Body>(spec: EndpointSpec<Params, Query, Body>): RouteConfig {
  const problems = new Set<ProblemStatus>([
    ...(spec.scope === "public" ? [] : ([401, 403, 429] as const)),
    ...(spec.body === undefined ? [] : ([413, 415, 422] as const)),
    ...(spec.problems ?? []),
  ]);
  return {
    method: spec.method,
    path: spec.path,
    operationId: spec.operationId,
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    request: {
      ...(spec.params === undefined ? {} : { params: spec.params }),
      ...(spec.query === undefined ? {} : { query: spec.query }),
      ...(spec.keyed ? { headers: IdempotencyHeaders } : {}),
      ...(spec.body === undefined
        ? {}
        : {
            body: {
              required: spec.body.required,
              content: { "application/json": { schema: spec.body.schema } },
            },
          }),
    },
    responses: {
      200: { description: spec.answer.description, content: spec.answer.content },
      ...(spec.accepted === undefined
        ? {}
        : {
            202: {
              description: spec.accepted.description,
              content: { "application/json": { schema: spec.accepted.schema } },
            },
          }),
      ...Object.fromEntries(
        [...problems]
          .toSorted((a, b) => a - b)
          .map((status) => [
            status,
            {
              description: PROBLEM_DESCRIPTIONS[status],
              content: { "application/problem+json": { schema: ProblemSchema } },
            },
          ]),
      ),
    },
    ...(spec.scope === "public" ? { security: [] } : {}),
  };
}

const PROBLEM_DESCRIPTIONS: Readonly<Record<ProblemStatus, string>> = {
  400: "The replay belongs to another decision.",
  401: "No credential, or not a valid one.",
  403: "The credential does not have the scope.",
  404: "No such thing in this ledger.",
  405: "The path exists, the method does not.",
  406: "No such representation.",
  409: "In conflict with the ledger as it is.",
  413: "The body, or an entry's content, is too large.",
  415: "The body is not JSON.",
  422: "The request is invalid; `detail` names every bad field. Nothing was stored.",
  429: "Too many requests; see Retry-After.",
  500: "A fault of ours.",
  503: "Not acknowledged. The same request with the same Idempotency-Key finds out whether it was written.",
};

/** The OpenAPI 3.1 document of these endpoints. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): object {
  const documented = new OpenAPIHono();
  const registry = documented.openAPIRegistry;
  registry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  registry.registerComponent("securitySchemes", "basic", { type: "http", scheme: "basic" });
  for (const { route } of endpoints) registry.registerPath(route);
  return documented.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "LoopGrid",
      version,
      description:
        "A system of record for AI decisions: record, replay, correct, prove, report. Every error is RFC 9457 problem JSON; every appending POST takes an Idempotency-Key.",
      license: { name: "Apache-2.0" },
    },
    servers: [{ url: "." }],
    security: [{ bearer: [] }, { basic: [] }, {}],
  });
}
