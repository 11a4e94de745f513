/** Files that verify themselves, DESIGN §5: the ledger export and a decision's evidence bundle. */
import { z } from "zod";
import { evidenceBundle } from "../../export/evidence.ts";
import { exportLedger } from "../../export/ledger-export.ts";
import { EXPORT_FORMAT } from "../../ledger/documents.ts";
import { keysIn } from "../../ledger/keys.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { recordExport } from "../export-record.ts";
import { invalid, Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import type { LedgerService } from "../services.ts";
import { streamResponse } from "../stream.ts";
import { tlogProofResponse } from "./proofs.ts";

const IndexParam = integerParam(0, Number.MAX_SAFE_INTEGER)
  .optional()
  .meta({ type: "integer", minimum: 0 });

const exportWholeLedger = endpoint(
  {
    method: "get",
    path: "/v1/export/ledger",
    scope: "export",
    access: { unlimited: true, logged: "export" },
    operationId: "exportLedger",
    tag: "Export",
    summary: "The ledger as a file that verifies itself",
    description:
      "NDJSON, `loopgrid-ledger/1`: a first line, one line each entry of [from, to), a closing line with the signed checkpoint. Resume with `from`: every range proves itself. Without its closing line a file is incomplete, and says so when verified.",
    query: z.object({ from: IndexParam, to: IndexParam }),
    answer: {
      description: "The export",
      content: { "application/x-ndjson": { schema: z.string() } },
    },
    problems: [404, 422],
  },
  async (call) => {
    const { query, ledger } = call;
    const [head, { keys }] = await Promise.all([ledger.reader.head(), ledger.status()]);
    if (head === undefined) throw new Problem(404, "The ledger holds no entries yet");
    const { from = 0, to = head.size } = query;
    if (to > head.size || to === 0) {
      throw invalid([{ path: "to", message: `must be from 1 to the ledger's size, ${head.size}` }]);
    }
    if (from > to) throw invalid([{ path: "from", message: `must not be beyond \`to\`, ${to}` }]);
    await recordExport(call, { format: EXPORT_FORMAT, from, to }, {});
    const source = {
      origin: ledger.origin,
      verifierKeys: keysIn(keys),
      reader: ledger.reader,
    };
    return streamResponse(exportLedger(source, { from, to }), {
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": `attachment; filename="${ledger.name}-${from}-${to}.loopgrid.ndjson"`,
    });
  },
);

const getEvidence = endpoint(
  {
    method: "get",
    path: "/v1/decisions/{decision_id}/evidence",
    scope: "export",
    access: { unlimited: true, logged: "export" },
    operationId: "getDecisionEvidence",
    tag: "Export",
    summary: "A decision as a file that verifies itself",
    description:
      "`loopgrid-evidence/1`: every entry about the decision, each with an inclusion proof to one signed checkpoint. It cannot prove that nothing was left out; only a ledger export can. `format=tlog-proof` answers the recording entry alone as C2SP tlog-proof@v1.",
    params: z.object({ decision_id: z.string() }),
    query: z.object({
      format: z
        .enum(["bundle", "tlog-proof"], { error: "must be bundle or tlog-proof" })
        .optional(),
    }),
    answer: {
      description: "The bundle",
      content: { "application/json": { schema: z.string() }, "text/plain": { schema: z.string() } },
    },
    problems: [404, 422],
  },
  ({ params: { decision_id }, query, ledger }) =>
    evidenceResponse(ledger, decision_id, query.format),
);

/** @throws Problem 404 */
export async function evidenceResponse(
  ledger: LedgerService,
  decisionId: string,
  format: "bundle" | "tlog-proof" = "bundle",
): Promise<Response> {
  const { reader } = ledger;
  const [head, indexes, { keys }] = await Promise.all([
    reader.head(),
    reader.evidenceIndexes(decisionId),
    ledger.status(),
  ]);
  const [first] = indexes;
  if (head === undefined || first === undefined)
    throw new Problem(404, `Decision ${decisionId} not found`);
  if (format === "tlog-proof") return tlogProofResponse(reader, first, head.size);
  const source = { origin: ledger.origin, verifierKeys: keysIn(keys), reader };
  const covered = indexes.filter((index) => index < head.size); // the head was read first
  return streamResponse(evidenceBundle(source, covered, head), {
    "Content-Type": "application/json",
    "Content-Disposition": `attachment; filename="${decisionId}.evidence.json"`,
  });
}

export const evidenceEndpoints: readonly Endpoint[] = [exportWholeLedger, getEvidence];
