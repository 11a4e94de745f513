/**
 * What of a call is recorded. Everything, unless limited: to some members, by a function that
 * redacts, or to commitments, which show nothing and can be opened later by whoever kept the value.
 */
import type { JsonObject } from "../../lib/json.ts";
import type { SeenAnswer } from "./answer-watch.ts";
import { cleaned, type ModelCall } from "./model-call.ts";
import type { DecisionParams } from "./writer.ts";

export interface CaptureOptions {
  /** Only these outermost members of the bodies; the names of the others are recorded. */
  readonly fields?: {
    readonly request?: readonly string[] | undefined;
    readonly response?: readonly string[] | undefined;
  };
  /**
   * Changes what is recorded, last; null records nothing. When it throws nothing is recorded, and
   * that is counted as dropped: never the unredacted record.
   */
  readonly redact?: (
    decision: DecisionParams,
  ) => DecisionParams | null | Promise<DecisionParams | null>;
  /**
   * Records commitments in place of input and output, and hands what opens them to this function,
   * which must keep it: without it they prove nothing. Such a decision cannot be replayed.
   */
  readonly commitmentsOnly?: (openings: Openings) => void | Promise<void>;
}

/** What a commitment was made of: SHA-256(salt ‖ JCS([field, value])), as in the ledger. */
export interface Opening {
  readonly commitment: string;
  /** Hex. */
  readonly salt: string;
  readonly value: JsonObject;
}
export interface Openings {
  readonly input: Opening;
  readonly output: Opening;
}

/** How a call is named in the ledger. */
export interface CallNames {
  readonly serviceName?: string | undefined;
  /** "model_call" when not given. */
  readonly decisionType?: string | undefined;
  /** Added to every record's. */
  readonly metadata?: JsonObject | undefined;
  readonly systemVersion?: string | undefined;
}

export interface Observed {
  readonly call: ModelCall;
  readonly answer: SeenAnswer;
  readonly status: number;
  readonly headers: Headers;
  readonly startedMs: number;
  /** Of the answer's first octet. */
  readonly headersMs: number;
  readonly endedMs: number;
}

/** Of both bodies together: an entry holds 1 MiB of canonical content, the rest of it included. */
const CONTENT_BYTES_MAX = 1024 * 1024 - 16 * 1024;

/** The decision as it is recorded when nothing limits it. Pure. */
export function decisionOf(
  { call, answer, status, headers, startedMs, headersMs, endedMs }: Observed,
  names: CallNames,
  fields: CaptureOptions["fields"] = {},
): DecisionParams {
  const request = limited(call.request, fields.request);
  const response = limited(answer.body, fields.response);
  const fits = bytesOf(request.body) + bytesOf(response.body) <= CONTENT_BYTES_MAX;
  const input = fits && request.body !== undefined ? { request: request.body } : {};
  const output = fits && response.body !== undefined ? { response: response.body } : {};
  const omitted = {
    ...("request" in input
      ? {}
      : { request: { reason: call.request ? "too_large" : "not_json", bytes: call.requestBytes } }),
    ...("response" in output
      ? {}
      : { response: { reason: answer.omitted ?? "too_large", bytes: answer.bytes } }),
    ...(call.credentials.length === 0 ? {} : { request_credentials: [...call.credentials] }),
    ...(request.leftOut.length === 0 ? {} : { request_members: request.leftOut }),
    ...(response.leftOut.length === 0 ? {} : { response_members: response.leftOut }),
  };
  const about = cleaned({
    ...call.about,
    status,
    response_headers: Object.fromEntries(headers),
    latency_ms: Math.round(endedMs - startedMs),
    // Assembled: the body that would have come without streaming. What had asked for a stream is here.
    ...(answer.streamed
      ? {
          streamed: { ended: answer.ended, assembled: true, request: call.transport },
          first_byte_ms: Math.round(headersMs - startedMs),
        }
      : answer.ended === "complete"
        ? {}
        : { ended: answer.ended }),
    ...(Object.keys(omitted).length === 0 ? {} : { omitted }),
  });
  const { decisionType = "model_call", metadata, ...more } = names;
  return {
    ...more,
    decisionType,
    input,
    model: { provider: call.provider, name: call.model },
    output,
    metadata: { ...metadata, provider_call: about },
    captureMode: "automatic",
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
  };
}

interface Limited {
  readonly body: JsonObject | undefined;
  readonly leftOut: string[];
}

function limited(body: JsonObject | undefined, fields: readonly string[] | undefined): Limited {
  if (body === undefined || fields === undefined) return { body, leftOut: [] };
  const members = Object.entries(body);
  return {
    body: Object.fromEntries(members.filter(([name]) => fields.includes(name))),
    leftOut: members.map(([name]) => name).filter((name) => !fields.includes(name)),
  };
}

function bytesOf(body: JsonObject | undefined): number {
  if (body === undefined) return 0;
  const text = JSON.stringify(body);
  // A character is three octets at most: most texts need no second look.
  return 3 * text.length < CONTENT_BYTES_MAX / 2
    ? text.length
    : new TextEncoder().encode(text).length;
}

/** As the options say; null: nothing is to be recorded. @throws what the caller's functions throw */
export async function captured(
  decision: DecisionParams,
  { redact, commitmentsOnly }: CaptureOptions,
): Promise<DecisionParams | null> {
  const redacted = redact === undefined ? decision : await redact(decision);
  if (redacted === null || commitmentsOnly === undefined) return redacted;
  const { commit } = await import("./commit.ts");
  const openings = {
    input: commit("input", redacted.input),
    output: commit("output", redacted.output),
  };
  await commitmentsOnly(openings);
  const { prompt: _prompt, toolCalls: _calls, ...rest } = redacted;
  return {
    ...rest,
    input: { commitment: openings.input.commitment },
    output: { commitment: openings.output.commitment },
  };
}
