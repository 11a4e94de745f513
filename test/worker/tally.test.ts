/**
 * Counts that reports add up: of whole blocks once written, of the last block as it is read. They say
 * what the entries say, at any size, and verification notices when they do not.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, test } from "vitest";
import type { Header } from "../../src/ledger/schema.ts";
import { BlockTally, NOTHING_EARLIER, type TallyRow } from "../../src/ledger/tally.ts";
import { tallySums, type TallyFilter } from "../../src/ledger/tally-port.ts";
import { d1Tallies } from "../../src/worker/d1-tally.ts";
import { decision, get, post, verify } from "./support/client.ts";
import {
  columnsOf,
  copyRows,
  dropTriggers,
  insertStatements,
  startAnew,
} from "./support/database.ts";

interface Gaps {
  readonly size: number;
  readonly writers: readonly object[];
  readonly missing: number;
  readonly doubled: number;
  readonly truncated: boolean;
}

const gaps = (query = ""): Promise<Gaps> => get(`/v1/integrity/gaps${query}`);

function numbered(writer: string, seqs: readonly number[], more: object = {}): object[] {
  return seqs.map((writer_seq) =>
    decision(writer_seq, { writer_id: writer, writer_seq, capture_mode: "automatic", ...more }),
  );
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function batch(decisions: readonly object[]): Promise<void> {
  const { status, body } = await post("/v1/decisions/batch", { decisions });
  if (status !== 200) throw new Error(body.detail);
}

const A_ROW = {
  writer_id: "a",
  services: ["support-agent"],
  first: 1,
  last: 1600,
  count: 1597,
  missing: 5,
  doubled: 2,
  gaps: [
    { first: 7, last: 9 },
    { first: 1200, last: 1201 },
  ],
};
const B_ROW = {
  writer_id: "b",
  services: ["billing-agent", "support-agent"],
  first: 3,
  last: 20,
  count: 17,
  missing: 3,
  doubled: 2,
  gaps: [
    { first: 1, last: 2 },
    { first: 10, last: 10 },
  ],
};

beforeAll(async () => {
  await startAnew();
  expectNothing(await gaps());
  // Out of order, with a hole inside a block and one across its end, and some twice.
  await batch(numbered("a", [...upTo(1, 6), ...upTo(500, 900)].toReversed()));
  await batch(numbered("b", [...upTo(3, 9), 5, 5]));
  await batch(numbered("a", [...upTo(10, 499), 3]));
  await batch(numbered("a", [...upTo(901, 1199), ...upTo(1202, 1600), 1600]));
  await batch(numbered("b", [...upTo(11, 18)], { service_name: "billing-agent" }));
  await batch(numbered("b", [19, 20].slice(1), { service_name: "billing-agent" }));
  await post("/v1/decisions", decision("unnumbered"));
});

function expectNothing({ writers, missing }: Gaps): void {
  if (writers.length > 0 || missing > 0) throw new Error("an empty ledger has gaps");
}

describe("gaps", () => {
  test("are the numbers that are missing, wherever in the ledger", async ({ expect }) => {
    const found = await gaps();
    const b = { ...B_ROW, missing: 4, gaps: [...B_ROW.gaps, { first: 19, last: 19 }] };
    expect(found).toEqual({
      size: found.size,
      writers: [A_ROW, { ...b, count: 18 }],
      missing: A_ROW.missing + b.missing,
      doubled: 4,
      truncated: false,
    });
    expect(await gaps()).toEqual(found); // now from what was written
  });

  test("close when the records arrive after all", async ({ expect }) => {
    await batch(numbered("b", [19], { service_name: "billing-agent" }));
    const { writers } = await gaps("?writer_id=b");
    expect(writers).toEqual([{ ...B_ROW, count: 19 }]);
  });

  test("narrow to a writer, and to the writers of a service", async ({ expect }) => {
    expect((await gaps("?writer_id=a")).writers).toEqual([A_ROW]);
    expect((await gaps("?service_name=billing-agent")).writers).toHaveLength(1);
    expect((await gaps("?service_name=nobody")).writers).toEqual([]);
  });
});

async function anyHeader(): Promise<Header> {
  const [entry] = await d1Tallies(env.DB, "main").entries(0, 1);
  if (entry === undefined) throw new Error("no entry");
  return entry.header;
}

/** A writer's ranges are by block, and merged when they are read. */
function withoutWriters(rows: readonly TallyRow[]): Map<string, object> {
  return new Map(
    rows
      .filter(({ tally }) => tally !== "writer")
      .map(({ tally, key, ...counts }) => [`${tally} ${key}`, counts]),
  );
}

