/**
 * The state transition of a ledger, DESIGN §2 and §3: drafts in, entries with their place out.
 * Pure and synchronous. No clock, no randomness, no storage: between reading the head and freezing
 * the octets there is no await at which another append could slip in.
 */
import { assert } from "../lib/assert.ts";
import { toHex, utf8 } from "../lib/bytes.ts";
import { ID_RANDOM_BYTES, mintId } from "../lib/ids.ts";
import { encodeHeader, type EntryDraft } from "./entry.ts";
import { GENESIS, leafHash, type Hash } from "./hash.ts";
import { HEADER_BYTES_MAX } from "./limits.ts";
import type { EntryKind, Header } from "./schema.ts";
import { EMPTY_TREE, extendTree, rootOf, type Tile, type Tree } from "./tiles.ts";

/** Everything an append builds on. `size` is the tree's. */
export interface Head {
  readonly chainHash: string;
  /** Of the newest entry; 0 before the first. */
  readonly recordedAtMs: number;
  readonly tree: Tree;
}

export const EMPTY_HEAD: Head = { chainHash: GENESIS, recordedAtMs: 0, tree: EMPTY_TREE };

/** An entry with its place: what is stored. */
export interface PlacedEntry {
  readonly draft: EntryDraft;
  readonly header: Header;
  readonly headerText: string;
  readonly chainHash: string;
}

export interface Appended {
  readonly head: Head;
  readonly rootHash: Hash;
  readonly entries: readonly PlacedEntry[];
  /** Tiles that became full, lower levels first. */
  readonly tiles: readonly Tile[];
}

const ID_PREFIXES: Readonly<Record<EntryKind, string>> = {
  decision_recorded: "dec_",
  decision_flagged: "flg_",
  correction_attached: "cor_",
  replay_completed: "rep_",
  experiment_started: "exp_",
  experiment_ended: "xnd_",
  judgement_recorded: "jdg_",
  content_erased: "era_",
  content_held: "hld_",
  export_issued: "xpt_",
  review_recorded: "rev_",
  notice_recorded: "ntc_",
  explanation_recorded: "xpl_",
  action_recorded: "act_",
  incident_recorded: "inc_",
  incident_updated: "icu_",
  system_halted: "hlt_",
  system_resumed: "rsm_",
  drill_recorded: "drl_",
  change_recorded: "chg_",
  request_received: "req_",
  request_answered: "ans_",
  criterion_recorded: "cri_",
  analysis_recorded: "ana_",
  competence_recorded: "cmp_",
  selection_recorded: "sel_",
  context_declared: "ctx_",
  retention_policy_set: "ret_",
  report_issued: "rpt_",
  api_key_changed: "akc_",
  signing_key_changed: "sig_",
  ledger_opened: "opn_",
};

/** What `appendDrafts` takes from `random` for each draft. */
export const RANDOM_BYTES_PER_ENTRY = ID_RANDOM_BYTES;

/**
 * Places drafts at the end of the ledger, in order.
 * @param nowMs never moves `recorded_at` backwards: a clock behind the head is overruled
 * @param random RANDOM_BYTES_PER_ENTRY octets for each draft
 */
export function appendDrafts(
  ledger: string,
  head: Head,
  drafts: readonly EntryDraft[],
  nowMs: number,
  random: Uint8Array,
): Appended {
  const recordedAtMs = Math.max(nowMs, head.recordedAtMs);
  const recordedAt = new Date(recordedAtMs).toISOString();
  const entries: PlacedEntry[] = [];
  const leaves: Hash[] = [];
  let previous = head.chainHash;
  for (const [i, draft] of drafts.entries()) {
    const index = head.tree.size + i;
    const idRandom = random.subarray(i * RANDOM_BYTES_PER_ENTRY, (i + 1) * RANDOM_BYTES_PER_ENTRY);
    const id = draft.id ?? mintId(ID_PREFIXES[draft.kind], recordedAtMs, index, idRandom);
    const decisionId = draft.kind === "decision_recorded" ? id : draft.decisionId;
    const header: Header = {
      v: 1,
      ledger,
      index,
      kind: draft.kind,
      id,
      ...(decisionId === undefined ? {} : { decision_id: decisionId }),
      recorded_at: recordedAt,
      actor: draft.actor,
      facts: draft.facts,
      commitments: draft.commitments,
      previous,
    };
    const headerText = encodeHeader(header);
    const octets = utf8(headerText);
    assert(octets.length <= HEADER_BYTES_MAX, "facts are bounded so that a header fits");
    const leaf = leafHash(octets);
    previous = toHex(leaf);
    leaves.push(leaf);
    entries.push({ draft, header, headerText, chainHash: previous });
  }
  const { tree, full } = extendTree(head.tree, leaves);
  assert(tree.size === head.tree.size + drafts.length, "each draft adds exactly one entry");
  return {
    head: { chainHash: previous, recordedAtMs, tree },
    rootHash: rootOf(tree),
    entries,
    tiles: full,
  };
}
