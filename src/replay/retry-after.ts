/** How long a provider asks to wait: RFC 9110 `Retry-After` in both forms, and what vendors added. Pure. */

const NUMBER = /^\d+(\.\d+)?$/;
/** RFC 9110 §5.6.7: IMF-fixdate, and the obsolete RFC 850 and asctime forms. */
const HTTP_DATE =
  /^([A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/;

export function retryAfterMs(headers: Headers, body: string, nowMs: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const ms = headers.get(name)?.trim() ?? "";
    if (NUMBER.test(ms)) return Number(ms);
  }
  const header = headers.get("retry-after")?.trim() ?? "";
  if (NUMBER.test(header)) return Number(header) * 1000;
  if (HTTP_DATE.test(header)) {
    // asctime names no zone: it is UTC, wherever this runs.
    const at = Date.parse(header.endsWith("GMT") ? header : `${header} GMT`);
    if (!Number.isNaN(at)) return Math.max(0, at - nowMs);
  }
  const [, seconds] = /"retryDelay":\s*"(\d+(?:\.\d+)?)s"/.exec(body) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
