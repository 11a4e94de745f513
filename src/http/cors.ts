/**
 * CORS, DESIGN §6: in open mode any origin, without credentials; else an allow-list, empty by
 * default. 0.1 reflected any origin with credentials (CONTRACT, defect 16).
 */
import type { Services } from "./services.ts";

const METHODS = "GET, POST, PUT, DELETE";
const REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, Prefer";
const EXPOSED_HEADERS = "Idempotent-Replayed, Retry-After, RateLimit-Policy, Content-Disposition";
/** How long a browser may keep the answer to a preflight. */
const PREFLIGHT_SECONDS = "600";

type Policy = Pick<Services, "auth" | "corsOrigins">;

export function corsHeaders(request: Request, policy: Policy): Record<string, string> {
  const origin = request.headers.get("Origin");
  if (origin === null) return {};
  if (policy.auth === "open")
    return { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED_HEADERS };
  if (!policy.corsOrigins.includes(origin)) return { Vary: "Origin" };
  return {
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Expose-Headers": EXPOSED_HEADERS,
    Vary: "Origin",
  };
}

export function preflight(request: Request, policy: Policy): Response {
  const cors = corsHeaders(request, policy);
  const allowed = "Access-Control-Allow-Origin" in cors;
  return new Response(null, {
    status: 204,
    headers: {
      ...cors,
      ...(allowed
        ? {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
          }
        : {}),
    },
  });
}
