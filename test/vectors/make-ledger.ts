/**
 * Makes the worked example of src/ledger/FORMAT.md: two entries with fixed salts, times and key;
 * test/unit/ledger/format-document.test.ts holds the document to it.
 */
import { appendDrafts, EMPTY_HEAD } from "../../src/ledger/append.ts";
import { formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { draftDecision, draftEntry } from "../../src/ledger/draft.ts";
import { entryLine } from "../../src/ledger/entry-line.ts";
import {
  formatVerifierKey,
  signNote,
  verifierKeyOf,
  type NoteSigner,
} from "../../src/ledger/note.ts";
import { fromBase64, fromUtf8, toHex } from "../../src/lib/bytes.ts";

const ORIGIN = "example.org/main";
/** PKCS#8 of the Ed25519 seed 00 01 … 1f: known to everybody, good for nothing else. */
const PKCS8 = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const AT_MS = Date.parse("2026-11-22T18:26:55.934Z");

/** Octets 00, 01, 02 …: what would be random. */
function counting(): (bytes: number) => Uint8Array {
  let next = 0;
  return (bytes) => Uint8Array.from({ length: bytes }, () => next++ % 256);
}

async function exampleSigner(): Promise<NoteSigner> {
  const pkcs8 = fromBase64(PKCS8)?.slice() ?? new Uint8Array();
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return {
    name: ORIGIN,
    publicKey: Uint8Array.from(Buffer.from(x, "base64url")),
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", key, message.slice())),
  };
}

export interface ExampleLedger {
  readonly verifierKey: string;
  readonly entries: readonly {
    readonly header: string;
    readonly chainHash: string;
    readonly line: string;
  }[];
  readonly contentHash: string | null;
  readonly rootHash: string;
  readonly checkpoint: string;
}

export async function exampleLedger(): Promise<ExampleLedger> {
  const random = counting();
  const signer = await exampleSigner();
  const decision = draftDecision(
    {
      service_name: "test-agent",
      decision_type: "customer_support_reply",
      input: { message: "I was charged twice" },
      model: { provider: "openai", name: "gpt-4" },
      output: { response: "Your account looks fine." },
    },
    "anonymous",
    random,
  );
  const first = appendDrafts("main", EMPTY_HEAD, [decision], AT_MS, random(6));
  const decisionId = first.entries[0]?.header.id ?? "";
  const flag = draftEntry(
    {
      kind: "decision_flagged",
      decisionId,
      actor: "anonymous",
      facts: {},
      fields: { reason: "The customer was right" },
    },
    random,
  );
  const second = appendDrafts("main", first.head, [flag], AT_MS + 1500, random(6));
  const entries = [...first.entries, ...second.entries].map(
    ({ header, headerText, chainHash, draft }) => ({
      header: headerText,
      chainHash,
      line: entryLine({
        index: header.index,
        header: headerText,
        chainHash,
        contentHash: null,
        fields: fromUtf8(draft.content),
      }),
    }),
  );
  const text = formatCheckpoint({
    origin: ORIGIN,
    size: 2,
    rootHash: second.rootHash,
    extensions: [],
  });
  return {
    verifierKey: formatVerifierKey(verifierKeyOf(ORIGIN, signer.publicKey)),
    entries,
    contentHash: decision.contentHash,
    rootHash: toHex(second.rootHash),
    checkpoint: await signNote(text, [signer]),
  };
}
