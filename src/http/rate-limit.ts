/** Rate limits on the wire: 429 with Retry-After and RateLimit-Policy. */
import type { Principal } from "../auth/principal.ts";
import { Problem } from "./problem.ts";

/** A limit by name; its numbers where the operator has told them. */
export interface LimitPolicy {
  readonly name: string;
  readonly quota?: number;
  readonly windowS?: number;
}

export interface RateLimits {
  /** The limit this request is beyond; undefined when it may go on. It counts the request. */
  exceeded(principal: Principal, isAppend: boolean): Promise<LimitPolicy | undefined>;
}

/** The longer of the two windows that the platform offers. */
const WINDOW_S_DEFAULT = 60;

export function tooMany({ name, quota, windowS = WINDOW_S_DEFAULT }: LimitPolicy): Problem {
  const policy =
    quota === undefined ? {} : { "RateLimit-Policy": `"${name}";q=${quota};w=${windowS}` };
  return new Problem(429, `Too many requests: the limit ${name} is reached; nothing was written`, {
    headers: { "Retry-After": String(windowS), ...policy },
  });
}
