/**
 * Entries whose id is given before the commit (a replay): each is appended once, and one that comes
 * again fails nobody who shares its commit.
 */
import { expect, test } from "vitest";
import { draftEntry } from "../../../src/ledger/draft.ts";
import type { AppendOutcome, AppendRequest } from "../../../src/ledger/sequencing.ts";
import { auditLedger } from "../../support/audit-ledger.ts";
import type { CommitFault } from "../../support/memory-store.ts";
import { decisions, TestLedger } from "../../support/test-ledger.ts";

function ended(ledger: TestLedger, id: string): AppendRequest {
  const input = { kind: "experiment_ended", id, actor: "key_1", facts: {}, fields: {} } as const;
  return { drafts: [draftEntry(input, ledger.random)] };
}

const kinds = (outcomes: readonly AppendOutcome[]) => outcomes.map(({ kind }) => kind);

test("the same entry again is found where it is, and its companions are appended", async () => {
  const ledger = new TestLedger();
  await ledger.sequencer.append(ended(ledger, "xnd_1"));
  const outcomes = await Promise.all([
    ledger.sequencer.append(decisions(ledger.random)), // commits alone; the others form a group
    ledger.sequencer.append(decisions(ledger.random)),
    ledger.sequencer.append(ended(ledger, "xnd_1")),
    ledger.sequencer.append(decisions(ledger.random)),
  ]);
  expect(kinds(outcomes)).toEqual(["appended", "appended", "repeated", "appended"]);
  expect(outcomes[2]).toEqual({ kind: "repeated", firstIndex: 0, count: 1 });
  expect(auditLedger(ledger, []).length).toBe(4);
});

test("the same entry twice at once is appended once", async () => {
  const ledger = new TestLedger();
  const outcomes = await Promise.all([
    ledger.sequencer.append(decisions(ledger.random)),
    ledger.sequencer.append(ended(ledger, "xnd_1")),
    ledger.sequencer.append(ended(ledger, "xnd_1")),
    ledger.sequencer.append(decisions(ledger.random)),
  ]);
  expect(kinds(outcomes)).toEqual(["appended", "appended", "repeated", "appended"]);
  expect(auditLedger(ledger, []).length).toBe(3);
});

test("a try that lands late is found by the next one", async () => {
  const ledger = new TestLedger();
  ledger.store.faults = Array<CommitFault>(5).fill("lands when told");
  const first = await ledger.sequencer.append(ended(ledger, "xnd_1"));
  ledger.store.land();
  const second = await ledger.sequencer.append(ended(ledger, "xnd_1"));
  expect(first.kind).toBe("unavailable");
  expect(second).toEqual({ kind: "repeated", firstIndex: 0, count: 1 });
});
