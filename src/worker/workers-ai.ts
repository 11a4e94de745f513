/**
 * The optional binding `AI` as a connection that live replays can use: no key and no address, so it
 * is not in the default configuration. Errors become the answers its REST API would give.
 */
import type { Connection, Fetch } from "../replay/execute.ts";
import { parseJson } from "../replay/json-read.ts";

/** As much of the binding as is used. */
export interface AiBinding {
  run(model: string, inputs: unknown): Promise<unknown>;
}

export function isAiBinding(value: unknown): value is AiBinding {
  const kind = typeof value;
  return value !== null && (kind === "object" || kind === "function") && "run" in Object(value);
}

/** Only a name: nothing is sent there. */
const BASE_URL = "https://workers-ai.binding";
const RUN = "/run/";

export function workersAiConnection(ai: AiBinding): Connection {
  return { baseUrl: BASE_URL, key: undefined, fetch: (url, init) => run(ai, url, init) };
}

async function run(ai: AiBinding, url: string, { body, signal }: Parameters<Fetch>[1]) {
  const model = url.slice(BASE_URL.length + RUN.length);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
  });
  try {
    return Response.json(await Promise.race([ai.run(model, parseJson(body)), aborted]));
  } catch (error) {
    if (signal.aborted) throw error;
    return failed(error instanceof Error ? error.message : "");
  }
}

/** Internal codes (developers.cloudflare.com/workers-ai/platform/errors) and the status each comes with. */
const STATUS: Readonly<Record<string, number>> = {
  "3003": 400,
  "3006": 413,
  "3007": 408,
  "3008": 408,
  "3023": 403,
  "3036": 429,
  "3040": 429,
  "3041": 403,
  "3042": 404,
  "5004": 400,
  "5007": 404,
  "5016": 403,
  "5018": 403,
};

function failed(text: string): Response {
  const [, code, message = text] = /^(\d{4}):\s*(.*)$/s.exec(text) ?? [];
  const errors = [{ ...(code === undefined ? {} : { code: Number(code) }), message }];
  return Response.json({ success: false, errors }, { status: STATUS[code ?? ""] ?? 500 });
}
