/** Commitments made before anything is sent; loaded where they are asked for, for what it brings. */
import { canonicalize } from "../../ledger/canonical-json.ts";
import { commitmentOf } from "../../ledger/hash.ts";
import { fromHex, toHex } from "../../lib/bytes.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Opening } from "./capture.ts";

const SALT_BYTES = 32;

export function commit(field: "input" | "output", given: object): Opening {
  const value: JsonObject = JSON.parse(JSON.stringify(given));
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  return { commitment: commitmentOf(salt, field, canonicalize(value)), salt: toHex(salt), value };
}

/** Whether this value, with this salt, is what was committed to. */
export function opens(field: "input" | "output", { commitment, salt, value }: Opening): boolean {
  const octets = fromHex(salt);
  return octets !== undefined && commitmentOf(octets, field, canonicalize(value)) === commitment;
}
