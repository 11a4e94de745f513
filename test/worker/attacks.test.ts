/**
 * The attack table, carried out (test/support/attack-table.ts): by somebody who owns the database,
 * the sequencer's own storage and, where the row says so, the signing key. Each row says by what it
 * shows and where; it shows by exactly that. Afterwards everything is put back and verifies again.
 */
import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, test, type TestContext } from "vitest";
import { ATTACKS, type Attack, type AttackName, type Means } from "../support/attack-table.ts";
import { appendDrafts, EMPTY_HEAD } from "../../src/ledger/append.ts";
import { formatCheckpoint, openCheckpoint } from "../../src/ledger/checkpoint.ts";
import { draftDecision } from "../../src/ledger/draft.ts";
import { GENESIS, leafHash, sha256, type Hash } from "../../src/ledger/hash.ts";
import { verifyInclusion } from "../../src/ledger/merkle.ts";
import {
  parseVerifierKey,
  signNote,
  type NoteSigner,
  type VerifierKey,
} from "../../src/ledger/note.ts";
import { CommitConflict } from "../../src/ledger/ports.ts";
import { EMPTY_TREE, extendTree, rootOf } from "../../src/ledger/tiles.ts";
import { ExportVerifier } from "../../src/ledger/verify-export.ts";
import { checkGrowth } from "../../src/ledger/verify-growth.ts";
import { fromHex, toHex, utf8 } from "../../src/lib/bytes.ts";
import { d1LedgerStore } from "../../src/worker/d1-store.ts";
import { openSigningKeys } from "../../src/worker/signing-keys.ts";
import {
  decision,
  get,
  post,
  recorded,
  sequencer,
  verify,
  type Answer,
  type Finding,
} from "./support/client.ts";
import {
  copyRows,
  dropTriggers,
  insertStatements,
  restoreRows,
  startAnew,
  type Copy,
  type TableRow,
} from "./support/database.ts";
import { evict } from "./support/faults.ts";

const ORIGIN = "loopgrid.local/main";

interface Kept {
  readonly index: number;
  readonly chain_hash: string;
  readonly size: number;
  readonly root_hash: string;
  readonly checkpoint: string;
}

/** Rows and the object's storage as they were. */
interface State {
  readonly rows: Copy;
  readonly storage: ReadonlyMap<string, unknown>;
}

let intact: State;
/** Two acknowledged appends earlier. */
let older: State;
let trusted: readonly VerifierKey[];
/** Receipts that clients kept, oldest first; the last one is of the newest append. */
let receipts: readonly Kept[];
let places: Readonly<Record<"corrected" | "keyed" | "erased" | "flagged" | "moved", number>>;
let flaggedId: string;
/** What an erasure took, as somebody with a backup still has it. */
let beforeErasure: string;

async function accepted(path: string, body: object, key?: string): Promise<Answer> {
  const answer = await post(path, body, key);
  if (answer.status !== 200) throw new Error(answer.body.detail);
  return answer;
}

async function kept(n: number | string, key?: string): Promise<Kept> {
  const { body } = await accepted("/v1/decisions", decision(n), key);
  const { size, root_hash, checkpoint } = body.receipt;
  return { index: body.index, chain_hash: body.chain_hash, size, root_hash, checkpoint };
}

async function takeState(): Promise<State> {
  const storage = await runInDurableObject(
    sequencer(),
    (_, state) => new Map<string, unknown>(state.storage.kv.list()),
  );
  return { rows: await copyRows(), storage };
}

async function putStorage(storage: ReadonlyMap<string, unknown>): Promise<void> {
  await runInDurableObject(sequencer(), (_, state) => {
    for (const [name, value] of storage) state.storage.kv.put(name, value);
  });
}

