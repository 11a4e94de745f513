/**
 * What can go wrong, one class for each family of statuses. Of every append an error says whether
 * something was written: a refusal means not, anything else means unknown (DESIGN §2), and the same
 * request with the same key finds out.
 */

export type WriteOutcome = "not_written" | "unknown";

export interface ErrorDetails {
  /** Of an append; undefined for requests that write nothing. */
  readonly outcome?: WriteOutcome | undefined;
  /** What the append was sent with: sent again with it, it is written once. */
  readonly idempotencyKey?: string | undefined;
  readonly cause?: unknown;
}

export class LoopGridError extends Error {
  override readonly name: string = "LoopGridError";
  readonly outcome: WriteOutcome | undefined;
  readonly idempotencyKey: string | undefined;

  constructor(message: string, { outcome, idempotencyKey, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.outcome = outcome;
    this.idempotencyKey = idempotencyKey;
  }
}

/** No answer came, or none that could be understood. */
export class LoopGridConnectionError extends LoopGridError {
  override readonly name: string = "LoopGridConnectionError";
}

export class LoopGridTimeoutError extends LoopGridConnectionError {
  override readonly name: string = "LoopGridTimeoutError";
}

/** The caller's own signal ended it. */
export class LoopGridAbortError extends LoopGridError {
  override readonly name: string = "LoopGridAbortError";
}

export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ProblemDetails extends ErrorDetails {
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  readonly errors?: readonly FieldError[] | undefined;
}

/** The server's own answer, RFC 9457. */
export class LoopGridAPIError extends LoopGridError {
  override readonly name: string = "LoopGridAPIError";
  readonly status: number;
  /** 0.1's name for it. */
  readonly statusCode: number;
  /** What is wrong and where, in one sentence. */
  readonly detail: string;
  /** One word for the kind of error, such as `not_found`. */
  readonly code: string;
  readonly requestId: string | undefined;
  /** Every bad field of a 422. */
  readonly errors: readonly FieldError[];

  constructor(status: number, detail: string, more: ProblemDetails = {}) {
    super(`API Error ${status}: ${detail}`, more);
    this.status = status;
    this.statusCode = status;
    this.detail = detail;
    this.code = more.code ?? CODES.get(status) ?? (status >= 500 ? "server_error" : "error");
    this.requestId = more.requestId;
    this.errors = more.errors ?? [];
  }
}

export class BadRequestError extends LoopGridAPIError {
  override readonly name: string = "BadRequestError";
}
export class AuthenticationError extends LoopGridAPIError {
  override readonly name: string = "AuthenticationError";
}
export class PermissionDeniedError extends LoopGridAPIError {
  override readonly name: string = "PermissionDeniedError";
}
export class NotFoundError extends LoopGridAPIError {
  override readonly name: string = "NotFoundError";
}
export class ConflictError extends LoopGridAPIError {
  override readonly name: string = "ConflictError";
}
export class TooLargeError extends LoopGridAPIError {
  override readonly name: string = "TooLargeError";
}
export class InvalidRequestError extends LoopGridAPIError {
  override readonly name: string = "InvalidRequestError";
}
export class RateLimitError extends LoopGridAPIError {
  override readonly name: string = "RateLimitError";
}
export class ServerError extends LoopGridAPIError {
  override readonly name: string = "ServerError";
}

const CODES: ReadonlyMap<number, string> = new Map([
  [400, "bad_request"],
  [401, "credential_required"],
  [403, "not_allowed"],
  [404, "not_found"],
  [405, "method_not_allowed"],
  [409, "conflict"],
  [413, "too_large"],
  [415, "unsupported_media_type"],
  [422, "invalid_request"],
  [429, "too_many_requests"],
  [503, "unavailable"],
]);

const CLASSES: ReadonlyMap<number, typeof LoopGridAPIError> = new Map([
  [400, BadRequestError],
  [401, AuthenticationError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [409, ConflictError],
  [413, TooLargeError],
  [422, InvalidRequestError],
  [429, RateLimitError],
]);

export function apiError(status: number, detail: string, more: ProblemDetails): LoopGridAPIError {
  const Class = CLASSES.get(status) ?? (status >= 500 ? ServerError : LoopGridAPIError);
  return new Class(status, detail, more);
}
