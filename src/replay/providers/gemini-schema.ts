/** Gemini's own schemas (a subset of OpenAPI 3.0) as JSON Schema, for formats that know no other. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import { without } from "../json-read.ts";

export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const { type, nullable } = schema;
  const entries = Object.entries(without(schema, "nullable", "propertyOrdering")).map(
    ([member, value]) => [member, memberOf(member, value)] as const,
  );
  const described = Object.fromEntries(entries);
  if (typeof type !== "string") return described;
  const name = type.toLowerCase();
  return { ...described, type: nullable === true ? [name, "null"] : name };
}

function memberOf(member: string, value: JsonValue): JsonValue {
  if (member === "properties" && isObject(value)) {
    const properties = Object.entries(value);
    return Object.fromEntries(properties.map(([name, property]) => [name, schemaIn(property)]));
  }
  if (member === "items") return schemaIn(value);
  if (member === "anyOf" && Array.isArray(value)) return value.map(schemaIn);
  return value;
}

function schemaIn(value: JsonValue): JsonValue {
  return isObject(value) ? jsonSchemaOf(value) : value;
}
