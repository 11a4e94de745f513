/** Verification over HTTP, CONTRACT "Integrity". */
import { z } from "zod";
import { FAULTS } from "../../ledger/fault.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { verifyIntegrity } from "../integrity.ts";
import { invalid } from "../problem.ts";
import { integerParam } from "../queries.ts";

const LegacyIntegrity = z.object({
  valid: z.boolean().nullable(),
  total: z.int(),
  broken_at: z.string().nullable(),
  message: z.string(),
});

export const IntegrityAnswer = LegacyIntegrity.extend({
  integrity: LegacyIntegrity,
  service_filter: z.string().nullable(),
  entries: z.int(),
  size: z.int(),
  root_hash: z.string().nullable(),
  erased: z.int(),
  complete: z.boolean(),
  checked: z.object({ from: z.int(), to: z.int() }),
  next_cursor: z.string().nullable(),
  findings: z.array(
    z.object({
      index: z.int().nullable(),
      decision_id: z.string().nullable(),
      fault: z.enum(FAULTS),
      message: z.string(),
    }),
  ),
}).meta({ id: "Integrity" });

const IndexParam = integerParam(0, Number.MAX_SAFE_INTEGER)
  .optional()
  .meta({ type: "integer", minimum: 0 });

const verify = endpoint(
  {
    method: "get",
    path: "/v1/integrity/verify",
    scope: "read",
    access: { unlimited: true },
    operationId: "verifyIntegrity",
    tag: "Integrity",
    summary: "Recompute the ledger from its stored octets",
    description:
      "`valid` is true when everything up to the head was checked, false with findings, null when this call did not get that far: go on with `from=<next_cursor>`. `service_name` narrows `total`, never the check.",
    query: z.object({
      service_name: z.string().optional(),
      from: IndexParam,
      to: IndexParam,
      cursor: IndexParam,
    }),
    answer: {
      description: "The verdict",
      content: { "application/json": { schema: IntegrityAnswer } },
    },
    problems: [422],
  },
  async ({ query, ledger, services }) => {
    const { service_name, to } = query;
    const from = query.cursor ?? query.from;
    if (from !== undefined && to !== undefined && from > to) {
      throw invalid([{ path: "from", message: "must not be beyond `to`" }]);
    }
    const { valid, total, broken_at, message, ...rest } = await verifyIntegrity(ledger, services, {
      serviceName: service_name,
      from,
      to,
    });
    const four = { valid, total, broken_at, message };
    return json({
      integrity: four,
      service_filter: service_name ?? null,
      ...four,
      ...rest,
    });
  },
);

export const integrityEndpoints: readonly Endpoint[] = [verify];
