/**
 * Public test vectors against the ledger's pure core. They are not in this repository: they lie in
 * $LOOPGRID_DATA/vectors (default ../shared/data), each folder with its origin in a README.
 *
 * Not run here, and why:
 * - jcs-rfc8785: concerns canonical JSON, not the tree or the notes.
 * - rfc6962-merkle/subtree{inclusion,consistency} of subtrees that do not begin at leaf 0 or are
 *   empty, and the accumulated subtree_consistency and subtree_covering: proofs about the inside of
 *   a tree are draft-ietf-plants-merkle-tree-certs, which we do not offer. Those from leaf 0 are run.
 * - tlog-cosignature, ml_dsa_44_message_layout: we offer no ML-DSA.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { fromBase64, fromHex, fromUtf8, toHex, utf8 } from "../../src/lib/bytes.ts";
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { verifyEd25519 } from "../../src/ledger/ed25519.ts";
import { leafHash } from "../../src/ledger/hash.ts";
import { edgeOf, rootOfEdge, verifyConsistency, verifyInclusion } from "../../src/ledger/merkle.ts";
import {
  formatVerifierKey,
  openNote,
  parseVerifierKey,
  signNote,
  type VerifierKey,
} from "../../src/ledger/note.ts";
import { proveInclusion } from "../../src/ledger/proof.ts";
import { EMPTY_TREE, extendTree, rootOf } from "../../src/ledger/tiles.ts";
import { formatTlogProof, parseTlogProof } from "../../src/ledger/tlog-proof.ts";
import { testSigner } from "../support/note-signer.ts";
import { ReferenceTree } from "../support/reference-tree.ts";

const data = resolve(
  process.env["LOOPGRID_DATA"] ?? join(import.meta.dirname, "../../../shared/data"),
);
const vectors = join(data, "vectors");
const absent = !existsSync(vectors);
const reason = absent ? ` (skipped: there is no ${vectors}; set LOOPGRID_DATA)` : "";

/** Octets that a vector must spell right, or the vector is broken. */
function decoded(octets: Uint8Array | undefined): Uint8Array {
  if (octets === undefined) throw new Error("the vector's encoding is broken");
  return octets;
}

const base64 = z.string().transform((text) => decoded(fromBase64(text)));
const hex = z.string().transform((text) => decoded(fromHex(text)));
const hashes = z
  .array(base64)
  .nullable()
  .transform((list) => list ?? []);

function load<T>(path: string, schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(readFileSync(join(vectors, path), "utf8")));
}

/** Every case of a folder, with its path for the report. */
function loadAll<T>(folder: string, schema: z.ZodType<T>): { path: string; vector: T }[] {
  const paths = globSync(`${folder}/**/*.json`, { cwd: vectors }).toSorted();
  return paths.map((path) => ({ path, vector: load(path, schema) }));
}

/** What cannot be decoded is no text, so openNote never sees it. */
function textOf(octets: Uint8Array): string | undefined {
  try {
    return fromUtf8(octets);
  } catch {
    return undefined;
  }
}

function keysOf(texts: readonly string[]): VerifierKey[] {
  return texts.map((text) => {
    const key = parseVerifierKey(text);
    if (key === undefined) throw new Error(`${text} is not a key`);
    return key;
  });
}

