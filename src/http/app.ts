/**
 * The HTTP application: middleware around a table of endpoints. Order of checks is CONTRACT's:
 * credential, scope, validation, existence.
 */
import { Hono } from "hono";
import { KEY_PATTERN } from "../auth/api-key.ts";
import { admit, admitToUnknown, logAccess } from "./access.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { credentialOf, stripCredentialPrefix } from "./credential.ts";
import { openApiDocument, type Endpoint } from "./endpoint.ts";
import { Problem, problemResponse } from "./problem.ts";
import { accessLogEndpoints } from "./routes/access-log.ts";
import { complianceEndpoints } from "./routes/compliance.ts";
import { correctionEndpoints } from "./routes/corrections.ts";
import { decisionEndpoints } from "./routes/decisions.ts";
import { erasureEndpoints } from "./routes/erasure.ts";
import { experimentProgressEndpoints } from "./routes/experiment-progress.ts";
import { experimentEndpoints } from "./routes/experiments.ts";
import { evidenceEndpoints } from "./routes/evidence.ts";
import { exportEndpoints } from "./routes/export.ts";
import { gapEndpoints } from "./routes/gaps.ts";
import { integrityEndpoints } from "./routes/integrity.ts";
import { keyEndpoints } from "./routes/keys.ts";
import { ledgerEndpoints } from "./routes/ledger.ts";
import { ledgersEndpoints } from "./routes/ledgers.ts";
import { metricsEndpoints } from "./routes/metrics.ts";
import { proofEndpoints } from "./routes/proofs.ts";
import { recordEndpoints } from "./routes/record.ts";
import { recordsEndpoints } from "./routes/records.ts";
import { replayListEndpoints } from "./routes/replay-lists.ts";
import { replayEndpoints } from "./routes/replays.ts";
import { retentionEndpoints } from "./routes/retention.ts";
import { shareEndpoints } from "./routes/shares.ts";
import { systemEndpoints } from "./routes/system.ts";
import type { Services } from "./services.ts";
import { VERSION } from "./version.ts";

let document: object | undefined;

/** Every endpoint there is. The table of scopes, the OpenAPI document and the 405 answers read it. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...systemEndpoints(() => (document ??= openApiDocument(ENDPOINTS, VERSION))),
  ...recordEndpoints,
  ...decisionEndpoints,
  ...correctionEndpoints,
  ...recordsEndpoints,
  ...retentionEndpoints,
  ...replayEndpoints,
  ...replayListEndpoints,
  ...experimentEndpoints,
  ...experimentProgressEndpoints,
  ...ledgerEndpoints,
  ...ledgersEndpoints,
  ...proofEndpoints,
  ...integrityEndpoints,
  ...gapEndpoints,
  ...complianceEndpoints,
  ...metricsEndpoints,
  ...exportEndpoints,
  ...evidenceEndpoints,
  ...erasureEndpoints,
  ...keyEndpoints,
  ...shareEndpoints,
  ...accessLogEndpoints,
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

for (const endpoint of ENDPOINTS) {
  const { method, path, rest, access, handle } = endpoint;
  router.on(method.toUpperCase(), honoPath(path, rest), async (c) => {
    const { services, credential } = c.env;
    const request = c.req.raw;
    const url = new URL(request.url);
    const principal = await admit(endpoint, { request, url, credential, services });
    const params: Record<string, string> = c.req.param();
    const ledger = await services.ledger(principal.ledger);
    const response = await handle({ params, url, request, services, principal, ledger });
    const showsContent = !access.publicProof?.(url.searchParams);
    if (access.logged !== undefined && showsContent) {
      const target = params["decision_id"] ?? params["replay_id"];
      const { status } = response;
      logAccess(services, endpoint, request, {
        ...principal,
        action: access.logged,
        target,
        status,
      });
    }
    return response;
  });
}

router.notFound(async (c) => {
  const { services, credential } = c.env;
  const request = c.req.raw;
  const url = new URL(request.url);
  await admitToUnknown({ request, url, credential, services });
  const path = withoutCredentials(url.pathname);
  const allowed = methodsOf(url.pathname);
  if (allowed.length === 0) return problemResponse(new Problem(404, `${path} does not exist`));
  const methods = allowed.join(", ");
  const detail = `${request.method} is not allowed on ${path}; allowed: ${methods}`;
  return problemResponse(new Problem(405, detail, { headers: { Allow: methods } }));
});

router.onError((error) => {
  if (error instanceof Problem) return problemResponse(error, withoutCredentials);
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
  const context: Context = {
    services,
    credential: stripped.credential ?? credentialOf(request.headers),
  };
  const answered =
    request.method === "OPTIONS"
      ? preflight(request, services)
      : await router.fetch(stripped.request, context);
  withSecurityHeaders(answered);
  const extra = {
    ...corsHeaders(request, services),
    ...(stripped.credential === undefined
      ? {}
      : { "Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer" }),
  };
  for (const [name, value] of Object.entries(extra)) answered.headers.set(name, value);
  return answered;
}

/** Sets the headers in place: every answer here is our own, made with headers that may change. */
export function withSecurityHeaders(answered: Response): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!answered.headers.has(name)) answered.headers.set(name, value);
  }
  return answered;
}

/** A path or a message that may be shown: mistakes put keys where none belong. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/\/t\/[^/\s]+/g, "/t/…").replaceAll(KEY_PATTERN, "lgk_…");
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
