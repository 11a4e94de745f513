import { test } from "vitest";
import { retryAfterMs } from "../../../src/replay/retry-after.ts";

const NOW = Date.parse("2026-11-06T08:49:37Z");

test.for<readonly [Record<string, string>, string, number | undefined]>([
  [{ "retry-after": "7" }, "", 7_000],
  [{ "retry-after": "0.5" }, "", 500],
  [{ "retry-after": "Fri, 06 Nov 2026 08:49:40 GMT" }, "", 3_000],
  [{ "retry-after": "Friday, 06-Nov-26 08:49:40 GMT" }, "", 3_000],
  [{ "retry-after": "Fri Nov  6 08:49:40 2026" }, "", 3_000],
  [{ "retry-after": "Fri, 06 Nov 2026 08:49:30 GMT" }, "", 0],
  [{ "retry-after-ms": "1500", "retry-after": "60" }, "", 1_500],
  [{ "x-ms-retry-after-ms": "250" }, "", 250],
  [{}, '{"error":{"details":[{"retryDelay": "46s"}]}}', 46_000],
  [{ "retry-after": "2" }, '{"retryDelay":"46s"}', 2_000],
  // What is no time to wait is not one of 0 ms either.
  [{ "retry-after": "" }, "", undefined],
  [{ "retry-after-ms": "" }, "", undefined],
  [{ "retry-after": "-5" }, "", undefined],
  [{ "retry-after": "1e3" }, "", undefined],
  [{ "retry-after-ms": "0x10" }, "", undefined],
  [{ "retry-after": "tomorrow" }, "", undefined],
  [{}, "", undefined],
])("%j %s asks to wait %s ms", ([headers, body, ms], { expect }) => {
  expect(retryAfterMs(new Headers(headers), body, NOW)).toBe(ms);
});
