/**
 * What the HTTP layer needs from the platform, passed in as one argument: routes never see a
 * binding, a Durable Object or a database.
 */
import type { AccessLog, RefusalRation } from "../auth/access-log.ts";
import type { ApiKeyStore } from "../auth/key-record.ts";
import type { Authentication } from "../auth/principal.ts";
import type { AppendOutcome, AppendRequest, SequencerStatus } from "../ledger/sequencing.ts";
import type { AuditReader } from "../ledger/audit-port.ts";
import type { Finding } from "../ledger/fault.ts";
import type { LedgerOperations } from "../ledger/operations.ts";
import type { LedgerReader } from "../ledger/read.ts";
import type { LedgerRecords } from "../ledger/records-port.ts";
import type { TallyStore } from "../ledger/tally-port.ts";
import type { ProviderConnections } from "../replay/connections.ts";
import type { LedgerExperiments } from "../replay/experiments/port.ts";
import type { LedgerReplays } from "../replay/job.ts";
import type { RateLimits } from "./rate-limit.ts";

export interface LedgerService {
  readonly name: string;
  readonly origin: string;
  readonly reader: LedgerReader;
  readonly audit: AuditReader;
  readonly operations: LedgerOperations;
  readonly replays: LedgerReplays;
  readonly experiments: LedgerExperiments;
  readonly tallies: TallyStore;
  readonly records: LedgerRecords;
  append(request: AppendRequest): Promise<AppendOutcome>;
  status(): Promise<SequencerStatus>;
}

export interface Services {
  /** Open: anybody may do everything. Required: no route but the public ones without a key. */
  readonly auth: "open" | "required";
  /** Origins that may call from a browser when credentials are required; open mode allows any. */
  readonly corsOrigins: readonly string[];
  /** Where anybody acts in open mode, and the operator's own key. */
  readonly defaultLedger: string;
  /** Whether checkpoints, proofs, tiles and headers are for everybody. */
  readonly publicProofs: boolean;
  authenticate(credential: string | undefined): Promise<Authentication>;
  readonly keys: ApiKeyStore;
  /** Undefined: nothing is limited. */
  readonly limits: RateLimits | undefined;
  readonly accessLog: AccessLog;
  readonly refusals: RefusalRation;
  /** What share links are signed with. */
  shareSecret(): Promise<Uint8Array>;
  /** The ledger of this name, given a place to live at its first use. */
  ledger(name: string): Promise<LedgerService>;
  /** Whether a ledger of this name was ever used. */
  isLedger(name: string): Promise<boolean>;
  /** Work that goes on behind the answer; its failure is logged and nobody's error. */
  defer(work: Promise<unknown>): void;
  /** Resolves when storage answers; with what verification found last, if it found anything. */
  health(): Promise<{ readonly ledger: string; readonly finding: Finding } | undefined>;
  now(): Date;
  /** Who can be asked to answer a live replay. */
  readonly providers: ProviderConnections;
  readonly random: (bytes: number) => Uint8Array;
  /** The API reference's script and style, served from here: nothing comes from third parties. */
  readonly docs: { readonly script: string; readonly style: string };
}
