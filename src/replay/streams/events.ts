/** Server-sent events, as far as providers use them: the `data` of each, parsed. Pure. */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { parseJson } from "../json-read.ts";

/** Chat Completions end with a word that is no JSON. */
const DONE = "[DONE]";

export class EventReader {
  /** Whether the stream said that it is over. */
  isDone = false;
  #rest = "";
  #data: string[] = [];

  /** Text as it comes, cut anywhere. What does not parse is no event. */
  push(text: string): JsonObject[] {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    // A carriage return may be the first half of a line's end.
    return lines.flatMap((line) => this.#line(line));
  }

  /** What is left when the stream ends without the empty line behind its last event. */
  end(): JsonObject[] {
    return [...this.#line(this.#rest), ...this.#line("")];
  }

  #line(line: string): JsonObject[] {
    if (line.startsWith("data:")) {
      // Some gateways leave out the empty line: what is complete by itself is an event.
      const before = this.#data.length > 0 ? this.#event() : [];
      this.#data.push(line.slice("data:".length).trim());
      return before;
    }
    return line === "" ? this.#event() : [];
  }

  #event(): JsonObject[] {
    const text = this.#data.join("\n");
    this.#data = [];
    if (text === DONE) this.isDone = true;
    const value = text === "" ? undefined : parseJson(text);
    return isObject(value) ? [value] : [];
  }
}
