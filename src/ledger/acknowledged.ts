/**
 * What the sequencer remembers against what the database holds now, DESIGN §2 "On start": a ledger
 * that refuses appends, or one that was rolled back or replaced behind a sequencer that still runs.
 * Pure over its port.
 */
import { toHex } from "../lib/bytes.ts";
import type { Fault, Finding } from "./fault.ts";
import { CorruptLedger } from "./ports.ts";
import { rootAt, type TileReader } from "./proof.ts";
import type { SequencerStatus } from "./sequencing.ts";

/** @param size the database's */
export async function checkAcknowledged(
  { refusal, acknowledged }: Pick<SequencerStatus, "refusal" | "acknowledged">,
  size: number,
  reader: TileReader,
): Promise<Finding | undefined> {
  if (refusal !== null) return finding(refusal.fault, refusal.detail);
  if (acknowledged === null) return undefined;
  if (size < acknowledged.size) {
    return finding(
      "rolled_back",
      `the database holds ${size} entries, ${acknowledged.size} were acknowledged`,
    );
  }
  const root = await rootThen(reader, acknowledged.size);
  if (root === undefined || root === acknowledged.rootHash) return undefined;
  return finding(
    "rolled_back",
    `the first ${acknowledged.size} entries make root ${root}, ${acknowledged.rootHash} was acknowledged`,
  );
}

/** Undefined when the tree cannot be read, which the audit reports by itself. */
export async function rootThen(reader: TileReader, size: number): Promise<string | undefined> {
  try {
    return toHex(await rootAt(size, reader));
  } catch (error) {
    if (error instanceof CorruptLedger) return undefined;
    throw error;
  }
}

function finding(fault: Fault, message: string): Finding {
  return { index: null, decisionId: null, fault, message };
}
