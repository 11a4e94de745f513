/** `grid.records`: what people and systems tell the ledger besides decisions: reviews, incidents, … */
import { onTheWire, queryOf } from "./naming.ts";
import { eachOf } from "./streams.ts";
import type { AppendOptions, CallOptions, Transport } from "./transport.ts";
import type {
  AddedRecord,
  ErasureParams,
  LedgerRecord,
  Pruned,
  Receipt,
  RecordParams,
} from "./wire.ts";

export interface RecordFilter {
  readonly kind?: string | undefined;
  readonly decisionId?: string | undefined;
}

const PAGE_MAX = 100;

export class Records {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** `kind` decides which members there are. */
  async add(record: RecordParams, options?: AppendOptions): Promise<AddedRecord> {
    return this.#transport.append("/v1/records", onTheWire(record), options);
  }

  async get(recordId: string, options?: CallOptions): Promise<LedgerRecord> {
    return this.#transport.get(pathOf(recordId), {}, options);
  }

  /** Newest first. */
  all(filter: RecordFilter = {}, options?: CallOptions): AsyncGenerator<LedgerRecord> {
    return eachOf(async (cursor) => {
      const query = { limit: PAGE_MAX, ...queryOf({ ...filter }), cursor };
      const page = await this.#transport.get<{
        records: LedgerRecord[];
        next_cursor: string | null;
      }>("/v1/records", query, options);
      return { items: page.records, nextCursor: page.next_cursor };
    });
  }

  /** Erases content; the facts stay. */
  async erase(
    recordId: string,
    erasure: ErasureParams,
    options?: AppendOptions,
  ): Promise<LedgerRecord & { receipt: Receipt | null }> {
    return this.#transport.append(`${pathOf(recordId)}/erasure`, onTheWire(erasure), options);
  }

  /** Erases decisions whose retention class is over, a portion a call; `dryRun` only says which. */
  async prune(
    what: { readonly dryRun?: boolean; readonly cursor?: string | null } = {},
    options?: AppendOptions,
  ): Promise<Pruned> {
    return this.#transport.append("/v1/retention/prune", onTheWire(what), options);
  }
}

function pathOf(recordId: string): string {
  return `/v1/records/${encodeURIComponent(recordId)}`;
}
