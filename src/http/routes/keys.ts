/**
 * API keys, made, listed, revoked and replaced by whoever holds the scope `admin`. Every change is an
 * `api_key_changed` entry of the key's ledger. A new key works only once its entry is committed; a
 * revoked one stops before its entry is, because a leak must end also while the ledger takes no
 * appends.
 */
import { z } from "zod";
import { API_KEY_RANDOM_BYTES, credentialHash, mintApiKey } from "../../auth/api-key.ts";
import {
  createdEntry,
  recordFrom,
  revokedEntry,
  type ApiKeyRecord,
  type Replacement,
} from "../../auth/key-record.ts";
import type { Principal } from "../../auth/principal.ts";
import { Scope, SCOPES, sortedScopes } from "../../auth/scope.ts";
import { draftEntry } from "../../ledger/draft.ts";
import { LEDGER_NAME } from "../../ledger/limits.ts";
import { toHex } from "../../lib/bytes.ts";
import {
  coveredBy,
  json,
  keyedFrom,
  land,
  landedBefore,
  Receipt,
  receiptOf,
  ReceiptQuery,
  replayedHeader,
  type Landed,
} from "../answers.ts";
import { endpoint, type Call, type Endpoint } from "../endpoint.ts";
import { invalid, Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import type { LedgerService, Services } from "../services.ts";

const NAME_LENGTH_MAX = 200;
const KEYS_MAX = 1000;
/** A day to bring a new key to where the old one is used; a month at most. */
const OVERLAP_S_DEFAULT = 86_400;
const OVERLAP_S_MAX = 30 * 86_400;

const ExpiresAt = z.iso
  .datetime({ offset: true, error: "must be an RFC 3339 time such as 2027-01-31T00:00:00Z" })
  .nullish()
  .meta({ type: ["string", "null"], format: "date-time", description: "null: never" });

const KeyCreate = z
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

const KeyRotate = z
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

const NewKey = Key.extend({
  key: z.string().optional().meta({
    description: "The credential, shown once: a repeated request answers without it.",
  }),
  receipt: Receipt,
}).meta({ id: "NewKey" });

const ListedKey = Key.extend({
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  rotated_to: z.string().nullable(),
}).meta({ id: "Key" });

const KeyParams = z.object({ key_id: z.string() });

const answer = (description: string, schema: z.ZodType) => ({
  description,
  content: { "application/json": { schema } },
});

const createKey = endpoint(
  {
    method: "post",
    path: "/v1/keys",
    scope: "admin",
    keyed: true,
    operationId: "createKey",
    tag: "Keys",
    summary: "Make a key",
    description:
      "The key is shown once and stored as a hash alone. Keys of other ledgers are made with LOOPGRID_ADMIN_KEY.",
    query: ReceiptQuery,
    body: { schema: KeyCreate, required: true },
    answer: answer("The key", NewKey),
    problems: [413, 415, 422, 503],
  },
  async (call) => {
    const { body, principal, services } = call;
    const ledgerName = body.ledger ?? principal.ledger;
    if (!mayManage(principal, ledgerName))
      throw new Problem(403, `This key manages the keys of ${principal.ledger} alone`);
    const expiresAt = futureTime(body.expires_at, services.now());
    const ledger = await services.ledger(ledgerName);
    return makeKey(call, ledger, { name: body.name, scopes: sortedScopes(body.scopes), expiresAt });
  },
);

const rotateKey = endpoint(
  {
    method: "post",
    path: "/v1/keys/{key_id}/rotate",
    scope: "admin",
    keyed: true,
    operationId: "rotateKey",
    tag: "Keys",
    summary: "Replace a key, with an overlap",
    description:
      "The new key has the old one's name and scopes, and its expiry unless another is given. The old key works for `overlap_seconds` more (a day unless said otherwise).",
    params: KeyParams,
    query: ReceiptQuery,
    body: { schema: KeyRotate, required: false },
    answer: answer(
      "The new key",
      NewKey.extend({ replaces: z.string(), replaced_expires_at: z.string() }),
    ),
    problems: [404, 409, 413, 415, 422, 503],
  },
  async (call) => {
    const { params, body, services } = call;
    const old = await existingKey(call, params.key_id);
    const ledger = await services.ledger(old.ledger);
    const now = services.now();
    const overlapMs = 1000 * (body?.overlap_seconds ?? OVERLAP_S_DEFAULT);
    const ends = new Date(now.getTime() + overlapMs).toISOString();
    const replaces: Replacement = {
      keyId: old.keyId,
      expiresAt: old.expiresAt !== null && old.expiresAt < ends ? old.expiresAt : ends,
    };
    const expiresAt =
      body?.expires_at === undefined ? old.expiresAt : futureTime(body.expires_at, now);
    return makeKey(
      call,
      ledger,
      { name: old.name, scopes: old.scopes, expiresAt },
      replaces,
      () => {
        if (old.revokedAt !== null) throw new Problem(409, `Key ${old.keyId} is revoked`);
        if (old.rotatedTo !== null)
          throw new Problem(409, `Key ${old.keyId} was replaced by ${old.rotatedTo}`);
        if (old.expiresAt !== null && Date.parse(old.expiresAt) <= now.getTime())
          throw new Problem(409, `Key ${old.keyId} has expired`);
      },
    );
  },
);

type KeyCall = Pick<
  Call<unknown, z.infer<typeof ReceiptQuery>, unknown>,
  "request" | "path" | "sentBody" | "query" | "principal" | "services"
>;

/**
 * The entry first, then the row that makes the key usable: a crash in between leaves a key that the
 * ledger knows and nobody has. The same request with the same Idempotency-Key then writes the row
 * from the entry, and answers without the key.
 */
async function makeKey(
  call: KeyCall,
  ledger: LedgerService,
  wanted: Pick<ApiKeyRecord, "name" | "scopes" | "expiresAt">,
  replaces?: Replacement,
  check: () => void = () => {},
): Promise<Response> {
  const { principal, services, query } = call;
  const keyed = keyedFrom(call);
  let landed = await landedBefore(ledger, keyed);
  let shown: { key: string } | undefined;
  if (landed === undefined) {
    check();
    const random = services.random(API_KEY_RANDOM_BYTES);
    const { keyId, key } = mintApiKey(services.now().getTime(), random);
    const made = { ...wanted, keyId, keySha256: toHex(credentialHash(key)) };
    const entry = createdEntry(made, replaces);
    const draft = draftEntry({ ...entry, actor: principal.actor, keyed }, services.random);
    landed = await land(ledger, [draft], keyed);
    if (!landed.replayed) shown = { key };
  }
  const index = firstIndexOf(landed);
  const [stored] = await ledger.reader.entriesAt([index]);
  const created = stored && recordFrom(stored);
  if (created === undefined) throw new Problem(500, `entry ${index} made no key`);
  await services.keys.add(created.record, created.replaces);
  const body = {
    ...wireKey(created.record),
    ...shown,
    ...(created.replaces === undefined
      ? {}
      : {
          replaces: created.replaces.keyId,
          replaced_expires_at: created.replaces.expiresAt,
        }),
    receipt: await receiptOf(ledger, index, await coveredBy(ledger, landed), query),
  };
  return json(body, { "Cache-Control": "no-store", ...replayedHeader(landed) });
}

const listKeys = endpoint(
  {
    method: "get",
    path: "/v1/keys",
    scope: "admin",
    operationId: "listKeys",
    tag: "Keys",
    summary: "Keys, newest first; never the credentials",
    description: "Of the caller's ledger; LOOPGRID_ADMIN_KEY sees every ledger's.",
    query: z.object({
      limit: integerParam(1, KEYS_MAX)
        .optional()
        .meta({ type: "integer", minimum: 1, maximum: KEYS_MAX, default: KEYS_MAX }),
      cursor: z.string().optional(),
    }),
    answer: answer(
      "Keys",
      z.object({ keys: z.array(ListedKey), next_cursor: z.string().nullable() }),
    ),
    problems: [422],
  },
  async ({ query: { limit = KEYS_MAX, cursor }, principal, services }) => {
    const ledger = principal.everyLedger ? undefined : principal.ledger;
    const keys = await services.keys.list(ledger, cursor, limit + 1);
    const shown = keys.slice(0, limit);
    return json({
      keys: shown.map((key) => ({
        ...wireKey(key),
        last_used_at: key.lastUsedAt,
        revoked_at: key.revokedAt,
        rotated_to: key.rotatedTo,
      })),
      next_cursor: keys.length > limit ? (shown.at(-1)?.keyId ?? null) : null,
    });
  },
);

const revokeKey = endpoint(
  {
    method: "delete",
    path: "/v1/keys/{key_id}",
    scope: "admin",
    keyed: true,
    operationId: "revokeKey",
    tag: "Keys",
    summary: "Revoke a key",
    description:
      "The key stops here at once and everywhere within 30 seconds. A 503 says that it has stopped and the ledger does not say so yet: repeat the request.",
    params: KeyParams,
    answer: answer("When it ended", z.object({ key_id: z.string(), revoked_at: z.string() })),
    problems: [404, 422, 503],
  },
  async (call) => {
    const { params, principal, services } = call;
    const keyed = keyedFrom(call);
    const key = await existingKey(call, params.key_id);
    const ledger = await services.ledger(key.ledger);
    const before = await landedBefore(ledger, keyed);
    const revokedAt = key.revokedAt ?? services.now().toISOString();
    if (key.revokedAt === null) await services.keys.revoke(key.keyId, revokedAt);
    // A crash here, or a ledger that takes no appends: stopped, and recorded by the next try.
    if (!key.revocationRecorded) {
      if (before === undefined) {
        const entry = revokedEntry(key.keyId);
        const draft = draftEntry({ ...entry, actor: principal.actor, keyed }, services.random);
        await land(ledger, [draft], keyed);
      }
      await services.keys.revocationRecorded(key.keyId);
    }
    const headers = before === undefined ? {} : replayedHeader(before);
    return json({ key_id: key.keyId, revoked_at: revokedAt }, headers);
  },
);

/** A key of another ledger is not there, for whoever manages one ledger. */
async function existingKey(
  { principal, services }: { principal: Principal; services: Services },
  keyId: string,
): Promise<ApiKeyRecord> {
  const key = await services.keys.find(keyId);
  if (key === undefined || !mayManage(principal, key.ledger))
    throw new Problem(404, `Key ${keyId} not found`);
  return key;
}

function mayManage({ everyLedger, ledger }: Principal, ofLedger: string): boolean {
  return everyLedger || ledger === ofLedger;
}

function futureTime(text: string | null | undefined, now: Date): string | null {
  if (text === null || text === undefined) return null;
  const time = new Date(text);
  if (time <= now) throw invalid([{ path: "expires_at", message: "must be in the future" }]);
  return time.toISOString();
}

function firstIndexOf(landed: Landed): number {
  return landed.replayed ? landed.firstIndex : (landed.outcome.entries[0]?.index ?? 0);
}

function wireKey({ keyId, name, scopes, ledger, createdAt, expiresAt }: ApiKeyRecord) {
  return {
    key_id: keyId,
    name,
    scopes,
    ledger,
    created_at: createdAt,
    expires_at: expiresAt,
  };
}

export const keyEndpoints: readonly Endpoint[] = [createKey, listKeys, revokeKey, rotateKey];
