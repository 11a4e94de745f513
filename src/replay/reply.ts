/** A reply's body, whole or streamed: gateways may stream what nobody asked them to. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { parseJson } from "./json-read.ts";
import { failure, type Reading } from "./outcome.ts";
import { errorIn, readError } from "./provider-error.ts";
import type { ProviderReply } from "./provider.ts";
import { assembled, type Assembler } from "./streams/assembler.ts";
import { EventReader } from "./streams/events.ts";

function eventsOf(body: string): JsonObject[] {
  const reader = new EventReader();
  return [...reader.push(body), ...reader.end()];
}

function isEventStream({ contentType, body }: ProviderReply): boolean {
  return /event-stream/i.test(contentType) || /^(?::|data:|event:)/.test(body.trimStart());
}

/**
 * Reads a reply: errors in one way for all formats, answers as the format does.
 * @param assembler makes of a stream's events the body that would have come without streaming
 */
export function readReply(
  reply: ProviderReply,
  assembler: Assembler,
  readAnswer: (body: JsonObject) => Reading,
): Reading {
  const { status } = reply;
  if (status >= 300 && status < 400) {
    const message = "the provider redirected; redirects are not followed";
    return failure("provider_error", { status, code: "redirect", message }, false);
  }
  const events = status < 400 && isEventStream(reply) ? eventsOf(reply.body) : undefined;
  const body: JsonValue | undefined = events ? assembled(assembler, events) : parseJson(reply.body);
  if (status >= 400 || errorIn(body) !== undefined) return readError(status, body);
  const answer = Array.isArray(body) ? assembled(assembler, body.filter(isObject)) : body;
  if (isObject(answer)) return readAnswer(answer);
  return malformed(status, "the body is not the JSON it should be");
}

/** A success that holds no answer; it was paid for, so it is not asked again. */
export function malformed(status: number | null, message: string): Reading {
  return failure("provider_error", { status, code: "malformed_response", message }, false);
}