beforeAll(async () => {
  await startAnew();
  const first = await kept("first");
  const decisions = Array.from({ length: 256 }, (_, i) => decision(i, { input: {} }));
  const { body: batch } = await accepted("/v1/decisions/batch", { decisions });
  const inTile = batch.decisions?.[1];
  if (inTile === undefined) throw new Error("nothing was recorded");
  const { size, root_hash, checkpoint } = batch.receipt;
  const { index, chain_hash } = inTile;
  const ofBatch = { index, chain_hash, size, root_hash, checkpoint };
  const personal = await accepted("/v1/decisions", decision("personal"));
  const [content] = rowsOf(await copyRows(), "content").filter(
    (row) => row["entry_index"] === personal.body.index,
  );
  beforeErasure = String(content?.["fields"]);
  const fields = { fields: ["input"], reason_code: "gdpr_article_17" };
  await accepted(`/v1/decisions/${personal.body.decision_id}/erasure`, fields);
  flaggedId = await recorded("flagged");
  const flag = await accepted(`/v1/decisions/${flaggedId}/incorrect`, { reason: "wrong" });
  const correction = { correction: { response: "right" }, corrected_by: "jane" };
  const corrected = await accepted(`/v1/decisions/${flaggedId}/correction`, correction);
  const keyed = await kept("keyed", "a-key");
  const opened = { ledger: "other", reason_code: "test" };
  await accepted("/v1/ledgers", opened);
  await dropTriggers();
  older = await takeState();
  receipts = [first, ofBatch, keyed, await kept("later"), await kept("newest")];
  places = {
    corrected: corrected.body.receipt.index,
    keyed: keyed.index,
    erased: personal.body.index,
    flagged: flag.body.receipt.index,
    moved: 100,
  };
  const { verifier_keys } = await get<{ verifier_keys: string[] }>("/v1/ledger");
  trusted = verifier_keys.flatMap((key) => parseVerifierKey(key) ?? []);
  intact = await takeState();
});

afterEach(async ({ expect }) => {
  await putBack(intact);
  expect(await verify()).toMatchObject({ valid: true, complete: true, findings: [] });
});

async function putBack({ rows, storage }: State): Promise<void> {
  await restoreRows(rows);
  await putStorage(storage);
  await evict();
}

// What notices.

interface Seen {
  readonly shownBy: readonly Means[];
  /** Of the server's verification, else of the file, else of the kept checkpoints. */
  readonly findings: readonly Pick<Finding, "index" | "fault">[];
}

/** Asks everything that could notice, as after a restart of the server. */
async function look(): Promise<Seen> {
  await evict();
  const integrity = await verify();
  const file = await readFile();
  const growth = keptAgainstFile(file);
  const server = await keptAgainstServer();
  const shownBy: Means[] = [];
  if (integrity.valid === false) shownBy.push("integrity");
  if (await isRefused()) shownBy.push("start");
  if (file.status !== "verified") shownBy.push("file");
  if (growth.length > 0) shownBy.push("kept");
  if (!server) shownBy.push("server");
  if (!(await allReceiptsProve())) shownBy.push("receipt");
  const [findings = []] = [integrity.findings, file.findings, growth].filter(
    (found) => found.length > 0,
  );
  return { shownBy, findings };
}

/** An append is refused, and changes nothing; one that is taken is taken back. */
async function isRefused(): Promise<boolean> {
  const before = await takeState();
  const { status } = await post("/v1/decisions", decision("another"));
  if (status === 200) await putBack(before);
  return status === 503;
}

interface ReadFile {
  readonly status: string;
  readonly size: number | null;
  readonly findings: Seen["findings"];
  readonly rootAt: (size: number) => Hash | undefined;
}

async function readFile(): Promise<ReadFile> {
  const response = await exports.default.fetch("https://loopgrid.test/v1/export/ledger");
  const verifier = new ExportVerifier(
    trusted,
    receipts.map(({ size }) => size),
  );
  const text = await response.text().catch(() => "");
  if (response.ok) for (const line of text.split("\n").filter(Boolean)) verifier.line(line);
  const { status, findings, size } = await verifier.finish();
  return { status, size, findings, rootAt: (at) => verifier.rootAt(at) };
}

