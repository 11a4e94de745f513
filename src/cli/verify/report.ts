/**
 * An issued compliance report, checked offline: its hash is the one in the ledger's entry, and that
 * entry is in a tree that a trusted key signed. That the numbers follow from the ledger takes an export
 * of it, and is said to.
 */
import { z } from "zod";
import { reportHash } from "../../compliance/report-hash.ts";
import { chainHashOf, decodeHeader } from "../../ledger/entry.ts";
import type { Finding } from "../../ledger/fault.ts";
import type { VerifierKey } from "../../ledger/note.ts";
import { formatTlogProof } from "../../ledger/tlog-proof.ts";
import { statusFrom, type Verdict } from "../../ledger/verdict.ts";
import { verifyProofFile } from "../../ledger/verify-note.ts";
import { fromHex, toHex, utf8 } from "../../lib/bytes.ts";
import { isObject, type JsonObject, type JsonValue } from "../../lib/json.ts";

const FORMAT = "loopgrid-report/1.0";

/** Strict where the report's hash does not reach: nobody adds words that look issued. */
const Issued = z.object({
  report_type: z.string(),
  report_id: z.string(),
  verification: z.object({ report_hash: z.string() }),
  issued: z.strictObject({
    header: z.string(),
    chain_hash: z.string(),
    receipt: z.strictObject({
      ledger: z.string(),
      index: z.int().nonnegative(),
      size: z.int().positive(),
      root_hash: z.string(),
      checkpoint: z.string(),
      proof: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
    }),
  }),
});

const LIMITS = [
  "shows that this report is the one that was issued; that its numbers follow from the ledger takes an export, from which they can be counted again",
];

/** The report in a file, or undefined when it holds something else. */
export function reportIn(text: string): JsonObject | undefined {
  try {
    const parsed: JsonValue = JSON.parse(text);
    return isObject(parsed) && typeof parsed["report_type"] === "string" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export async function verifyReport(
  report: JsonObject,
  trusted: readonly VerifierKey[],
): Promise<Verdict> {
  const parsed = Issued.safeParse(report);
  if (!parsed.success)
    return unproven(
      "it is a preview, or its place in the ledger was cut off or added to: only a report as it was issued can be checked",
    );
  const { report_id, issued, verification } = parsed.data;
  const { index, checkpoint, proof } = issued.receipt;
  const text = formatTlogProof({
    index,
    checkpoint,
    proof: proof.flatMap((hex) => fromHex(hex) ?? []),
    extra: utf8(issued.header),
  });
  const proven = await verifyProofFile(text, trusted, undefined);
  const header = decodeHeader(issued.header);
  const findings = [...proven.findings];
  const expect = (holds: boolean, message: string): void => {
    if (holds) return;
    const finding: Finding = { index, decisionId: null, fault: "content_mismatch", message };
    findings.push(finding);
  };
  expect(header?.kind === "report_issued", "the entry is no report_issued entry");
  expect(header?.index === index, "the entry stands at another index than the receipt says");
  expect(header?.id === report_id, "the entry issued another report");
  expect(
    issued.chain_hash === toHex(chainHashOf(issued.header)),
    "the report names another chain hash than its entry has",
  );
  expect(
    issued.receipt.ledger === header?.ledger,
    "the receipt names another ledger than the entry",
  );
  expect(
    proven.size === null ||
      (issued.receipt.size === proven.size && issued.receipt.root_hash === proven.rootHash),
    "the receipt names another size or root hash than its checkpoint",
  );
  expect(
    verification.report_hash === header?.facts["report_hash"],
    "the report names another hash than its entry",
  );
  expect(
    header?.facts["report_hash"] === reportHash(report),
    "the report is not the one whose hash is in the ledger",
  );
  return {
    ...proven,
    format: FORMAT,
    findings,
    status: statusFrom(findings, proven.unproven),
    limits: LIMITS,
  };
}

function unproven(reason: string): Verdict {
  return {
    status: "unproven",
    format: FORMAT,
    origin: null,
    size: null,
    rootHash: null,
    entries: 0,
    erased: 0,
    findings: [],
    unproven: [reason],
    limits: LIMITS,
  };
}
