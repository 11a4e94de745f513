/**
 * The sequencer remembers what it acknowledged, apart from the database (DESIGN §2 "On start"): a
 * ledger that was truncated, emptied, restored or replaced behind its back is refused and reported,
 * never continued, and no key is ever made over an existing history.
 */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, test, type TestContext } from "vitest";
import { draftDecision } from "../../src/ledger/draft.ts";
import { Sequencer } from "../../src/worker/sequencer.ts";
import { openSigningKeys } from "../../src/worker/signing-keys.ts";
import { auditLedger } from "./support/audit.ts";
import { decision, get, post, recorded, sequencer, verify } from "./support/client.ts";
import {
  copyRows,
  dropTriggers,
  evidenceTables,
  restoreRows,
  startAnew,
  type Copy,
} from "./support/database.ts";
import { evict } from "./support/faults.ts";

type Expect = TestContext["expect"];

beforeEach(startAnew);

async function grow(commits: number): Promise<void> {
  for (let n = 0; n < commits; n++) await recorded(n);
}

interface Refusal {
  readonly statuses: readonly number[];
  readonly details: readonly string[];
  readonly faults: readonly string[];
  /** Whether the refused appends left the database as they found it. */
  readonly untouched: boolean;
}

/** Tries to append, with and without a key, and asks verification. */
async function refusal(): Promise<Refusal> {
  const found = JSON.stringify([...(await copyRows())]);
  const answers = [
    await post("/v1/decisions", decision("refused")),
    await post("/v1/decisions/batch", { decisions: [decision("refused")] }, "a-key"),
  ];
  const untouched = JSON.stringify([...(await copyRows())]) === found;
  const { valid, findings } = await verify();
  return {
    statuses: answers.map(({ status }) => status),
    details: [...new Set(answers.map(({ body }) => body.detail))],
    faults: valid === false ? findings.map(({ fault }) => fault) : [],
    untouched,
  };
}

function refusedFor(fault: string, detail: RegExp, expect: Expect): object {
  return {
    statuses: [503, 503],
    details: [expect.stringMatching(detail)],
    faults: expect.arrayContaining([fault]),
    untouched: true,
  };
}

/** What an attacker does, or a restore, and with which rows in the end. */
const ROLLBACKS: Readonly<Record<string, (older: Copy) => Promise<void>>> = {
  "its newest entry deleted from every table": async () => {
    const size = (await env.DB.prepare("SELECT size FROM head").first<number>("size")) ?? 0;
    const { chain_hash } = (await env.DB.prepare(
      "SELECT chain_hash FROM entry WHERE entry_index = ?",
    )
      .bind(size - 2)
      .first<{ chain_hash: string }>()) ?? { chain_hash: "" };
    await env.DB.batch([
      ...["entry", "content", "decision"].map((table) =>
        env.DB.prepare(`DELETE FROM ${table} WHERE entry_index = ?`).bind(size - 1),
      ),
      env.DB.prepare("DELETE FROM checkpoint WHERE size = ?").bind(size),
      env.DB.prepare("UPDATE decision_counter SET decisions = decisions - 1"),
      env.DB.prepare("UPDATE head SET size = ?, chain_hash = ?").bind(size - 1, chain_hash),
    ]);
  },
  "every row deleted": async () => {
    await env.DB.batch(
      (await evidenceTables()).map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    );
  },
  "an older copy restored": (older) => restoreRows(older),
};

describe.each(Object.entries(ROLLBACKS))("a ledger with %s", (_, rollBack) => {
  test.for([
    ["that runs", async () => {}],
    ["that starts", evict],
  ] as const)("is refused by a sequencer %s", async ([, before], { expect }) => {
    await grow(2);
    await dropTriggers();
    const older = await copyRows();
    await grow(2);
    const newest = await copyRows();
    await rollBack(older);
    await before();
    expect(await refusal()).toEqual(
      refusedFor(
        "rolled_back",
        /^The ledger takes no appends: .*4 (entries )?were acknowledged$/,
        expect,
      ),
    );
    await restoreRows(newest);
    await recorded("goes on"); // what was acknowledged is there again
    await auditLedger({ expect }, { size: 5 });
  });
});