/** `--checkpoint`: each kept one against what the file itself shows; a smaller file cannot show it. */
function keptAgainstFile({ rootAt, size }: ReadFile): Seen["findings"] {
  if (size === null) return [];
  return receipts.flatMap((older) => {
    const rootHash = rootAt(older.size);
    const newer = { size: older.size, rootHash: rootHash ?? new Uint8Array() };
    const contradicts = checkGrowth({
      older: { size: older.size, rootHash: unhex(older.root_hash) },
      newer,
      proof: [],
    });
    return contradicts === undefined || (rootHash === undefined && size >= older.size)
      ? []
      : contradicts;
  });
}

/** `--server`: what it signs now must be an extension of what somebody kept, at least as large. */
async function keptAgainstServer(): Promise<boolean> {
  const opened = await openCheckpoint(await text("/v1/ledger/checkpoint"), trusted);
  if (!opened.ok) return false;
  const newest = opened.checkpoint;
  for (const { size, root_hash } of receipts) {
    if (newest.size < size) return false;
    const path = `/v1/ledger/proof/consistency?from=${size}&to=${newest.size}`;
    const { proof = [] } = await jsonOf<{ proof?: string[] }>(path);
    const growth = { older: { size, rootHash: unhex(root_hash) }, newer: newest };
    if (checkGrowth({ ...growth, proof: proof.map(unhex) }) !== undefined) return false;
  }
  return true;
}

async function allReceiptsProve(): Promise<boolean> {
  for (const { index, chain_hash, size, root_hash } of receipts) {
    const path = `/v1/ledger/proof/inclusion?index=${index}&size=${size}`;
    const { proof = [] } = await jsonOf<{ proof?: string[] }>(path);
    const claim = { index, size, leafHash: unhex(chain_hash), rootHash: unhex(root_hash) };
    if (!verifyInclusion({ ...claim, proof: proof.map(unhex) })) return false;
  }
  return true;
}

async function text(path: string): Promise<string> {
  return (await exports.default.fetch(`https://loopgrid.test${path}`)).text();
}

/** Whatever it answers: a problem has none of the members. */
async function jsonOf<T>(path: string): Promise<T> {
  const value: T = JSON.parse(await text(path));
  return value;
}

function unhex(hex: string): Hash {
  return fromHex(hex) ?? new Uint8Array();
}

// What is done.

async function run(sql: string, ...values: readonly (string | number)[]): Promise<void> {
  const { meta } = await env.DB.prepare(sql)
    .bind(...values)
    .run();
  if (meta.changes === 0) throw new Error(`nothing to change: ${sql}`);
}

function rowsOf(copy: Copy, table: string): readonly TableRow[] {
  return (copy.get(table) ?? []).filter(({ ledger }) => ledger === undefined || ledger === "main");
}

function othersOf(copy: Copy, table: string): readonly TableRow[] {
  return (copy.get(table) ?? []).filter(({ ledger }) => ledger !== undefined && ledger !== "main");
}

/** Replaces a table's rows of our ledger. */
function withRows(copy: Copy, table: string, rows: readonly TableRow[]): Copy {
  return new Map([...copy, [table, [...othersOf(copy, table), ...rows]]]);
}

/** Links and hashes entries anew in this order, by whatever headers they have; the head with them. */
function hashedAnew(copy: Copy, headers: readonly string[]): Copy {
  let previous = GENESIS;
  const rows = headers.map((text, index): TableRow => {
    const header = text
      .replace(/"index":\d+,"kind"/, `"index":${index},"kind"`)
      .replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${previous}"`);
    previous = toHex(leafHash(utf8(header)));
    return { ledger: "main", entry_index: index, header, chain_hash: previous };
  });
  const head = [{ ledger: "main", size: rows.length, chain_hash: previous }];
  return withRows(withRows(copy, "entry", rows), "head", head);
}

function headersOf(copy: Copy): string[] {
  return rowsOf(copy, "entry")
    .toSorted((a, b) => Number(a["entry_index"]) - Number(b["entry_index"]))
    .map(({ header }) => String(header));
}

