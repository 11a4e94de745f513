/** `grid.decisions`: what 0.1 did not have. */
import { onTheWire, queryOf } from "./naming.ts";
import { eachOf } from "./streams.ts";
import type { AppendOptions, CallOptions, Transport } from "./transport.ts";
import type {
  Decision,
  DecisionBatch,
  DecisionFilter,
  DecisionHistory,
  DecisionList,
  ErasedDecision,
  ErasureParams,
  Hold,
  HoldParams,
} from "./wire.ts";
import type { DecisionParams, Writer } from "./writer.ts";

const PAGE_MAX = 100;

export class Decisions {
  readonly #transport: Transport;
  readonly #writer: Writer;

  constructor(transport: Transport, writer: Writer) {
    this.#transport = transport;
    this.#writer = writer;
  }

  /** Up to 1000, all or nothing, one after the other in the ledger. */
  async recordBatch(
    decisions: readonly DecisionParams[],
    options?: Omit<AppendOptions, "receipt">,
  ): Promise<DecisionBatch> {
    const isNamed = options?.idempotencyKey !== undefined;
    const bodies = decisions.map((decision) => this.#writer.body(decision, isNamed));
    return this.#transport.append("/v1/decisions/batch", { decisions: bodies }, options);
  }

  /** A keyset page, newest first, without a total: it costs the same at any depth. */
  async page(
    filter: DecisionFilter & { readonly limit?: number; readonly cursor?: string | undefined } = {},
    options?: CallOptions,
  ): Promise<DecisionList> {
    const query = { limit: PAGE_MAX, ...queryOf(filter) };
    return this.#transport.get("/v1/decisions", query, options);
  }

  /** Every decision that fits, newest first, fetched as it is asked for. */
  all(filter: DecisionFilter = {}, options?: CallOptions): AsyncGenerator<Decision> {
    return eachOf(async (cursor) => {
      const { decisions, next_cursor } = await this.page({ ...filter, cursor }, options);
      return { items: decisions, nextCursor: next_cursor };
    });
  }

  /** Every entry about a decision, oldest first. */
  async history(decisionId: string, options?: CallOptions): Promise<DecisionHistory> {
    return this.#transport.get(`${pathOf(decisionId)}/history`, {}, options);
  }

  /** The decision as a file that verifies itself; keep its text as it is. */
  async evidence(decisionId: string, options?: CallOptions): Promise<string> {
    return this.#transport.text(`${pathOf(decisionId)}/evidence`, {}, options);
  }

  /** The recording entry alone as C2SP tlog-proof@v1. */
  async tlogProof(decisionId: string, options?: CallOptions): Promise<string> {
    const query = { format: "tlog-proof" };
    return this.#transport.text(`${pathOf(decisionId)}/evidence`, query, options);
  }

  /** Erases content for good, all of it or `fields`; the proof stays. */
  async erase(
    decisionId: string,
    erasure: ErasureParams,
    options?: AppendOptions,
  ): Promise<ErasedDecision> {
    return this.#transport.append(`${pathOf(decisionId)}/erasure`, onTheWire(erasure), options);
  }

  /** Holds a decision against erasure; `held: false` releases it. */
  async hold(decisionId: string, hold: HoldParams, options?: AppendOptions): Promise<Hold> {
    return this.#transport.append(`${pathOf(decisionId)}/hold`, onTheWire(hold), options);
  }
}

export function pathOf(decisionId: string): string {
  return `/v1/decisions/${encodeURIComponent(decisionId)}`;
}
