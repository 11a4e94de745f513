/** Making an API key, for a new one and for one that replaces another. */
import { API_KEY_RANDOM_BYTES, credentialHash, mintApiKey } from "../auth/api-key.ts";
import {
  createdEntry,
  recordFrom,
  type ApiKeyRecord,
  type Replacement,
} from "../auth/key-record.ts";
import type { Principal } from "../auth/principal.ts";
import { draftEntry } from "../ledger/draft.ts";
import { toHex } from "../lib/bytes.ts";
import { json } from "./answers.ts";
import { appendOnce, type AppendingCall } from "./append-once.ts";
import { Problem } from "./problem.ts";
import type { Services } from "./services.ts";

export interface WantedKey extends Pick<ApiKeyRecord, "name" | "scopes" | "expiresAt"> {
  readonly replaces?: Replacement;
}

/** `ledger` is the key's. */
export interface MakingCall extends AppendingCall {
  readonly principal: Principal;
  readonly services: Services;
}

/**
 * The entry first, then the row that makes the key usable: a crash in between leaves a key that the
 * ledger knows and nobody has. The same request with the same Idempotency-Key then writes the row
 * from the entry, and answers without the key.
 * @param want what to make; not asked when the request was answered before
 */
export async function makeKey(call: MakingCall, want: () => WantedKey): Promise<Response> {
  const { principal, services, ledger } = call;
  let minted: { readonly keyId: string; readonly key: string } | undefined;
  const appended = await appendOnce(call, async (keyed) => {
    const { replaces, ...wanted } = want();
    minted = mintApiKey(services.now().getTime(), services.random(API_KEY_RANDOM_BYTES));
    const keySha256 = toHex(credentialHash(minted.key));
    const entry = createdEntry({ ...wanted, keyId: minted.keyId, keySha256 }, replaces);
    return [draftEntry({ ...entry, actor: principal.actor, keyed }, services.random)];
  });
  const [stored] = appended ? await ledger.reader.entriesAt([appended.index]) : [];
  const made = stored && recordFrom(stored);
  if (appended === undefined || made === undefined) throw new Problem(500, "no key was made");
  const { record, replaces } = made;
  await services.keys.add(record, replaces);
  // A twin of this request may have made another one: then ours is nobody's.
  const shown = minted?.keyId === record.keyId ? { key: minted.key } : {};
  const body = {
    ...wireKey(record),
    ...shown,
    ...(replaces && { replaces: replaces.keyId, replaced_expires_at: replaces.expiresAt }),
    receipt: appended.receipt,
  };
  return json(body, { "Cache-Control": "no-store", ...appended.headers });
}

export function wireKey({ keyId, name, scopes, ledger, createdAt, expiresAt }: ApiKeyRecord) {
  return {
    key_id: keyId,
    name,
    scopes,
    ledger,
    created_at: createdAt,
    expires_at: expiresAt,
  };
}
