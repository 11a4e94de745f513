/** Who looked: reads of content, exports, shares and refused attempts. Not evidence, bounded, listable. */

/** `share_used`'s actor is the share; `refused` names a key only where its secret was right. */
export type AccessAction = "read" | "export" | "share_created" | "share_used" | "refused";

export interface Access {
  readonly at: string;
  /** Null where nobody could tell. */
  readonly ledger: string | null;
  readonly actor: string | null;
  readonly action: AccessAction;
  readonly method: string;
  /** The route's pattern, `/v1/decisions/{decision_id}`: paths may hold anything. */
  readonly route: string;
  /** The id asked for, where it is one of ours. */
  readonly target: string | null;
  readonly status: number;
  /** Of a refusal: missing, malformed, unknown, wrong, expired, revoked, scope. */
  readonly reason: string | null;
  /** Refusals left out before this one: a flood is counted, not written. */
  readonly suppressed: number;
}

export interface StoredAccess extends Access {
  readonly id: number;
}

/** Days and rows after which the oldest go: a quarter is what an inquiry looks back on, and 100,000
 *  rows are some 30 MB of a database that holds 10 GB. */
export const ACCESS_LOG_DAYS = 90;
export const ACCESS_LOG_ROWS_MAX = 100_000;

export interface AccessLog {
  record(access: Access): Promise<void>;
  /** Newest first, ids below `before`; of every ledger, and of none, when none is given. */
  list(
    ledger: string | undefined,
    before: number | undefined,
    limit: number,
  ): Promise<readonly StoredAccess[]>;
}

/** Refusals written down by one isolate in a minute: anybody can cause them, so they are rationed. */
const REFUSALS_A_MINUTE = 60;
const MINUTE_MS = 60_000;

/** Rations refusals: undefined means leave it out; a number, how many were left out before. */
export class RefusalRation {
  #minute = 0;
  #written = 0;
  #suppressed = 0;

  take(nowMs: number): number | undefined {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#written = 0;
    }
    if (this.#written >= REFUSALS_A_MINUTE) {
      this.#suppressed++;
      return undefined;
    }
    this.#written++;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
