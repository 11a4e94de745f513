/**
 * Signing keys over a ledger's life (DESIGN §3), from outside: a change is an entry in a commit that
 * the old and the new key both sign, every old checkpoint stays verifiable, callers notice nothing,
 * and a key that is not of the ledger's history signs nothing.
 *
 * One ledger through many restarts; the tests run in order.
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test, type ExpectStatic } from "vitest";
import { z } from "zod";
import {
  acknowledged,
  get,
  getText,
  numberIn,
  objectIn,
  post,
  textIn,
} from "../support/clients.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import {
  openCheckpoint,
  provesInclusion,
  type Json,
  type JsonObject,
} from "../support/independent-ledger.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { verifyFile } from "../support/verify-file.ts";

const ORIGIN = "keys.example/main";
const TEST_MS_MAX = 90_000;

const folder = mkdtempSync(join(tmpdir(), "loopgrid-keys-"));
let server: TestServer;

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Key {
  /** base64 PKCS#8, as LOOPGRID_SIGNING_KEY takes it. */
  readonly secret: string;
  readonly vkey: string;
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const material = Buffer.concat([Buffer.of(1), Buffer.from(x, "base64url")]);
  const id = createHash("sha256").update(`${ORIGIN}\n`).update(material).digest("hex").slice(0, 8);
  return {
    secret: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    vkey: `${ORIGIN}+${id}+${material.toString("base64")}`,
  };
}

const A = newKey();
const B = newKey();
const STRANGER = newKey();

/** Starts the server anew over the same state, with these keys; none: the one it makes itself. */
async function restartWith(keys: readonly Key[], end: "stop" | "kill" = "stop"): Promise<void> {
  await server?.[end]();
  const secrets = keys.map(({ secret }) => secret).join(",");
  const vars = [
    "LOOPGRID_ORIGIN:keys.example",
    ...(keys.length === 0 ? [] : [`LOOPGRID_SIGNING_KEY:${secrets}`]),
  ];
  const flags = vars.flatMap((entry) => ["--var", entry]);
  server = await startServer({ persistTo: join(folder, "state"), flags });
}

function decision(label: string): JsonObject {
  return { service_name: "k", decision_type: "t", input: { label }, model: {}, output: { label } };
}

function record(label: string, key?: string): Promise<JsonObject> {
  return acknowledged(server.url, "/v1/decisions?receipt=proof", decision(label), key);
}

/** Whose signatures hold under a note, newest key first. */
function signersOf(note: string, keys: readonly string[]): string[] {
  return keys.filter((key) => {
    try {
      return openCheckpoint(note, key, ORIGIN).size > 0;
    } catch {
      return false;
    }
  });
}

const Ledger = z.object({
  size: z.int(),
  verifier_keys: z.array(z.string()),
  keys: z.array(z.object({ key: z.string(), from_size: z.int(), to_size: z.int().nullable() })),
});

async function ledger(): Promise<z.infer<typeof Ledger>> {
  return Ledger.parse((await get(server.url, "/v1/ledger")).body);
}

function checkpoint(size: number): Promise<string> {
  return getText(server.url, `/v1/ledger/checkpoint?size=${size}`);
}

async function changes(): Promise<readonly Json[]> {
  const text = await getText(server.url, "/v1/ledger/entries?limit=1000");
  return text
    .trimEnd()
    .split("\n")
    .map((line): JsonObject => JSON.parse(JSON.parse(line).header))
    .filter(({ kind }) => kind === "signing_key_changed")
    .map(({ index = null, facts = null }) => ({ index, facts }));
}

/** What a caller keeps: its entry is where the receipt says, in the tree that was signed. */
function expectReceipt(answer: JsonObject, keys: readonly string[], expect: ExpectStatic): void {
  const receipt = objectIn(answer, "receipt");
  const [size, index] = [numberIn(receipt, "size"), numberIn(receipt, "index")];
  expect(index).toBe(numberIn(answer, "index"));
  expect(signersOf(textIn(receipt, "checkpoint"), keys).length).toBeGreaterThan(0);
  const proof = z.array(z.string()).parse(receipt["proof"]);
  const root = textIn(receipt, "root_hash");
  expect(provesInclusion(textIn(answer, "chain_hash"), index, size, proof, root)).toBe(true);
}