/** Everything hashed, tiled and signed anew by this signer, as if it had always been so. */
async function resigned(copy: Copy, headers: readonly string[], signer: NoteSigner) {
  const rows = hashedAnew(copy, headers);
  const leaves = headers.length;
  const hashes = rowsOf(rows, "entry").map(({ chain_hash }) => unhex(String(chain_hash)));
  const rootHash = (size: number) => rootOf(extendTree(EMPTY_TREE, hashes.slice(0, size)).tree);
  const tiles = extendTree(EMPTY_TREE, hashes).full.map((tile): TableRow => ({
    ledger: "main",
    level: tile.level,
    tile_index: tile.index,
    root_hash: toHex(tile.rootHash),
    hashes: tile.hashes.map(toHex).join(""),
  }));
  const checkpoints: TableRow[] = [];
  for (const row of rowsOf(rows, "checkpoint")) {
    const size = Number(row["size"]);
    const body = { origin: ORIGIN, size, rootHash: rootHash(size), extensions: [] };
    const note = await signNote(formatCheckpoint(body), [signer]);
    checkpoints.push({ ...row, note });
  }
  const acknowledged = { size: leaves, rootHash: toHex(rootHash(leaves)) };
  return {
    rows: withRows(withRows(rows, "tile", tiles), "checkpoint", checkpoints),
    acknowledged,
  };
}

async function replaceHistory(signer: NoteSigner, pkcs8: unknown): Promise<void> {
  const headers = headersOf(intact.rows).map((header, i) =>
    i === places.moved ? header.replace('"actor":"', '"actor":"x') : header,
  );
  const { rows, acknowledged } = await resigned(intact.rows, headers, signer);
  await restoreRows(rows);
  await putStorage(
    new Map([...intact.storage, ["acknowledged", acknowledged], ["signing_key", pkcs8]]),
  );
}

async function ownSigner(): Promise<NoteSigner> {
  return runInDurableObject(sequencer(), async (_, { storage }) => {
    const { signer } = await openSigningKeys(ORIGIN, undefined, storage, false);
    const publicKey = signer.publicKey.slice();
    const pkcs8 = storage.kv.get<Uint8Array>("signing_key")?.slice() ?? new Uint8Array();
    return signerFrom(pkcs8, publicKey);
  });
}

async function signerFrom(pkcs8: Uint8Array, publicKey: Uint8Array): Promise<NoteSigner> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const sign = async (message: Uint8Array) =>
    new Uint8Array(await crypto.subtle.sign("Ed25519", key, message));
  return { name: ORIGIN, publicKey, sign };
}

async function strangerSigner(): Promise<{ signer: NoteSigner; pkcs8: Uint8Array }> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("Ed25519 makes pairs");
  const octets = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(octets instanceof ArrayBuffer && raw instanceof ArrayBuffer)) throw new Error("no octets");
  const pkcs8 = new Uint8Array(octets);
  return { signer: await signerFrom(pkcs8, new Uint8Array(raw)), pkcs8 };
}

/** Carries an attack out; answers the index it has to be located at, where it is an entry's. */
type Deed = () => Promise<number | null>;

