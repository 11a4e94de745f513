/**
 * A bit flipped anywhere in a file that verifies itself is never "verified" (issue 3): it is tampered
 * with, or unreadable and so unproven. One bit of every octet, a different one from octet to octet,
 * or with LOOPGRID_ALL_BITS=1 every bit (a minute more), of files that hold something of everything: erasures within and behind a range, keyed requests, unicode, awkward numbers, an edge,
 * a consistency proof, a checkpoint that two keys signed.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { VerdictStatus } from "../../../src/ledger/verdict.ts";
import { verifyEvidence } from "../../../src/ledger/verify-evidence.ts";
import { ExportVerifier } from "../../../src/ledger/verify-export.ts";
import {
  appended,
  appendedOne,
  erasure,
  evidenceText,
  exportText,
} from "../../support/proof-files.ts";
import {
  decisions,
  flag,
  ORIGIN,
  signer,
  synchronousSigner,
  TestLedger,
} from "../../support/test-ledger.ts";

const newSigner = await synchronousSigner(ORIGIN, 8);
const trusted = [newSigner.key];

const allBits = process.env["LOOPGRID_ALL_BITS"] === "1";
const texts = new Map<string, string>();

beforeAll(async () => {
  const ledger = new TestLedger(1);
  const { random } = ledger;
  const input = { "caf\u00e9 \ud83d\ude00": [1e21, 1e-7, -0.1, "\n"] };
  const bare = { model: {}, output: {} };
  const story = await appendedOne(
    ledger,
    decisions(random, { key: "k", decision: { ...bare, input } }),
  );
  await appended(ledger, flag(random, story.id, "personal"));
  // The change of key is entry 2; its checkpoint, of size 4, carries both signatures.
  ledger.keys = async () => ({ signer: newSigner, others: [signer] });
  ledger.evict();
  await appended(ledger, erasure(ledger, story.id, [{ index: 1, fields: ["reason"] }], "case"));
  const keys = [newSigner.key, signer.key];
  texts.set("a whole export", await exportText(ledger, {}, { keys }));
  texts.set("a range with a later erasure", await exportText(ledger, { from: 1, to: 3 }, { keys }));
  texts.set("an evidence bundle", await evidenceText(ledger, story.id, { keys }));
  rememberSignatures();
});

afterAll(() => {
  vi.restoreAllMocks();
});

/** Nearly all flips leave the note alone: the same signature over the same text is verified once. */
function rememberSignatures(): void {
  const { subtle } = crypto;
  const real = subtle.verify.bind(subtle);
  const known = new Map<string, Promise<boolean>>();
  vi.spyOn(subtle, "verify").mockImplementation((algorithm, key, signature, data) => {
    if (!(signature instanceof Uint8Array) || !(data instanceof Uint8Array)) throw new TypeError();
    const name = `${keyNames.get(key)} ${signature.join()} ${data.join()}`;
    const outcome = known.get(name) ?? real(algorithm, key, signature, data);
    known.set(name, outcome);
    return outcome;
  });
  const importKey = subtle.importKey.bind(subtle);
  const keyNames = new Map<CryptoKey, string>();
  const keys = new Map<string, CryptoKey>();
  const importRaw = async (octets: Uint8Array<ArrayBuffer>): Promise<CryptoKey> => {
    const name = octets.join();
    const key = keys.get(name) ?? (await importKey("raw", octets, "Ed25519", false, ["verify"]));
    keys.set(name, key);
    keyNames.set(key, name);
    return key;
  };
  vi.spyOn(subtle, "importKey").mockImplementation((_, octets: unknown) =>
    octets instanceof Uint8Array ? importRaw(octets.slice()) : Promise.reject(new TypeError()),
  );
}

async function statusOf(octets: Uint8Array): Promise<VerdictStatus> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return "unproven"; // as the command line says of what is not UTF-8
  }
  if (text.startsWith('{"checkpoint"')) return (await verifyEvidence(text, trusted)).status;
  const verifier = new ExportVerifier(trusted);
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const line of lines) verifier.line(line);
  return (await verifier.finish()).status;
}

test.for(["a whole export", "a range with a later erasure", "an evidence bundle"])(
  "in %s",
  { timeout: 120_000 },
  async (name) => {
    const octets = new TextEncoder().encode(texts.get(name));
    expect(await statusOf(octets)).toBe("verified");
    const counts: Record<VerdictStatus, number> = { verified: 0, tampered: 0, unproven: 0 };
    const unseen: string[] = [];
    for (const [at, octet] of octets.entries()) {
      for (const bit of allBits ? [0, 1, 2, 3, 4, 5, 6, 7] : [(at * 5 + (at >> 3)) % 8]) {
        octets[at] = octet ^ (1 << bit);
        const status = await statusOf(octets);
        counts[status]++;
        if (status === "verified") unseen.push(`bit ${bit} of octet ${at}`);
      }
      octets[at] = octet;
    }
    expect(unseen).toEqual([]);
    expect(counts.tampered + counts.unproven).toBe((allBits ? 8 : 1) * octets.length);
    // Most flips leave a readable file: then the verdict has to be the harder one.
    expect(counts.tampered).toBeGreaterThan(counts.unproven);
    console.log(`${name}, ${octets.length} octets: ${JSON.stringify(counts)}`);
  },
);
