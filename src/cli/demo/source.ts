/** Where the demo's decisions come from: the built-in ones, or files of JSON Lines of any size. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { isObject } from "../../lib/json.ts";
import { InputError, placeOf, readJsonLines, type JsonLine } from "../json-lines.ts";
import { SAMPLE_CORRECTIONS, SAMPLE_DECISIONS } from "./sample-decisions.ts";

/** A human's word about one decision. Without a correction it is only flagged. */
const Review = z
  .object({
    index: z.int().nonnegative(),
    incorrect: z.literal(true),
    reason: z.string().nullish(),
    correction: z.record(z.string(), z.unknown()).optional(),
    corrected_by: z.string().optional(),
    notes: z.string().nullish(),
  })
  .refine((review) => review.correction === undefined || review.corrected_by !== undefined, {
    error: "a correction needs corrected_by",
  });
export type Review = z.infer<typeof Review>;

export interface Source {
  readonly name: string;
  /** For progress: lines of the file. */
  readonly decisionCount: number;
  readonly reviewCount: number;
  /** Indexes of decisions that somebody reviewed: the only ones whose id must be remembered. */
  readonly reviewed: ReadonlySet<number>;
  decisions(): AsyncIterable<JsonLine>;
  reviews(): AsyncIterable<Review>;
  /** Where a decision stands, for messages. */
  placeOf(index: number): string;
}

export function builtInSource(): Source {
  return {
    name: "the built-in examples",
    decisionCount: SAMPLE_DECISIONS.length,
    reviewCount: SAMPLE_CORRECTIONS.length,
    reviewed: new Set(SAMPLE_CORRECTIONS.map(({ index }) => Number(index))),
    async *decisions() {
      for (const [index, value] of SAMPLE_DECISIONS.entries())
        yield { index, text: JSON.stringify(value), value };
    },
    async *reviews() {
      yield* SAMPLE_CORRECTIONS.map((review) => Review.parse(review));
    },
    placeOf: (index) => `example ${index + 1}`,
  };
}

/** Reads the corrections once, before anything is sent, so that a bad file fails early. */
export async function fileSource(decisions: string, corrections?: string): Promise<Source> {
  const decisionCount = await countLines(decisions);
  const reviewed = new Set<number>();
  let reviewCount = 0;
  if (corrections !== undefined) {
    for await (const { index } of readReviews(corrections)) {
      if (index >= decisionCount)
        throw new InputError(
          `${corrections}: index ${index} is beyond the ${decisionCount} lines of ${decisions}`,
        );
      reviewed.add(index);
      reviewCount++;
    }
  }
  return {
    name: basename(decisions),
    decisionCount,
    reviewCount,
    reviewed,
    decisions: () => readDecisions(decisions),
    reviews: () => (corrections === undefined ? nothing() : readReviews(corrections)),
    placeOf: (index) => placeOf(decisions, index),
  };
}

async function* readDecisions(file: string): AsyncGenerator<JsonLine> {
  for await (const line of readJsonLines(file)) {
    if (!isObject(line.value))
      throw new InputError(`${placeOf(file, line.index)}: a decision is a JSON object`);
    yield line;
  }
}

async function* readReviews(file: string): AsyncGenerator<Review> {
  for await (const { index, value } of readJsonLines(file)) {
    const parsed = Review.safeParse(value);
    if (parsed.success) yield parsed.data;
    else throw new InputError(`${placeOf(file, index)}: ${issuesOf(parsed.error)}`);
  }
}

function issuesOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`))
    .join("; ");
}

async function* nothing(): AsyncGenerator<never> {}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  let lastOctet = 0x0a;
  try {
    const stream: AsyncIterable<Buffer> = createReadStream(file);
    for await (const chunk of stream) {
      for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) lines++;
      lastOctet = chunk.at(-1) ?? lastOctet;
    }
  } catch (error) {
    throw new InputError(`${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return lastOctet === 0x0a ? lines : lines + 1;
}
