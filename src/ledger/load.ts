/**
 * Opening a ledger, DESIGN §2 "On start": what a sequencer reads, and what makes it refuse to go on.
 * A second history is never signed: a ledger that was rolled back, rewritten or that another key
 * signed is refused and reported, not repaired.
 * Pure over its ports.
 */
import { equalBytes, toHex } from "../lib/bytes.ts";
import { EMPTY_HEAD, type Head } from "./append.ts";
import { openCheckpoint, parseCheckpoint, type OpenCheckpoint } from "./checkpoint.ts";
import type { Fault } from "./fault.ts";
import { keyRanges, verifiersAt, vkeyOf, type LedgerKeys, type SigningKeys } from "./keys.ts";
import { parseNote } from "./note.ts";
import { CorruptLedger, type Acknowledged, type LedgerStore, type StoredHead } from "./ports.ts";
import { rootAt } from "./proof.ts";
import { readTree } from "./read-tree.ts";
import type { KeyRange } from "./sequencing.ts";
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

export interface OpenLedger {
  readonly head: Head;
  readonly keys: LedgerKeys;
}

/** Newer checkpoints are re-verified in pages: there is one, unless the object's storage was restored. */
const CHECKPOINTS_PAGE = 100;

/**
 * Reads and checks the newest head and the keys that speak for it.
 * @param signing what may sign from now on
 * @param acknowledged what the sequencer last answered for, if it still knows
 * @throws LedgerRefused when the ledger is not the one that was acknowledged
 */
export async function loadLedger(
  origin: string,
  store: LedgerStore,
  signing: SigningKeys,
  acknowledged: Acknowledged | undefined,
): Promise<OpenLedger> {
  try {
    return await load(origin, store, signing, acknowledged);
  } catch (error) {
    if (error instanceof CorruptLedger) throw new LedgerRefused("root_mismatch", error.message);
    throw error;
  }
}

async function load(
  origin: string,
  store: LedgerStore,
  signing: SigningKeys,
  acknowledged: Acknowledged | undefined,
): Promise<OpenLedger> {
  const stored = await store.head();
  if (stored === undefined) {
    if (acknowledged !== undefined) {
      throw new LedgerRefused(
        "rolled_back",
        `the database holds no entry, but ${acknowledged.size} entries were acknowledged`,
      );
    }
    return {
      head: EMPTY_HEAD,
      keys: {
        signer: signing.signer,
        endorser: undefined,
        ranges: keyRanges([], vkeyOf(signing.signer)),
      },
    };
  }
  requireOrigin(stored.checkpoint, origin);
  const [tree, changes, chainHash] = await Promise.all([
    readTree(stored.size, store),
    store.headersOfKind("signing_key_changed"),
    store.chainHashAt(stored.size - 1),
  ]);
  const keys = openKeys(stored, signing, changes);
  const newest = (await open(stored.checkpoint, stored.size, origin, keys.ranges)).checkpoint;
  if (newest.size !== stored.size || !equalBytes(newest.rootHash, rootOf(tree))) {
    throw new LedgerRefused(
      "root_mismatch",
      `the entries make root ${toHex(rootOf(tree))} at size ${stored.size}, the newest checkpoint says ${toHex(newest.rootHash)} at size ${newest.size}`,
    );
  }
  // The next entry links to it: a wrong one would be signed into the ledger for good.
  if (stored.chainHash !== chainHash) {
    throw new LedgerRefused(
      "chain_broken",
      `the head says chain hash ${stored.chainHash}, the newest entry has ${chainHash}`,
    );
  }
  if (acknowledged !== undefined)
    await checkAcknowledged(acknowledged, stored.size, origin, store, keys.ranges);
  const recordedAtMs = Date.parse(stored.recordedAt);
  if (Number.isNaN(recordedAtMs))
    throw new CorruptLedger(`the header of entry ${stored.size - 1} cannot be read`);
  return { head: { chainHash: stored.chainHash, recordedAtMs, tree }, keys };
}

/**
 * Which of the keys at hand is in force and signed the newest checkpoint. Another one than the
 * signer: the next commit changes the key, endorsed by both. None: this is not our ledger to
 * continue. The commit of a change carries both signatures, and only the new key may follow it.
 */
function openKeys(
  stored: StoredHead,
  signing: SigningKeys,
  changes: readonly string[],
): LedgerKeys {
  const { signer, others } = signing;
  const signatures = parseNote(stored.checkpoint)?.signatures ?? [];
  const signed = [signer, ...others].find((key) => {
    const vkey = vkeyOf(key);
    if (keyRanges(changes, vkey)[0]?.key !== vkey) return false;
    return signatures.some(({ name, keyId }) => vkey.startsWith(`${name}+${keyId}+`));
  });
  if (signed === undefined) {
    throw new LedgerRefused(
      "signature_invalid",
      "none of the configured keys signed the newest checkpoint: they do not match the ledger's history. To change the key, list the old one before the new one in LOOPGRID_SIGNING_KEY",
    );
  }
  return {
    signer,
    endorser: signed === signer ? undefined : signed,
    ranges: keyRanges(changes, vkeyOf(signed)),
  };
}

async function open(
  note: string,
  size: number,
  origin: string,
  ranges: readonly KeyRange[],
): Promise<OpenCheckpoint> {
  const opened = await openCheckpoint(note, verifiersAt(ranges, size));
  if (!opened.ok) {
    throw new LedgerRefused(
      "signature_invalid",
      `the checkpoint of size ${size} is not signed by the ledger's key (${opened.reason})`,
    );
  }
  requireOrigin(note, origin);
  return opened;
}

/**
 * Asked before any signature: a key is named as the origin, so under another one there is no
 * signature to be found, which says nothing to an operator. What cannot be read fails by its signature.
 */
function requireOrigin(note: string, origin: string): void {
  const named = parseCheckpoint(parseNote(note)?.text ?? "")?.origin;
  if (named === undefined || named === origin) return;
  throw new LedgerRefused(
    "signature_invalid",
    `the ledger's origin is ${named}, frozen by its first commit; the configuration says ${origin}`,
  );
}

async function checkAcknowledged(
  acknowledged: Acknowledged,
  newestSize: number,
  origin: string,
  store: LedgerStore,
  ranges: readonly KeyRange[],
): Promise<void> {
  if (newestSize < acknowledged.size) {
    throw new LedgerRefused(
      "rolled_back",
      `the database holds ${newestSize} entries, but ${acknowledged.size} were acknowledged`,
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
  while (size < newestSize) {
    const page = await store.checkpointsAbove(size, CHECKPOINTS_PAGE);
    if (page.length === 0) break;
    for (const row of page) {
      const { checkpoint } = await open(row.note, row.size, origin, ranges);
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
