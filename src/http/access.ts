/**
 * Who may do what, before anything of a request is looked at: credential, scope, rate limit, in that
 * order (CONTRACT "Errors"). Refusals and reads are written down behind the answer.
 */
import type { AccessAction } from "../auth/access-log.ts";
import { anybody, nobody, type Principal, type Refusal } from "../auth/principal.ts";
import { LEDGER_NAME } from "../ledger/limits.ts";
import type { Endpoint } from "./endpoint.ts";
import { invalid, Problem } from "./problem.ts";
import { tooMany } from "./rate-limit.ts";
import type { Services } from "./services.ts";

export interface Approach {
  readonly request: Request;
  readonly url: URL;
  readonly credential: string | undefined;
  readonly services: Services;
}

type Rules = Pick<Endpoint, "method" | "path" | "scope" | "access">;

/** `last_used_at` is to the minute: a write for every request would cost more than the request. */
const USE_RECORDED_EVERY_MS = 60_000;

/** @throws Problem 401, 403, 429 */
export async function admit(rules: Rules, approach: Approach): Promise<Principal> {
  const { request, services, credential } = approach;
  const publicReader = await asPublicReader(rules, approach);
  if (publicReader !== undefined) return publicReader;
  if (services.auth === "open") return anybody(services.defaultLedger);
  if (rules.scope === "public") return nobody(services.defaultLedger);

  const authentication = await services.authenticate(credential);
  if (!authentication.ok) {
    const { reason, holder } = authentication;
    const who = { actor: holder?.keyId ?? null, ledger: holder?.ledger ?? null };
    logRefusal(services, rules, request, { ...who, status: 401, reason });
    throw unauthorized(reason);
  }
  const { principal, lastUsedAt } = authentication;
  if (!principal.scopes.has(rules.scope)) {
    logRefusal(services, rules, request, { ...principal, status: 403, reason: "scope" });
    throw new Problem(403, `This takes the scope ${rules.scope}, which the credential lacks`, {
      headers: {
        "WWW-Authenticate": `Bearer realm="loopgrid", error="insufficient_scope", scope="${rules.scope}"`,
      },
    });
  }
  const isAppend = rules.method !== "get";
  const exceeded = rules.access.unlimited
    ? undefined
    : await services.limits?.exceeded(principal, isAppend);
  if (exceeded !== undefined) throw tooMany(exceeded);
  const now = services.now();
  const usedMs = Date.parse(lastUsedAt ?? "1970-01-01");
  if (lastUsedAt !== undefined && now.getTime() - usedMs >= USE_RECORDED_EVERY_MS)
    services.defer(services.keys.used(principal.actor, now.toISOString()));
  return principal;
}

/** Paths that do not exist are not told to strangers either. @throws Problem 401 */
export async function admitToUnknown({ services, credential }: Approach): Promise<void> {
  if (services.auth === "open") return;
  const authentication = await services.authenticate(credential);
  if (!authentication.ok) throw unauthorized(authentication.reason);
}

/** Outside monitors and witnesses, where the operator lets them: what they may ask shows no content. */
async function asPublicReader(
  { access }: Rules,
  { url, credential, services }: Approach,
): Promise<Principal | undefined> {
  if (!services.publicProofs || !access.publicProof?.(url.searchParams)) return undefined;
  const named = url.searchParams.get("ledger") ?? "";
  if (named === "")
    return credential === undefined && services.auth === "required"
      ? nobody(services.defaultLedger)
      : undefined;
  if (!LEDGER_NAME.test(named))
    throw invalid([{ path: "ledger", message: "must be the name of a ledger" }]);
  // Asked first: a name that anybody made up must not bring a ledger into being.
  if (named !== services.defaultLedger && !(await services.isLedger(named)))
    throw new Problem(404, `Ledger ${named} not found`);
  return nobody(named);
}

/** One answer for every bad credential: which part of it was right is nobody's business. */
function unauthorized(reason: Refusal): Problem {
  return reason === "missing"
    ? new Problem(401, "A credential is required: Authorization: Bearer <key>", {
        headers: { "WWW-Authenticate": 'Bearer realm="loopgrid"' },
      })
    : new Problem(401, "The credential is not valid: it is unknown, expired or revoked", {
        headers: { "WWW-Authenticate": 'Bearer realm="loopgrid", error="invalid_token"' },
      });
}

interface Refused {
  readonly ledger: string | null;
  readonly actor: string | null;
  readonly status: number;
  readonly reason: string;
}

function logRefusal(services: Services, rules: Rules, request: Request, refused: Refused): void {
  const suppressed = services.refusals.take(services.now().getTime());
  if (suppressed === undefined) return;
  const { ledger, actor, status, reason } = refused;
  services.defer(
    services.accessLog.record({
      at: services.now().toISOString(),
      ledger,
      actor,
      action: "refused",
      method: request.method,
      route: rules.path,
      target: null,
      status,
      reason,
      suppressed,
    }),
  );
}

const OUR_ID = /^[a-z]{2,8}_[0-9a-f]{32}$/;

export interface Accessed {
  readonly ledger: string;
  readonly actor: string;
  readonly action: AccessAction;
  readonly target: string | undefined;
  readonly status: number;
}

/** Writes an access down behind the answer. In open mode nobody is known, and reads write nothing. */
export function logAccess(
  services: Services,
  rules: Pick<Endpoint, "path">,
  request: Request,
  { ledger, actor, action, target, status }: Accessed,
): void {
  if (services.auth === "open") return;
  services.defer(
    services.accessLog.record({
      at: services.now().toISOString(),
      ledger,
      actor,
      action,
      method: request.method,
      route: rules.path,
      target: target !== undefined && OUR_ID.test(target) ? target : null,
      status,
      reason: null,
      suppressed: 0,
    }),
  );
}
