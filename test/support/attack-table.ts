/**
 * What is detected, by what, and where: one table. test/worker/attacks.test.ts carries out every
 * attack and holds each row to exactly what it says; the README quotes the table, and
 * test/unit/readme-attacks.test.ts holds the README to it.
 *
 * "0.1" is what the original LoopGrid's own verification said of the same attack: measured on six
 * decisions (hashing.py, commit 888655e), or what follows from the eight fields it hashes.
 */
import type { Fault } from "../../src/ledger/fault.ts";

/** Everything that can notice, each by itself; the words of the column "Shown by". */
export const MEANS = {
  integrity: "`/v1/integrity/verify` says false",
  start: "the sequencer refuses to append",
  file: "`loopgrid verify` of an export, with the key",
  kept: "the same with an older checkpoint (`--checkpoint`)",
  server: "an older checkpoint against the server (`--server`)",
  receipt: "an inclusion proof for a receipt",
} as const;
export type Means = keyof typeof MEANS;

export interface Attack {
  readonly name: string;
  /** What 0.1's verification said. */
  readonly before: string;
  /** By which means it shows; empty: it cannot be done, or cannot be seen. */
  readonly shownBy: readonly Means[];
  /** What verification calls it, where verification sees it. */
  readonly fault?: Fault;
  /** Where, in words. */
  readonly where: string;
}

const VALID = "valid";
const INVALID = "invalid";
const EVERYTHING: readonly Means[] = ["integrity", "start", "file", "kept", "server", "receipt"];

