/**
 * Where a credential may travel, CONTRACT "Credentials": a bearer token, HTTP Basic (the Python SDK
 * turns `http://u:KEY@host` into it), or the path prefix `/t/<key>/…`, the only channel of an
 * unmodified JavaScript SDK.
 */
import { fromBase64, fromUtf8 } from "../lib/bytes.ts";

const PREFIX = /^\/t\/([^/]+)(\/.*)$/;

export interface StrippedRequest {
  readonly request: Request;
  readonly credential: string | undefined;
}

/** Takes the credential out of the path, so that no route, error or log ever sees it. */
export function stripCredentialPrefix(request: Request): StrippedRequest {
  const url = new URL(request.url);
  const [, segment, rest] = PREFIX.exec(url.pathname) ?? [];
  if (segment === undefined || rest === undefined) return { request, credential: undefined };
  url.pathname = rest;
  return { request: new Request(url, request), credential: decoded(segment) };
}

/** Our keys need no escapes in a path; an operator's own may. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function credentialOf(headers: Headers): string | undefined {
  const [, scheme = "", value = ""] =
    /^(\S+)\s+(.*)$/.exec(headers.get("Authorization") ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer" && value !== "") return value;
  if (scheme.toLowerCase() === "basic") return passwordOf(value);
  return undefined;
}

function passwordOf(basic: string): string | undefined {
  const octets = fromBase64(basic);
  if (octets === undefined) return undefined;
  try {
    const [, ...password] = fromUtf8(octets).split(":");
    return password.join(":") || undefined;
  } catch {
    return undefined;
  }
}