/** The attacks on what is stored, in the table's order. */
const DEEDS: Readonly<Partial<Record<AttackName, Deed>>> = {
  content: async () => {
    const change = "UPDATE content SET fields = replace(fields, 'right', 'wrong')";
    await run(`${change} WHERE ledger = 'main' AND entry_index = ?`, places.corrected);
    return places.corrected;
  },
  header: async () => {
    const change = `UPDATE entry SET header = replace(header, '"recorded_at":"2', '"recorded_at":"3')`;
    await run(`${change} WHERE ledger = 'main' AND entry_index = ?`, places.moved);
    return places.moved;
  },
  deletedRow: async () => {
    for (const table of ["entry", "content", "decision"])
      await run(`DELETE FROM ${table} WHERE ledger = 'main' AND entry_index = ?`, places.moved);
    return places.moved + 1; // where the gap shows
  },
  inserted: async () => {
    const headers = headersOf(intact.rows);
    const forged = (headers[places.moved] ?? "").replaceAll("dec_", "dec_f");
    const rows = hashedAnew(intact.rows, headers.toSpliced(places.moved, 0, forged));
    await restoreRows(shifted(rows, places.moved));
    return 256; // the checkpoint of 257 entries
  },
  reordered: async () => {
    await swapEntries(places.moved, places.moved + 1);
    return places.moved;
  },
  duplicated: async () => {
    for (const table of ["entry", "content"]) {
      await run(`DELETE FROM ${table} WHERE ledger = 'main' AND entry_index = ?`, places.moved);
      const [row] = rowsOf(intact.rows, table).filter(
        ({ entry_index }) => entry_index === places.moved + 1,
      );
      await env.DB.batch([...insertStatements(table, [{ ...row, entry_index: places.moved }])]);
    }
    return places.moved;
  },
  truncated: async () => {
    const size = Number(rowsOf(older.rows, "head")[0]?.["size"]);
    for (const table of ["entry", "content", "decision"])
      await run(`DELETE FROM ${table} WHERE ledger = 'main' AND entry_index >= ?`, size);
    return size;
  },
  everythingDeleted: async () => {
    let rows = intact.rows;
    for (const table of rows.keys()) if (table !== "head_guard") rows = withRows(rows, table, []);
    await restoreRows(rows);
    return null;
  },
  rolledBack: async () => {
    await restoreRows(older.rows);
    return null;
  },
  rolledBackTogether: async () => {
    await putBack(older);
    return null;
  },
  rehashed: async () => {
    const headers = headersOf(intact.rows).map((header, i) =>
      i < places.moved ? header : header.replace('"recorded_at":"2', '"recorded_at":"1'),
    );
    await restoreRows(hashedAnew(intact.rows, headers));
    return 256;
  },
  resignedByAnother: async () => {
    const { signer, pkcs8 } = await strangerSigner();
    await replaceHistory(signer, pkcs8);
    return null;
  },
  resignedByUs: async () => {
    await replaceHistory(await ownSigner(), intact.storage.get("signing_key"));
    return null;
  },
  movedBetweenLedgers: async () => {
    const [foreign] = othersOf(intact.rows, "entry");
    await run("DELETE FROM entry WHERE ledger = 'main' AND entry_index = ?", places.moved);
    const row = { ...foreign, ledger: "main", entry_index: places.moved };
    await env.DB.batch([...insertStatements("entry", [row])]);
    return places.moved;
  },
  lostAppend: async () => {
    await putBack(older);
    return null;
  },
  deletedContent: async () => {
    const change = "UPDATE content SET fields = '{}', content_hash = NULL";
    await run(`${change} WHERE ledger = 'main' AND entry_index = ?`, places.moved);
    return places.moved;
  },
  restoredContent: async () => {
    await run(
      "UPDATE content SET fields = ? WHERE ledger = 'main' AND entry_index = ?",
      beforeErasure,
      places.erased,
    );
    return places.erased;
  },
  projection: async () => {
    const change = "UPDATE decision SET flag_index = NULL, correction_index = NULL";
    await run(`${change} WHERE ledger = 'main' AND decision_id = ?`, flaggedId);
    return places.flagged;
  },
  idempotency: async () => {
    await run("DELETE FROM request WHERE ledger = 'main' AND entry_index = ?", places.keyed);
    return places.keyed;
  },
  tile: async () => {
    await run(
      "UPDATE tile SET hashes = replace(hashes, substr(hashes, 65, 64), substr(hashes, 129, 64))",
    );
    return 0;
  },
  checkpoint: async () => {
    const change = "UPDATE checkpoint SET note = replace(note, 'loopgrid.local', 'loopgrid.locak')";
    await run(`${change} WHERE ledger = 'main' AND size = ?`, 257);
    return 256;
  },
};

const POINTERS = ["entry_index", "flag_index", "correction_index", "erased_by"];

