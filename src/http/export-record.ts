/**
 * That a copy was taken is itself in the ledger (`export_issued`), where credentials tell who took
 * it. A ledger that takes no appends can still be exported: it is then that people need their copy.
 */
import type { Principal } from "../auth/principal.ts";
import { draftEntry } from "../ledger/draft.ts";
import type { JsonObject } from "../lib/json.ts";
import { append } from "./answers.ts";
import type { LedgerService, Services } from "./services.ts";

interface ExportCall {
  readonly request: Request;
  readonly services: Services;
  readonly ledger: LedgerService;
  readonly principal: Principal;
}

/** @param filter what was asked for; content, because it may name people */
export async function recordExport(
  { request, services, ledger, principal }: ExportCall,
  facts: JsonObject,
  filter: JsonObject,
): Promise<void> {
  if (services.auth === "open" || request.method === "HEAD") return;
  const fields = Object.keys(filter).length === 0 ? {} : { filter };
  const draft = draftEntry(
    { kind: "export_issued", actor: principal.actor, facts, fields },
    services.random,
  );
  const outcome = await append(ledger, [draft], undefined);
  if (outcome.kind !== "appended")
    console.error(`an export of ${ledger.name} is not in the ledger: ${outcome.kind}`);
}
