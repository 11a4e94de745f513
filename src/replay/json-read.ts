/** Reading JSON that others wrote: members that may be there, of the type that is expected. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";

export function objectAt(object: JsonObject | undefined, member: string): JsonObject | undefined {
  const value = object?.[member];
  return isObject(value) ? value : undefined;
}

export function textAt(object: JsonObject | undefined, member: string): string | undefined {
  const value = object?.[member];
  return typeof value === "string" ? value : undefined;
}

export function numberAt(object: JsonObject | undefined, member: string): number | undefined {
  const value = object?.[member];
  return typeof value === "number" ? value : undefined;
}

/** The objects of an array; nothing else of it. */
export function objectsAt(object: JsonObject | undefined, member: string): JsonObject[] {
  const value = object?.[member];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** JSON text as its value; undefined when it is none. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** The object without these members. */
export function without(object: JsonObject, ...members: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([member]) => !members.includes(member)));
}

/** The members that are there: absent and null ones are left out. */
export function defined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const object: JsonObject = {};
  for (const [member, value] of Object.entries(members)) {
    if (value !== undefined && value !== null) object[member] = value;
  }
  return object;
}

/** RFC 7396: null deletes, objects merge, anything else replaces. */
export function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [member, value] of Object.entries(patch)) {
    if (value === null) merged.delete(member);
    else merged.set(member, mergePatch(merged.get(member), value));
  }
  return Object.fromEntries(merged);
}
