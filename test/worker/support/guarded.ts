/**
 * The Worker as it is deployed, credentials required, in the isolate of the test: the same code and
 * the same stores as the open one of the other tests, under vars of its own. Vars are read once an
 * environment, so each `guarded()` is an isolate as far as caches go.
 */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import worker from "../../../src/worker/index.ts";

export const ADMIN_KEY = "operator's own / key + with % odd characters";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON, whose shape the test knows; empty for another media type. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Sent {
  readonly method?: string;
  /** `Authorization: Bearer`. */
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export type Ask = (path: string, sent?: Sent) => Promise<Reply>;

const ORIGIN = "https://loopgrid.test";

/** @param vars over the deployed defaults */
export function guarded(vars: object = {}): Ask {
  const own = { ...env, LOOPGRID_AUTH: "required", LOOPGRID_ADMIN_KEY: ADMIN_KEY, ...vars };
  return async (path, { method = "GET", key, headers, body } = {}) => {
    const context = createExecutionContext();
    const request = new Request(ORIGIN + path, {
      method,
      headers: {
        ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const response = await worker.fetch(request, own, context);
    const text = await response.text();
    // What is written behind an answer is there when the test looks.
    await waitOnExecutionContext(context);
    const isJson = /^application\/(problem\+)?json/.test(
      response.headers.get("Content-Type") ?? "",
    );
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : {},
    };
  };
}

export interface MadeKey {
  readonly key_id: string;
  readonly key: string;
  readonly ledger: string;
}

/** Makes a key with the operator's own. */
export async function makeKey(
  ask: Ask,
  scopes: readonly string[],
  more: object = {},
): Promise<MadeKey> {
  const { status, text } = await ask("/v1/keys", {
    method: "POST",
    key: ADMIN_KEY,
    body: { name: scopes.join(" "), scopes, ...more },
  });
  if (status !== 200) throw new Error(text);
  return JSON.parse(text);
}