export const ATTACKS = {
  content: {
    name: "Content is changed",
    before: "invalid for inputs and outputs, valid for corrections and flags",
    shownBy: ["integrity", "file"],
    fault: "content_mismatch",
    where: "the entry and the field",
  },
  header: {
    name: "A time or id of an entry is changed",
    before: VALID,
    shownBy: ["integrity", "file", "kept"],
    fault: "chain_broken",
    where: "the entry",
  },
  deletedRow: {
    name: "An entry is deleted in the middle",
    before: INVALID,
    shownBy: ["integrity", "file", "kept"],
    fault: "index_gap",
    where: "the entry behind the gap",
  },
  inserted: {
    name: "An entry is inserted, everything behind it hashed anew",
    before: VALID,
    shownBy: ["integrity", "start", "file", "server", "receipt"],
    fault: "root_mismatch",
    where: "the first checkpoint behind it",
  },
  reordered: {
    name: "Entries change places",
    before: INVALID,
    shownBy: ["integrity", "file", "kept"],
    fault: "index_gap",
    where: "both entries",
  },
  duplicated: {
    name: "An entry stands in two places",
    before: INVALID,
    shownBy: ["integrity", "file", "kept"],
    fault: "index_gap",
    where: "the place that is not its own",
  },
  truncated: {
    name: "The newest entries are deleted",
    before: VALID,
    shownBy: ["integrity", "start", "file", "server", "receipt"],
    fault: "truncated",
    where: "the first entry that is missing",
  },
  everythingDeleted: {
    name: "Everything is deleted",
    before: "valid (“no decisions to verify”)",
    shownBy: ["integrity", "start", "file", "server", "receipt"],
    fault: "rolled_back",
    where: "the size that was acknowledged",
  },
  rolledBack: {
    name: "The database is set back to an older copy",
    before: VALID,
    shownBy: ["integrity", "start", "kept", "server", "receipt"],
    fault: "rolled_back",
    where: "the size that was acknowledged",
  },
  rolledBackTogether: {
    name: "The database and the sequencer's own storage are set back together",
    before: VALID,
    shownBy: ["kept", "server", "receipt"],
    where: "the size of the checkpoint or receipt that somebody kept",
  },
  rehashed: {
    name: "A time is moved back and everything behind it hashed anew",
    before: VALID,
    shownBy: EVERYTHING,
    fault: "root_mismatch",
    where: "the first checkpoint behind it",
  },
  resignedByAnother: {
    name: "The whole chain is rewritten and signed with another key, the sequencer's storage with it",
    before: VALID,
    shownBy: ["file", "kept", "server", "receipt"],
    fault: "signature_invalid",
    where: "the checkpoint that the known key did not sign",
  },
  resignedByUs: {
    name: "The whole chain is rewritten and signed with the ledger's own key, the sequencer's storage with it",
    before: VALID,
    shownBy: ["kept", "server", "receipt"],
    where: "the size of the checkpoint or receipt that somebody kept",
  },
  splitView: {
    name: "One client is shown another history than the others (split view)",
    before: "nothing to compare",
    shownBy: ["kept"],
    fault: "rolled_back",
    where: "two signed checkpoints of one size with different roots",
  },
  movedBetweenLedgers: {
    name: "An entry of another ledger is put in an entry's place",
    before: "one chain for everything: a filtered check of an intact ledger says invalid",
    shownBy: ["integrity", "file", "kept"],
    fault: "chain_broken",
    where: "the entry",
  },
  lostAppend: {
    name: "An acknowledged append is lost, and both stores with it",
    before: VALID,
    shownBy: ["kept", "server", "receipt"],
    where: "the receipt",
  },
  deletedContent: {
    name: "Content is deleted without an erasure",
    before: INVALID,
    shownBy: ["integrity", "file"],
    fault: "content_missing",
    where: "the entry and the field",
  },
  restoredContent: {
    name: "Erased content is put back",
    before: "no erasure",
    shownBy: ["integrity"],
    fault: "content_mismatch",
    where: "the entry and the field",
  },
  projection: {
    name: "A status, list or counter is changed",
    before: VALID,
    shownBy: ["integrity"],
    fault: "projection_mismatch",
    where: "the decision",
  },
  idempotency: {
    name: "An idempotency look-up is changed or deleted",
    before: "no idempotency",
    shownBy: ["integrity"],
    fault: "projection_mismatch",
    where: "the entry that carries the key",
  },
  tile: {
    name: "A stored tile of the tree is changed",
    before: "no tree",
    shownBy: ["integrity", "server", "receipt"],
    fault: "root_mismatch",
    where: "the tile",
  },
  checkpoint: {
    name: "A stored checkpoint is changed or deleted",
    before: "no checkpoints",
    shownBy: ["integrity"],
    fault: "signature_invalid",
    where: "the checkpoint's size",
  },
  retried: {
    name: "A retry records a decision twice",
    before: "recorded twice",
    shownBy: [],
    where: "not possible with an `Idempotency-Key`: the retry gets the first answer",
  },
  forked: {
    name: "Two writers append to the same head",
    before: "a fork, reported as tampering",
    shownBy: [],
    where: "not possible: one sequencer, and a guard in every transaction",
  },
  guessed: {
    name: "Erased content is guessed from what was left of it",
    before: "no erasure; hashes without salt",
    shownBy: [],
    where: "not possible: each commitment had a salt of its own, which went with the value",
  },
  untrue: {
    name: "What was recorded was untrue when it was recorded",
    before: "not detected",
    shownBy: [],
    where: "not detected: `actor` says who recorded it, nothing says whether it was so",
  },
} as const satisfies Readonly<Record<string, Attack>>;
export type AttackName = keyof typeof ATTACKS;

/** The table of the README's section "What is detected". */
export function attackTable(): string {
  const rows = Object.values<Attack>(ATTACKS).map(({ name, before, shownBy, fault, where }) => {
    const means = shownBy.join(", ");
    const place = fault === undefined ? where : `\`${fault}\`: ${where}`;
    return `| ${name} | ${before} | ${means === "" ? "–" : means} | ${place} |`;
  });
  const legend = Object.entries(MEANS).map(([means, meaning]) => `**${means}**: ${meaning}`);
  return [
    "| Attack | LoopGrid 0.1 said | Shown by | Where |",
    "|---|---|---|---|",
    ...rows,
    "",
    `${legend.join("; ")}.`,
    "",
  ].join("\n");
}
