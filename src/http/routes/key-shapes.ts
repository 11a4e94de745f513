/** Shapes of API keys on the wire. */
import { z } from "zod";
import { Scope, SCOPES } from "../../auth/scope.ts";
import { LEDGER_NAME } from "../../ledger/limits.ts";
import { Receipt } from "../answers.ts";

const NAME_LENGTH_MAX = 200;
/** A month to bring a new key to where the old one is used. */
const OVERLAP_S_MAX = 30 * 86_400;

const ExpiresAt = z.iso
  .datetime({ offset: true, error: "must be an RFC 3339 time such as 2027-01-31T00:00:00Z" })
  .nullish()
  .meta({ type: ["string", "null"], format: "date-time", description: "null: never" });

export const KeyCreate = z
  .object({
    name: z
      .string()
      .min(1, { error: "must not be empty" })
      .max(NAME_LENGTH_MAX, { error: `must be at most ${NAME_LENGTH_MAX} characters` }),
    scopes: z.array(Scope).min(1, { error: `must name at least one of ${SCOPES.join(", ")}` }),
    ledger: z
      .string()
      .regex(LEDGER_NAME, { error: "must be 1 to 63 of a-z, 0-9 and -, not beginning with -" })
      .nullish(),
    expires_at: ExpiresAt,
  })
  .meta({ id: "KeyCreate", example: { name: "support-agent", scopes: ["record", "read"] } });

export const KeyRotate = z
  .object({
    overlap_seconds: z.int().min(0).max(OVERLAP_S_MAX).nullish(),
    expires_at: ExpiresAt,
  })
  .nullish()
  .meta({ id: "KeyRotate", example: { overlap_seconds: 3600 } });

const Key = z.object({
  key_id: z.string(),
  name: z.string(),
  scopes: z.array(Scope),
  ledger: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
});

export const NewKey = Key.extend({
  key: z.string().optional().meta({
    description: "The credential, shown once: a repeated request answers without it.",
  }),
  receipt: Receipt,
}).meta({ id: "NewKey" });

export const ListedKey = Key.extend({
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  rotated_to: z.string().nullable(),
}).meta({ id: "Key" });