test("a ledger that lost only its newest entry row is refused on the next start", async ({
  expect,
}) => {
  await grow(3);
  await dropTriggers();
  await env.DB.prepare("DELETE FROM entry WHERE entry_index = 2").run();
  await evict();
  const { status, body } = await post("/v1/decisions", decision("refused"));
  expect([status, body.detail]).toEqual([
    503,
    expect.stringMatching(/^The ledger takes no appends: /),
  ]);
  const { valid, findings } = await verify();
  expect(valid).toBe(false);
  expect(findings).toContainEqual(expect.objectContaining({ fault: "truncated", index: 2 }));
});

test("another history of the same length, signed with the same key, is refused", async ({
  expect,
}) => {
  await grow(2);
  await dropTriggers();
  const older = await copyRows();
  await grow(1);
  const remembered = await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.get("acknowledged"),
  );
  await restoreRows(older);
  await forget("acknowledged");
  await recorded("instead"); // as a stolen key, or a second sequencer, would
  await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.put("acknowledged", remembered),
  );
  await evict();
  expect(await refusal()).toEqual(
    refusedFor("rolled_back", /the first 3 entries make root .* was acknowledged$/, expect),
  );
});

test("a database ahead of what was acknowledged goes on: the answer was lost, not the entry", async ({
  expect,
}) => {
  await grow(1);
  const remembered = await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.get("acknowledged"),
  );
  await grow(3);
  await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.put("acknowledged", remembered),
  );
  await evict();
  expect(await recorded("goes on")).toMatch(/^dec_/);
  await auditLedger({ expect }, { size: 5 });
});

test("a database ahead by a checkpoint that nobody signed is refused", async ({ expect }) => {
  await grow(1);
  const remembered = await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.get("acknowledged"),
  );
  await grow(2);
  await dropTriggers();
  await env.DB.prepare(
    "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 3) WHERE size = 2",
  ).run();
  await runInDurableObject(sequencer(), (_, state) =>
    state.storage.kv.put("acknowledged", remembered),
  );
  await evict();
  expect(await refusal()).toEqual(refusedFor("root_mismatch", /the checkpoint of size 2/, expect));
});

test("an object that lost its storage refuses a ledger with entries, and makes no key", async ({
  expect,
}) => {
  await grow(2);
  const keys = (await get<{ verifier_keys: string[] }>("/v1/ledger")).verifier_keys;
  const kept = await runInDurableObject(sequencer(), (_, state) => {
    const key = state.storage.kv.get("signing_key");
    void state.storage.deleteAll();
    return key;
  });
  await evict();
  expect(await refusal()).toEqual(
    refusedFor("signature_invalid", /storage is empty .* no new key is made/, expect),
  );
  await evict();
  expect(await refusal()).toEqual(refusedFor("signature_invalid", /storage is empty/, expect));
  expect(await stored()).not.toContain("signing_key");
  await runInDurableObject(sequencer(), (_, state) => state.storage.kv.put("signing_key", kept));
  await recorded("goes on");
  expect((await get<{ verifier_keys: string[] }>("/v1/ledger")).verifier_keys).toEqual(keys);
  await auditLedger({ expect }, { size: 3 });
});

