/** Somebody else's C2SP log: another origin, entries that are no JSON, one of them proven. */
import { formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { leafHash } from "../../src/ledger/hash.ts";
import { formatVerifierKey, signNote } from "../../src/ledger/note.ts";
import { formatTlogProof } from "../../src/ledger/tlog-proof.ts";
import { testSigner } from "./note-signer.ts";
import { ReferenceTree } from "./reference-tree.ts";

export interface ForeignLog {
  readonly origin: string;
  readonly vkey: string;
  readonly note: string;
  /** Of `entry`, without an extra line. */
  readonly proof: string;
  readonly entry: Uint8Array;
  readonly leafHash: string;
}

const SIZE = 300;
const INDEX = 123;

export async function foreignLog(): Promise<ForeignLog> {
  const origin = "rome2026h1.example.org";
  const signer = await testSigner(origin, 3);
  const entry = new Uint8Array(
    Buffer.from("\0\u0001 an entry in whatever form it likes\n", "latin1"),
  );
  const leaf = leafHash(entry);
  const tree = new ReferenceTree(ReferenceTree.numbered(SIZE).leaves.with(INDEX, leaf));
  const rootHash = tree.root(0, SIZE);
  const text = formatCheckpoint({ origin, size: SIZE, rootHash, extensions: [] });
  const note = await signNote(text, [signer]);
  return {
    origin,
    vkey: formatVerifierKey(signer.key),
    note,
    proof: formatTlogProof({ index: INDEX, proof: tree.path(INDEX, 0, SIZE), checkpoint: note }),
    entry,
    leafHash: Buffer.from(leaf).toString("hex"),
  };
}
