/** The promise of DESIGN §1.1 and §1.2 from outside: 64 clients append at once, and nothing forks. */
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  acknowledged,
  asObject,
  get,
  getText,
  listIn,
  numberIn,
  objectIn,
  post,
  seeded,
  textIn,
} from "../support/clients.ts";
import {
  auditOverHttp,
  expectReceiptHolds,
  type AuditedLedger,
} from "../support/independent-audit.ts";
import {
  IndependentLedger,
  openCheckpoint,
  provesInclusion,
  sha256,
  type JsonObject,
} from "../support/independent-ledger.ts";
import { startServer, type TestServer } from "../support/server.ts";

const CLIENTS = 64;
const ROUNDS = 30;
const LOAD_MS_MAX = 180_000;

/** What a client was told, to be found again. */
interface Acknowledged {
  readonly kind: string;
  /** Marks the entry's content. */
  readonly label: string;
  readonly decisionId: string;
  readonly index: number;
  /** The decision's, where the acknowledged entry is its record. */
  readonly chainHash: string | undefined;
  readonly receipt: JsonObject;
}

interface Observed {
  readonly checkpoint: string;
  readonly head: JsonObject;
  readonly verdict: JsonObject;
}

function decision(label: string): JsonObject {
  return {
    service_name: `service-${label.length % 3}`,
    decision_type: "reply",
    input: { label, "\u20ac": [1e21, -0.5, "\u0000\u2028"] },
    model: { provider: "openai", name: "gpt-4" },
    output: { label },
  };
}

/** Keeps what a client was told about one entry. */
function keep(acks: Acknowledged[], kind: string, label: string, answer: JsonObject): void {
  const receipt = objectIn(answer, "receipt");
  acks.push({
    kind,
    label,
    decisionId: textIn(answer, "decision_id"),
    index: numberIn(receipt, "index"),
    chainHash: kind === "decision_recorded" ? textIn(answer, "chain_hash") : undefined,
    receipt,
  });
}

