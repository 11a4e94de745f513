/** Entry bundles, C2SP tlog-tiles: each entry's octets after their length in 16 bits, big-endian. Pure. */
import { concatBytes, utf8 } from "../lib/bytes.ts";

const LENGTH_BYTES = 2;

export function entryBundle(headers: readonly string[]): Uint8Array {
  return concatBytes(
    ...headers.flatMap((header) => {
      const octets = utf8(header);
      const length = new Uint8Array(LENGTH_BYTES);
      new DataView(length.buffer).setUint16(0, octets.length);
      return [length, octets];
    }),
  );
}
