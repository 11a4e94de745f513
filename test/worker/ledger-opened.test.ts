/**
 * Opening a ledger (DESIGN §2 "On start"): after a legitimate restore the way on is a new ledger whose
 * first entry names the old one, never a second history of the same.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { auditLedger } from "./support/audit.ts";
import { decision, get, post, recorded, type Answer } from "./support/client.ts";
import { column, copyRows, dropTriggers, restoreRows, startAnew } from "./support/database.ts";
import { evict, faultCommits, heal, hurry } from "./support/faults.ts";

beforeEach(startAnew);
afterEach(() => {
  heal();
  vi.restoreAllMocks();
});

const CONTINUES = { origin: "example.org/main", size: 812, root_hash: "0b".repeat(32) };

function open(body: object = {}, key?: string): Promise<Answer> {
  const request = { ledger: "main", reason_code: "restored_from_backup", ...body };
  return post("/v1/ledgers?receipt=proof", request, key);
}

/** Of a ledger's rows in whichever database it was given. */
async function cellsOf(ledger: string, sql: string): Promise<string[]> {
  const found = await Promise.all(
    [env.DB, env.DB_1].map((db) => db.prepare(sql).bind(ledger).raw<[string]>()),
  );
  return found.flat(2);
}

async function headersOf(ledger: string): Promise<object[]> {
  const sql = "SELECT header FROM entry WHERE ledger = ? ORDER BY entry_index";
  return (await cellsOf(ledger, sql)).map((header) => JSON.parse(header));
}

test("begins with an entry that names what it continues", async ({ expect }) => {
  const { status, body } = await open({ continues: CONTINUES });
  expect([status, body]).toEqual([
    200,
    {
      ledger: "main",
      origin: "loopgrid.local/main",
      receipt: {
        ledger: "main",
        index: 0,
        size: 1,
        root_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        checkpoint: expect.stringMatching(/^loopgrid\.local\/main\n1\n/),
        proof: [],
      },
    },
  ]);
  const id = await recorded("goes on");
  expect(await get(`/v1/decisions/${id}`)).toMatchObject({ index: 1 });
  const [opened] = await headersOf("main");
  expect(opened).toMatchObject({
    kind: "ledger_opened",
    id: expect.stringMatching(/^opn_/),
    index: 0,
    facts: { reason_code: "restored_from_backup", continues: CONTINUES },
    commitments: {},
    previous: "0".repeat(64),
  });
  expect(opened).not.toHaveProperty("decision_id");
  await auditLedger({ expect }, { size: 2, kept: [{ receipt: body.receipt }] });
});

test("opens only a ledger without entries, and writes nothing to another", async ({ expect }) => {
  await recorded(1);
  const before = [...(await copyRows())];
  const { status, body } = await open({ continues: CONTINUES });
  expect([status, body.detail]).toEqual([409, expect.stringContaining("has entries already")]);
  expect([...(await copyRows())]).toEqual(before);
  await evict();
  expect((await open()).status).toBe(409);
  await auditLedger({ expect }, { size: 1 });
});

test("of many at once exactly one opens it", async ({ expect }) => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => open()));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    200,
    ...Array.from({ length: 7 }, () => 409),
  ]);
  await auditLedger({ expect }, { size: 1 });
});

test("among appends it is first or not at all", async ({ expect }) => {
  const answers = await Promise.all([
    post("/v1/decisions", decision(1)),
    open(),
    post("/v1/decisions", decision(2)),
    open(),
  ]);
  expect([answers[0]?.status, answers[2]?.status]).toEqual([200, 200]);
  const kinds = (await headersOf("main")).map((header) => ("kind" in header ? header.kind : ""));
  const opened = answers.filter(({ status }) => status === 200).length - 2;
  expect(kinds.lastIndexOf("ledger_opened")).toBe(opened - 1);
  await auditLedger({ expect }, { size: 2 + opened });
});

describe("under an Idempotency-Key", () => {
  test("a repeat finds out that it was this request that opened it", async ({ expect }) => {
    const first = await open({ continues: CONTINUES }, "open");
    await recorded("meanwhile");
    const second = await open({ continues: CONTINUES }, "open");
    expect(second.status).toBe(200);
    expect(second.headers.get("Idempotent-Replayed")).toBe("true");
    expect(second.body).toEqual(first.body);
    expect((await open({}, "open")).status).toBe(422); // another body
    expect((await open({ continues: CONTINUES }, "other")).status).toBe(409);
    await auditLedger({ expect }, { size: 2 });
  });

  test("twins open it once and are answered alike", async ({ expect }) => {
    const [first, second] = await Promise.all([open({}, "open"), open({}, "open")]);
    expect([first?.status, second?.status]).toEqual([200, 200]);
    expect(second?.body).toEqual(first?.body);
    await auditLedger({ expect }, { size: 1 });
  });

  test("a lost answer is found again", async ({ expect }) => {
    hurry();
    faultCommits("hangs");
    expect((await open({}, "open")).status).toBe(503);
    heal();
    await evict();
    expect((await open({}, "open")).status).toBe(200);
    await auditLedger({ expect }, { size: 1 });
  });
});

test("the way on after a restore: the old ledger stays refused, the new one names it", async ({
  expect,
}) => {
  await recorded(1);
  await dropTriggers();
  const backup = await copyRows();
  await recorded(2);
  const { size, root_hash, origin } = await get<{
    size: number;
    root_hash: string;
    origin: string;
  }>("/v1/ledger");
  await restoreRows(backup);
  await evict();
  expect((await post("/v1/decisions", decision(3))).status).toBe(503);
  const continues = { origin, size, root_hash };
  const { status, body } = await open({ ledger: "main-2", continues });
  expect([status, body]).toMatchObject([
    200,
    { ledger: "main-2", origin: "loopgrid.local/main-2", receipt: { ledger: "main-2", index: 0 } },
  ]);
  expect(await headersOf("main-2")).toMatchObject([
    { kind: "ledger_opened", ledger: "main-2", index: 0, facts: { continues } },
  ]);
  // Its own name, its own key; the old one is as it was.
  for (const ledger of ["main", "main-2"]) {
    const [note = "", ...more] = await cellsOf(
      ledger,
      "SELECT note FROM checkpoint WHERE ledger = ?",
    );
    expect([note.split("\n")[0], more]).toEqual([`loopgrid.local/${ledger}`, []]);
  }
  expect((await headersOf("main")).length).toBe(1);
  expect((await open({ continues })).status).toBe(503); // main itself: refused, not opened anew
});

test.for<[string, object]>([
  ["no name", { ledger: undefined }],
  ["a name with a slash", { ledger: "a/b" }],
  ["a name in capitals", { ledger: "Main" }],
  ["a name that begins with a dash", { ledger: "-a" }],
  ["a name of 64", { ledger: "a".repeat(64) }],
  ["no reason", { reason_code: undefined }],
  ["a reason that is a text", { reason_code: "We lost it." }],
  ["a root in capitals", { continues: { ...CONTINUES, root_hash: "0B".repeat(32) } }],
  ["a short root", { continues: { ...CONTINUES, root_hash: "0b" } }],
  ["a size below zero", { continues: { ...CONTINUES, size: -1 } }],
  ["a size that is none", { continues: { ...CONTINUES, size: 1.5 } }],
  ["an origin of great length", { continues: { ...CONTINUES, origin: "o".repeat(1025) } }],
])("refuses %s", async ([, body], { expect }) => {
  expect((await open(body)).status).toBe(422);
  expect(await column("SELECT count(*) FROM entry")).toEqual([0]);
});
