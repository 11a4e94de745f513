/** When a request is sent again, and after how long. Pure. */
import { retryAfterMs } from "../../replay/retry-after.ts";

const BACKOFF_MS = 250;
const BACKOFF_MS_MAX = 8_000;
/** A longer Retry-After says that somebody has to act first. */
export const RETRY_AFTER_MS_MAX = 60_000;

/** Statuses that pass by themselves. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** Refusals of the request itself: nothing was written under its key, now or by an earlier attempt. */
export function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status);
}

/**
 * Full jitter: clients that failed together do not come back together.
 * @param tried attempts so far, from 1
 */
export function backoffMs(tried: number, random = Math.random()): number {
  return random * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** tried);
}

/** Undefined: not worth waiting for. */
export function pauseMs(tried: number, headers: Headers, nowMs: number): number | undefined {
  const asked = retryAfterMs(headers, "", nowMs) ?? 0;
  return asked > RETRY_AFTER_MS_MAX ? undefined : asked + backoffMs(tried);
}
