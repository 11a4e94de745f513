/**
 * The HTTP application: middleware around a table of endpoints. Order of checks is CONTRACT's:
 * credential, scope, validation, existence.
 */
import { Hono } from "hono";
import { corsHeaders, preflight } from "./cors.ts";
import { credentialOf, stripCredentialPrefix } from "./credential.ts";
import { openApiDocument, type Endpoint } from "./endpoint.ts";
import { Problem, problemResponse } from "./problem.ts";
import { complianceEndpoints } from "./routes/compliance.ts";
import { correctionEndpoints } from "./routes/corrections.ts";
import { decisionEndpoints } from "./routes/decisions.ts";
import { erasureEndpoints } from "./routes/erasure.ts";
import { evidenceEndpoints } from "./routes/evidence.ts";
import { exportEndpoints } from "./routes/export.ts";
import { integrityEndpoints } from "./routes/integrity.ts";
import { ledgerEndpoints } from "./routes/ledger.ts";
import { ledgersEndpoints } from "./routes/ledgers.ts";
import { proofEndpoints } from "./routes/proofs.ts";
import { replayEndpoints } from "./routes/replays.ts";
import { systemEndpoints } from "./routes/system.ts";
import type { Services } from "./services.ts";
import { VERSION } from "./version.ts";

let document: object | undefined;

/** Every endpoint there is. The table of scopes, the OpenAPI document and the 405 answers read it. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...systemEndpoints(() => (document ??= openApiDocument(ENDPOINTS, VERSION))),
  ...decisionEndpoints,
  ...correctionEndpoints,
  ...replayEndpoints,
  ...ledgerEndpoints,
  ...ledgersEndpoints,
  ...proofEndpoints,
  ...integrityEndpoints,
  ...complianceEndpoints,
  ...exportEndpoints,
  ...evidenceEndpoints,
  ...erasureEndpoints,
];

/** On every answer; pages bring a policy of their own. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "cross-origin",
};

interface Context {
  readonly services: Services;
  readonly credential: string | undefined;
}

const router = new Hono<{ Bindings: Context }>({ strict: true });

for (const { method, path, rest, scope, handle } of ENDPOINTS) {
  router.on(method.toUpperCase(), honoPath(path, rest), async (c) => {
    const { services, credential } = c.env;
    const principal = await services.authenticate(credential);
    if (principal === undefined && scope !== "public") {
      throw new Problem(401, "A credential is required: Authorization: Bearer <key>", {
        headers: { "WWW-Authenticate": 'Bearer realm="loopgrid"' },
      });
    }
    const known = principal ?? { actor: "anonymous", ledger: "main" };
    return handle({
      params: c.req.param(),
      url: new URL(c.req.url),
      request: c.req.raw,
      services,
      principal: known,
      ledger: services.ledger(known.ledger),
    });
  });
}

router.notFound((c) => {
  const { pathname } = new URL(c.req.url);
  const allowed = methodsOf(pathname);
  if (allowed.length === 0) return problemResponse(new Problem(404, `${pathname} does not exist`));
  return problemResponse(
    new Problem(
      405,
      `${c.req.method} is not allowed on ${pathname}; allowed: ${allowed.join(", ")}`,
      {
        headers: { Allow: allowed.join(", ") },
      },
    ),
  );
});

router.onError((error) => {
  if (error instanceof Problem) return problemResponse(error);
  // The cause goes to the operator's log, never to the client: it may quote storage.
  console.error(error);
  return problemResponse(
    new Problem(
      500,
      "Internal error; whether anything was written is unknown, retry with the same Idempotency-Key",
    ),
  );
});

/** Answers one request. */
export async function handleRequest(request: Request, services: Services): Promise<Response> {
  const stripped = stripCredentialPrefix(request);
  if (request.method === "OPTIONS") return preflight(request, services);
  const context: Context = {
    services,
    credential: stripped.credential ?? credentialOf(request.headers),
  };
  const answered = await router.fetch(stripped.request, context);
  const response = new Response(answered.body, answered);
  const extra = {
    ...corsHeaders(request, services),
    ...(stripped.credential === undefined ? {} : { "Cache-Control": "private, no-store" }),
  };
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  for (const [name, value] of Object.entries(extra)) response.headers.set(name, value);
  return response;
}

function honoPath(path: string, rest: string | undefined): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === rest ? `:${name}{.+}` : `:${name}`));
}

const PATTERNS = ENDPOINTS.map(({ method, path, rest }) => ({
  method: method.toUpperCase(),
  pattern: new RegExp(
    `^${path.replaceAll(".", "\\.").replaceAll(/\{(\w+)\}/g, (_, name) => (name === rest ? ".+" : "[^/]+"))}$`,
  ),
}));

function methodsOf(pathname: string): string[] {
  const methods = PATTERNS.filter(({ pattern }) => pattern.test(pathname)).map(
    ({ method }) => method,
  );
  return methods.includes("GET") ? [...methods, "HEAD"] : methods;
}
