/** Records that are sent as one request, under one Idempotency-Key, and what a refusal does to them. */
import type { LoopGridAPIError } from "./errors.ts";

/** In memory, or a file. It does not change any more: its key belongs to exactly these lines. */
export interface Batch {
  readonly key: string;
  readonly count: number;
  /** Characters of its lines. */
  readonly bytes: number;
  /** Records as JSON text; undefined when they are gone: another process sent them. */
  lines(): readonly string[] | undefined;
  /** Its owner lives. */
  touch(): void;
  remove(): void;
  /** Keeps it out of the way, for a person. */
  refuse(): void;
}

export function inMemory(key: string, lines: readonly string[]): Batch {
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  const none = { touch: forget, remove: forget, refuse: forget };
  return { key, count: lines.length, bytes, lines: () => lines, ...none };
}

function forget(): void {}

export interface Part {
  readonly key: string;
  readonly lines: readonly string[];
}

/**
 * One bad record refuses its whole batch: it is divided, by the positions the refusal names, else in
 * halves. The keys follow from the batch's, so that after a crash in between it is divided into the
 * same requests again. Pure.
 */
export function partsOf(
  key: string,
  lines: readonly string[],
  error: LoopGridAPIError,
): readonly Part[] {
  const bad = [...badPositions(error, lines.length)];
  const half = Math.ceil(lines.length / 2);
  const groups =
    bad.length > 0 && bad.length < lines.length
      ? [lines.filter((_, i) => !bad.includes(i)), ...bad.map((i) => lines.slice(i, i + 1))]
      : [lines.slice(0, half), lines.slice(half)];
  return groups.map((group, i) => ({ key: `${key}-${i}`, lines: group }));
}

/** `decisions[3].input`, in a path or in the sentence. */
function badPositions(error: LoopGridAPIError, count: number): ReadonlySet<number> {
  const texts = [...error.errors.map(({ path }) => path), error.detail];
  const named = texts.flatMap((text) =>
    [...text.matchAll(/decisions(?:\[|\.)(\d+)/g)].map(([, digits]) => Number(digits)),
  );
  return new Set(named.filter((position) => position < count));
}
