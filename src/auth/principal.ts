/** Who is calling, as far as the credential tells; and why a credential was turned away. */
import { ALL_SCOPES, type Scope } from "./scope.ts";

export interface Principal {
  /** `actor` in entries: from the credential, never from the body (DESIGN §3). */
  readonly actor: string;
  readonly ledger: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Sees and makes keys of every ledger: the operator's LOOPGRID_ADMIN_KEY. */
  readonly everyLedger: boolean;
}

/** For the access log; the caller learns only that the credential is missing or not valid. */
export type Refusal = "missing" | "malformed" | "unknown" | "wrong" | "expired" | "revoked";

export type Authentication =
  | {
      readonly ok: true;
      readonly principal: Principal;
      /** Undefined for LOOPGRID_ADMIN_KEY; else when the key's last use was written down. */
      readonly lastUsedAt: string | null | undefined;
    }
  | {
      readonly ok: false;
      readonly reason: Refusal;
      /** The key whose secret was right (expired, revoked); nobody is named on a claim. */
      readonly holder: { readonly keyId: string; readonly ledger: string } | undefined;
    };

/** Open mode: no set-up, everybody may do everything. */
export function anybody(ledger: string): Principal {
  return { actor: "anonymous", ledger, scopes: ALL_SCOPES, everyLedger: true };
}

/** Holder of LOOPGRID_ADMIN_KEY. It could give itself any scope, so it has them. */
export function operator(ledger: string): Principal {
  return { actor: "admin", ledger, scopes: ALL_SCOPES, everyLedger: true };
}

/** Somebody who showed no credential where none is needed. */
export function nobody(ledger: string): Principal {
  return { actor: "anonymous", ledger, scopes: new Set(), everyLedger: false };
}