describe("LOOPGRID_SIGNING_KEY", () => {
  const append = { drafts: [draft()] };

  test("continues a ledger whose object lost its storage, when it signed it", async ({
    expect,
  }) => {
    const key = await newKey();
    const first = await withKey(key, (one) => one.append(append));
    expect(first).toMatchObject({ kind: "appended", size: 1 });
    await runInDurableObject(sequencer(), (_, state) => state.storage.deleteAll());
    const second = await withKey(key, (another) => another.append(append));
    expect(second).toMatchObject({ kind: "appended", size: 2 });
    expect(await stored()).not.toContain("signing_key");
  });

  test("that did not sign the history is refused, with and without the object's storage", async ({
    expect,
  }) => {
    await withKey(await newKey(), (one) => one.append(append));
    const refused = {
      kind: "refused",
      fault: "signature_invalid",
      detail: expect.stringContaining("do not match the ledger's history"),
    };
    const other = await newKey();
    expect(await withKey(other, (another) => another.append(append))).toEqual(refused);
    await runInDurableObject(sequencer(), (_, state) => state.storage.deleteAll());
    expect(await withKey(other, (another) => another.append(append))).toEqual(refused);
    expect(await env.DB.prepare("SELECT size FROM head").first<number>("size")).toBe(1);
  });

  test.for([
    ["no base64", "my secret, not a key"],
    ["other octets", btoa("not PKCS#8 at all: some secret")],
    ["half a key", "MC4CAQAwBQYDK2VwBCIEIHNlY3JldA=="],
    ["a missing key in a list", "MC4CAQAwBQYDK2VwBCIEIHNlY3JldA==,"],
  ] as const)(
    "that is %s is refused by name, never quoted, never replaced",
    async ([, secret], { expect }) => {
      const outcome = await withKey(secret, (one) => one.append(append));
      const { refusal } = await withKey(secret, (one) => one.status());
      const text = JSON.stringify([outcome, refusal]);
      expect(outcome.kind).toBe("refused");
      expect(refusal?.detail).toContain("LOOPGRID_SIGNING_KEY must hold");
      for (const part of secret.split(/[ ,]+/).filter((part) => part.length > 3))
        expect(text).not.toContain(part);
      expect(await stored()).not.toContain("signing_key");
    },
  );

  test("absent: four first uses at once make one key, which survives", async ({ expect }) => {
    const publicKeys = await runInDurableObject(sequencer(), async (_, { storage }) => {
      const uses = [1, 2, 3, 4].map(() =>
        openSigningKeys("loopgrid.local/main", undefined, storage, true),
      );
      return (await Promise.all(uses)).map(({ signer }) => signer.publicKey.join());
    });
    expect(new Set(publicKeys).size).toBe(1);
    await evict();
    const again = await runInDurableObject(sequencer(), (_, { storage }) =>
      openSigningKeys("loopgrid.local/main", undefined, storage, false).then(({ signer }) =>
        signer.publicKey.join(),
      ),
    );
    expect(again).toBe(publicKeys[0]);
  });

  test("absent: four first requests at once are signed by one key", async ({ expect }) => {
    await Promise.all([1, 2, 3, 4].map((n) => recorded(n)));
    const { verifier_keys } = await get<{ verifier_keys: string[] }>("/v1/ledger");
    expect(verifier_keys.length).toBe(1);
    await auditLedger({ expect }, { size: 4 });
  });
});

/** A sequencer configured with this secret, in the object's place and over its storage. */
function withKey<T>(secret: string, use: (sequencer: Sequencer) => Promise<T>): Promise<T> {
  return runInDurableObject(sequencer(), (_, state) =>
    use(new Sequencer(state, Object.assign({}, env, { LOOPGRID_SIGNING_KEY: secret }))),
  );
}

async function newKey(): Promise<string> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("Ed25519 makes pairs");
  const octets = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  if (!(octets instanceof ArrayBuffer)) throw new Error("PKCS#8 is octets");
  return btoa(String.fromCharCode(...new Uint8Array(octets)));
}

function draft() {
  const create = { service_name: "s", decision_type: "t", input: {}, model: {}, output: {} };
  return draftDecision(create, "anonymous", (bytes) =>
    crypto.getRandomValues(new Uint8Array(bytes)),
  );
}

/** Names of what the object keeps. */
function stored(): Promise<string[]> {
  return runInDurableObject(sequencer(), (_, state) =>
    [...state.storage.kv.list()].map(([name]) => name),
  );
}

async function forget(name: string): Promise<void> {
  await runInDurableObject(sequencer(), (_, state) => state.storage.kv.delete(name));
  await evict();
}
