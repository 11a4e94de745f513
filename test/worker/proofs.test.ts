/**
 * Proofs and tiles over HTTP (DESIGN §4) against RFC 9162 and C2SP tlog-tiles, by an implementation
 * of the recursive definitions that shares no line with src/; and what they cost.
 */
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, test, vi } from "vitest";
import { auditLedger, hex, sha256, unhex } from "./support/audit.ts";
import { decision, get, post } from "./support/client.ts";
import { column, startAnew } from "./support/database.ts";

/** Sizes at which something changes shape: bits, tiles and their neighbours, and what lies between. */
const SIZES = [
  1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 640,
];
const LAST = 700;

const encoder = new TextEncoder();

/** MTH, PATH and SUBPROOF, RFC 9162 §2.1, over leaf hashes; each range is hashed once. */
class Tree {
  readonly #leaves: readonly Uint8Array[];
  readonly #roots = new Map<string, Promise<Uint8Array>>();

  constructor(leaves: readonly Uint8Array[]) {
    this.#leaves = leaves;
  }

  root(from: number, to: number): Promise<Uint8Array> {
    const known = this.#roots.get(`${from}-${to}`) ?? this.#compute(from, to);
    this.#roots.set(`${from}-${to}`, known);
    return known;
  }

  async #compute(from: number, to: number): Promise<Uint8Array> {
    if (to - from === 1) return this.#leaves[from] ?? new Uint8Array();
    const middle = from + split(to - from);
    const [left, right] = await Promise.all([this.root(from, middle), this.root(middle, to)]);
    return sha256(Uint8Array.of(1), left, right);
  }

  async path(m: number, from: number, to: number): Promise<Uint8Array[]> {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return m < middle
      ? [...(await this.path(m, from, middle)), await this.root(middle, to)]
      : [...(await this.path(m, middle, to)), await this.root(from, middle)];
  }

  async subproof(m: number, from: number, to: number, whole: boolean): Promise<Uint8Array[]> {
    if (m === to) return whole ? [] : [await this.root(from, to)];
    const middle = from + split(to - from);
    return m <= middle
      ? [...(await this.subproof(m, from, middle, whole)), await this.root(middle, to)]
      : [...(await this.subproof(m, middle, to, false)), await this.root(from, middle)];
  }
}

/** The largest power of two smaller than n. */
function split(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

let tree: Tree;
let headers: string[];

beforeAll(async () => {
  await startAnew();
  let size = 0;
  for (const next of [...SIZES, LAST]) {
    const decisions = Array.from({ length: next - size }, (_, n) => decision(size + n));
    const { status } = await post("/v1/decisions/batch", { decisions });
    if (status !== 200) throw new Error("not recorded");
    size = next;
  }
  headers = await column("SELECT header FROM entry ORDER BY entry_index");
  tree = new Tree(
    await Promise.all(headers.map((header) => sha256(Uint8Array.of(0), encoder.encode(header)))),
  );
});

interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf_hash: string;
  readonly root_hash: string;
  readonly proof: readonly string[];
}

interface Consistency {
  readonly from: number;
  readonly to: number;
  readonly from_root_hash: string;
  readonly to_root_hash: string;
  readonly proof: readonly string[];
}

async function send(path: string, method = "GET"): Promise<Response> {
  return exports.default.fetch(new Request(`https://loopgrid.test${path}`, { method }));
}