describe.skipIf(absent)(`rfc6962-merkle${reason}`, () => {
  const Inclusion = z.object({
    leafIdx: z.number(),
    treeSize: z.number(),
    leafHash: base64,
    root: base64,
    proof: hashes,
    wantErr: z.boolean(),
  });
  const Consistency = z.object({
    size1: z.number(),
    size2: z.number(),
    root1: base64,
    root2: base64,
    proof: hashes,
    wantErr: z.boolean(),
  });
  const SubtreeInclusion = Inclusion.omit({ treeSize: true }).extend({
    start: z.number(),
    end: z.number(),
  });
  const SubtreeConsistency = Consistency.omit({ size1: true, size2: true }).extend({
    start: z.number(),
    end: z.number(),
    size: z.number(),
  });

  test("98 inclusion proofs verify or not, as they should", () => {
    const cases = loadAll("rfc6962-merkle/inclusion", Inclusion);
    const wrong = cases.filter(({ vector }) => {
      const { leafIdx: index, treeSize: size, leafHash, proof, root: rootHash } = vector;
      return verifyInclusion({ index, size, leafHash, proof, rootHash }) === vector.wantErr;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
    expect(cases).toHaveLength(98);
  });

  test("98 consistency proofs verify or not, as they should", () => {
    const cases = loadAll("rfc6962-merkle/consistency", Consistency);
    const wrong = cases.filter(({ vector }) => {
      const { size1: from, size2: to, root1: fromRoot, root2: toRoot, proof } = vector;
      return verifyConsistency({ from, to, fromRoot, toRoot, proof }) === vector.wantErr;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
    expect(cases).toHaveLength(98);
  });

  test("inclusion in subtrees that begin at leaf 0 is inclusion in a tree", () => {
    const all = loadAll("rfc6962-merkle/subtreeinclusion", SubtreeInclusion);
    const cases = all.filter(({ vector }) => vector.start === 0);
    const wrong = cases.filter(({ vector }) => {
      const { leafIdx: index, end: size, leafHash, proof, root: rootHash } = vector;
      return verifyInclusion({ index, size, leafHash, proof, rootHash }) === vector.wantErr;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
    expect([cases.length, all.length]).toEqual([101, 204]);
  });

  test("consistency of subtrees that begin at leaf 0 is consistency of trees", () => {
    const all = loadAll("rfc6962-merkle/subtreeconsistency", SubtreeConsistency);
    const cases = all.filter(({ vector }) => vector.start === 0 && vector.end > 0);
    const wrong = cases.filter(({ vector }) => {
      const { end: from, size: to, root1: fromRoot, root2: toRoot, proof } = vector;
      return verifyConsistency({ from, to, fromRoot, toRoot, proof }) === vector.wantErr;
    });
    expect(wrong.map(({ path }) => path)).toEqual([]);
    expect([cases.length, all.length]).toEqual([91, 118]);
  });

  describe("reference trees", () => {
    const Trees = z.object({
      leaf_inputs_hex: z.array(hex),
      root_by_size_hex: z.array(z.string()),
      node_hashes_hex_by_level: z.array(z.array(z.string())),
      accumulated: z.object({
        subtree_hash: z.object({ sha256: z.string() }),
        subtree_inclusion: z.object({ sha256: z.string() }),
      }),
    });
    const FILE = "rfc6962-merkle/reference-trees.json";
    const numbered = Array.from({ length: 130 }, (_, i) => leafHash(Uint8Array.of(i)));

    /** Subtrees [start, end) the draft calls valid, in the order in which it accumulates them. */
    function* validSubtrees(): Generator<[start: number, end: number]> {
      for (let end = 0; end <= numbered.length; end++) {
        for (let start = 0; start <= end; start++) {
          const width = 2 ** Math.ceil(Math.log2(Math.max(1, end - start)));
          if (start % width === 0) yield [start, end];
        }
      }
    }

    test("nine roots and all nodes of the eight classic leaves", () => {
      const trees = load(FILE, Trees);
      const leaves = trees.leaf_inputs_hex.map(leafHash);
      const roots = trees.root_by_size_hex.map((_, size) =>
        toHex(rootOfEdge(edgeOf(leaves.slice(0, size)))),
      );
      expect(roots).toEqual(trees.root_by_size_hex);
      const nodes = trees.node_hashes_hex_by_level.map((level, height) =>
        level.map((_, i) =>
          toHex(rootOfEdge(edgeOf(leaves.slice(i * 2 ** height, (i + 1) * 2 ** height)))),
        ),
      );
      expect(nodes).toEqual(trees.node_hashes_hex_by_level);
      expect(toHex(rootOf(extendTree(EMPTY_TREE, leaves).tree))).toBe(
        trees.root_by_size_hex.at(-1),
      );
    });

    test("the hashes of every valid subtree of up to 130 leaves", () => {
      const digest = createHash("sha256");
      for (const [start, end] of validSubtrees()) {
        digest.update(
          `[${start}, ${end}) ${toHex(rootOfEdge(edgeOf(numbered.slice(start, end))))}\n`,
        );
      }
      expect(digest.digest("hex")).toBe(load(FILE, Trees).accumulated.subtree_hash.sha256);
    });

    test("the inclusion proof of every leaf in every valid subtree of up to 130 leaves", async () => {
      const digest = createHash("sha256");
      for (const [start, end] of validSubtrees()) {
        const reader = new ReferenceTree(numbered.slice(start, end)).reader();
        for (let index = start; index < end; index++) {
          const proof = await proveInclusion(index - start, end - start, reader);
          digest.update([`${index} [${start}, ${end})`, ...proof.map(toHex)].join(" ") + "\n");
        }
      }
      expect(digest.digest("hex")).toBe(load(FILE, Trees).accumulated.subtree_inclusion.sha256);
    });
  });
});

describe.skipIf(absent)(`signed-note${reason}`, () => {
  const Notes = z.object({
    vkeys_valid: z.array(z.string()),
    vkeys_invalid: z.array(z.object({ vkey: z.string() })),
    sign: z.object({
      test_private_key_encoded: z.string(),
      text: z.string(),
      want_note: z.string(),
    }),
    open_ok: z.array(
      z.object({
        name: z.string(),
        note_b64: base64,
        trust: z.array(z.string()),
        verified: z.array(z.string()),
        unverified: z.array(z.string()),
      }),
    ),
    open_fail: z.array(
      z.object({
        name: z.string(),
        note_b64: base64,
        trust: z.array(z.string()),
        error: z.enum(["unverified", "invalid signature", "malformed", "ambiguous"]),
      }),
    ),
  });
  const notes = () => load("signed-note/vectors.json", Notes);
  const REASONS = {
    unverified: "signature_missing",
    "invalid signature": "signature_invalid",
    malformed: "note_malformed",
    ambiguous: "key_ambiguous",
  } as const;

  test("3 keys are read and written alike, 2 are refused", () => {
    const { vkeys_valid, vkeys_invalid } = notes();
    expect(keysOf(vkeys_valid).map(formatVerifierKey)).toEqual(vkeys_valid);
    expect(vkeys_invalid.map(({ vkey }) => parseVerifierKey(vkey))).toEqual([undefined, undefined]);
    expect(vkeys_valid).toHaveLength(3);
  });

  test("every proper part of a key and every key with one octet raised is refused", () => {
    const mangled = notes().vkeys_valid.flatMap((vkey) => {
      const ends = [...Array(vkey.length + 1).keys()];
      const parts = ends.flatMap((to) => ends.slice(0, to).map((from) => vkey.slice(from, to)));
      const raised = ends.slice(0, -1).map((at) => {
        return (
          vkey.slice(0, at) + String.fromCharCode(vkey.charCodeAt(at) + 1) + vkey.slice(at + 1)
        );
      });
      return [...parts.filter((part) => part !== vkey), ...raised];
    });
    expect(mangled.filter((text) => parseVerifierKey(text) !== undefined)).toEqual([]);
  });

  test("signing with Go's test key gives Go's note, octet for octet", async () => {
    const { test_private_key_encoded, text, want_note } = notes().sign;
    const [, , name = "", , encoded = ""] =
      /^(PRIVATE)\+(KEY)\+(.+?)\+(.+?)\+(.+)$/.exec(test_private_key_encoded)?.slice(1) ?? [];
    const signer = await testSigner(name, decoded(fromBase64(encoded)).slice(1));
    expect(await signNote(text, [signer])).toBe(want_note);
  });

  test("4 notes open with the signatures they should", async () => {
    const cases = notes().open_ok;
    const found = await Promise.all(
      cases.map(async ({ name, note_b64, trust }) => {
        const opened = await openNote(fromUtf8(note_b64), keysOf(trust));
        if (!opened.ok) return { name, ...opened };
        return {
          name,
          verified: opened.verified.map(({ key }) => `${key.name}+${key.keyId}`),
          unverified: opened.unverified.map(({ name, keyId }) => `${name}+${keyId}`),
        };
      }),
    );
    expect(found).toEqual(
      cases.map(({ name, verified, unverified }) => ({ name, verified, unverified })),
    );
    expect(cases).toHaveLength(4);
  });

  test("11 notes are refused for the reason they should", async () => {
    const cases = notes().open_fail;
    const found = await Promise.all(
      cases.map(async ({ name, note_b64, trust }) => {
        const text = textOf(note_b64);
        if (text === undefined) return { name, reason: "note_malformed" };
        const opened = await openNote(text, keysOf(trust));
        return { name, reason: opened.ok ? "opened" : opened.reason };
      }),
    );
    expect(found).toEqual(cases.map(({ name, error }) => ({ name, reason: REASONS[error] })));
    expect(cases).toHaveLength(11);
  });
});

describe.skipIf(absent)(`tlog-checkpoint${reason}`, () => {
  const Checkpoints = z.object({
    valid: z.array(z.string()),
    invalid: z.array(z.object({ why: z.string(), text: z.string() })),
  });

  test("4 texts are read and written alike, 14 are refused", () => {
    const { valid, invalid } = load("tlog-checkpoint/vectors.json", Checkpoints);
    const written = valid.map((text) => {
      const checkpoint = parseCheckpoint(text);
      return checkpoint && formatCheckpoint(checkpoint);
    });
    expect(written).toEqual(valid);
    expect(invalid.filter(({ text }) => parseCheckpoint(text) !== undefined)).toEqual([]);
    expect([valid.length, invalid.length]).toEqual([4, 14]);
  });
});

describe.skipIf(absent)(`tlog-cosignature${reason}`, () => {
  const Cosignatures = z.object({
    ed25519_v1: z.array(z.object({ note: z.string(), cosigner_vkey: z.string() })),
  });

  test("2 cosignatures of real witnesses verify, and do not speak for the log", async () => {
    const cases = load("tlog-cosignature/vectors.json", Cosignatures).ed25519_v1;
    for (const { note, cosigner_vkey } of cases) {
      const key = parseVerifierKey(cosigner_vkey);
      if (key === undefined) throw new Error(`${cosigner_vkey} is not a key`);
      const opened = await openNote(note, [key]);
      expect(opened).toMatchObject({ ok: true, verified: [{ key, timestamp: 1_767_139_200 }] });
      const aloud = await openNote(note.replace("\n300\n", "\n301\n"), [key]);
      expect(aloud).toMatchObject({ ok: false, reason: "signature_invalid" });
      expect(await openCheckpoint(note, [key])).toMatchObject({ reason: "origin_unsigned" });
    }
    expect(cases).toHaveLength(2);
  });
});

describe.skipIf(absent)(`tlog-proof${reason}`, () => {
  const Proofs = z.object({
    marshal: z.array(
      z.object({
        index: z.number(),
        extra_b64: base64.optional(),
        hashes_b64: z.array(base64),
        checkpoint: z.string(),
        want: z.string(),
      }),
    ),
    unmarshal_fail: z.array(z.object({ why: z.string(), text: z.string() })),
  });

  test("3 proofs are read and written alike, 7 are refused", () => {
    const { marshal, unmarshal_fail } = load("tlog-proof/vectors.json", Proofs);
    for (const { index, extra_b64: extra, hashes_b64: proof, checkpoint, want } of marshal) {
      const parts = { index, proof, checkpoint, ...(extra && { extra }) };
      expect(formatTlogProof(parts)).toBe(want);
      expect(parseTlogProof(want)).toEqual(parts);
    }
    expect(unmarshal_fail.filter(({ text }) => parseTlogProof(text) !== undefined)).toEqual([]);
    expect([marshal.length, unmarshal_fail.length]).toEqual([3, 7]);
  });
});

describe.skipIf(absent)(`ed25519-cctv${reason}`, () => {
  const Signatures = z.array(
    z.object({
      key: hex,
      sig: hex,
      msg: z.string(),
      flags: z
        .array(z.string())
        .nullish()
        .transform((flags) => flags ?? []),
    }),
  );

  // The profile every platform must have (src/ledger/ed25519.ts): no cofactor, so a residue of low
  // order is refused; a canonical R; and neither key nor R of low order. WebCrypto by itself
  // accepts 208 on workerd and Node 20, 43 on Node 24.
  test("43 signatures are accepted and 871 refused, on every platform", async () => {
    const REFUSED = ["non_canonical_R", "low_order_residue", "low_order_A", "low_order_R"];
    const cases = load("ed25519-cctv/ed25519vectors.json", Signatures);
    const accepted = await Promise.all(
      cases.map(({ key, sig, msg }) => verifyEd25519(key, sig, utf8(msg))),
    );
    expect(accepted).toEqual(
      cases.map(({ flags }) => !flags.some((flag) => REFUSED.includes(flag))),
    );
    expect([accepted.filter(Boolean).length, accepted.length]).toEqual([43, 914]);
  });
});
