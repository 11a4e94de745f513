/**
 * The client. Every method of 0.1 is here under its name and with its arguments; what is newer is
 * grouped: `grid.decisions`, `grid.replays`, `grid.ledger`, `grid.exports`, …
 */
import { accessLog, Keys, Prices, providers, Shares } from "./admin.ts";
import { resolveConfig, type Fetch, type LoopGridOptions } from "./config.ts";
import { Decisions, pathOf } from "./decisions.ts";
import { Experiments } from "./experiments.ts";
import { Exports } from "./exports.ts";
import { Ledger } from "./ledger.ts";
import type { Counters } from "./delivery.ts";
import type { Recorder } from "./recording-fetch.ts";
import { Recording, type FunctionOptions, type RecordingOptions } from "./recording.ts";
import { onTheWire, queryOf } from "./naming.ts";
import { Records } from "./records.ts";
import { Replays } from "./replays.ts";
import { Reports } from "./reports.ts";
import { Transport, type AppendOptions, type CallOptions } from "./transport.ts";
import type { Receipted, TrustOptions, Verdict } from "./verify.ts";
import type {
  AccessLog,
  Compare,
  ComplianceReport,
  CorrectionParams,
  CreatedReplay,
  Decision,
  DecisionFilter,
  DecisionList,
  Integrity,
  Provider,
  RecordedDecision,
  Replay,
  ReplayParams,
  WriterGaps,
} from "./wire.ts";
import type { WrapOptions } from "./wrap.ts";
import { Writer, type DecisionParams } from "./writer.ts";

export interface Health {
  readonly status: "healthy" | "degraded";
  readonly version: string;
  readonly service: "loopgrid";
  /** What verification found, when degraded. */
  readonly finding?: unknown;
}

export interface IntegrityRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export class LoopGrid {
  readonly baseUrl: string;
  readonly serviceName: string;
  /** Of one attempt, in milliseconds; 0.1's name for it. */
  readonly timeout: number;
  readonly decisions: Decisions;
  readonly replays: Replays;
  readonly experiments: Experiments;
  readonly records: Records;
  readonly reports: Reports;
  readonly ledger: Ledger;
  readonly exports: Exports;
  readonly keys: Keys;
  readonly shares: Shares;
  readonly prices: Prices;
  readonly #transport: Transport;
  readonly #writer: Writer;
  readonly #recording: Recording;

  /** @throws TypeError when an option cannot be meant */
  constructor(options: LoopGridOptions & RecordingOptions = {}) {
    const config = resolveConfig(options);
    const transport = new Transport(config);
    const writer = new Writer(config.serviceName);
    this.baseUrl = config.baseUrl;
    this.serviceName = config.serviceName;
    this.timeout = config.timeoutMs;
    this.decisions = new Decisions(transport, writer);
    this.replays = new Replays(transport);
    this.experiments = new Experiments(transport);
    this.records = new Records(transport);
    this.reports = new Reports(transport);
    this.ledger = new Ledger(transport);
    this.exports = new Exports(transport);
    this.keys = new Keys(transport);
    this.shares = new Shares(transport);
    this.prices = new Prices(transport);
    this.#transport = transport;
    this.#writer = writer;
    this.#recording = new Recording(transport, writer, options);
  }

  /** In the records of this client, with a number that counts them. */
  get writerId(): string {
    return this.#writer.id;
  }

  /** Requests that had to be sent again. */
  get retries(): number {
    return this.#transport.retries;
  }

  /** Answers once the decision, and a signed checkpoint over it, are committed. */
  async recordDecision(
    decision: DecisionParams,
    options?: AppendOptions,
  ): Promise<RecordedDecision> {
    const body = this.#writer.body(decision, options?.idempotencyKey !== undefined);
    return this.#transport.append("/v1/decisions", body, options);
  }

  /** `recordDecision` by its short name: resolves with the receipt, or rejects. */
  record(decision: DecisionParams, options?: AppendOptions): Promise<RecordedDecision> {
    return this.recordDecision(decision, options);
  }

  /**
   * Records without making anybody wait: in batches, with backoff, and with `spoolDir` on disk until
   * it is acknowledged. `flush()` and `close()` tell what was not.
   * @returns false when there was no room for it: it is dropped, and counted
   */
  enqueue(decision: DecisionParams): boolean {
    return this.#recording.enqueue(decision);
  }

  /** Waits for all that was enqueued. @throws UndeliveredError when something was not acknowledged */
  async flush(options?: { readonly timeoutMs?: number }): Promise<void> {
    await this.#recording.flush(options);
  }

  /** The last flush. @throws UndeliveredError when something was not acknowledged */
  async close(options?: { readonly timeoutMs?: number }): Promise<void> {
    await this.#recording.close(options);
  }

  /** What became of enqueued records: enqueued + recovered = acknowledged + dropped + pending. */
  get counters(): Counters {
    return this.#recording.counters;
  }

  /**
   * A copy of an official `openai` or `@anthropic-ai/sdk` client that records every answer, whatever
   * method is called, streams at their end. The application sees what it would see without.
   * @throws TypeError for anything that cannot be given another `fetch`
   */
  wrap<Client>(client: Client, options: WrapOptions = {}): Client {
    return this.#recording.wrap(client, options);
  }