async function octets(path: string): Promise<Uint8Array> {
  const response = await send(path);
  if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Below a size: both ends, and where subtrees and tiles meet. */
function places(size: number): number[] {
  const near = [0, 1, size >> 1, size - 2, size - 1, 127, 128, 255, 256, 257, 511, 512];
  return [...new Set(near)].filter((index) => index >= 0 && index < size);
}

describe("inclusion", () => {
  test.for([...SIZES, 299, 639, LAST - 1, LAST])(
    "of every kind of entry at size %i",
    async (size, { expect }) => {
      const root = hex(await tree.root(0, size));
      for (const index of places(size)) {
        const answer = await get<Inclusion>(
          `/v1/ledger/proof/inclusion?index=${index}&size=${size}`,
        );
        expect(answer).toEqual({
          index,
          size,
          leaf_hash: hex(await tree.root(index, index + 1)),
          root_hash: root,
          proof: (await tree.path(index, 0, size)).map(hex),
        });
      }
    },
  );

  test("of every entry at the newest size", async ({ expect }) => {
    for (let index = 0; index < LAST; index += 7) {
      const { proof, size } = await get<Inclusion>(`/v1/ledger/proof/inclusion?index=${index}`);
      expect([size, proof]).toEqual([LAST, (await tree.path(index, 0, LAST)).map(hex)]);
    }
  });

  test.for([
    `index=${LAST}`,
    `index=5&size=5`,
    `index=0&size=0`,
    `index=0&size=${LAST + 1}`,
    "index=-1",
    "index=1.0",
    "index=0x1",
    "index=%31%20",
    "index=99999999999999999999",
    "size=3",
    "index=0&format=xml",
  ])("?%s is refused", async (query, { expect }) => {
    expect((await send(`/v1/ledger/proof/inclusion?${query}`)).status).toBe(422);
  });

  test("as tlog-proof is of a committed checkpoint", async ({ expect }) => {
    const proof = async (query: string) => send(`/v1/ledger/proof/inclusion?${query}`);
    const text = await (await proof("index=2&size=9&format=tlog-proof")).text();
    const [first, extra = "", index, ...rest] = text.split("\n");
    expect([first, index]).toEqual(["c2sp.org/tlog-proof@v1", "index 2"]);
    expect(extra.startsWith("extra ")).toBe(true);
    expect(atob(extra.slice("extra ".length))).toBe(headers[2]);
    const hashes = rest.slice(0, rest.indexOf("")).map((line) => hex(unbase64(line)));
    expect(hashes).toEqual((await tree.path(2, 0, 9)).map(hex));
    const note = await (await send("/v1/ledger/checkpoint?size=9")).text();
    expect(text.endsWith(`\n\n${note}`)).toBe(true);
    // 10 was never committed: there is no signature over it.
    expect((await proof("index=2&size=10&format=tlog-proof")).status).toBe(404);
  });
});

function unbase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

describe("consistency", () => {
  test.for([...SIZES, 299, 639, LAST])("of every older size with %i", async (to, { expect }) => {
    const root = hex(await tree.root(0, to));
    for (const from of [...SIZES, 6, 10, 100, 299].filter((size) => size <= to)) {
      const answer = await get<Consistency>(`/v1/ledger/proof/consistency?from=${from}&to=${to}`);
      expect(answer).toEqual({
        from,
        to,
        from_root_hash: hex(await tree.root(0, from)),
        to_root_hash: root,
        proof: (await tree.subproof(from, 0, to, true)).map(hex),
      });
    }
  });

  test("with the newest size when none is named", async ({ expect }) => {
    const { to, proof } = await get<Consistency>("/v1/ledger/proof/consistency?from=300");
    expect([to, proof]).toEqual([LAST, (await tree.subproof(300, 0, LAST, true)).map(hex)]);
  });

  test.for(["", "from=0", "from=3&to=2", `from=1&to=${LAST + 1}`, "from=1&to=0", "from=-1"])(
    "?%s is refused",
    async (query, { expect }) => {
      expect((await send(`/v1/ledger/proof/consistency?${query}`)).status).toBe(422);
    },
  );
});

async function expected(level: number, index: number, width: number): Promise<string> {
  const step = 256 ** level;
  const from = index * 256 * step;
  const hashes = Array.from({ length: width }, (_, i) =>
    tree.root(from + i * step, from + (i + 1) * step),
  );
  return (await Promise.all(hashes)).map(hex).join("");
}

describe("tiles", () => {
  test.for<[string, number, number, number]>([
    ["0/000", 0, 0, 256],
    ["0/001", 0, 1, 256],
    ["0/002.p/188", 0, 2, 188],
    ["0/002.p/1", 0, 2, 1],
    ["0/000.p/1", 0, 0, 1],
    ["0/000.p/255", 0, 0, 255],
    ["0/001.p/44", 0, 1, 44],
    ["1/000.p/1", 1, 0, 1],
    ["1/000.p/2", 1, 0, 2],
  ])("tile/%s is its subtrees' roots", async ([path, level, index, width], { expect }) => {
    const tile = await octets(`/v1/ledger/tile/${path}`);
    expect(tile.length).toBe(32 * width);
    expect(hex(tile)).toBe(await expected(level, index, width));
  });

  test.for<[string, number, number]>([
    ["000", 0, 256],
    ["001", 256, 512],
    ["002.p/188", 512, 700],
    ["000.p/1", 0, 1],
    ["001.p/255", 256, 511],
  ])("tile/entries/%s is the headers, octet for octet", async ([path, from, to], { expect }) => {
    const bundle = await octets(`/v1/ledger/tile/entries/${path}`);
    const expectedOctets: number[] = [];
    for (const header of headers.slice(from, to)) {
      const one = encoder.encode(header);
      expectedOctets.push(one.length >> 8, one.length & 255, ...one);
    }
    expect(hex(bundle)).toBe(hex(Uint8Array.from(expectedOctets)));
    // Who has only the bundle can make the tile over it.
    let at = 0;
    const leaves: Uint8Array[] = [];
    while (at < bundle.length) {
      const length = (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
      leaves.push(await sha256(Uint8Array.of(0), bundle.subarray(at + 2, at + 2 + length)));
      at += 2 + length;
    }
    expect(leaves.map(hex).join("")).toBe(hex(await octets(`/v1/ledger/tile/0/${path}`)));
  });

  test.for([
    "0/002",
    "0/002.p/189",
    "0/003.p/1",
    "0/x001/000",
    "1/000",
    "1/000.p/3",
    "1/001.p/1",
    "2/000.p/1",
    "7/000.p/1",
    "63/000.p/1",
    "entries/002",
    "entries/002.p/189",
    "entries/x999/x999/999",
  ])("tile/%s is beyond the ledger", async (path, { expect }) => {
    const response = await send(`/v1/ledger/tile/${path}`);
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      404,
      "application/problem+json",
    ]);
  });

  test.for(
    [
      "0/0",
      "0/00",
      "0/0000",
      "0/x000/000",
      "0/x000",
      "0/000/000",
      "0/X000/001",
      "00/000",
      "64/000.p/1",
      "-1/000",
      "data/000",
      "Entries/000",
      "0/000.p/0",
      "0/000.p/256",
      "0/000.p/01",
      "0/000.p/",
      "0/000.p",
      "0/000.P/1",
      "0/000/",
      "0/",
      "0//000",
      "0/000.p/1/",
      "0/000.p/1.p/1",
      "0/+00",
      "0/1e2",
      "0/%30%30%30.p/%31x",
      "0/x999/x999/x999/x999/x999/x999/999",
    ].filter((path) => !path.includes("?")),
  )("tile/%s is no path of a tile", async (path, { expect }) => {
    expect((await send(`/v1/ledger/tile/${path}`)).status).toBe(404);
  });
});

