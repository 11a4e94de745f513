/**
 * Request bodies at the door, DESIGN §3: content type, size, then strict JSON, in that order, so
 * that nothing large or malformed is ever parsed or stored.
 */
import { concatBytes } from "../lib/bytes.ts";
import type { JsonValue } from "../lib/json.ts";
import { parseStrictJson } from "../lib/strict-json.ts";
import { JSON_DEPTH_MAX, REQUEST_BYTES_MAX } from "../ledger/limits.ts";
import { invalid, Problem } from "./problem.ts";

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;
const UTF8_CHARSET = /charset\s*=\s*"?utf-?8"?/i;

/** The parsed body; undefined when there is none. @throws Problem 413, 415, 422 */
export async function readJsonBody(request: Request): Promise<JsonValue | undefined> {
  const octets = await readBounded(request);
  if (octets.length === 0) return undefined;
  requireJsonType(request.headers.get("Content-Type"));
  const parsed = parseStrictJson(octets, { depthMax: JSON_DEPTH_MAX });
  if (!parsed.ok) throw invalid(parsed.problems);
  return parsed.value;
}

async function readBounded(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("Content-Length")) > REQUEST_BYTES_MAX) throw tooLarge();
  if (request.body === null) return new Uint8Array();
  if (request.headers.has("Content-Length")) return new Uint8Array(await request.arrayBuffer());
  // Chunked: nobody said how much is coming.
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatBytes(...chunks);
    bytes += value.length;
    if (bytes > REQUEST_BYTES_MAX) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

function tooLarge(): Problem {
  return new Problem(413, `body: a request holds at most ${REQUEST_BYTES_MAX} octets`);
}

function requireJsonType(header: string | null): void {
  const [type = "", ...parameters] = (header ?? "").split(";");
  const charset = parameters.find((parameter) => /charset/i.test(parameter));
  if (JSON_TYPE.test(type.trim()) && (charset === undefined || UTF8_CHARSET.test(charset))) return;
  throw new Problem(415, "body: send JSON in UTF-8 with Content-Type: application/json");
}
