/**
 * API keys, made, listed, revoked and replaced by whoever holds the scope `admin`. Every change is an
 * `api_key_changed` entry of the key's ledger. A new key works only once its entry is committed; a
 * revoked one stops before its entry is, because a leak must end also while the ledger takes no
 * appends.
 */
import { z } from "zod";
import { revokedEntry, type ApiKeyRecord } from "../../auth/key-record.ts";
import type { Principal } from "../../auth/principal.ts";
import { sortedScopes } from "../../auth/scope.ts";
import { draftEntry } from "../../ledger/draft.ts";
import { json, keyedFrom, land, landedBefore, ReceiptQuery, replayedHeader } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { makeKey, wireKey } from "../make-key.ts";
import { invalid, Problem } from "../problem.ts";
import { integerParam } from "../queries.ts";
import type { Services } from "../services.ts";
import { KeyCreate, KeyRotate, ListedKey, NewKey } from "./key-shapes.ts";

const KEYS_MAX = 1000;
/** A day to bring a new key to where the old one is used. */
const OVERLAP_S_DEFAULT = 86_400;

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
    const ledger = await services.ledger(ledgerName);
    return makeKey({ ...call, ledger }, () => ({
      name: body.name,
      scopes: sortedScopes(body.scopes),
      expiresAt: futureTime(body.expires_at, services.now()),
    }));
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
    return makeKey({ ...call, ledger }, () => {
      const now = services.now();
      requireReplaceable(old, now);
      const overlapMs = 1000 * (body?.overlap_seconds ?? OVERLAP_S_DEFAULT);
      const ends = new Date(now.getTime() + overlapMs).toISOString();
      return {
        name: old.name,
        scopes: old.scopes,
        expiresAt:
          body?.expires_at === undefined ? old.expiresAt : futureTime(body.expires_at, now),
        replaces: {
          keyId: old.keyId,
          expiresAt: old.expiresAt !== null && old.expiresAt < ends ? old.expiresAt : ends,
        },
      };
    });
  },
);

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

/** @throws Problem 409 */
function requireReplaceable({ keyId, revokedAt, rotatedTo, expiresAt }: ApiKeyRecord, now: Date) {
  if (revokedAt !== null) throw new Problem(409, `Key ${keyId} is revoked`);
  if (rotatedTo !== null) throw new Problem(409, `Key ${keyId} was replaced by ${rotatedTo}`);
  if (expiresAt !== null && Date.parse(expiresAt) <= now.getTime())
    throw new Problem(409, `Key ${keyId} has expired`);
}

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

export const keyEndpoints: readonly Endpoint[] = [createKey, listKeys, revokeKey, rotateKey];
