/**
 * Reading JSON Lines as a stream: one line in memory at a time, whatever the file's size.
 *
 * Not node:readline, which also ends a line at U+2028 and U+2029: JSON strings hold both unescaped.
 */
import { createReadStream } from "node:fs";
import { REQUEST_BYTES_MAX } from "../ledger/limits.ts";
import type { JsonValue } from "../lib/json.ts";

export interface JsonLine {
  /** In the file, from 0. */
  readonly index: number;
  /** As it stands in the file: sent on untouched, so that no number is rewritten on the way. */
  readonly text: string;
  readonly value: JsonValue;
}

/** A file that cannot be used; the message says which, where and why. */
export class InputError extends Error {
  override readonly name = "InputError";
}

const NEWLINE = 0x0a;

/** Blank lines are skipped, and counted. @throws InputError */
export async function* readJsonLines(file: string): AsyncGenerator<JsonLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let index = -1;
  for await (const octets of readLines(file)) {
    index++;
    try {
      const text = decoder.decode(octets).trim();
      if (text !== "") yield { index, text, value: JSON.parse(text) };
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
      throw new InputError(`${placeOf(file, index)}: ${error.message}`, { cause: error });
    }
  }
}

export function placeOf(file: string, index: number): string {
  return `${file}, line ${index + 1}`;
}

async function* readLines(file: string): AsyncGenerator<Buffer> {
  const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 256 * 1024 });
  let begun: Buffer[] = [];
  let begunBytes = 0;
  try {
    for await (const chunk of stream) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
        yield Buffer.concat([...begun, chunk.subarray(from, end)]);
        begun = [];
        begunBytes = 0;
        from = end + 1;
      }
      begun.push(chunk.subarray(from));
      begunBytes += chunk.length - from;
      if (begunBytes > REQUEST_BYTES_MAX)
        throw new InputError(`${file}: a line is longer than a request may be`);
    }
  } catch (error) {
    if (error instanceof Error && "syscall" in error)
      throw new InputError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
  if (begunBytes > 0) yield Buffer.concat(begun);
}
