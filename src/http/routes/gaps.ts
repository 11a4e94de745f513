/**
 * Records that were lost on their way: `writer_seq` counts without gaps at an honest writer, so a
 * number that is not in the ledger is a decision that is not in it. What a writer never numbered,
 * nobody can miss.
 */
import { z } from "zod";
import { writerGaps, type WriterGaps } from "../../ledger/tally-writers.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { talliedRows } from "../tallied.ts";

/** Ranges in one answer: who has lost more has a problem that more ranges do not explain. */
const RANGES_MAX = 1000;
const WRITERS_MAX = 1000;

const Range = z.object({ first: z.int(), last: z.int() });

export const GapsAnswer = z
  .object({
    size: z.int().meta({ description: "The ledger's size this was counted at." }),
    writers: z.array(
      z.object({
        writer_id: z.string(),
        services: z.array(z.string()),
        first: z.int(),
        last: z.int(),
        count: z.int().meta({ description: "Records with a number." }),
        missing: z.int(),
        doubled: z.int().meta({ description: "Records whose number another one had." }),
        gaps: z.array(Range).meta({ description: "Missing numbers; both ends are missing." }),
      }),
    ),
    missing: z.int(),
    doubled: z.int(),
    truncated: z.boolean().meta({
      description: "There are more writers or gaps than shown; the counts hold for all.",
    }),
  })
  .meta({ id: "WriterGaps" });

const getGaps = endpoint(
  {
    method: "get",
    path: "/v1/integrity/gaps",
    scope: "read",
    operationId: "getGaps",
    tag: "Integrity",
    summary: "Which of the records that writers numbered are missing",
    description:
      "Numbers are counted from 1 by `writer_id`. One missing is a decision that was never recorded, or is still on its way; one doubled was recorded twice, or two processes share a writer_id. `service_name` narrows to writers that recorded for it; their numbers count for all their services.",
    query: z.object({ writer_id: z.string().optional(), service_name: z.string().optional() }),
    answer: {
      description: "Every writer's numbers, as ranges",
      content: { "application/json": { schema: GapsAnswer } },
    },
    problems: [413, 422, 503],
  },
  async ({ query, ledger }) => {
    const size = (await ledger.reader.head())?.size ?? 0;
    const members = query.writer_id === undefined ? {} : { writer: query.writer_id };
    const tallies = ["writer", "writer_service"];
    const rows = await talliedRows(ledger, size, { tallies, members });
    const services = servicesOf(rows.filter(({ tally }) => tally === "writer_service"));
    const writers = writerGaps(rows.filter(({ tally }) => tally === "writer")).filter(
      ({ writerId }) =>
        query.service_name === undefined || services.get(writerId)?.has(query.service_name),
    );
    return json({ size, ...shown(writers, services) });
  },
);

function servicesOf(rows: readonly { readonly key: string }[]): Map<string, Set<string>> {
  const services = new Map<string, Set<string>>();
  for (const { key } of rows) {
    const { writer, service }: { writer: string; service: string } = JSON.parse(key);
    services.set(writer, (services.get(writer) ?? new Set()).add(service));
  }
  return services;
}

function shown(writers: readonly WriterGaps[], services: ReadonlyMap<string, ReadonlySet<string>>) {
  let left = RANGES_MAX;
  const listed = writers.slice(0, WRITERS_MAX).map((writer) => {
    const gaps = writer.gaps.slice(0, left);
    left -= gaps.length;
    return {
      writer_id: writer.writerId,
      services: [...(services.get(writer.writerId) ?? [])].toSorted(),
      first: writer.first,
      last: writer.last,
      count: writer.records,
      missing: writer.missing,
      doubled: writer.doubled,
      gaps,
    };
  });
  const all = (count: (writer: WriterGaps) => number): number =>
    writers.reduce((sum, writer) => sum + count(writer), 0);
  return {
    writers: listed,
    missing: all(({ missing }) => missing),
    doubled: all(({ doubled }) => doubled),
    truncated: writers.length > WRITERS_MAX || all(({ gaps }) => gaps.length) > RANGES_MAX,
  };
}

export const gapEndpoints: readonly Endpoint[] = [getGaps];
