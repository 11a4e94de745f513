/** Sums over the ledger for routes: an answer, or a problem that says what to do. */
import { TALLY_BLOCK_ENTRIES, type TallyRow } from "../ledger/tally.ts";
import { tallySums, type TallyFilter } from "../ledger/tally-port.ts";
import { Problem } from "./problem.ts";
import type { LedgerService } from "./services.ts";

/** @throws Problem 503 while there is more to count than one request may, 413 past what one answer can hold */
export async function talliedRows(
  { tallies }: LedgerService,
  size: number,
  filter: TallyFilter,
): Promise<readonly TallyRow[]> {
  const sums = await tallySums(tallies, size, filter);
  switch (sums.kind) {
    case "sums":
      return sums.rows;
    case "behind":
      throw new Problem(
        503,
        `${sums.blocks * TALLY_BLOCK_ENTRIES} entries are still to be counted; each request counts more of them, ask again`,
        { headers: { "Retry-After": "1" } },
      );
    case "too_many":
      throw new Problem(
        413,
        `More than ${sums.limit} different combinations of facts; narrow the question with its filters`,
      );
  }
}
