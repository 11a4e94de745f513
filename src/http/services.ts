/**
 * What the HTTP layer needs from the platform, passed in as one argument: routes never see a
 * binding, a Durable Object or a database.
 */
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import type { AuditReader } from "../ledger/audit.ts";
import type { Finding } from "../ledger/fault.ts";
import type { LedgerOperations } from "../ledger/operations.ts";
import type { LedgerReader } from "../ledger/read.ts";

/** Who is calling, as far as the credential tells. */
export interface Principal {
  /** `actor` in entries: from the credential, never from the body (DESIGN §3). */
  readonly actor: string;
  readonly ledger: string;
}

/** What a route does, and therefore what a credential must allow. */
export type Scope = "record" | "read" | "review" | "replay" | "export" | "erase" | "admin";

export interface LedgerService {
  readonly name: string;
  readonly origin: string;
  readonly reader: LedgerReader;
  readonly audit: AuditReader;
  readonly operations: LedgerOperations;
  append(request: AppendRequest): Promise<AppendOutcome>;
  status(): Promise<SequencerStatus>;
}

export interface Services {
  /** Open: anybody is `anonymous` in `main`. Required: no route but the public ones without a key. */
  readonly auth: "open" | "required";
  /** Origins that may call from a browser when credentials are required; open mode allows any. */
  readonly corsOrigins: readonly string[];
  /** Who holds this credential; undefined when it is missing or not valid. */
  authenticate(credential: string | undefined): Promise<Principal | undefined>;
  ledger(name: string): LedgerService;
  /** Resolves when storage answers; with what verification found last, if it found anything. */
  health(): Promise<{ readonly ledger: string; readonly finding: Finding } | undefined>;
  now(): Date;
  readonly random: (bytes: number) => Uint8Array;
  /** The API reference's script and style, served from here: nothing comes from third parties. */
  readonly docs: { readonly script: string; readonly style: string };
}
