/**
 * Opening a ledger, DESIGN §2 "On start": what a sequencer reads, and what makes it refuse to go on.
 * A second history is never signed: a ledger that was rolled back, rewritten or that another key
 * signed is refused and reported, not repaired.
 * Pure over its ports.
 */
import { equalBytes, toHex } from "../lib/bytes.ts";
import { EMPTY_HEAD, type Head } from "./append.ts";
import { openCheckpoint, type Checkpoint } from "./checkpoint.ts";
import type { Fault } from "./fault.ts";
import type { NoteSigner, VerifierKey } from "./note.ts";
import type { Acknowledged, LedgerStore } from "./ports.ts";
import { rootAt } from "./proof.ts";
import { readTree } from "./read-tree.ts";
import { rootOf } from "./tiles.ts";

/** Appends are refused until an operator acts; the detail is for that operator. */
export class LedgerRefused extends Error {
  override readonly name = "LedgerRefused";
  readonly fault: Fault;
  constructor(fault: Fault, detail: string) {
    super(detail);
    this.fault = fault;
  }
}

export interface LedgerKeys {
  readonly signer: NoteSigner;
  /** Every key whose checkpoints count as this ledger's own, the signer's included, newest first. */
  readonly verifiers: readonly VerifierKey[];
}

/** Newer checkpoints are re-verified in pages: there is one, unless the object's storage was restored. */
const CHECKPOINTS_PAGE = 100;

/**
 * Reads and checks the newest head.
 * @param acknowledged what the sequencer last answered for, if it still knows
 * @throws LedgerRefused when the ledger is not the one that was acknowledged
 */
export async function loadHead(
  origin: string,
  store: LedgerStore,
  keys: LedgerKeys,
  acknowledged: Acknowledged | undefined,
): Promise<Head> {
  const stored = await store.head();
  if (stored === undefined) {
    if (acknowledged === undefined) return EMPTY_HEAD;
    throw new LedgerRefused(
      "rolled_back",
      `the database holds no entry, but ${acknowledged.size} entries were acknowledged`,
    );
  }
  const tree = await readTree(stored.size, store);
  const newest = await open(stored.checkpoint, origin, keys);
  if (newest.size !== stored.size || !equalBytes(newest.rootHash, rootOf(tree))) {
    throw new LedgerRefused(
      "root_mismatch",
      `the entries make root ${toHex(rootOf(tree))} at size ${stored.size}, the newest checkpoint says ${toHex(newest.rootHash)} at size ${newest.size}`,
    );
  }
  if (acknowledged !== undefined)
    await checkAcknowledged(acknowledged, newest, origin, store, keys);
  return { chainHash: stored.chainHash, recordedAtMs: Date.parse(stored.recordedAt), tree };
}

async function open(note: string, origin: string, keys: LedgerKeys): Promise<Checkpoint> {
  const opened = await openCheckpoint(note, keys.verifiers);
  if (!opened.ok) {
    throw new LedgerRefused(
      "signature_invalid",
      `none of the configured keys signed the newest checkpoint (${opened.reason}): the key does not match the ledger's history`,
    );
  }
  if (opened.checkpoint.origin !== origin) {
    throw new LedgerRefused(
      "signature_invalid",
      `the ledger's origin is ${opened.checkpoint.origin}, frozen by its first commit; the configuration says ${origin}`,
    );
  }
  return opened.checkpoint;
}

async function checkAcknowledged(
  acknowledged: Acknowledged,
  newest: Checkpoint,
  origin: string,
  store: LedgerStore,
  keys: LedgerKeys,
): Promise<void> {
  if (newest.size < acknowledged.size) {
    throw new LedgerRefused(
      "rolled_back",
      `the database holds ${newest.size} entries, but ${acknowledged.size} were acknowledged`,
    );
  }
  const rootThen = toHex(await rootAt(acknowledged.size, store));
  if (rootThen !== acknowledged.rootHash) {
    throw new LedgerRefused(
      "rolled_back",
      `the first ${acknowledged.size} entries make root ${rootThen}, but ${acknowledged.rootHash} was acknowledged`,
    );
  }
  let size = acknowledged.size;
  while (size < newest.size) {
    const page = await store.checkpointsAbove(size, CHECKPOINTS_PAGE);
    if (page.length === 0) break;
    for (const { note, ...row } of page) {
      const checkpoint = await open(note, origin, keys);
      const root = await rootAt(row.size, store);
      if (checkpoint.size !== row.size || !equalBytes(checkpoint.rootHash, root)) {
        throw new LedgerRefused(
          "root_mismatch",
          `the checkpoint of size ${row.size} is not of these entries`,
        );
      }
      size = row.size;
    }
  }
}