describe("what may be kept", () => {
  test.for<[string, RegExp, string]>([
    ["tile/0/000", /^public, max-age=\d{5,}, immutable$/, "application/octet-stream"],
    ["tile/entries/001", /^public, max-age=\d{5,}, immutable$/, "application/octet-stream"],
    ["tile/0/002.p/188", /^no-cache$/, "application/octet-stream"],
    ["tile/entries/002.p/188", /^no-cache$/, "application/octet-stream"],
    ["checkpoint", /^no-cache$/, "text/plain; charset=utf-8"],
    ["checkpoint?size=9", /^no-cache$/, "text/plain; charset=utf-8"],
  ])("%s", async ([path, caching, type], { expect }) => {
    const response = await send(`/v1/ledger/${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toMatch(caching);
    expect(response.headers.get("Content-Type")).toBe(type);
    const head = await send(`/v1/ledger/${path}`, "HEAD");
    expect([head.status, head.headers.get("Cache-Control"), await head.text()]).toEqual([
      200,
      response.headers.get("Cache-Control"),
      "",
    ]);
  });

  test("a checkpoint of a size that was never committed is none", async ({ expect }) => {
    for (const size of [6, 699, LAST + 1])
      expect((await send(`/v1/ledger/checkpoint?size=${size}`)).status).toBe(404);
    expect((await send("/v1/ledger/checkpoint?size=0")).status).toBe(422);
    const note = await (await send(`/v1/ledger/checkpoint?size=${LAST}`)).text();
    expect(await (await send("/v1/ledger/checkpoint")).text()).toBe(note);
    expect(note.split("\n").slice(1, 3)).toEqual([
      String(LAST),
      btoa(String.fromCharCode(...(await tree.root(0, LAST)))),
    ]);
    expect(unhex(hex(await tree.root(0, LAST)))).toHaveLength(32);
  });
});

/** Statements that a request runs, and whether it asks the sequencer. */
async function cost(path: string): Promise<{ statements: number; asked: boolean }> {
  const prototype: D1Database = Object.getPrototypeOf(env.DB);
  const prepare = vi.spyOn(prototype, "prepare");
  const asked = vi.spyOn(env.SEQUENCER, "getByName");
  try {
    await (await send(path)).arrayBuffer();
    return { statements: prepare.mock.calls.length, asked: asked.mock.calls.length > 0 };
  } finally {
    prepare.mockRestore();
    asked.mockRestore();
  }
}

test("a proof costs a few reads, whatever the size, and does not ask the sequencer", async ({
  expect,
}) => {
  expect((await cost("/v1/ledger")).asked).toBe(true); // which names the keys
  const perLevel = 3; // a full tile, its neighbour and the partial one at the right edge
  for (const path of [
    "proof/inclusion?index=0",
    "proof/inclusion?index=699",
    "proof/inclusion?index=300&size=640",
    "proof/consistency?from=3",
    "proof/consistency?from=511&to=513",
    "tile/0/000",
    "tile/0/002.p/188",
    "tile/1/000.p/2",
    "tile/entries/000",
    "checkpoint",
  ]) {
    const { statements, asked } = await cost(`/v1/ledger/${path}`);
    expect([path, statements > 0, asked]).toEqual([path, true, false]);
    const levels = Math.ceil(Math.log(LAST) / Math.log(256));
    expect(statements, path).toBeLessThanOrEqual(2 + 2 * perLevel * levels);
  }
});

test("and the ledger is whole", async ({ expect }) => {
  const { root } = await auditLedger({ expect }, { size: LAST });
  expect(root).toBe(hex(await tree.root(0, LAST)));
});
