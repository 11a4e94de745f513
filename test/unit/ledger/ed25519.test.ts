import { expect, test, vi } from "vitest";
import { fromHex, utf8 } from "../../../src/lib/bytes.ts";
import { verifyEd25519 } from "../../../src/ledger/ed25519.ts";
import { testSigner } from "../../support/note-signer.ts";

const MESSAGE = utf8("message");
const signer = await testSigner("a", 1);
const signature = await signer.sign(MESSAGE);

function octets(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array();
}

test("RFC 8032's first test vector verifies", async () => {
  const key = octets("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const known = octets(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  expect(await verifyEd25519(key, known, new Uint8Array())).toBe(true);
  expect(await verifyEd25519(key, known, Uint8Array.of(0))).toBe(false);
});

test("points of low order are refused, whatever the platform says", async () => {
  // [S]B = R + [k]A holds for every message when R and A are the neutral element and S is 0.
  const neutral = Uint8Array.of(1, ...new Uint8Array(31));
  const otherSign = Uint8Array.of(...neutral.slice(0, 31), 0x80); // the same point, spelled otherwise
  const lenient = vi.spyOn(globalThis.crypto.subtle, "verify").mockResolvedValue(true);
  for (const point of [neutral, otherSign]) {
    const forged = Uint8Array.of(...point, ...signature.slice(32));
    expect(await verifyEd25519(point, signature, MESSAGE)).toBe(false);
    expect(await verifyEd25519(signer.publicKey, forged, MESSAGE)).toBe(false);
  }
  expect(await verifyEd25519(signer.publicKey, signature, MESSAGE)).toBe(true);
  expect(lenient).toHaveBeenCalledTimes(1);
  lenient.mockRestore();
});

test("S plus the group order is another spelling of a signature and is refused", async () => {
  const ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  const raised = signature.slice();
  let carry = ORDER;
  for (let i = 32; i < 64; i++) {
    const sum = BigInt(raised[i] ?? 0) + (carry & 0xffn);
    raised[i] = Number(sum & 0xffn);
    carry = (carry >> 8n) + (sum >> 8n);
  }
  expect(await verifyEd25519(signer.publicKey, signature, MESSAGE)).toBe(true);
  expect(await verifyEd25519(signer.publicKey, raised, MESSAGE)).toBe(false);
});

test("a signature of another length is refused without a throw", async () => {
  for (const length of [0, 1, 31, 32, 63, 65, 128]) {
    expect(await verifyEd25519(signer.publicKey, new Uint8Array(length).fill(9), MESSAGE)).toBe(
      false,
    );
  }
});
