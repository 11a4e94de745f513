import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  appendDrafts,
  EMPTY_HEAD,
  RANDOM_BYTES_PER_ENTRY,
  type Head,
} from "../../../src/ledger/append.ts";
import type { EntryDraft } from "../../../src/ledger/entry.ts";
import { HEADER_BYTES_MAX } from "../../../src/ledger/limits.ts";
import { EntryKind } from "../../../src/ledger/schema.ts";
import { sha256Hex, sortedJson } from "../../support/audit-ledger.ts";
import { ReferenceTree } from "../../support/reference-tree.ts";

const NOW = Date.parse("2026-11-22T18:26:55.934Z");
const draft: EntryDraft = {
  kind: "decision_recorded",
  actor: "key_1",
  facts: { service_name: "s" },
  commitments: { input: "ab".repeat(32) },
  content: new Uint8Array(),
  contentHash: null,
};

function append(head: Head, drafts: readonly EntryDraft[], now = NOW) {
  const random = new Uint8Array(drafts.length * RANDOM_BYTES_PER_ENTRY).fill(7);
  return appendDrafts("main", head, drafts, now, random);
}

function times(count: number): EntryDraft[] {
  return Array.from({ length: count }, () => draft);
}

function named(length: number): EntryDraft {
  return { ...draft, facts: { service_name: "é".repeat(length) } };
}

describe("appended drafts", () => {
  test("get dense indexes, and each links to the one before, back to 64 zeros", () => {
    const { entries, head } = append(EMPTY_HEAD, [draft, draft, draft]);
    let previous = "0".repeat(64);
    for (const [index, { header, headerText, chainHash }] of entries.entries()) {
      expect(header).toMatchObject({ v: 1, ledger: "main", index, previous });
      expect(headerText).toBe(sortedJson(header));
      expect(chainHash).toBe(sha256Hex(`\0${headerText}`));
      previous = chainHash;
    }
    expect(head).toMatchObject({ chainHash: previous, recordedAtMs: NOW, tree: { size: 3 } });
  });

  test("carry over what the draft says, and nothing else", () => {
    const [entry] = append(EMPTY_HEAD, [draft]).entries;
    const { id } = entry?.header ?? { id: "" };
    expect(entry?.header).toEqual({
      v: 1,
      ledger: "main",
      index: 0,
      kind: "decision_recorded",
      id,
      decision_id: id,
      recorded_at: "2026-11-22T18:26:55.934Z",
      actor: "key_1",
      facts: draft.facts,
      commitments: draft.commitments,
      previous: "0".repeat(64),
    });
  });

  test("grouped in any way make the same tree and the same entries", () => {
    const groups = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(groups, (counts) => {
        const total = counts.reduce((sum, count) => sum + count, 0);
        let head = EMPTY_HEAD;
        const texts: string[] = [];
        const tiles: number[] = [];
        for (const count of counts) {
          const appended = append(head, times(count));
          head = appended.head;
          texts.push(...appended.entries.map(({ headerText }) => headerText));
          tiles.push(...appended.tiles.map(({ index }) => index));
        }
        const whole = append(EMPTY_HEAD, times(total));
        expect(texts).toEqual(whole.entries.map(({ headerText }) => headerText));
        expect(head).toEqual(whole.head);
        expect(tiles).toEqual(whole.tiles.map(({ index }) => index));
        const leaves = whole.entries.map(({ chainHash }) => Buffer.from(chainHash, "hex"));
        expect(Buffer.from(whole.rootHash).toString("hex")).toBe(
          Buffer.from(new ReferenceTree(leaves).root(0, total)).toString("hex"),
        );
      }),
      { numRuns: 20 },
    );
  });

  test("leave the head they were built on as it was, so that it can be built on again", () => {
    const { head } = append(EMPTY_HEAD, [draft, draft]);
    const copy = structuredClone(head);
    const one = append(head, [draft]);
    expect(head).toEqual(copy);
    expect(append(head, [draft])).toEqual(one);
  });

  test("are recorded now, or when the entry before was: never earlier", () => {
    const { head } = append(EMPTY_HEAD, [draft]);
    const at = (now: number) => append(head, [draft], now).entries[0]?.header.recorded_at;
    expect(at(NOW - 1)).toBe("2026-11-22T18:26:55.934Z");
    expect(at(NOW)).toBe("2026-11-22T18:26:55.934Z");
    expect(at(NOW + 1)).toBe("2026-11-22T18:26:55.935Z");
  });

  test("get an id with the prefix of their kind, and each kind has its own", () => {
    const ids = EntryKind.options.map((kind) => {
      const [entry] = append(EMPTY_HEAD, [{ ...draft, kind, decisionId: "dec_1" }]).entries;
      expect(entry?.header.kind).toBe(kind);
      return entry?.header.id ?? "";
    });
    for (const id of ids) expect(id).toMatch(/^[a-z]{3}_[0-9a-f]{32}$/);
    expect(new Set(ids.map((id) => id.slice(0, 4))).size).toBe(EntryKind.options.length);
  });

  test("keep an id they bring, and the decision they are about", () => {
    const replay: EntryDraft = {
      ...draft,
      kind: "replay_completed",
      id: "rep_known",
      decisionId: "dec_9",
    };
    const [entry] = append(EMPTY_HEAD, [replay]).entries;
    expect(entry?.header).toMatchObject({ id: "rep_known", decision_id: "dec_9" });
  });

  test("about no decision name none", () => {
    const [entry] = append(EMPTY_HEAD, [{ ...draft, kind: "decision_flagged" }]).entries;
    expect(Object.keys(entry?.header ?? {})).not.toContain("decision_id");
  });

  test("take their own share of the randomness each", () => {
    const random = Uint8Array.from({ length: 2 * RANDOM_BYTES_PER_ENTRY }, (_, i) => i);
    const { entries } = appendDrafts("main", EMPTY_HEAD, [draft, draft], NOW, random);
    expect(entries.map(({ header }) => header.id.slice(-8))).toEqual(["00010203", "06070809"]);
  });

  test("whose header outgrows 65,535 octets are our mistake: facts are bounded", () => {
    const [entry] = append(EMPTY_HEAD, [named(0)]).entries;
    const room = Math.floor((HEADER_BYTES_MAX - Buffer.byteLength(entry?.headerText ?? "")) / 2);
    expect(append(EMPTY_HEAD, [named(room)]).entries).toHaveLength(1);
    expect(() => append(EMPTY_HEAD, [named(room + 1)])).toThrow("facts are bounded");
  });
});
