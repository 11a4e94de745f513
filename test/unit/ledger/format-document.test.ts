/** src/ledger/FORMAT.md is what strangers write verifiers from: its worked example must be right. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exampleLedger } from "../../vectors/make-ledger.ts";

const document = readFileSync(new URL("../../../src/ledger/FORMAT.md", import.meta.url), "utf8");
const example = await exampleLedger();

describe("the worked example of the format document", () => {
  test.each([
    ["the verifier key", example.verifierKey],
    ["the first header", example.entries[0]?.header],
    ["the first chain hash", example.entries[0]?.chainHash],
    ["the content hash of 0.1", example.contentHash],
    ["the second entry line", example.entries[1]?.line],
    ["the root", example.rootHash],
    ["the signed checkpoint", example.checkpoint.trimEnd()],
  ])("shows %s as the code makes it", (_, made) => {
    expect(made).toBeTruthy();
    expect(document).toContain(`\n${made}\n`);
  });
});
