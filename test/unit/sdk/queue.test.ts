/** Nothing lost silently: the queue against a server that is away, slow, or refuses. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type * as nodeFs from "node:fs";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, test } from "vitest";
import { LoopGrid, UndeliveredError } from "../../../src/sdk/javascript/index.ts";
import {
  answer,
  confirm,
  fakeLedger,
  problem,
  type FakeLedger,
} from "../../support/fake-ledger.ts";
import { thrownBy } from "../../support/thrown.ts";

let server: FakeLedger;
let folder: string;
beforeEach(async () => {
  server = await fakeLedger();
  folder = mkdtempSync(join(tmpdir(), "loopgrid-spool-"));
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const decision = (n: number, more = {}) => ({
  decisionType: "reply",
  input: { n, ...more },
  model: {},
  output: {},
});

function client(options = {}) {
  return new LoopGrid({ baseUrl: server.url, timeoutMs: 500, lingerMs: 1, ...options });
}

/** The numbers that were recorded, each as often as it was. */
function numbers(): number[] {
  return server.records().map(({ input }) => Number(Object(input).n));
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const sorted = (all: readonly number[]) => all.toSorted((a, b) => a - b);

const descriptors = () => readdirSync("/proc/self/fd").length;
type Disk = Pick<typeof nodeFs, "writeSync">;

const HOST = hostname().replaceAll(/[^A-Za-z0-9-]/g, "_");
/** Above the largest pid there is. */
const DEAD_PID = 4_194_305;

describe("in memory", () => {
  test("everything arrives in order, in batches, once", async ({ expect }) => {
    const grid = client();
    for (const n of upTo(250)) expect(grid.enqueue(decision(n))).toBe(true);
    await grid.close();
    expect(numbers()).toEqual(upTo(250));
    expect(server.attempts.length).toBe(3);
    expect(grid.counters).toEqual({
      enqueued: 250,
      recovered: 0,
      sent: 250,
      acknowledged: 250,
      spooled: 0,
      dropped: 0,
      pending: 0,
    });
    expect(server.records().map(({ writer_seq }) => writer_seq)).toEqual(upTo(251).slice(1));
  });

  test("an answer that got lost is asked for again, not written again", async ({ expect }) => {
    server.behave((attempt, response) => {
      server.take(attempt);
      server.behave(undefined);
      response.destroy();
    });
    const grid = client();
    grid.enqueue(decision(0));
    await grid.close();
    expect(numbers()).toEqual([0]);
    expect(server.attempts.length).toBe(2);
    expect(new Set(server.attempts.map(({ key }) => key)).size).toBe(1);
  });

  test("an answer that confirms nothing is no acknowledgement", async ({ expect }) => {
    server.behave((_, response, n) => {
      answer(response, 200, n === 1 ? { decisions: [], total: 0 } : { count: 2 });
      if (n === 2) server.behave(undefined);
    });
    const grid = client();
    grid.enqueue(decision(0));
    await grid.close();
    expect(numbers()).toEqual([0]);
    expect(server.attempts.length).toBe(3);
    expect(new Set(server.attempts.map(({ key }) => key)).size).toBe(1);
  });

  test("what has no room is dropped, and counted to the record", async ({ expect }) => {
    server.behave(problem(503, "away"));
    const grid = client({ queueRecordsMax: 40 });
    const taken = upTo(100).filter((n) => grid.enqueue(decision(n)));
    expect(taken).toEqual(upTo(40));
    expect(grid.counters).toMatchObject({ enqueued: 100, dropped: 60, pending: 40 });
    const error = await thrownBy(grid.flush({ timeoutMs: 50 }));
    expect(error).toBeInstanceOf(UndeliveredError);
    expect(error).toMatchObject({ message: "Records: 60 dropped, 40 not acknowledged yet" });
    server.behave(undefined);
    await grid.flush();
    expect(numbers()).toEqual(upTo(40));
    expect(grid.counters).toMatchObject({ acknowledged: 40, dropped: 60, pending: 0 });
  });

  test("closing while the server is away says precisely what was lost", async ({ expect }) => {
    server.behave(problem(503, "away"));
    const grid = client();
    for (const n of upTo(7)) grid.enqueue(decision(n));
    const error = await thrownBy(grid.close({ timeoutMs: 50 }));
    expect(error).toMatchObject({
      message: "Records: 7 dropped",
      counters: { enqueued: 7, acknowledged: 0, dropped: 7, pending: 0 },
    });
    expect(grid.enqueue(decision(8))).toBe(false);
  });

  test("a refused record takes no other with it", async ({ expect }) => {
    const told: unknown[] = [];
    const grid = client({ onError: (error: Error) => told.push(error.message) });
    server.behave((attempt, response) => {
      const bodies: { input: { bad?: boolean } }[] = JSON.parse(attempt.text).decisions;
      const bad = bodies.flatMap(({ input }, i) => (input.bad === true ? [i] : []));
      const errors = bad.map((i) => ({ path: `decisions[${i}].input`, message: "is bad" }));
      if (bad.length > 0) return answer(response, 422, { detail: "is bad", errors });
      server.take(attempt);
      confirm(attempt, response);
    });
    for (const n of upTo(20)) grid.enqueue(decision(n, n % 8 === 3 ? { bad: true } : {}));
    const error = await thrownBy(grid.close());
    expect(error).toMatchObject({ message: "Records: 3 dropped" });
    expect(numbers()).toEqual(upTo(20).filter((n) => n % 8 !== 3));
    expect(told).toContain("API Error 422: is bad");
  });

  test("what is no JSON is dropped, and nothing else", async ({ expect }) => {
    const grid = client();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    expect(grid.enqueue({ ...decision(0), input: circular })).toBe(false);
    grid.enqueue(decision(1));
    await expect(grid.close()).rejects.toMatchObject({ counters: { acknowledged: 1, dropped: 1 } });
  });

  test("waitUntil is given what a Worker has to wait for", async ({ expect }) => {
    const awaited: Promise<unknown>[] = [];
    const grid = client({ waitUntil: (promise: Promise<unknown>) => awaited.push(promise) });
    for (const n of upTo(3)) grid.enqueue(decision(n));
    expect(awaited.length).toBe(1);
    await Promise.all(awaited);
    expect(numbers()).toEqual(upTo(3));
  });

  test("and does not swallow what the next flush has to tell", async ({ expect }) => {
    server.behave(problem(422, "no"));
    const awaited: Promise<unknown>[] = [];
    const grid = client({ waitUntil: (promise: Promise<unknown>) => awaited.push(promise) });
    grid.enqueue(decision(0));
    await Promise.all(awaited);
    await expect(grid.flush()).rejects.toMatchObject({ message: "Records: 1 dropped" });
  });

  test("a flush waits for what was enqueued before it, not for what comes meanwhile", async ({
    expect,
  }) => {
    const grid = client();
    let n = 0;
    // Every answer brings another record: the queue is never empty.
    server.behave((attempt, response) => {
      grid.enqueue(decision(++n));
      server.take(attempt);
      setTimeout(() => confirm(attempt, response), 5);
    });
    grid.enqueue(decision(0));
    await grid.flush({ timeoutMs: 5_000 });
    expect(grid.counters.pending).toBeGreaterThan(0);
    server.behave(undefined);
    await grid.close();
    expect(grid.counters).toMatchObject({ acknowledged: n + 1, dropped: 0, pending: 0 });
  });

  test("a listener that fails, now or later, is nobody's crash", async ({ expect }) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    server.behave(problem(422, "no"));
    const grid = client({ onError: () => Promise.reject(new Error("the listener's own")) });
    grid.enqueue(decision(0));
    await thrownBy(grid.close());
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("an answer that comes after closing is not counted twice", async ({ expect }) => {
    const answers: (() => void)[] = [];
    const deaf = () =>
      new Promise<Response>((resolve) => answers.push(() => resolve(Response.json({ count: 1 }))));
    const grid = client({ fetch: deaf });
    grid.enqueue(decision(0));
    await thrownBy(grid.close({ timeoutMs: 50 }));
    for (const late of answers) late();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(grid.counters).toMatchObject({ acknowledged: 0, dropped: 1, pending: 0 });
  });
});

describe("with a spool folder", () => {
  test("records are on disk while the server is away, and gone once acknowledged", async ({
    expect,
  }) => {
    server.behave(problem(503, "away"));
    const grid = client({ spoolDir: folder });
    for (const n of upTo(150)) grid.enqueue(decision(n));
    const onDisk = readdirSync(folder).flatMap((file) =>
      readFileSync(join(folder, file), "utf8").split("\n").slice(1, -1),
    );
    expect(sorted(onDisk.map((line) => JSON.parse(line).input.n))).toEqual(upTo(150));
    await expect(grid.close({ timeoutMs: 50 })).rejects.toMatchObject({
      message: "Records: 150 not acknowledged yet, kept in the spool folder",
      counters: { dropped: 0, pending: 150, spooled: 150 },
    });
    // The same files, of a process that is gone; half of them of a client that was closed.
    for (const file of readdirSync(folder).slice(1)) {
      const [key, , , host, state] = file.split(".");
      renameSync(join(folder, file), join(folder, `${key}.${DEAD_PID}.gone.${host}.${state}`));
    }
    server.behave(undefined);
    const later = client({ spoolDir: folder });
    await later.close();
    expect(sorted(numbers())).toEqual(upTo(150));
    expect(later.counters).toMatchObject({ recovered: 150, acknowledged: 150, pending: 0 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a line that was being written when its writer died is left out", async ({ expect }) => {
    const whole = JSON.stringify({ input: { n: 1 } });
    writeFileSync(
      join(folder, `lg-torn.${DEAD_PID}.token.${HOST}.open`),
      `{"format":"loopgrid-spool/1","idempotency_key":"lg-torn"}\n${whole}\n{"input":{"n":`,
    );
    await client({ spoolDir: folder }).close();
    expect([...server.recorded]).toEqual([["lg-torn", `{"decisions":[${whole}]}`]]);
  });

  test("files of a process that lives are left to it", async ({ expect }) => {
    const file = `lg-alive.${process.ppid}.token.${HOST}.open`;
    writeFileSync(join(folder, file), '{"format":"loopgrid-spool/1"}\n{"input":{"n":1}}\n');
    await client({ spoolDir: folder }).close();
    expect(server.attempts).toEqual([]);
    expect(readdirSync(folder)).toEqual([file]);
  });

  test("files of another thread, or another copy of this package, are left to it", async ({
    expect,
  }) => {
    const file = `lg-thread.${process.pid}.token.${HOST}.open`;
    writeFileSync(join(folder, file), '{"format":"loopgrid-spool/1"}\n{"input":{"n":1}}\n');
    await client({ spoolDir: folder }).close();
    expect(server.attempts).toEqual([]);
    // No heartbeat for more than a minute: it is gone.
    const before = new Date(Date.now() - 61_000);
    utimesSync(join(folder, file), before, before);
    await client({ spoolDir: folder }).close();
    expect(numbers()).toEqual([1]);
  });

  test("what two clients find is one's to send, and nobody's loss", async ({ expect }) => {
    const left = (key: string) =>
      writeFileSync(
        join(folder, `${key}.${DEAD_PID}.token.${HOST}.batch`),
        '{"format":"loopgrid-spool/1"}\n{"input":{"n":1}}\n',
      );
    left("lg-a");
    const clients = [client({ spoolDir: folder }), client({ spoolDir: folder })];
    await Promise.all(clients.map((grid) => grid.close()));
    expect(clients.map(({ counters }) => counters.recovered)).toEqual([1, 0]);
    // Of another process, which is faster.
    server.behave(problem(503, "away"));
    left("lg-b");
    const slower = client({ spoolDir: folder });
    await expect(slower.flush({ timeoutMs: 50 })).rejects.toMatchObject({
      counters: { recovered: 1, pending: 1 },
    });
    for (const file of readdirSync(folder)) rmSync(join(folder, file));
    await slower.close();
    expect(slower.counters).toMatchObject({ recovered: 0, dropped: 0, pending: 0 });
  });

  test.for([
    [
      "takes a part of a line only",
      (fs: Disk, fd: number, octets: Uint8Array) => fs.writeSync(fd, octets.subarray(0, 5)),
    ],
    [
      "is full",
      () => {
        throw new Error("ENOSPC");
      },
    ],
  ] as const)(
    "a disk that %s loses no record and leaves no descriptor",
    async ([, write], { expect }) => {
      const fs = process.getBuiltinModule("node:fs");
      let n = 0;
      const full = {
        ...fs,
        writeSync: (fd: number, octets: Uint8Array) =>
          ++n % 4 === 0 || n % 5 === 0 ? write(fs, fd, octets) : fs.writeSync(fd, octets),
      };
      const original = process.getBuiltinModule.bind(process);
      Object.assign(process, {
        getBuiltinModule: (name: string) => (name === "node:fs" ? full : original(name)),
      });
      try {
        const before = descriptors();
        const grid = client({ spoolDir: folder });
        for (const i of upTo(30)) expect(grid.enqueue(decision(i))).toBe(true);
        await grid.close();
        expect(sorted(numbers())).toEqual(upTo(30));
        expect(readdirSync(folder)).toEqual([]);
        expect(descriptors()).toBeLessThanOrEqual(before + 4);
      } finally {
        Object.assign(process, { getBuiltinModule: original });
      }
    },
  );

  test("a file that cannot be read does not stop the queue for ever", async ({ expect }) => {
    const told: string[] = [];
    const grid = client({ spoolDir: folder, onError: ({ message }: Error) => told.push(message) });
    // The refusal comes when its file is a folder: read again, it would throw.
    server.behave((_, response) => {
      for (const file of readdirSync(folder)) {
        rmSync(join(folder, file));
        mkdirSync(join(folder, file));
      }
      server.behave(undefined);
      answer(response, 422, { detail: "no" });
    });
    grid.enqueue(decision(0));
    grid.enqueue(decision(1));
    await grid.close();
    expect(told).toContain("API Error 422: no");
    expect(sorted(numbers())).toEqual([0, 1]);
  });

  test("a folder that takes no more leaves records in memory, and loses none", async ({
    expect,
  }) => {
    const told: string[] = [];
    const onError = ({ message }: Error) => told.push(message);
    const grid = client({ spoolDir: folder, onError });
    for (const n of upTo(150)) {
      if (n === 30) rmSync(folder, { recursive: true });
      expect(grid.enqueue(decision(n))).toBe(true);
    }
    await grid.close();
    expect(told).toContain("The spool folder takes no more");
    expect(sorted(numbers())).toEqual(upTo(150));
    expect(grid.counters).toMatchObject({ acknowledged: 150, dropped: 0, pending: 0 });
  });

  test("a refused record is kept for a person", async ({ expect }) => {
    server.behave(problem(422, "no"));
    const grid = client({ spoolDir: folder });
    for (const n of upTo(3)) grid.enqueue(decision(n));
    await expect(grid.close()).rejects.toMatchObject({ counters: { dropped: 3, pending: 0 } });
    const files = readdirSync(folder);
    expect(files.length).toBe(3);
    expect(files.every((file) => file.endsWith(".refused"))).toBe(true);
  });

  test(
    "a writer killed in the middle loses nothing, and nothing arrives twice",
    { timeout: 30_000 },
    async ({ expect }) => {
      // Some answers are lost on the way: written, but the writer does not know.
      server.behave((attempt, response, n) => {
        server.take(attempt);
        if (n % 3 === 0) response.destroy();
        else confirm(attempt, response);
      });
      const program = fileURLToPath(new URL("../../support/spool-writer.ts", import.meta.url));
      const child = spawn(process.execPath, [program, server.url, folder], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let told = "";
      child.stdout.on("data", (chunk: Buffer) => {
        told += chunk.toString("utf8");
        if (told.split("\n").length > 2_000) child.kill("SIGKILL");
      });
      await once(child, "close");
      expect(child.signalCode).toBe("SIGKILL");
      const toldOf = told.split("\n").length - 1;
      expect(readdirSync(folder).length).toBeGreaterThan(0);
      server.behave(undefined);
      await client({ spoolDir: folder }).close();
      const got = sorted(numbers());
      // What it told of is there; it may have enqueued more than it could tell.
      expect(got.length).toBeGreaterThanOrEqual(toldOf);
      expect(got).toEqual(upTo(got.length));
      expect(readdirSync(folder)).toEqual([]);
    },
  );
});
