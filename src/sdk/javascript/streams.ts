/** Answers of any length, a piece at a time: pages, lines, and the members of one long JSON list. */
import type { JsonValue } from "../../lib/json.ts";
import { LoopGridConnectionError } from "./errors.ts";

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null | undefined;
}

/** Every item of a list that is answered in keyset pages. */
export async function* eachOf<T>(
  page: (cursor: string | undefined) => Promise<Page<T>>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor);
    yield* items;
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** The body as text, as it comes. @throws LoopGridConnectionError when it is cut short */
export async function* textOf(response: Response): AsyncGenerator<string, void, undefined> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      yield value;
    }
  } catch (error) {
    ended = true;
    throw new LoopGridConnectionError("The answer was cut short", { cause: error });
  } finally {
    // Whoever stops reading does not want the rest.
    if (!ended) await reader.cancel().catch(() => undefined);
  }
}

/** Lines without their line feeds; a last one without is a line too. */
export async function* linesOf(response: Response): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const text of textOf(response)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/**
 * The members of the list in `{"<name>":[…],…}`, each as soon as it is complete: the answer to a
 * whole export does not fit in memory.
 * @throws LoopGridConnectionError when the list is cut short
 */
export async function* membersOf<T>(response: Response): AsyncGenerator<T, void, undefined> {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let begun = "";
  for await (const text of textOf(response)) {
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const character = text.charAt(i);
      if (inString) {
        if (escaped) escaped = false;
        else if (character === "\\") escaped = true;
        else if (character === '"') inString = false;
      } else if (character === '"') inString = true;
      else if (character === "{" || character === "[") {
        if (++depth === 3) from = i;
      } else if (character === "}" || character === "]") {
        if (--depth === 2) {
          const member: T = JSON.parse(begun + text.slice(from, i + 1));
          yield member;
          begun = "";
          from = text.length;
        }
        if (depth === 0) return;
      }
    }
    if (depth >= 3) begun += text.slice(from);
  }
  throw new LoopGridConnectionError("The answer was cut short");
}

/** One JSON value a line. */
export async function* jsonLinesOf<T extends JsonValue | object>(
  response: Response,
): AsyncGenerator<T, void, undefined> {
  for await (const line of linesOf(response)) {
    if (line === "") continue;
    const value: T = JSON.parse(line);
    yield value;
  }
}