describe("64 clients at once", () => {
  let server: TestServer;
  const acks: Acknowledged[] = [];
  const observed: Observed[] = [];
  const repeats: { readonly first: JsonObject; readonly second: JsonObject }[] = [];
  let audited: AuditedLedger;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  /** One client: appends of every kind, a third of them twice at the same time under one key. */
  async function client(number: number): Promise<void> {
    const choose = seeded(number);
    const decisions: string[] = [];
    const append = async (label: string, path: string, body: JsonObject) => {
      const twice = choose(3) === 0;
      const key = twice || choose(2) === 0 ? `client-${label}` : undefined;
      const full = choose(2) === 0 ? `${path}?receipt=proof` : path;
      const sent = acknowledged(server.url, full, body, key);
      const twin = twice ? post(server.url, full, body, key) : undefined;
      const answer = await sent;
      if (twin !== undefined) {
        const { status, body: second } = await twin;
        if (status !== 200) throw new Error(`a twin was answered ${JSON.stringify(second)}`);
        repeats.push({ first: answer, second });
      }
      return answer;
    };
    const record = async (label: string) => {
      const answer = await append(label, "/v1/decisions", decision(label));
      decisions.push(textIn(answer, "decision_id"));
      keep(acks, "decision_recorded", label, answer);
    };

    await record(`${number}-first`);
    for (let round = 0; round < ROUNDS; round++) {
      const label = `${number}-${round}`;
      const id = decisions[choose(decisions.length)] ?? "";
      switch (choose(6)) {
        case 0:
        case 1: {
          await record(label);
          break;
        }
        case 2: {
          const labels = Array.from({ length: 1 + choose(10) }, (_, i) => `${label}-${i}`);
          const body = { decisions: labels.map(decision) };
          const answer = await append(label, "/v1/decisions/batch", body);
          const rows = listIn(answer, "decisions").map(asObject);
          const receipt = objectIn(answer, "receipt");
          for (const [i, row] of rows.entries()) {
            decisions.push(textIn(row, "decision_id"));
            acks.push({
              kind: "decision_recorded",
              label: labels[i] ?? "",
              decisionId: textIn(row, "decision_id"),
              index: numberIn(receipt, "first_index") + i,
              chainHash: textIn(row, "chain_hash"),
              receipt,
            });
          }
          break;
        }
        case 3: {
          const path = `/v1/decisions/${id}/incorrect`;
          const answer = await append(label, path, { reason: label });
          keep(acks, "decision_flagged", label, answer);
          break;
        }
        case 4: {
          const path = `/v1/decisions/${id}/correction`;
          const body = { correction: { label }, corrected_by: `client ${number}`, notes: label };
          keep(acks, "correction_attached", label, await append(label, path, body));
          break;
        }
        default: {
          const body = { decision_id: id, overrides: { input: { label } }, triggered_by: label };
          const answer = await append(label, "/v1/replays", body);
          keep(acks, "replay_completed", label, answer);
        }
      }
    }
  }

  /** Somebody who only reads, while the others write. */
  async function observer(stillWriting: () => boolean): Promise<void> {
    while (stillWriting()) {
      const [checkpoint, { body: head }, { body: verdict }] = await Promise.all([
        getText(server.url, "/v1/ledger/checkpoint"),
        get(server.url, "/v1/ledger"),
        get(server.url, "/v1/integrity/verify"),
      ]);
      observed.push({ checkpoint, head, verdict });
    }
  }

  test(
    "every append is acknowledged, and the ledger is linear",
    async ({ expect }) => {
      await acknowledged(server.url, "/v1/decisions", decision("before the crowd"));
      const start = performance.now();
      let writing = CLIENTS;
      const crowd = Array.from({ length: CLIENTS }, (_, number) =>
        client(number).finally(() => writing--),
      );
      await Promise.all([...crowd, observer(() => writing > 0)]);
      const seconds = (performance.now() - start) / 1000;

      audited = await auditOverHttp(server.url, expect);
      const { entries } = audited.ledger;
      console.log(
        `${CLIENTS} clients: ${entries.length} entries in ${seconds.toFixed(1)} s, ${(entries.length / seconds).toFixed(0)}/s, ` +
          `${repeats.length} concurrent twins, ${observed.length} verifications meanwhile`,
      );
      // Nothing besides what was acknowledged: no twin became a second entry.
      expect(entries).toHaveLength(acks.length + 1);
      expect(entries.length).toBeGreaterThan(2000);
    },
    LOAD_MS_MAX,
  );

  test("every acknowledged entry is where its receipt says, and is the one that was sent", ({
    expect,
  }) => {
    const { entries } = audited.ledger;
    const indexes = acks.map(({ index }) => index).toSorted((a, b) => a - b);
    expect(indexes).toEqual(Array.from({ length: acks.length }, (_, i) => i + 1));
    for (const { kind, label, decisionId, index, chainHash } of acks) {
      const entry = entries[index];
      expect(entry).toMatchObject({ kind, decisionId });
      const marked: JsonObject = {
        decision_recorded: { input: { label }, output: { label } },
        decision_flagged: { reason: label },
        correction_attached: { correction: { label }, notes: label },
        replay_completed: { triggered_by: label, overrides: { input: { label } } },
      };
      expect(entry?.content).toMatchObject(objectIn(marked, kind));
      if (chainHash !== undefined) expect(entry?.chainHash).toBe(chainHash);
    }
  });

  test("every receipt proves its entry offline", ({ expect }) => {
    const proofs = acks.filter(({ receipt }) => receipt["proof"] !== undefined);
    expect(proofs.length).toBeGreaterThan(500);
    for (const { receipt, index } of acks) expectReceiptHolds(receipt, index, audited, expect);
  });

  test("a receipt proves nothing else", ({ expect }) => {
    const { ledger } = audited;
    const sample = acks.filter(({ receipt, index }) => receipt["proof"] && index > 1).slice(0, 50);
    for (const { receipt, index } of sample) {
      const path = listIn(receipt, "proof").map(String);
      const [size, rootHash] = [numberIn(receipt, "size"), textIn(receipt, "root_hash")];
      const proves = (leaf: string, at: number, steps: readonly string[]) =>
        provesInclusion(leaf, at, size, steps, rootHash);
      const leaf = ledger.entries[index]?.chainHash ?? "";
      expect(proves(leaf, index, path)).toBe(true);
      expect(proves(ledger.entries[index - 1]?.chainHash ?? "", index, path)).toBe(false);
      expect(proves(leaf, index - 1, path)).toBe(false);
      expect(proves(leaf, index, path.slice(1))).toBe(false);
      expect(proves(leaf, index, [...path, sha256("more")])).toBe(false);
    }
  });

  test("concurrent twins under one key are one entry and one answer", ({ expect }) => {
    expect(repeats.length).toBeGreaterThan(CLIENTS);
    for (const { first, second } of repeats) expect(second).toEqual(first);
  });

  test("who read meanwhile saw only prefixes of the ledger, each verified", ({ expect }) => {
    const { ledger, verifierKey, origin } = audited;
    expect(observed.length).toBeGreaterThan(3);
    let size = 0;
    for (const { checkpoint, head, verdict } of observed) {
      const seen = openCheckpoint(checkpoint, verifierKey, origin);
      expect(seen.rootHash).toBe(ledger.rootAt(seen.size));
      expect(seen.size).toBeGreaterThanOrEqual(size);
      size = seen.size;
      expect(head["root_hash"]).toBe(ledger.rootAt(numberIn(head, "size")));
      expect(head["chain_hash"]).toBe(ledger.entries[numberIn(head, "size") - 1]?.chainHash);
      expect(verdict).toMatchObject({ findings: [], broken_at: null });
      expect(verdict["valid"]).not.toBe(false);
      expect(verdict["root_hash"]).toBe(ledger.rootAt(numberIn(verdict, "size")));
    }
  });

  test("the independent check refuses the same lines with one part changed", async ({ expect }) => {
    const text = await getText(server.url, "/v1/ledger/entries?from=0&limit=20");
    const lines = text.trimEnd().split("\n");
    const check = (changed: readonly string[]) => () => {
      const ledger = new IndependentLedger(audited.ledger.name);
      for (const line of changed) ledger.add(line);
      return ledger.rootAt(changed.length);
    };
    expect(check(lines)()).toBe(audited.ledger.rootAt(lines.length));
    expect(check([...lines.slice(0, 5), ...lines.slice(6)])).toThrow(/entry 5/);
    expect(check([lines[1] ?? "", ...lines.slice(1)])).toThrow(/entry 0/);
    const probe = lines[7] ?? "";
    const line: JsonObject = JSON.parse(probe);
    const refused = (changed: string) =>
      expect(check([...lines.slice(0, 7), changed]), changed).toThrow(/entry 7/);
    for (const found of probe.matchAll(/[0-9a-f]{64}/g)) {
      const flipped = found[0].startsWith("0") ? `1${found[0].slice(1)}` : `0${found[0].slice(1)}`;
      refused(probe.slice(0, found.index) + flipped + probe.slice(found.index + 64));
    }
    refused(probe.replace(/"recorded_at/, '"recorded_by'));
    refused(` ${probe}`);
    refused(JSON.stringify({ ...line, more: 1 }));
    refused(JSON.stringify({ ...line, content: { ...objectIn(line, "content"), more: 1 } }));
  });
});
