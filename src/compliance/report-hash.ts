/** What a report's hash covers: all of it but the hash itself and where the ledger keeps it. Pure. */
import { canonicalize } from "../ledger/canonical-json.ts";
import { sha256 } from "../ledger/hash.ts";
import { toHex, utf8 } from "../lib/bytes.ts";
import { isObject, type JsonObject } from "../lib/json.ts";

export function reportHash(report: JsonObject): string {
  const { issued: _, verification, ...rest } = report;
  const covered = isObject(verification) ? { ...verification, report_hash: null } : null;
  return toHex(sha256(utf8(canonicalize({ ...rest, verification: covered }))));
}
