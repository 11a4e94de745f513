/** `grid.exports`: complete copies, a piece at a time. What is cut short throws. */
import { queryOf } from "./naming.ts";
import { linesOf, membersOf, textOf } from "./streams.ts";
import type { CallOptions, Transport } from "./transport.ts";
import type { Decision, DecisionFilter } from "./wire.ts";

export class Exports {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Every decision that fits, newest first. */
  async *decisions(
    filter: DecisionFilter = {},
    options?: CallOptions,
  ): AsyncGenerator<Decision, void, undefined> {
    const query = queryOf(filter);
    yield* membersOf<Decision>(
      await this.#transport.stream("/v1/export/decisions", query, options),
    );
  }

  /** The same as CSV text, in pieces of any length. */
  async *csv(
    filter: DecisionFilter = {},
    options?: CallOptions,
  ): AsyncGenerator<string, void, undefined> {
    const query = { ...queryOf(filter), format: "csv" };
    yield* textOf(await this.#transport.stream("/v1/export/decisions", query, options));
  }

  /** The lines of a file that verifies itself: `verifyExport` of loopgrid-edge/verify reads them. */
  async *ledger(
    range: { readonly from?: number; readonly to?: number } = {},
    options?: CallOptions,
  ): AsyncGenerator<string, void, undefined> {
    yield* linesOf(await this.#transport.stream("/v1/export/ledger", range, options));
  }
}
