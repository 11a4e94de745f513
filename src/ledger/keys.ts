/**
 * Signing keys over a ledger's life, DESIGN §3: each speaks for a range of checkpoint sizes, and a
 * change is an entry (`signing_key_changed`) in a commit that the old and the new key both sign.
 * Pure.
 */
import { utf8 } from "../lib/bytes.ts";
import { decodeHeader, type EntryDraft } from "./entry.ts";
import { factText } from "./facts.ts";
import {
  formatVerifierKey,
  parseVerifierKey,
  verifierKeyOf,
  type NoteSigner,
  type VerifierKey,
} from "./note.ts";
import type { KeyRange } from "./sequencing.ts";

/** What an operator gave, or the sequencer made. */
export interface SigningKeys {
  readonly signer: NoteSigner;
  /** Older keys still at hand: one of them must endorse a change. */
  readonly others: readonly NoteSigner[];
}

/** The keys of one ledger, ready to sign and to verify. */
export interface LedgerKeys {
  readonly signer: NoteSigner;
  /** The key that signed so far, where the next commit is to change it. */
  readonly endorser: NoteSigner | undefined;
  /** Newest first. */
  readonly ranges: readonly KeyRange[];
}

export function vkeyOf({ name, publicKey }: NoteSigner): string {
  return formatVerifierKey(verifierKeyOf(name, publicKey));
}

/** Each key once, newest first: a ledger may come back to an old key. */
export function keysIn(ranges: readonly KeyRange[]): string[] {
  return [...new Set(ranges.map(({ key }) => key))];
}

/** Keys that may speak for a checkpoint of this size. */
export function verifiersAt(ranges: readonly KeyRange[], size: number): VerifierKey[] {
  return ranges
    .filter(({ fromSize, toSize }) => fromSize <= size && (toSize === null || size <= toSize))
    .flatMap(({ key }) => parseVerifierKey(key) ?? []);
}

/**
 * Ranges from the ledger's own entries.
 * @param changes headers of the `signing_key_changed` entries, oldest first
 * @param first the key in force where there is no change
 */
export function keyRanges(changes: readonly string[], first: string): KeyRange[] {
  const ranges: KeyRange[] = [];
  let fromSize = 0;
  let key: string | null = first;
  for (const text of changes) {
    const header = decodeHeader(text);
    if (header === undefined) continue; // verification reports it
    ranges.unshift({
      key: factText(header, "old_key") ?? key ?? "",
      fromSize,
      toSize: header.index,
    });
    fromSize = header.index + 1;
    key = factText(header, "new_key");
  }
  return [{ key: key ?? "", fromSize, toSize: null }, ...ranges];
}

/** The entry that a change of key begins with. The index it lands on ends the old key's range. */
export function keyChangeDraft(oldSigner: NoteSigner, newSigner: NoteSigner): EntryDraft {
  return {
    kind: "signing_key_changed",
    actor: "sequencer",
    facts: { old_key: vkeyOf(oldSigner), new_key: vkeyOf(newSigner) },
    commitments: {},
    content: utf8("{}"),
    contentHash: null,
  };
}
