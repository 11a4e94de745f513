/**
 * The promise of DESIGN §1.2 under the hardest stop there is: SIGKILL to every process of the server,
 * under load, ten times. What was acknowledged is there; what was not, the same request with the
 * same Idempotency-Key finds out, exactly once.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  type Answer,
  asObject,
  inParallel,
  listIn,
  numberIn,
  objectIn,
  post,
  seeded,
  textIn,
} from "../support/clients.ts";
import {
  auditOverHttp,
  expectReceiptHolds,
  type AuditedLedger,
} from "../support/independent-audit.ts";
import { canonical, sha256, type JsonObject } from "../support/independent-ledger.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

const WRITERS = 16;
const CRASHES = 10;
/** A crash comes this long after the round's first acknowledgements. */
const LOAD_MS_MIN = 100;
const LOAD_MS_MAX = 1200;
const ACKNOWLEDGED_MIN = 20;
const TEST_MS_MAX = 240_000;

interface Asked {
  readonly key: string;
  readonly path: string;
  readonly body: JsonObject;
  /** Entries it appends. */
  readonly count: number;
}

interface Told {
  readonly asked: Asked;
  readonly answer: JsonObject;
}

function decision(label: string): JsonObject {
  return {
    service_name: "crash",
    decision_type: "reply",
    input: { label, padding: "\u00fc".repeat(500) },
    model: { provider: "openai", name: "gpt-4" },
    output: { label },
  };
}

/** A client that never gives up a request: after a crash the next attempt has the same key. */
class Writer {
  readonly told: Told[] = [];
  readonly #number: number;
  readonly #choose: (below: number) => number;
  readonly #decisions: string[] = [];
  #pending: Asked | undefined;
  #asked = 0;

  constructor(number: number) {
    this.#number = number;
    this.#choose = seeded(number);
  }

  /** Writes until the connection breaks. */
  async writeUntilCrash(url: string): Promise<void> {
    for (;;) {
      this.#pending ??= this.#next();
      if ((await this.#send(url, this.#pending)) === undefined) return;
    }
  }

  /** Asks again for what was never answered. Whether the server had it already; undefined: nothing was open. */
  async finish(url: string): Promise<boolean | undefined> {
    if (this.#pending === undefined) return undefined;
    const answer = await this.#send(url, this.#pending);
    if (answer === undefined) throw new Error("the server is gone");
    return answer.headers.get("Idempotent-Replayed") === "true";
  }

  async #send(url: string, asked: Asked): Promise<Answer | undefined> {
    for (;;) {
      let answer: Answer;
      try {
        answer = await post(url, asked.path, asked.body, asked.key);
      } catch {
        return undefined;
      }
      if (answer.status === 200) {
        this.#pending = undefined;
        this.told.push({ asked, answer: answer.body });
        this.#remember(answer.body);
        return answer;
      }
      if (answer.status !== 503) throw new Error(`${asked.path}: ${JSON.stringify(answer.body)}`);
      await sleep(100);
    }
  }

  #remember(answer: JsonObject): void {
    const created = answer["decisions"] === undefined ? [answer] : listIn(answer, "decisions");
    for (const row of created) this.#decisions.push(textIn(asObject(row), "decision_id"));
  }

  #next(): Asked {
    const label = `${this.#number}-${this.#asked++}`;
    const key = `crash-${label}`;
    const id = this.#decisions[this.#choose(this.#decisions.length)];
    const choice = id === undefined ? 0 : this.#choose(6);
    switch (choice) {
      case 0:
      case 1:
        return { key, path: "/v1/decisions?receipt=proof", body: decision(label), count: 1 };
      case 2: {
        const decisions = [0, 1, 2].map((i) => decision(`${label}-${i}`));
        return { key, path: "/v1/decisions/batch", body: { decisions }, count: 3 };
      }
      case 3: {
        const path = `/v1/decisions/${id}/incorrect`;
        return { key, path, body: { reason: label }, count: 1 };
      }
      case 4: {
        const path = `/v1/decisions/${id}/correction`;
        return { key, path, body: { correction: { label }, corrected_by: "somebody" }, count: 1 };
      }
      default: {
        const body = { decision_id: id ?? "", overrides: { input: { label } } };
        return { key, path: "/v1/replays", body, count: 1 };
      }
    }
  }
}

