/** Input against its schema: every bad field named, in words a caller can act on. */
import type { z } from "zod";
import { invalid, type FieldProblem } from "./problem.ts";

/** Enough to mend a request with, too few to flood an answer. */
const PROBLEMS_MAX = 20;
/** Paths quote the caller's keys. */
const PATH_LENGTH_MAX = 200;

/** Collects what is wrong with every part of a request, so that one answer names it all. */
export class Validation {
  readonly #problems: FieldProblem[] = [];

  /** The parsed value. One that is wrong comes back as it is: `finish` will not let it through. */
  check(schema: z.ZodType, value: unknown, root: string): unknown {
    const parsed = schema.safeParse(value, { error: describe });
    if (parsed.success) return parsed.data;
    this.#problems.push(...parsed.error.issues.map((issue) => fieldProblem(issue, root)));
    return value;
  }

  require(holds: boolean, problem: FieldProblem): void {
    if (!holds) this.#problems.push(problem);
  }

  /** @throws Problem 422 */
  finish(): void {
    if (this.#problems.length > 0) throw invalid(this.#problems.slice(0, PROBLEMS_MAX));
  }
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
