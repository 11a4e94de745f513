/**
 * JSON at the door, DESIGN §3 "Refused at the door": RFC 8259 narrowed to what can be hashed
 * (RFC 8785) and read back without loss, much as I-JSON (RFC 7493).
 * Pure; linear time; never throws, never recurses. One strict scan finds what is wrong and where,
 * which JSON.parse hides or drops; JSON.parse then makes the value.
 */
import { fromUtf8 } from "./bytes.ts";
import type { JsonValue } from "./json.ts";

export interface JsonProblem {
  /** `input.items[3]["a b"]`, at most 200 characters; `body` for the whole. */
  readonly path: string;
  readonly message: string;
}

export type StrictJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

/** Enough to mend a body with, too few to flood an answer or a log. */
const PROBLEMS_MAX = 20;
/** Paths quote the sender's keys, and those may be megabytes long. */
const PATH_CHARACTERS_MAX = 200;

const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
/** What a string holds only escaped, or escapes with. */
// oxlint-disable-next-line no-control-regex -- RFC 8259 refuses exactly these unescaped
const SPECIAL = /[\\\0-\x1f]/g;
const UNSAFE_INTEGER = "integer beyond ±9007199254740991 would lose digits; send it as a string";
const OVERFLOW = "number too large for a double; send it as a string";
const LONE_SURROGATE = "lone surrogate, which is half a character";

/** Parses UTF-8 JSON. An object or array inside `depthMax` others is one too deep. */
export function parseStrictJson(
  octets: Uint8Array,
  limits: { readonly depthMax: number },
): StrictJson {
  let text: string;
  try {
    text = fromUtf8(octets);
  } catch {
    return refused("not valid UTF-8");
  }
  if (text.charCodeAt(0) === 0xfeff) return refused("starts with a byte order mark; leave it out");
  const problems = new Scanner(text, limits.depthMax).scan();
  if (problems.length > 0) return { ok: false, problems };
  try {
    const value: JsonValue = JSON.parse(text);
    return { ok: true, value };
  } catch {
    return refused("malformed JSON"); // unexpected: the scan accepts the same grammar
  }
}

function refused(message: string): StrictJson {
  return { ok: false, problems: [{ path: "body", message }] };
}

/** An open object or array. */
interface Container {
  readonly isArray: boolean;
  /** Members or items begun; the latest one is being read. */
  count: number;
  key: string;
  /** The keys so far; made for the second one, since many objects have but one. */
  seen: Set<string> | undefined;
}

