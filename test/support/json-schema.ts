/**
 * A strict checker for the JSON Schema that our OpenAPI document uses. Strict: a member that the
 * schema does not declare is a violation, although JSON Schema would allow it, because that is how
 * a document and its server drift apart. A keyword the checker does not know throws: it may not
 * pass over what it cannot check.
 */
import type { JsonObject, JsonValue } from "../../src/lib/json.ts";

// `discriminator` only says which branch of `oneOf` it will be.
const ANNOTATIONS = new Set([
  "discriminator",
  "description",
  "example",
  "examples",
  "default",
  "title",
  "format",
]);

export function isRecord(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is wrong with `value`, each with its path; empty when it conforms. */
export function violations(
  document: JsonObject,
  schema: JsonValue | undefined,
  value: JsonValue,
  path = "$",
): string[] {
  if (!isRecord(schema)) throw new Error(`${path}: no schema`);
  const found: string[] = [];
  const check = (holds: boolean, message: string) => {
    if (!holds) found.push(`${path}: ${message}`);
  };
  const into = (part: JsonValue | undefined, inner: JsonValue, at: string) =>
    found.push(...violations(document, part, inner, at));

  for (const [keyword, rule] of Object.entries(schema)) {
    const word = typeof rule === "string" ? rule : "";
    switch (keyword) {
      case "$ref":
        into(resolve(document, word), value, path);
        break;
      case "type":
        check(
          [rule].flat().some((type) => hasType(value, type)),
          `is ${typeName(value)}, not ${JSON.stringify(rule)}`,
        );
        break;
      case "enum":
        check(Array.isArray(rule) && rule.includes(value), `is not one of ${JSON.stringify(rule)}`);
        break;
      case "const":
        check(rule === value, `is not ${JSON.stringify(rule)}`);
        break;
      case "pattern":
        if (typeof value === "string")
          check(new RegExp(word, "u").test(value), `does not match ${word}`);
        break;
      case "minLength":
        if (typeof value === "string") check(value.length >= Number(rule), "is too short");
        break;
      case "maxLength":
        if (typeof value === "string") check(value.length <= Number(rule), "is too long");
        break;
      case "minimum":
        if (typeof value === "number") check(value >= Number(rule), "is too small");
        break;
      case "maximum":
        if (typeof value === "number") check(value <= Number(rule), "is too large");
        break;
      case "minItems":
        if (Array.isArray(value)) check(value.length >= Number(rule), "has too few items");
        break;
      case "maxItems":
        if (Array.isArray(value)) check(value.length <= Number(rule), "has too many items");
        break;
      case "items":
        if (Array.isArray(value)) value.forEach((item, i) => into(rule, item, `${path}[${i}]`));
        break;
      case "required":
        if (isRecord(value) && Array.isArray(rule))
          for (const name of rule)
            check(
              typeof name === "string" && Object.hasOwn(value, name),
              `lacks ${JSON.stringify(name)}`,
            );
        break;
      case "properties":
        if (isRecord(value) && isRecord(rule)) {
          for (const [name, inner] of Object.entries(value)) {
            if (Object.hasOwn(rule, name)) into(rule[name], inner, `${path}.${name}`);
            else check(Object.hasOwn(schema, "additionalProperties"), `has undeclared ${name}`);
          }
        }
        break;
      case "additionalProperties":
        if (isRecord(value) && rule !== true) {
          const declared = isRecord(schema["properties"]) ? schema["properties"] : {};
          for (const [name, inner] of Object.entries(value)) {
            if (Object.hasOwn(declared, name)) continue;
            if (rule === false) check(false, `has undeclared ${name}`);
            else into(rule, inner, `${path}.${name}`);
          }
        }
        break;
      case "anyOf":
      case "oneOf": {
        const branches = Array.isArray(rule) ? rule : [];
        const matches = branches.filter((b) => violations(document, b, value, path).length === 0);
        check(matches.length > 0, `matches no branch of ${keyword}`);
        break;
      }
      default:
        if (!ANNOTATIONS.has(keyword)) throw new Error(`${path}: keyword ${keyword} is not known`);
    }
  }
  return found;
}

export function resolve(document: JsonObject, reference: string): JsonValue | undefined {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<JsonValue | undefined>((at, name) => (isRecord(at) ? at[name] : undefined), document);
}

function typeName(value: JsonValue): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

function hasType(value: JsonValue, type: JsonValue): boolean {
  return type === "integer" ? Number.isInteger(value) : typeName(value) === type;
}