describe("tallies", () => {
  test("at every size are what a fold of all entries counts", async ({ expect }) => {
    const store = d1Tallies(env.DB, "main");
    const { size } = await gaps();
    for (const at of [0, 1, 1023, 1024, 1025, 1500, size]) {
      const sums = await tallySums(store, at, {});
      const whole = new BlockTally();
      for (const entry of await store.entries(0, at)) whole.add(entry);
      expect(sums.kind).toBe("sums");
      const rows = sums.kind === "sums" ? sums.rows : [];
      expect(withoutWriters(rows)).toEqual(withoutWriters(whole.rows()));
    }
  });

  test("are narrowed to a scope alike where they were written and where they are read", async ({
    expect,
  }) => {
    const store = d1Tallies(env.DB, "main");
    const { size } = await gaps();
    const count = async (at: number, filter: TallyFilter): Promise<[number, boolean]> => {
      const sums = await tallySums(store, at, { tallies: ["decision"], ...filter });
      const rows = sums.kind === "sums" ? sums.rows : [];
      const hasDay = rows.some(({ key }) => key.includes('"day"'));
      return [rows.reduce((sum, { entries }) => sum + entries, 0), hasDay];
    };
    const members = { service: "support-agent" };
    for (const at of [1024, size]) {
      const [all] = await count(at, {});
      const [own] = await count(at, { members });
      expect(all - own).toBe(at === 1024 ? 0 : 10);
      expect(await count(at, { members, anyDay: true })).toEqual([own, false]);
      expect(await count(at, { members, fromDay: "2020-01-01", toDay: "9999-01-01" })).toEqual([
        own,
        true,
      ]);
      expect(await count(at, { fromDay: "9999-01-01" })).toEqual([0, false]);
      expect(await count(at, { toDay: "2020-01-01" })).toEqual([0, false]);
    }
  });

  test("of many reviews stay few, whoever reviewed and however long they looked", async ({
    expect,
  }) => {
    const tally = new BlockTally();
    const header = await anyHeader();
    const about = { ...header, kind: "decision_recorded" as const };
    for (let n = 0; n < 10_000; n++) {
      const facts = {
        outcome: "confirm",
        reviewer_ref: `r-${n % 50}`,
        reviewer_kind: "natural_person",
        opened_at: new Date(Date.parse(about.recorded_at) - (n % 97) * 9000).toISOString(),
      };
      const review = { ...header, kind: "review_recorded" as const, index: n + 1, facts };
      tally.add({ header: review, about, earlier: NOTHING_EARLIER });
    }
    const rows = Map.groupBy(tally.rows(), (row) => row.tally);
    expect(rows.get("review")).toHaveLength(1);
    expect(rows.get("reviewer")).toHaveLength(50);
    expect(rows.get("dwell")?.length).toBeLessThan(10);
  });

  test("that were changed are found in every cell, and put back they are none", async ({
    expect,
  }) => {
    await dropTriggers();
    const intact = (await copyRows()).get("tally") ?? [];
    expect(intact.length).toBeGreaterThan(3);
    const restore = () =>
      env.DB.batch([env.DB.prepare("DELETE FROM tally"), ...insertStatements("tally", intact)]);
    const unseen: string[] = [];
    const attempt = async (sql: string): Promise<void> => {
      await env.DB.prepare(sql).run();
      if ((await verify()).valid !== false) unseen.push(sql);
      await restore();
    };
    for (const { name, type } of await columnsOf("tally")) {
      const other = type === "INTEGER" ? `${name} + 7` : `${name} || 'x'`;
      await attempt(`UPDATE tally SET ${name} = ${other} WHERE key = (SELECT min(key) FROM tally)`);
    }
    await attempt("DELETE FROM tally WHERE key = (SELECT max(key) FROM tally)");
    await attempt("INSERT INTO tally SELECT ledger, 9, tally, key, 1, 0, 0 FROM tally LIMIT 1");
    expect(unseen).toEqual([]);
    expect(await verify()).toMatchObject({ valid: true, complete: true });
    // Verification that begins in the middle of a block knows its beginning, too.
    const part = await get<object>("/v1/integrity/verify?from=1000&to=1100");
    expect(part).toMatchObject({ findings: [] });
    await env.DB.prepare("UPDATE tally SET entries = entries + 1 WHERE tally = 'decision'").run();
    expect(await get<object>("/v1/integrity/verify?from=1000&to=1100")).toMatchObject({
      valid: false,
    });
    await restore();
  });

  test("that are not there are counted again", async ({ expect }) => {
    const before = await gaps();
    await env.DB.prepare("DELETE FROM tally").run();
    expect(await verify()).toMatchObject({ valid: true });
    expect(await gaps()).toEqual(before);
  });
});
