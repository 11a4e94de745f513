/** Rate limits through the platform's binding: counted per Cloudflare location, approximate, no remainder told. */
import type { LimitPolicy, RateLimits } from "../http/rate-limit.ts";

/** Bindings of wrangler.toml; one that is absent limits nothing. */
export interface LimiterBindings {
  readonly LIMIT_KEY_REQUESTS?: RateLimit;
  readonly LIMIT_KEY_APPENDS?: RateLimit;
  readonly LIMIT_LEDGER_REQUESTS?: RateLimit;
  readonly LIMIT_LEDGER_APPENDS?: RateLimit;
}

/** @param policies the limits in force, with what their bindings are set to: a Worker cannot read that */
export function rateLimits(
  env: LimiterBindings,
  policies: ReadonlyMap<string, LimitPolicy>,
): RateLimits {
  const limiters = [
    { name: "key_requests", of: "actor", appends: false, limiter: env.LIMIT_KEY_REQUESTS },
    { name: "ledger_requests", of: "ledger", appends: false, limiter: env.LIMIT_LEDGER_REQUESTS },
    { name: "key_appends", of: "actor", appends: true, limiter: env.LIMIT_KEY_APPENDS },
    { name: "ledger_appends", of: "ledger", appends: true, limiter: env.LIMIT_LEDGER_APPENDS },
  ] as const;
  return {
    async exceeded(principal, isAppend) {
      const asked = limiters.map(async ({ name, of, appends, limiter }) => {
        const policy = policies.get(name);
        if (limiter === undefined || policy === undefined || (appends && !isAppend))
          return undefined;
        // Keys of different ledgers never share a count, whatever an actor is called.
        const key = of === "ledger" ? principal.ledger : `${principal.ledger}/${principal.actor}`;
        return (await limiter.limit({ key })).success ? undefined : policy;
      });
      return (await Promise.all(asked)).find((policy) => policy !== undefined);
    },
  };
}