  /** A `fetch` that records calls to models, for every client that takes one as an option. */
  fetch(options: WrapOptions = {}, next?: Fetch): Fetch {
    return this.#recording.fetch(options, next ?? ((input, init) => fetch(input, init)));
  }

  /** What takes the calls that an adapter sees, such as loopgrid-edge/ai-sdk. */
  recorder(options: WrapOptions = {}): Recorder {
    return this.#recording.recorder(options);
  }

  /**
   * Records what a function decides: `const route = grid.decision("routing", async (ticket) => …)`.
   * The function's `this`, arguments and result are its own.
   */
  decision<Args extends unknown[], Result>(
    decisionType: string,
    decide: (...args: Args) => Result,
    options: FunctionOptions<Args, Awaited<Result>> = {},
  ): (...args: Args) => Result {
    return this.#recording.decision(decisionType, decide, options);
  }

  async getDecision(decisionId: string, options?: CallOptions): Promise<Decision> {
    return this.#transport.get(pathOf(decisionId), {}, options);
  }

  /** A page with a total, newest first. `decisions.all()` goes through all of them. */
  async listDecisions(
    filter: DecisionFilter & { readonly page?: number; readonly pageSize?: number } = {},
    options?: CallOptions,
  ): Promise<DecisionList> {
    const { page, pageSize, ...rest } = filter;
    const query = { ...queryOf(rest), page: page || 1, page_size: pageSize || 20 };
    return this.#transport.get("/v1/decisions", query, options);
  }

  async markIncorrect(
    decisionId: string,
    reason?: string | null,
    options?: AppendOptions,
  ): Promise<RecordedDecision> {
    const body = reason ? { reason } : {};
    return this.#transport.append(`${pathOf(decisionId)}/incorrect`, body, options);
  }

  /** What the output should have been. The original stays as it was. */
  async attachCorrection(
    { decisionId, ...correction }: CorrectionParams & { readonly decisionId: string },
    options?: AppendOptions,
  ): Promise<RecordedDecision> {
    const path = `${pathOf(decisionId)}/correction`;
    return this.#transport.append(path, onTheWire(correction), options);
  }

  async createReplay(replay: ReplayParams, options?: AppendOptions): Promise<CreatedReplay> {
    const body = { triggered_by: "sdk", ...onTheWire(replay) };
    return this.#transport.append("/v1/replays", body, options);
  }

  async getReplay(replayId: string, options?: CallOptions): Promise<Replay> {
    return this.#transport.get(`/v1/replays/${encodeURIComponent(replayId)}`, {}, options);
  }

  async compare(decisionId: string, replayId: string, options?: CallOptions): Promise<Compare> {
    const path = `${pathOf(decisionId)}/compare/${encodeURIComponent(replayId)}`;
    return this.#transport.get(path, {}, options);
  }

  /**
   * Recomputes the ledger from its stored octets. `valid` is null when one call did not get to the
   * head: go on with `from: Number(next_cursor)`.
   */
  async verifyIntegrity(
    serviceName?: string,
    range: IntegrityRange = {},
    options?: CallOptions,
  ): Promise<Integrity> {
    const query = { service_name: serviceName, ...range };
    return this.#transport.get("/v1/integrity/verify", query, options);
  }

  /** Which of the records that writers numbered are missing. */
  async gaps(
    filter: { readonly writerId?: string; readonly serviceName?: string } = {},
    options?: CallOptions,
  ): Promise<WriterGaps> {
    return this.#transport.get("/v1/integrity/gaps", queryOf({ ...filter }), options);
  }

  /**
   * Checks a receipt that was asked for with `receipt: "proof"`, here and without the server.
   * @param options.keys the ledger's public keys, had from somewhere else and kept
   */
  async verifyReceipt(recorded: Receipted, options: TrustOptions): Promise<Verdict> {
    const { verifyReceipt } = await import("./verify.ts");
    return verifyReceipt(recorded, options);
  }

  /** Checks the text of an evidence bundle, here and without the server. */
  async verifyEvidence(text: string, options: TrustOptions): Promise<Verdict> {
    const { verifyEvidence } = await import("./verify.ts");
    return verifyEvidence(text, options);
  }

  async complianceReport(serviceName?: string, options?: CallOptions): Promise<ComplianceReport> {
    const query = { service_name: serviceName };
    return this.#transport.get("/v1/compliance/report", query, options);
  }

  /** The same report as a page. */
  async complianceReportHtml(serviceName?: string, options?: CallOptions): Promise<string> {
    const query = { service_name: serviceName };
    return this.#transport.text("/v1/compliance/report/html", query, options);
  }

  async health(options?: CallOptions): Promise<Health> {
    return this.#transport.get("/health", {}, options);
  }

  /** Who can answer a live replay, and what each needs. */
  providers(options?: CallOptions): Promise<readonly Provider[]> {
    return providers(this.#transport, options);
  }

  /** Who read content, exported, or was refused; newest first. */
  accessLog(options?: CallOptions): AsyncGenerator<AccessLog["entries"][number]> {
    return accessLog(this.#transport, options);
  }
}
