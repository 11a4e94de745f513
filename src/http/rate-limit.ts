/** Rate limits on the wire: 429 with Retry-After and RateLimit-Policy. */
import type { Principal } from "../auth/principal.ts";
import { Problem } from "./problem.ts";

export interface LimitPolicy {
  readonly name: string;
  readonly quota: number;
  readonly windowS: number;
}

export interface RateLimits {
  /** The limit this request is beyond; undefined when it may go on. It counts the request. */
  exceeded(principal: Principal, isAppend: boolean): Promise<LimitPolicy | undefined>;
}

export function tooMany({ name, quota, windowS }: LimitPolicy): Problem {
  return new Problem(429, `Too many requests: the limit ${name} is reached; nothing was written`, {
    headers: {
      "Retry-After": String(windowS),
      "RateLimit-Policy": `"${name}";q=${quota};w=${windowS}`,
    },
  });
}
