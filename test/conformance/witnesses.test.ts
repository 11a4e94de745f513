/**
 * Witnesses (C2SP tlog-witness, DESIGN §1.4): somebody else signs that the ledger only grew, by
 * itself within seconds, whatever a witness answers, and never in the way of an append. The
 * witnesses here check everything themselves (test/support/witness.ts).
 *
 * The tests of this file share two witnesses and one server, and run in order.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { z } from "zod";
import { acknowledged, get, getText } from "../support/clients.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { openCheckpoint, type JsonObject } from "../support/independent-ledger.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  cosignedAt,
  startWitness,
  type TestWitness,
  type WitnessFault,
} from "../support/witness.ts";

/** The first submission comes ten seconds after the first append, then one each second. */
const FOLLOWED_MS_MAX = 30_000;
/** A witness that hangs is given up after 10 s: whoever waited for it would take longer than this. */
const APPEND_MS_MAX = 5000;
const TEST_MS_MAX = 90_000;
const ORIGIN = "witnessed.example/main";

const LedgerAnswer = z.object({
  size: z.int(),
  verifier_keys: z.array(z.string()),
  witnesses: z.array(
    z.object({
      witness: z.string(),
      size: z.int(),
      lag: z.int(),
      succeeded_at: z.string().nullable(),
      tried_at: z.string(),
      error: z.string().nullable(),
    }),
  ),
});
type LedgerAnswer = z.infer<typeof LedgerAnswer>;

let first: TestWitness;
let second: TestWitness;
let server: TestServer;
const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-witnesses-"));
let logKeys: readonly string[] = [];

const followedLogs = () => ({ [ORIGIN]: logKeys });

async function start(): Promise<TestServer> {
  const vars = [
    "LOOPGRID_ORIGIN:witnessed.example",
    "LOOPGRID_VERIFY_INTERVAL_S:1",
    `LOOPGRID_WITNESSES:${first.configured}, ${second.configured}/`,
  ];
  const flags = vars.flatMap((entry) => ["--var", entry]);
  return startServer({ persistTo, flags });
}

beforeAll(async () => {
  first = await startWitness("witness.example/first", followedLogs);
  second = await startWitness("witness.example/second", followedLogs);
  server = await start();
});
afterAll(async () => {
  await server?.stop();
  await Promise.all([first?.stop(), second?.stop()]);
  rmSync(persistTo, { recursive: true, force: true });
});

function decision(label: string): JsonObject {
  return { service_name: "w", decision_type: "t", input: { label }, model: {}, output: { label } };
}

async function record(label: string): Promise<number> {
  const from = performance.now();
  await acknowledged(server.url, "/v1/decisions", decision(label));
  return performance.now() - from;
}

async function ledger(): Promise<LedgerAnswer> {
  const { body } = await get(server.url, "/v1/ledger");
  return LedgerAnswer.parse(body);
}

async function witnessRow(
  witness: TestWitness,
): Promise<LedgerAnswer["witnesses"][number] | undefined> {
  return (await ledger()).witnesses.find((row) => row.witness === witness.name);
}