describe("one ledger, three keys", { timeout: TEST_MS_MAX }, () => {
  let selfMade = "";
  /** Checkpoints somebody kept, by size. */
  const kept = new Map<number, string>();
  let firstExport = "";
  const receipts: JsonObject[] = [];

  test("the first key is one it makes itself", async ({ expect }) => {
    await restartWith([]);
    receipts.push(await record("one", "k-one"), await record("two"));
    const { keys, verifier_keys } = await ledger();
    [selfMade = ""] = verifier_keys;
    expect(keys).toEqual([{ key: selfMade, from_size: 0, to_size: null }]);
    kept.set(2, await checkpoint(2));
    firstExport = await getText(server.url, "/v1/export/ledger");
  });

  test("configuring one changes it with the next commit, not before", async ({ expect }) => {
    await restartWith([A]);
    expect((await ledger()).verifier_keys).toEqual([selfMade]);
    expect((await get(server.url, "/v1/integrity/verify")).body).toMatchObject({ valid: true });
    const decisions = [decision("three"), decision("four"), decision("five")];
    const batch = await acknowledged(server.url, "/v1/decisions/batch", { decisions }, "k-batch");
    expect(batch).toMatchObject({
      count: 3,
      decisions: [{ index: 3 }, { index: 4 }, { index: 5 }],
      receipt: { first_index: 3, size: 6 },
    });
    const { checkpoint: note } = z.object({ checkpoint: z.string() }).parse(batch["receipt"]);
    // The commit of a change is signed by both; the one after it by the new key alone.
    expect(signersOf(note, [selfMade, A.vkey])).toEqual([selfMade, A.vkey]);
    receipts.push(await record("six"));
    expect(signersOf(await checkpoint(7), [selfMade, A.vkey])).toEqual([A.vkey]);
    expect(await changes()).toEqual([{ index: 2, facts: { old_key: selfMade, new_key: A.vkey } }]);
    expect((await ledger()).keys).toEqual([
      { key: A.vkey, from_size: 3, to_size: null },
      { key: selfMade, from_size: 0, to_size: 2 },
    ]);
    // Repeats from before and of the change find their own entries, not the change.
    const repeat = await post(server.url, "/v1/decisions/batch", { decisions }, "k-batch");
    expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
    expect(repeat.body).toEqual(batch);
    expect(await record("one", "k-one")).toEqual(receipts[0]);
    kept.set(7, await checkpoint(7));
  });

  test("a second change in a crowd happens once, and everybody's receipt is right", async ({
    expect,
  }) => {
    await restartWith([A, B]);
    const crowd = await Promise.all(Array.from({ length: 16 }, (_, n) => record(`crowd ${n}`)));
    const indexes = crowd.map((answer) => numberIn(answer, "index")).toSorted((a, b) => a - b);
    expect(indexes).toEqual(Array.from({ length: 16 }, (_, n) => 8 + n));
    receipts.push(...crowd);
    expect(await changes()).toEqual([
      { index: 2, facts: { old_key: selfMade, new_key: A.vkey } },
      { index: 7, facts: { old_key: A.vkey, new_key: B.vkey } },
    ]);
    // Killed with both keys configured: it does not happen again.
    await restartWith([A, B], "kill");
    receipts.push(await record("after the crash"));
    expect(await changes()).toHaveLength(2);
    expect(
      (await ledger()).keys.map(({ key, from_size, to_size }) => [key, from_size, to_size]),
    ).toEqual([
      [B.vkey, 8, null],
      [A.vkey, 3, 7],
      [selfMade, 0, 2],
    ]);
  });

  test("with the old key gone everything still verifies, here and offline", async ({ expect }) => {
    await restartWith([B]);
    receipts.push(await record("with the new key alone"));
    const { verifier_keys, keys, size } = await ledger();
    expect(verifier_keys).toEqual([B.vkey, A.vkey, selfMade]);
    expect((await get(server.url, "/v1/integrity/verify")).body).toMatchObject({ valid: true });
    for (const receipt of receipts) expectReceipt(receipt, verifier_keys, expect);
    // Every checkpoint there is, by the key whose range it is in.
    let committed = 0;
    let endorsed = 0;
    for (let at = 1; at <= size; at++) {
      const { status } = await fetch(`${server.url}/v1/ledger/checkpoint?size=${at}`);
      if (status === 404) continue;
      const inForce = keys.find(
        ({ from_size, to_size }) => from_size <= at && at <= (to_size ?? size),
      );
      const [signer, endorser, ...others] = signersOf(await checkpoint(at), verifier_keys);
      expect([at, signer, others]).toEqual([at, inForce?.key, []]);
      if (endorser !== undefined) endorsed++;
      committed++;
    }
    expect(committed).toBeGreaterThan(6);
    expect(endorsed).toBe(2); // the commits that changed the key
    const exported = await getText(server.url, "/v1/export/ledger");
    const [newest, ...older] = verifier_keys.map((key) => ["--key", key]);
    expect(await verifyFile(join(folder, "all.ndjson"), exported, ...(newest ?? []))).toMatchObject(
      {
        code: 0,
        verdict: { status: "verified", findings: [] },
      },
    );
    // Who trusts only an older key is told that it did not sign this.
    expect(
      await verifyFile(join(folder, "old-key.ndjson"), exported, ...(older[0] ?? [])),
    ).toMatchObject({
      code: 1,
      verdict: { status: "tampered", findings: [{ fault: "signature_invalid" }] },
    });
    const id = textIn(receipts[0] ?? {}, "decision_id");
    const evidence = await getText(server.url, `/v1/decisions/${id}/evidence`);
    expect(
      await verifyFile(join(folder, "evidence.json"), evidence, ...(newest ?? [])),
    ).toMatchObject({
      code: 0,
    });
  });

  test("what was kept under older keys is still held against it", async ({ expect }) => {
    const { verifier_keys } = await ledger();
    const exported = await getText(server.url, "/v1/export/ledger");
    const all = verifier_keys.flatMap((key) => ["--key", key]);
    for (const [size, note] of kept) {
      const file = join(folder, `kept-${size}.txt`);
      writeFileSync(file, note);
      const args = [...all, "--checkpoint", file];
      expect(await verifyFile(join(folder, "all.ndjson"), exported, ...args)).toMatchObject({
        code: 0,
        verdict: { status: "verified" },
      });
    }
    // An export from before the changes against what is signed now.
    const grown = await verifyFile(
      join(folder, "first.ndjson"),
      firstExport,
      ...all,
      "--server",
      server.url,
    );
    expect(grown).toMatchObject({ code: 0, verdict: { status: "verified" } });
    expect(firstExport).toContain(selfMade);
  });

  test.for<[string, readonly Key[]]>([
    ["a key that is not of this ledger", [STRANGER]],
    ["several of them", [newKey(), STRANGER]],
    ["an older key alone", [A]],
    ["none any more", []],
  ])("%s signs nothing: 503, by name, never quoted", async ([, keys], { expect }) => {
    const { size } = await ledger();
    await restartWith(keys);
    for (const path of ["/v1/decisions", "/v1/decisions/batch"]) {
      const body = path.endsWith("batch") ? { decisions: [decision("x")] } : decision("x");
      const { status, body: problem, headers } = await post(server.url, path, body);
      expect(status).toBe(503);
      expect(headers.get("Retry-After")).toMatch(/^\d+$/);
      expect(textIn(problem, "detail")).toMatch(/LOOPGRID_SIGNING_KEY/);
      for (const { secret } of keys) expect(JSON.stringify(problem)).not.toContain(secret);
    }
    const { body: verdict } = await get(server.url, "/v1/integrity/verify");
    expect(verdict).toMatchObject({ valid: false, size });
    expect(verdict["findings"]).toContainEqual(
      expect.objectContaining({ fault: "signature_invalid", index: null }),
    );
    // Reading goes on, and the log does not show what was configured.
    expect((await get(server.url, "/v1/decisions")).status).toBe(200);
    expect((await ledger()).size).toBe(size);
    const [, log = ""] = server.log().split("is ready"); // npm repeats the command line before it
    for (const { secret } of keys) expect(log).not.toContain(secret);
  });

  test("with its key back it goes on as if nothing had been", async ({ expect }) => {
    const { size } = await ledger();
    await restartWith([B]);
    expect(numberIn(await record("goes on"), "index")).toBe(size);
    const { verifierKey, ledger: audited } = await auditOverHttp(server.url, expect);
    expect(verifierKey).toBe(B.vkey);
    for (const [at, note] of kept) {
      const [signer = ""] = signersOf(note, [A.vkey, selfMade]);
      expect(openCheckpoint(note, signer, ORIGIN)).toMatchObject({
        size: at,
        rootHash: audited.rootAt(at),
      });
    }
  });
});
