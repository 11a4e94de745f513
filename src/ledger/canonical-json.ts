/**
 * Canonical JSON, RFC 8785 (JCS): what commitments and headers are made of, DESIGN §3.
 * The npm package `canonicalize` does the work, without recursion; this module keeps from it
 * what it would change silently.
 */
import serialize from "canonicalize";
import type { JsonValue } from "../lib/json.ts";

const SCALARS: ReadonlySet<string> = new Set(["boolean", "number", "string"]);

/**
 * The canonical text of a JSON value. Throws on what is none: lone surrogates, NaN, infinities,
 * cycles, undefined, and objects with a behaviour of their own (dates, maps, a `toJSON` method).
 * The types exclude these, but casts and libraries do not, and the package drops or rewrites them.
 */
export function canonicalize(value: JsonValue): string {
  const text = serialize(value); // first, as it refuses the cycles assertPlain would follow
  if (text === undefined) throw new TypeError(`${typeof value} is not JSON`);
  assertPlain(value);
  return text;
}

/** Whether the text is, to the character, the canonical form of what it parses to. */
export function isCanonical(text: string): boolean {
  try {
    const value: JsonValue = JSON.parse(text);
    return serialize(value) === text; // a duplicate key is gone from `value`, so it differs
  } catch {
    return false; // not JSON; or a lone surrogate, or a number that overflowed
  }
}

function assertPlain(root: unknown): void {
  const pending = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== "object" || value === null) continue; // the package knows its scalars
    // First of all: behind its result the package may not have seen a cycle below.
    if ("toJSON" in value && typeof value.toJSON === "function")
      throw new TypeError("an object with a toJSON method is not JSON");
    const prototype: unknown = Object.getPrototypeOf(value);
    if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null)
      throw new TypeError("only plain objects and arrays are JSON");
    const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    for (const child of children) {
      if (typeof child === "object") pending.push(child);
      else if (!SCALARS.has(typeof child)) throw new TypeError(`${typeof child} is not JSON`);
    }
  }
}