/** Makes room at this index in everything that points at entries; the forged one gets a content. */
function shifted(copy: Copy, at: number): Copy {
  let rows = copy;
  for (const table of ["content", "decision", "entry_ref", "request", "erasure"]) {
    const moved = rowsOf(copy, table).map((row): TableRow => {
      const pointers = POINTERS.flatMap((name) => {
        const index = row[name];
        return typeof index === "number" && index >= at ? [[name, index + 1]] : [];
      });
      return { ...row, ...Object.fromEntries(pointers) };
    });
    const forged = table === "content" ? [{ ...moved[at], entry_index: at }] : [];
    rows = withRows(rows, table, [...moved, ...forged]);
  }
  return rows;
}

function move(table: string, from: number, to: number): D1PreparedStatement {
  return env.DB.prepare(
    `UPDATE ${table} SET entry_index = ? WHERE ledger = 'main' AND entry_index = ?`,
  ).bind(to, from);
}

/** With their contents, so that nothing but their place is wrong. */
async function swapEntries(a: number, b: number): Promise<void> {
  await env.DB.batch(
    ["entry", "content"].flatMap((table) => [
      move(table, a, -1),
      move(table, b, a),
      move(table, -1, b),
    ]),
  );
}

test("(nobody did anything: nothing shows)", async ({ expect }) => {
  expect(await look()).toEqual({ shownBy: [], findings: [] });
});

const deeds = Object.entries(DEEDS).map(([name, deed]) => {
  const attack: Attack | undefined = Object.entries<Attack>(ATTACKS).find(
    ([key]) => key === name,
  )?.[1];
  if (attack === undefined) throw new Error(`${name} is not in the table`);
  return { ...attack, deed };
});

test.for(deeds)("$name", async ({ deed, shownBy, fault, where }, { expect }) => {
  const index = await deed();
  const seen = await look();
  expect(seen.shownBy).toEqual(shownBy);
  expect(where).not.toBe("");
  expectLocated(expect, seen.findings, fault, index);
});

function expectLocated(
  expect: TestContext["expect"],
  findings: Seen["findings"],
  fault: string | undefined,
  index: number | null,
): void {
  if (fault === undefined) return;
  expect(findings.map((found) => `${found.index} ${found.fault}`)).toContain(`${index} ${fault}`);
}

