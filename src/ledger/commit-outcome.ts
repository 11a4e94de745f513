/**
 * What became of a commit, DESIGN §2 "Outcomes": committed, a conflict (nothing was written, nor can
 * it land later), or unknown. Never guessed. Pure over its ports.
 */
import { CommitConflict, type Commit, type LedgerStore } from "./ports.ts";

export type CommitOutcome = "committed" | "conflict" | "unknown";

export interface CommitPorts {
  readonly store: LedgerStore;
  readonly sleep: (ms: number) => Promise<void>;
  random(bytes: number): Uint8Array;
}

/** Tries of one commit whose outcome is unknown: about 1 s of waiting in all. */
const TRIES_MAX = 5;
const BACKOFF_MS = 100;

/**
 * Commits, and finds out. A constraint error alone does not say "not written": an earlier try may
 * have landed late. So after any failure the ledger itself is asked for our hash, and a retry sends
 * the identical octets, of which the guard on the head lets exactly one through.
 */
export async function settle(ports: CommitPorts, commit: Commit): Promise<CommitOutcome> {
  const { store, sleep } = ports;
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    let conflict = false;
    try {
      await store.commit(commit);
      return "committed";
    } catch (error) {
      conflict = error instanceof CommitConflict;
    }
    try {
      const found = await store.chainHashAt(commit.after.size - 1);
      if (found === commit.after.chainHash) return "committed";
      if (found !== undefined || conflict) return "conflict";
    } catch {
      // The ledger cannot be asked now; ask again after the pause.
    }
    if (attempt < TRIES_MAX - 1) await sleep(BACKOFF_MS * 2 ** attempt * jitter(ports));
  }
  return "unknown";
}

/** 0.5 to 1, so that callers and objects that failed together do not come back together. */
function jitter(ports: CommitPorts): number {
  return 0.5 + (ports.random(1)[0] ?? 0) / 512;
}
