/** Deltas of a JSON value, as Chat Completions send them: texts go on, lists grow. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { numberAt } from "../json-read.ts";

/** Texts that say what something is: repeated, not continued. */
const NAMES: ReadonlySet<string> = new Set(["role", "id", "type", "format", "object"]);

/** What `delta` adds to `before`. `index` says which element of a list goes on, and is no part of it. */
export function mergeDelta(before: JsonObject, delta: JsonObject): JsonObject {
  const merged = new Map(Object.entries(before));
  for (const [name, value] of Object.entries(delta)) {
    if (name === "index") continue;
    merged.set(name, mergeValue(name, merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

function mergeValue(name: string, before: JsonValue | undefined, value: JsonValue): JsonValue {
  if (value === null) return before ?? null;
  if (before === undefined || before === null || before === "") return first(value);
  if (typeof value === "string" && typeof before === "string")
    return NAMES.has(name) ? before : before + value;
  if (Array.isArray(value)) return mergeList(asList(before), value);
  return isObject(value) && isObject(before) ? mergeDelta(before, value) : value;
}

/** A delta that begins something. */
function first(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return mergeList([], value);
  return isObject(value) ? mergeDelta({}, value) : value;
}

/** Mistral goes over from text to parts. */
function asList(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value;
  return typeof value === "string" ? [{ type: "text", text: value }] : [];
}

function mergeList(before: readonly JsonValue[], delta: readonly JsonValue[]): JsonValue[] {
  const merged = [...before];
  for (const element of delta) {
    const index = isObject(element) ? numberAt(element, "index") : undefined;
    if (!isObject(element) || index === undefined) merged.push(element);
    // An index from outside must not make a list of a billion holes.
    else if (index >= merged.length) merged.push(mergeDelta({}, element));
    else {
      const known = merged[index];
      merged[index] = mergeDelta(isObject(known) ? known : {}, element);
    }
  }
  return merged;
}
