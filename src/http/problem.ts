/**
 * Every error as RFC 9457 problem JSON (CONTRACT "Errors"): the JavaScript SDK of 0.1 parses JSON
 * before it looks at the status and shows `detail`, which therefore is always one readable string.
 */
import { z } from "zod";

export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

const TITLES = {
  400: "Bad request",
  401: "Credential required",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  413: "Too large",
  415: "Unsupported media type",
  422: "Invalid request",
  429: "Too many requests",
  500: "Internal error",
  503: "Unavailable",
} as const;
export type ProblemStatus = keyof typeof TITLES;

/** A failure with its place on the wire. Thrown by routes, turned into a response in one place. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: ProblemStatus;
  readonly errors: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ProblemStatus,
    detail: string,
    extra: { errors?: readonly FieldProblem[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.errors = extra.errors ?? [];
    this.headers = extra.headers ?? {};
  }
}

/** A 422 whose detail names every bad field. */
export function invalid(errors: readonly FieldProblem[]): Problem {
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new Problem(422, detail, { errors });
}

const asItIs = (text: string): string => text;

/** @param shown what may be shown of a text that may quote the caller */
export function problemResponse(problem: Problem, shown = asItIs): Response {
  const { status } = problem;
  const errors = problem.errors.map(({ path, message }) => ({
    path: shown(path),
    message: shown(message),
  }));
  const body = {
    type: "about:blank",
    title: TITLES[status],
    status,
    detail: shown(problem.message),
    ...(errors.length === 0 ? {} : { errors }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...problem.headers },
  });
}

/** The same shape for the OpenAPI document. */
export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: "What is wrong and where, in one sentence." }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({
    id: "Problem",
    example: {
      type: "about:blank",
      title: "Invalid request",
      status: 422,
      detail: "service_name: required; input: must be an object",
      errors: [
        { path: "service_name", message: "required" },
        { path: "input", message: "must be an object" },
      ],
    },
  });
