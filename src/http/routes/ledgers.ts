/**
 * Opening a ledger, DESIGN §2 "On start": the way on after a legitimate restore is a new ledger whose
 * first entry names the old one, never a second history of the same.
 */
import { z } from "zod";
import { draftEntry, type KeyedRequest } from "../../ledger/draft.ts";
import { LEDGER_NAME } from "../../ledger/limits.ts";
import {
  coveredBy,
  json,
  keyedFrom,
  landedAs,
  landedBefore,
  Receipt,
  receiptOf,
  ReceiptQuery,
  replayedHeader,
  type Landed,
} from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import type { LedgerService } from "../services.ts";

const Hex32 = z.string().regex(/^[0-9a-f]{64}$/, { error: "must be 64 lower-case hex characters" });

export const LedgerOpen = z
  .object({
    ledger: z
      .string()
      .regex(LEDGER_NAME, { error: "must be 1 to 63 of a-z, 0-9 and -, not beginning with -" }),
    continues: z
      .object({ origin: z.string().max(1024), size: z.int().nonnegative(), root_hash: Hex32 })
      .nullish()
      .meta({
        description: "The ledger this one goes on from: its last acknowledged size and root.",
      }),
    reason_code: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/, { error: "must be 1 to 64 of a-z, 0-9 and _" }),
  })
  .meta({
    id: "LedgerOpen",
    example: {
      ledger: "main-2",
      continues: { origin: "example.org/main", size: 812, root_hash: "00".repeat(32) },
      reason_code: "restored_from_backup",
    },
  });

const openLedger = endpoint(
  {
    method: "post",
    path: "/v1/ledgers",
    scope: "admin",
    operationId: "openLedger",
    tag: "Ledger",
    summary: "Begin a ledger with an entry that names the one it continues",
    query: ReceiptQuery,
    body: { schema: LedgerOpen, required: true },
    answer: {
      description: "The new ledger",
      content: {
        "application/json": {
          schema: z.object({ ledger: z.string(), origin: z.string(), receipt: Receipt }),
        },
      },
    },
    problems: [409, 413, 415, 422, 503],
  },
  async (call) => {
    const { body, query, services, principal } = call;
    if (!principal.everyLedger && body.ledger !== principal.ledger)
      throw new Problem(403, "Only the operator's own key opens other ledgers");
    const ledger = await services.ledger(body.ledger);
    const keyed = keyedFrom(call);
    const landed = (await landedBefore(ledger, keyed)) ?? (await open(call, ledger, keyed));
    const covered = await coveredBy(ledger, landed);
    const receipt = await receiptOf(ledger, 0, covered, query);
    return json({ ledger: ledger.name, origin: ledger.origin, receipt }, replayedHeader(landed));
  },
);

/** @throws Problem 409 when the ledger has entries */
async function open(
  { body, services, principal }: Call<unknown, unknown, z.infer<typeof LedgerOpen>>,
  ledger: LedgerService,
  keyed: KeyedRequest | undefined,
): Promise<Landed> {
  const draft = draftEntry(
    {
      kind: "ledger_opened",
      actor: principal.actor,
      facts: {
        reason_code: body.reason_code,
        ...(body.continues ? { continues: { ...body.continues } } : {}),
      },
      fields: {},
      keyed,
    },
    services.random,
  );
  const requestKey = keyed ? { requestKey: keyed.requestKey } : {};
  const outcome = await ledger.append({ drafts: [draft], onlyIfEmpty: true, ...requestKey });
  if (outcome.kind === "stale") throw new Problem(409, `Ledger ${ledger.name} has entries already`);
  return landedAs(ledger, outcome, keyed);
}

export const ledgersEndpoints: readonly Endpoint[] = [openLedger];
