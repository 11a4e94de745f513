/**
 * Base URLs that a request may name, reference §8.9: only what the operator listed, https, a public
 * name. The operator's own base URLs are not checked: they may be anything. Pure.
 */

const ADDRESS_LIKE = /^(\[.*\]|[\d.]+|0x[\da-f.]+|.*:.*)$/i;
const INTERNAL =
  /(^|\.)(localhost|local|internal|intranet|lan|home|corp|private|arpa|test|invalid|onion)$/i;

/** What a URL parser quietly turns into something else: %2e, full-width letters, \\ for /, spaces. */
const DISGUISED = /[^!-~]|[%\\]/;
const LABELS_MAX = 10;

/** Undefined when it may be used; else why not. */
export function refusedBaseUrl(url: string, allowed: readonly string[]): string | undefined {
  if (DISGUISED.test(url)) return "must be plain ASCII, without % and backslashes";
  if (!URL.canParse(url)) return "must be a URL";
  const { protocol, username, password, hostname, search, hash } = new URL(url);
  if (protocol !== "https:") return "must be https";
  if (username !== "" || password !== "" || search !== "" || hash !== "")
    return "must hold a host and a path only";
  if (ADDRESS_LIKE.test(hostname)) return "must name its host, not give an address";
  const labels = hostname.split(".");
  if (
    labels.length < 2 ||
    labels.length > LABELS_MAX ||
    labels.includes("") ||
    INTERNAL.test(hostname)
  )
    return "must be a public host";
  const normal = withoutSlash(new URL(url).href);
  if (!allowed.some((entry) => URL.canParse(entry) && withoutSlash(new URL(entry).href) === normal))
    return "is not in the operator's LOOPGRID_REPLAY_BASE_URLS";
  return undefined;
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
