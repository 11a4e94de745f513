/** A tree as it was at some size, read back from its tiles. Pure over its port. */
import type { TileReader } from "./proof.ts";
import { partialWidths, restoreTree, type Tree } from "./tiles.ts";

/** At most one tile a level is read: the one that is not full. */
export async function readTree(size: number, reader: TileReader): Promise<Tree> {
  const partial = await Promise.all(
    partialWidths(size).map(async ({ index, width }, level) =>
      width === 0 ? [] : reader.tile(level, index, width),
    ),
  );
  return restoreTree(size, partial);
}