/** Reads a text once. A method that returns false has reported why the scan cannot go on. */
class Scanner {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #problems: JsonProblem[] = [];
  readonly #open: Container[] = [];
  #at = 0;
  /** Of the string read last: has it escapes, and any in \ud800–\udfff? */
  #escaped = false;
  #surrogates = false;
  #special = -1;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  scan(): readonly JsonProblem[] {
    this.#skipSpace();
    if (this.#at === this.#text.length) this.#report("empty; send a JSON value");
    else while (this.#value() && this.#hasNext());
    return this.#problems;
  }

  /** Reads one scalar or empty container, entering the containers it is first in. */
  #value(): boolean {
    for (;;) {
      const code = this.#skipSpace();
      if (code !== 0x7b /* { */ && code !== 0x5b /* [ */) return this.#scalar(code);
      const isArray = code === 0x5b;
      const container = { isArray, count: 0, key: "", seen: undefined };
      if (this.#open.length >= this.#depthMax) {
        this.#report(`nested deeper than ${this.#depthMax} levels`);
        return false;
      }
      this.#open.push(container);
      this.#at++;
      if (this.#skipSpace() === (isArray ? 0x5d : 0x7d)) return true; // left to #hasNext
      if (!this.#begin(container)) return false;
    }
  }

  /** After a value: closes what ends here. False at the end of the text. */
  #hasNext(): boolean {
    for (;;) {
      const code = this.#skipSpace();
      const container = this.#open.at(-1);
      if (container === undefined)
        return this.#at < this.#text.length && this.#malformed("nothing more");
      if (code === (container.isArray ? 0x5d : 0x7d)) {
        this.#open.pop();
        this.#at++;
        continue;
      }
      if (code !== 0x2c) return this.#malformed(container.isArray ? '"," or "]"' : '"," or "}"');
      this.#at++;
      return this.#begin(container);
    }
  }

  /** Begins an item or member: reads a member up to its value. */
  #begin(container: Container): boolean {
    container.count++;
    if (container.isArray) return true;
    if (this.#skipSpace() !== 0x22) return this.#malformed("a key in double quotes");
    const start = this.#at;
    if (!this.#string()) return false;
    const key = this.#escaped ? this.#decoded(start) : this.#text.slice(start + 1, this.#at - 1);
    if (container.count === 2) container.seen = new Set([container.key]);
    container.key = key;
    if (this.#surrogates && !key.isWellFormed()) this.#report(`key with a ${LONE_SURROGATE}`);
    if (container.seen?.has(key) === true) this.#report("duplicate key");
    else container.seen?.add(key);
    if (this.#skipSpace() !== 0x3a) return this.#malformed('":"');
    this.#at++;
    return true;
  }

  #scalar(code: number): boolean {
    const start = this.#at;
    if (code === 0x22) {
      if (!this.#string()) return false;
      if (this.#surrogates && !this.#decoded(start).isWellFormed()) this.#report(LONE_SURROGATE);
      return true;
    }
    SCALAR.lastIndex = start;
    if (!SCALAR.test(this.#text)) return this.#malformed("a value");
    this.#at = SCALAR.lastIndex;
    if (code > 0x39) return true; // true, false, null
    const literal = this.#text.slice(start, this.#at);
    const magnitude = Math.abs(Number(literal));
    if (magnitude <= Number.MAX_SAFE_INTEGER) return true;
    if (!/[.e]/i.test(literal)) this.#report(UNSAFE_INTEGER);
    else if (magnitude === Infinity) this.#report(OVERFLOW);
    return true;
  }

  /** Only escapes can bring lone surrogates: UTF-8 has none. */
  #string(): boolean {
    const text = this.#text;
    this.#escaped = this.#surrogates = false;
    let at = this.#at + 1;
    let quote = text.indexOf('"', at);
    for (;;) {
      const special = this.#nextSpecial(at);
      if (special > quote && quote !== -1) {
        this.#at = quote + 1;
        return true;
      }
      this.#at = special;
      if (special === text.length) return this.#malformed('a closing "');
      if (text.charCodeAt(special) < 0x20) return this.#malformed("control characters escaped");
      this.#escaped = true;
      const letter = text.charAt(special + 1);
      at = special + 2;
      if (letter === "u") {
        const hex = text.slice(at, at + 4);
        if (!/^[0-9a-f]{4}$/i.test(hex)) return this.#malformed('"\\u" with four hex digits');
        if (/^d[89a-f]/i.test(hex)) this.#surrogates = true;
        at += 4;
      } else if (letter === "" || !'"\\/bfnrt'.includes(letter)) {
        return this.#malformed("one of JSON's escapes");
      }
      if (quote !== -1 && quote < at) quote = text.indexOf('"', at);
    }
  }

  /**
   * Where the next backslash or control character is, from `at` on. Remembered, since it often
   * lies many strings ahead; this search took a third of the time of a loop over characters.
   */
  #nextSpecial(at: number): number {
    if (this.#special < at) {
      SPECIAL.lastIndex = at;
      this.#special = SPECIAL.test(this.#text) ? SPECIAL.lastIndex - 1 : this.#text.length;
    }
    return this.#special;
  }

  /** The string whose opening quote is at `start` and which has just been read. */
  #decoded(start: number): string {
    const text: string = JSON.parse(this.#text.slice(start, this.#at));
    return text;
  }

  /** Moves to the next token and returns its first code unit, NaN at the end. */
  #skipSpace(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.#at++;
    }
  }

  /** Says where, never quoting the text: it may be personal, and it may be long. */
  #malformed(expected: string): false {
    let line = 1;
    let lineStart = 0;
    for (;;) {
      const next = this.#text.indexOf("\n", lineStart) + 1;
      if (next === 0 || next > this.#at) break;
      line++;
      lineStart = next;
    }
    const column = this.#at - lineStart + 1;
    const end = this.#at >= this.#text.length ? "the text ends, " : "";
    const message = `malformed JSON at line ${line}, column ${column}: ${end}expected ${expected}`;
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ path: "body", message });
    return false;
  }

  #report(message: string): void {
    if (this.#problems.length < PROBLEMS_MAX)
      this.#problems.push({ path: pathOf(this.#open), message });
  }
}

function pathOf(open: readonly Container[]): string {
  let path = "";
  for (const { isArray, count, key } of open) {
    if (path.length > PATH_CHARACTERS_MAX) break;
    if (isArray) path += `[${count - 1}]`;
    else if (!/^[A-Za-z_$][\w$]*$/.test(key)) path += `[${JSON.stringify(shorten(key))}]`;
    else path += path === "" ? shorten(key) : `.${shorten(key)}`;
  }
  return path === "" ? "body" : shorten(path);
}

/** Cuts between characters, not through a surrogate pair. */
function shorten(text: string): string {
  if (text.length <= PATH_CHARACTERS_MAX) return text;
  return `${text.slice(0, PATH_CHARACTERS_MAX - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
