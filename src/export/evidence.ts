/**
 * The evidence bundle of one decision, DESIGN §5: every entry about it, each with an inclusion proof
 * to one signed checkpoint. It cannot prove that nothing was left out; only a ledger export can.
 * Pure over the reader; one RFC 8785 JSON text, streamed.
 */
import { canonicalize } from "../ledger/canonical-json.ts";
import { EVIDENCE_FORMAT } from "../ledger/documents.ts";
import { provenEntryLine } from "../ledger/entry-line.ts";
import { proveInclusion } from "../ledger/proof.ts";
import type { ExportSource } from "./ledger-export.ts";

/**
 * @param indexes of the entries about the decision, oldest first
 * @param checkpoint the signed note of `size`, which covers them all
 */
export async function* evidenceBundle(
  { origin, verifierKeys, reader }: ExportSource,
  indexes: readonly number[],
  { size, checkpoint }: { size: number; checkpoint: string },
): AsyncGenerator<string> {
  yield `{"checkpoint":${canonicalize(checkpoint)},"entries":[`;
  for (const [i, index] of indexes.entries()) {
    const [row] = await reader.entries(index, index + 1, 1);
    if (row === undefined) throw new Error(`entry ${index} cannot be read`);
    yield (i === 0 ? "" : ",") + provenEntryLine(row, await proveInclusion(index, size, reader));
  }
  yield `],"format":"${EVIDENCE_FORMAT}","origin":${canonicalize(origin)},"verifier_keys":${canonicalize([...verifierKeys])}}`;
}
