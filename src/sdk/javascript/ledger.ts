/** `grid.ledger`: where it stands, what it signed, its entries and proofs. */
import { onTheWire } from "./naming.ts";
import { linesOf } from "./streams.ts";
import type { AppendOptions, CallOptions, Transport } from "./transport.ts";
import type {
  ConsistencyProof,
  InclusionProof,
  Ledger as LedgerState,
  LedgerOpenParams,
  Receipt,
} from "./wire.ts";

const ENTRIES_MAX = 1000;

export class Ledger {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async state(options?: CallOptions): Promise<LedgerState> {
    return this.#transport.get("/v1/ledger", {}, options);
  }

  /** A signed note: the newest, an older committed one, or the newest that witnesses signed. */
  async checkpoint(
    which: { readonly size?: number; readonly cosigned?: boolean } = {},
    options?: CallOptions,
  ): Promise<string> {
    return this.#transport.text("/v1/ledger/checkpoint", which, options);
  }

  /** Entry lines of `[from, to)`, fetched as they are asked for; `to` is the head when not given. */
  async *entries(
    { from = 0, to, content = true }: { from?: number; to?: number; content?: boolean } = {},
    options?: CallOptions,
  ): AsyncGenerator<string, void, undefined> {
    let next = from;
    for (;;) {
      const limit = Math.min(ENTRIES_MAX, (to ?? Number.POSITIVE_INFINITY) - next);
      if (limit <= 0) return;
      const query = { from: next, limit, content };
      const response = await this.#transport.stream("/v1/ledger/entries", query, options);
      const before = next;
      for await (const line of linesOf(response)) {
        yield line;
        next++;
      }
      if (next === before) return;
    }
  }

  async inclusionProof(
    index: number,
    size?: number,
    options?: CallOptions,
  ): Promise<InclusionProof> {
    return this.#transport.get("/v1/ledger/proof/inclusion", { index, size }, options);
  }

  /** That the ledger only grew between two sizes. */
  async consistencyProof(
    from: number,
    to?: number,
    options?: CallOptions,
  ): Promise<ConsistencyProof> {
    return this.#transport.get("/v1/ledger/proof/consistency", { from, to }, options);
  }

  /** Begins a ledger with an entry that names the one it continues. */
  async open(
    ledger: LedgerOpenParams,
    options?: AppendOptions,
  ): Promise<{ ledger: string; origin: string; receipt: Receipt }> {
    return this.#transport.append("/v1/ledgers", onTheWire(ledger), options);
  }
}