describe(`${CRASHES} crashes under load`, () => {
  const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-crash-"));
  const writers = Array.from({ length: WRITERS }, (_, number) => new Writer(number));
  const allTold = () => writers.flatMap(({ told }) => told);
  let port: number;
  let server: TestServer | undefined;
  let audited: AuditedLedger;

  beforeAll(async () => {
    port = await freePort();
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(persistTo, { recursive: true, force: true });
  });

  test(
    "every round goes on from where the last one ended, and the ledger verifies",
    async ({ expect }) => {
      const choose = seeded(2026);
      const start = performance.now();
      for (let round = 0; round < CRASHES; round++) {
        server = await startServer({ persistTo, port });
        const before = allTold().length;
        const writing = Promise.all(
          writers.map((writer) => writer.writeUntilCrash(server?.url ?? "")),
        );
        const crash = async () => {
          while (allTold().length < before + ACKNOWLEDGED_MIN) await sleep(10);
          await sleep(LOAD_MS_MIN + choose(LOAD_MS_MAX - LOAD_MS_MIN));
          await server?.kill();
        };
        await Promise.all([writing, crash()]);
      }
      const loadSeconds = (performance.now() - start) / 1000;

      const running = await startServer({ persistTo, port });
      server = running;
      const open = await Promise.all(writers.map((writer) => writer.finish(running.url)));
      const retried = open.filter((found) => found !== undefined);
      // Every writer was cut off in the middle of a request.
      expect(retried).toHaveLength(WRITERS);
      audited = await auditOverHttp(running.url, expect);
      console.log(
        `${CRASHES} crashes in ${loadSeconds.toFixed(1)} s: ${audited.ledger.entries.length} entries of ${allTold().length} requests; ` +
          `of the last ${retried.length} unanswered ones ${retried.filter(Boolean).length} had been written`,
      );
    },
    TEST_MS_MAX,
  );

  test("each key is in the ledger exactly once, with what was asked under it", ({ expect }) => {
    const { entries, requests } = audited.ledger;
    const told = allTold();
    // IndependentLedger refuses a key that occurs twice; here, that there are no others.
    expect(requests.size).toBe(told.length);
    expect(entries).toHaveLength(told.reduce((sum, { asked }) => sum + asked.count, 0));
    for (const { asked } of told) {
      const { firstIndex = -1, count } = requests.get(sha256(asked.key)) ?? {};
      expect(count).toBe(asked.count);
      expect(entries[firstIndex]?.content["request"]).toEqual({
        method: "POST",
        path: asked.path.split("?")[0],
        body_sha256: sha256(canonical(asked.body)),
        count: asked.count,
      });
    }
  });

  test("nothing that was acknowledged is lost", ({ expect }) => {
    const { entries, requests } = audited.ledger;
    for (const { asked, answer } of allTold()) {
      const receipt = objectIn(answer, "receipt");
      const firstIndex = requests.get(sha256(asked.key))?.firstIndex ?? -1;
      if (answer["decisions"] === undefined) {
        expect(receipt["index"]).toBe(firstIndex);
        if (asked.path.startsWith("/v1/decisions?"))
          expect(answer["chain_hash"]).toBe(entries[firstIndex]?.chainHash);
        if (answer["replay_id"] !== undefined)
          expect(answer["replay_id"]).toBe(entries[firstIndex]?.id);
      } else {
        const batch = entries.slice(firstIndex, firstIndex + asked.count);
        expect(receipt["first_index"]).toBe(firstIndex);
        expect(answer["decisions"]).toEqual(
          batch.map(({ index, id, chainHash }) =>
            expect.objectContaining({ index, decision_id: id, chain_hash: chainHash }),
          ),
        );
      }
      expectReceiptHolds(receipt, firstIndex + asked.count - 1, audited, expect);
    }
  });

  test(
    "a repeat of an acknowledged request appends nothing and gets the same answer",
    async ({ expect }) => {
      const url = server?.url ?? "";
      const sample = allTold().filter((_, i) => i % 7 === 0);
      expect(sample.length).toBeGreaterThan(50);
      await inParallel(sample, WRITERS, async ({ asked, answer }) => {
        const repeat = await post(url, asked.path, asked.body, asked.key);
        expect(repeat.status).toBe(200);
        expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
        expect(repeat.body).toEqual(answer);
      });
      const again = await auditOverHttp(url, expect);
      expect(again.ledger.chainHash).toBe(audited.ledger.chainHash);
    },
    TEST_MS_MAX,
  );

  test("the chain continues", async ({ expect }) => {
    const url = server?.url ?? "";
    const { status, body } = await post(url, "/v1/decisions", decision("after"), "after");
    expect(status).toBe(200);
    const size = audited.ledger.entries.length;
    expect(numberIn(body, "index")).toBe(size);
    const { ledger } = await auditOverHttp(url, expect);
    expect(ledger.rootAt(size)).toBe(audited.ledger.rootAt(size));
    expect(ledger.entries[size]?.chainHash).toBe(body["chain_hash"]);
  });
});
