/** Input against its schema: every bad field named, in words a caller can act on. */
import type { z } from "zod";
import { invalid, type FieldProblem } from "./problem.ts";

/** Enough to mend a request with, too few to flood an answer. */
const PROBLEMS_MAX = 20;
/** Paths quote the caller's keys. */
const PATH_LENGTH_MAX = 200;

/** @throws Problem 422 */
export function validate<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const parsed = schema.safeParse(value, { error: describe });
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.slice(0, PROBLEMS_MAX).map((issue) => fieldProblem(issue, root)),
  );
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "must be a string",
  number: "must be a number",
  int: "must be an integer",
  array: "must be an array",
  object: "must be an object",
  record: "must be an object",
  boolean: "must be true or false",
};

function describe(issue: {
  code?: string | undefined;
  input?: unknown;
  expected?: unknown;
}): string | undefined {
  if (issue.code !== "invalid_type") return undefined;
  if (issue.input === undefined) return "required";
  return EXPECTED[String(issue.expected)];
}

function fieldProblem(
  issue: { path: readonly PropertyKey[]; message: string; input?: unknown },
  root: string,
): FieldProblem {
  const path = issue.path.reduce<string>(
    (parent, key) =>
      typeof key === "number"
        ? `${parent}[${key}]`
        : parent === ""
          ? String(key)
          : `${parent}.${String(key)}`,
    "",
  );
  const shown = path === "" ? root : path;
  return {
    path: shown.length > PATH_LENGTH_MAX ? `${shown.slice(0, PATH_LENGTH_MAX)}…` : shown,
    message: issue.message,
  };
}
