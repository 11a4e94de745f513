/**
 * Base URLs that a request may name, reference §8.9: only what the operator listed, https, a public
 * name. The operator's own base URLs are not checked: they may be anything. Pure.
 */

const ADDRESS_LIKE = /^(\[.*\]|[\d.]+|0x[\da-f.]+|.*:.*)$/i;
const INTERNAL =
  /(^|\.)(localhost|local|internal|intranet|lan|home|corp|private|arpa|test|invalid|onion)$/i;

/** Undefined when it may be used; else why not. */
export function refusedBaseUrl(url: string, allowed: readonly string[]): string | undefined {
  if (!URL.canParse(url)) return "must be a URL";
  const { protocol, username, password, hostname, search, hash } = new URL(url);
  if (protocol !== "https:") return "must be https";
  if (username !== "" || password !== "" || search !== "" || hash !== "")
    return "must hold a host and a path only";
  if (ADDRESS_LIKE.test(hostname)) return "must name its host, not give an address";
  if (!hostname.includes(".") || hostname.endsWith(".") || INTERNAL.test(hostname))
    return "must be a public host";
  const normal = withoutSlash(new URL(url).href);
  if (!allowed.some((entry) => withoutSlash(entry) === normal))
    return "is not in the operator's LOOPGRID_REPLAY_BASE_URLS";
  return undefined;
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
