/**
 * Looks at an answer while it passes: its JSON, or its stream put together. Holds the answer and not
 * the stream, and of neither more than could be recorded.
 */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { parseJson } from "../../replay/json-read.ts";
import type { Format } from "../../replay/provider.ts";
import { assembled } from "../../replay/streams/assembler.ts";
import { EventReader } from "../../replay/streams/events.ts";
import { assemblerOf } from "../../replay/streams/table.ts";

/** A stream is some twenty times its answer; more than this never fits an entry of 1 MiB. */
const STREAM_BYTES_MAX = 16 * 1024 * 1024;
export const BODY_BYTES_MAX = 1024 * 1024;

/** `incomplete`: it ended without the word that ends it. */
export type Ended = "complete" | "incomplete" | "cancelled" | "interrupted";

export interface SeenAnswer {
  readonly ended: Ended;
  readonly streamed: boolean;
  readonly bytes: number;
  /** Undefined: nothing came, it is no JSON, or it is too large. */
  readonly body: JsonObject | undefined;
  readonly omitted: "nothing" | "not_json" | "too_large" | undefined;
}

export class AnswerWatch {
  readonly #format: Format;
  readonly #assembler;
  readonly #events = new EventReader();
  readonly #decoder = new TextDecoder();
  readonly #isStream: boolean;
  #text = "";
  #bytes = 0;
  #tooLarge = false;

  constructor(format: Format, contentType: string) {
    this.#format = format;
    this.#assembler = assemblerOf(format);
    this.#isStream = /event-stream/i.test(contentType);
  }

  chunk(octets: Uint8Array): void {
    this.#bytes += octets.byteLength;
    const bytesMax = this.#isStream ? STREAM_BYTES_MAX : BODY_BYTES_MAX;
    if (this.#bytes > bytesMax) {
      this.#tooLarge = true;
      this.#text = "";
    }
    if (!this.#tooLarge) this.#take(this.#decoder.decode(octets, { stream: true }));
  }

  end(how: "complete" | "cancelled" | "interrupted"): SeenAnswer {
    if (!this.#tooLarge) this.#take(this.#decoder.decode());
    for (const event of this.#events.end()) this.#assembler.push(event);
    const body = this.#tooLarge ? undefined : this.#body();
    const omitted = this.#tooLarge ? "too_large" : this.#bytes === 0 ? "nothing" : "not_json";
    return {
      ended: this.#ended(how),
      streamed: this.#isStream,
      bytes: this.#bytes,
      body,
      omitted: body === undefined ? omitted : undefined,
    };
  }

  #take(text: string): void {
    if (!this.#isStream) this.#text += text;
    else for (const event of this.#events.push(text)) this.#assembler.push(event);
  }

  #body(): JsonObject | undefined {
    if (this.#isStream) return this.#assembler.body();
    const value = parseJson(this.#text);
    // Gemini streams a list where nobody asked for events.
    if (Array.isArray(value)) return assembled(assemblerOf(this.#format), value.filter(isObject));
    return isObject(value) ? value : undefined;
  }

  /** Whoever stops reading behind the last word has read everything. */
  #ended(how: "complete" | "cancelled" | "interrupted"): Ended {
    if (!this.#isStream) return how;
    if (this.#assembler.isComplete || this.#events.isDone) return "complete";
    return how === "complete" ? "incomplete" : how;
  }
}