describe("the rows that are about something else than the stored rows", () => {
  test("one client is shown another history than the others: two signed checkpoints convict", async ({
    expect,
  }) => {
    const last = receipts.at(-1);
    const headers = headersOf(intact.rows);
    const forged = headers.map((header, i) =>
      i === headers.length - 1 ? header.replace("anonymous", "somebody") : header,
    );
    const { rows } = await resigned(intact.rows, forged, await ownSigner());
    const shown = rowsOf(rows, "checkpoint").find(({ size }) => size === last?.size);
    const [mine, theirs] = await Promise.all(
      [last?.checkpoint ?? "", String(shown?.["note"])].map((note) =>
        openCheckpoint(note, trusted),
      ),
    );
    if (!mine?.ok || !theirs?.ok) throw new Error("both are signed");
    const growth = { older: mine.checkpoint, newer: theirs.checkpoint, proof: [] };
    expect(checkGrowth(growth)?.fault).toBe(ATTACKS.splitView.fault);
  });

  test("a retry with its key records once", async ({ expect }) => {
    const { size } = await verify();
    const again = await Promise.all(
      [1, 2, 3].map(() => post("/v1/decisions", decision("keyed"), "a-key")),
    );
    expect(again.map(({ status, body }) => [status, body.index])).toEqual(
      again.map(() => [200, places.keyed]),
    );
    expect((await post("/v1/decisions", decision("other"), "a-key")).status).toBe(422);
    expect((await verify()).size).toBe(size);
  });

  test("two writers cannot append to the same head", async ({ expect }) => {
    const { size } = await verify();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => post("/v1/decisions", decision(n))),
    );
    const indexes = answers.map(({ body }) => body.index).toSorted((a, b) => a - b);
    expect(indexes).toEqual(Array.from({ length: 20 }, (_, n) => size + n));
    // Another writer, that believes an older head is the newest.
    const create = { service_name: "s", decision_type: "t", input: {}, model: {}, output: {} };
    const drafts = [draftDecision(create, "anonymous", random)];
    const before = { size, chainHash: receipts.at(-1)?.chain_hash ?? "" };
    const head = { ...EMPTY_HEAD, chainHash: before.chainHash };
    const { entries } = appendDrafts("main", head, drafts, Date.now(), random(6));
    const stale = d1LedgerStore(env.DB, "main").commit({
      ledger: "main",
      before,
      after: { size: size + 1, chainHash: entries[0]?.chainHash ?? "" },
      entries,
      requests: [],
      conditions: [],
      tiles: [],
      checkpoint: receipts.at(-1)?.checkpoint ?? "",
    });
    await expect(stale).rejects.toBeInstanceOf(CommitConflict);
    expect(await verify()).toMatchObject({ valid: true, size: size + 20 });
  });

  test("erased content cannot be guessed from what was left of it", async ({ expect }) => {
    const erased = await text(`/v1/ledger/entries?from=${places.erased}&limit=1`);
    const [header] = rowsOf(intact.rows, "entry").filter(
      ({ entry_index }) => entry_index === places.erased,
    );
    const { commitments }: { commitments: Record<string, string> } = JSON.parse(
      String(header?.["header"]),
    );
    // The attacker knows the value, its field, and everything that is stored.
    const guesses = [
      '{"message":"question personal"}',
      '["input",{"message":"question personal"}]',
    ];
    const everything = JSON.stringify([...intact.rows]);
    const salts = [...everything.matchAll(/salt[^0-9a-f]*([0-9a-f]{64})/g)].map(([, hex]) => hex);
    const hashes = guesses.flatMap((guess) =>
      ["", ...salts].map((salt = "") => toHex(sha256(concat(unhex(salt), utf8(guess))))),
    );
    expect(salts.length).toBeGreaterThan(256);
    expect(hashes).not.toContain(commitments["input"]);
    expect(erased).not.toContain('"input":{"salt"');
    const [content] = rowsOf(intact.rows, "content").filter(
      ({ entry_index }) => entry_index === places.erased,
    );
    expect(content?.["content_hash"]).toBeNull();
    // The same look confirms a value that was not erased: it is the salt that is missing.
    const [whole] = rowsOf(intact.rows, "content").filter(
      ({ entry_index }) => entry_index === places.keyed,
    );
    const fields: Record<string, { salt: string }> = JSON.parse(String(whole?.["fields"]));
    const known = utf8('["input",{"message":"question keyed"}]');
    const opened = toHex(sha256(concat(unhex(fields["input"]?.salt ?? ""), known)));
    expect(headersOf(intact.rows)[places.keyed]).toContain(opened);
  });

  test("what was untrue when it was recorded stays untrue, and verified", async ({ expect }) => {
    await recorded("untrue", { output: { response: "the earth is flat" } });
    expect(await verify()).toMatchObject({ valid: true, findings: [] });
    const { body } = await post("/v1/decisions", decision("who"));
    const line = await text(`/v1/ledger/entries?from=${body.index}&limit=1`);
    expect(line).toContain(String.raw`\"actor\":\"anonymous\"`);
  });

  test("an erasure is none of these: nothing shows", async ({ expect }) => {
    const { status } = await post(`/v1/decisions/${flaggedId}/erasure`, { reason_code: "asked" });
    expect(status).toBe(200);
    expect(await look()).toEqual({ shownBy: [], findings: [] });
  });
});

test("every row of the table was carried out", ({ expect }) => {
  const told = ["splitView", "retried", "forked", "guessed", "untrue"];
  expect([...Object.keys(DEEDS), ...told].toSorted()).toEqual(Object.keys(ATTACKS).toSorted());
});

function random(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
