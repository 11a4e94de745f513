/** The access log, for operators: not evidence, and bounded by its retention. */
import { z } from "zod";
import {
  ACCESS_LOG_DAYS,
  ACCESS_LOG_ROWS_MAX,
  type Access,
  type StoredAccess,
} from "../../auth/access-log.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { integerParam } from "../queries.ts";

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;

export const AccessAnswer = z
  .object({
    entries: z.array(
      z.object({
        at: z.string(),
        ledger: z.string().nullable(),
        actor: z.string().nullable().meta({ description: "A key's id, `admin`, or a share's id." }),
        action: z.enum(["read", "export", "share_created", "share_used", "refused"]),
        method: z.string(),
        route: z.string(),
        target: z.string().nullable(),
        status: z.int(),
        reason: z.string().nullable(),
        suppressed: z
          .int()
          .meta({ description: "Refusals before this one that were only counted." }),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: "AccessLog" });

const listAccess = endpoint(
  {
    method: "get",
    path: "/v1/access-log",
    scope: "admin",
    operationId: "listAccess",
    tag: "Keys",
    summary: "Who read content, exported, used a share or was refused; newest first",
    description: `Kept for ${ACCESS_LOG_DAYS} days and ${ACCESS_LOG_ROWS_MAX} rows. Refusals without a valid key belong to no ledger: LOOPGRID_ADMIN_KEY sees them.`,
    query: z.object({
      limit: integerParam(1, LIMIT_MAX)
        .optional()
        .meta({ type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT }),
      cursor: integerParam(1, Number.MAX_SAFE_INTEGER)
        .optional()
        .meta({ type: "integer", minimum: 1 }),
    }),
    answer: {
      description: "Accesses",
      content: { "application/json": { schema: AccessAnswer } },
    },
    problems: [422],
  },
  async ({ query: { limit = LIMIT_DEFAULT, cursor }, principal, services }) => {
    const ledger = principal.everyLedger ? undefined : principal.ledger;
    const rows = await services.accessLog.list(ledger, cursor, limit + 1);
    const shown = rows.slice(0, limit);
    return json({
      entries: shown.map(onTheWire),
      next_cursor: rows.length > limit ? String(shown.at(-1)?.id) : null,
    });
  },
);

/** Without its row's id, which is the cursor's business. */
function onTheWire({ at, ledger, actor, action, method, route, ...rest }: StoredAccess): Access {
  const { target, status, reason, suppressed } = rest;
  return { at, ledger, actor, action, method, route, target, status, reason, suppressed };
}

export const accessLogEndpoints: readonly Endpoint[] = [listAccess];