/** Waits until it holds. @throws with what it saw last when it does not */
async function eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + FOLLOWED_MS_MAX;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(seen)}`);
    await sleep(200);
  }
}

/** Until this witness has signed everything there is. */
async function followed(witness: TestWitness): Promise<void> {
  await eventually(
    () => witnessRow(witness),
    (row) => row?.lag === 0 && row.error === null,
  );
}

async function cosignedNote(): Promise<string> {
  return getText(server.url, "/v1/ledger/checkpoint?cosigned=true");
}

describe("two witnesses", { timeout: TEST_MS_MAX }, () => {
  test("sign what the ledger signed, by themselves and soon", async ({ expect }) => {
    await record("first");
    logKeys = (await ledger()).verifier_keys;
    const none = await get(server.url, "/v1/ledger/checkpoint?cosigned=true");
    expect(none.status).toBe(404);
    const { size } = await ledger();
    const before = Math.floor(Date.now() / 1000);
    await Promise.all([followed(first), followed(second)]);
    const note = await cosignedNote();
    const [key = ""] = logKeys;
    expect(openCheckpoint(note, key, ORIGIN)).toMatchObject({ size });
    for (const witness of [first, second]) {
      const signedAt = cosignedAt(note, witness.vkey);
      expect(signedAt).toBeGreaterThanOrEqual(before);
      expect(signedAt).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
      expect(witness.recorded(ORIGIN)?.size).toBe(size);
    }
    // Ours, then each witness's: nothing else, and what is not asked for cosigned is ours alone.
    expect(note.split("\n\n")[1]?.trimEnd().split("\n")).toHaveLength(3);
    const plain = await getText(server.url, "/v1/ledger/checkpoint");
    expect(note.startsWith(plain)).toBe(true);
    expect(cosignedAt(plain, first.vkey)).toBeUndefined();
    expect((await ledger()).witnesses).toEqual(
      [first, second].map(({ name }) => ({
        witness: name,
        size,
        lag: 0,
        succeeded_at: expect.stringMatching(/^\d{4}-.*Z$/),
        tried_at: expect.stringMatching(/^\d{4}-.*Z$/),
        error: null,
      })),
    );
  });

  test("follow as it grows, each time with a proof that it only grew", async ({ expect }) => {
    const { size: before } = await ledger();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n <= round; n++) await record(`round ${round}, ${n}`);
      await Promise.all([followed(first), followed(second)]);
    }
    const { size } = await ledger();
    expect(size).toBe(before + 6);
    for (const witness of [first, second]) {
      const { submissions } = witness;
      const grown = submissions.filter(({ oldSize, status }) => oldSize > 0 && status === 200);
      expect(grown.length).toBeGreaterThanOrEqual(3);
      expect(grown.every(({ oldSize, size: to, proof }) => oldSize < to && proof > 0)).toBe(true);
      // Once it has signed everything it is left alone.
      const signed = submissions.filter(({ status }) => status === 200).map(({ size: to }) => to);
      expect(new Set(signed).size).toBe(signed.length);
    }
  });

  test("are met where they are: one that was set back answers 409 and is proven from there", async ({
    expect,
  }) => {
    first.forget(ORIGIN, 4);
    const from = first.submissions.length;
    await record("after the witness was restored");
    await followed(first);
    const { size } = await ledger();
    expect(first.submissions.slice(from)).toEqual([
      { oldSize: size - 1, proof: expect.any(Number), size, status: 409 },
      { oldSize: 4, proof: expect.any(Number), size, status: 200 },
    ]);
  });

  test("are met where they are: one that lost everything begins again", async ({ expect }) => {
    first.forget(ORIGIN, 0);
    const from = first.submissions.length;
    await record("after the witness was emptied");
    await followed(first);
    const { size } = await ledger();
    expect(first.submissions.slice(from).map(({ status }) => status)).toEqual([409, 200]);
    expect(first.submissions.at(-1)).toEqual({ oldSize: 0, proof: 0, size, status: 200 });
  });

  const FAULTS: readonly (readonly [WitnessFault, RegExp])[] = [
    ["down", /could not be reached/],
    ["hangs", /could not be reached/],
    ["holds another root", /inconsistent/],
    ["signs something else", /does not hold/],
    ["answers nonsense", /no cosignature/],
    ["floods", /no cosignature/],
  ];

  test.for(FAULTS)(
    "one that %s is an error to be seen, and in nobody's way",
    async ([fault, error], { expect }) => {
      first.fault = fault;
      const { size: before } = await ledger();
      const seen = first.submissions.length;
      await record("while it is so");
      await eventually(
        () => Promise.resolve(first.submissions.length),
        (count) => count > seen,
      );
      // The other one waits for nobody.
      const from = performance.now();
      await eventually(
        () => Promise.resolve(second.recorded(ORIGIN)?.size ?? 0),
        (size) => size > before,
      );
      expect(performance.now() - from).toBeLessThan(APPEND_MS_MAX);
      // Appends while the witness is being waited for.
      const took: number[] = [];
      for (let n = 0; n < 5; n++) took.push(await record(`meanwhile ${n}`));
      expect(Math.max(...took)).toBeLessThan(APPEND_MS_MAX);
      const row = await eventually(
        () => witnessRow(first),
        (found) => found?.error !== null,
      );
      expect(row).toMatchObject({
        size: before,
        lag: expect.any(Number),
        succeeded_at: expect.any(String),
        error: expect.stringMatching(error),
      });
      expect(row?.lag).toBeGreaterThanOrEqual(1);
      await followed(second);
      // The newest that anybody signed; the one at fault did not sign it.
      const { size } = await ledger();
      const note = await cosignedNote();
      expect(openCheckpoint(note, logKeys[0] ?? "", ORIGIN).size).toBe(size);
      expect(cosignedAt(note, second.vkey)).toBeGreaterThan(0);
      expect(cosignedAt(note, first.vkey)).toBeUndefined();
      first.fault = "none";
      await followed(first);
      expect(first.recorded(ORIGIN)).toEqual(second.recorded(ORIGIN));
    },
  );

  test("that do not know the ledger, or not its key, say so", async ({ expect }) => {
    const keys = logKeys;
    logKeys = [];
    await record("unknown key");
    const row = await eventually(
      () => witnessRow(first),
      (found) => found?.error !== null,
    );
    expect(row?.error).toMatch(/no key that signed/);
    logKeys = keys;
    await followed(first);
  });

  test("go on where they were after a restart", async ({ expect }) => {
    const { size: before } = await ledger();
    await followed(second);
    await server.stop();
    const seen = second.submissions.length;
    server = await start();
    expect((await ledger()).witnesses.map(({ size }) => size)).toEqual([before, before]);
    await record("after the restart");
    await followed(second);
    expect(second.submissions.slice(seen)).toEqual([
      { oldSize: before, proof: expect.any(Number), size: before + 1, status: 200 },
    ]);
    const audited = await auditOverHttp(server.url, expect);
    expect(second.recorded(ORIGIN)).toEqual({
      size: before + 1,
      root: audited.ledger.rootAt(before + 1),
    });
  });
});
