/**
 * Files that verify themselves, DESIGN §5: the shapes of an export's lines and of an evidence bundle.
 * Strict: an unknown member is refused, or a flipped bit could go unseen. Contents pass by
 * reference: verify.ts takes them apart octet by octet.
 */
import * as z from "zod";
import { JsonObject } from "./schema.ts";

export const EXPORT_FORMAT = "loopgrid-ledger/1";
export const EVIDENCE_FORMAT = "loopgrid-evidence/1";

const Hex32 = z.string().regex(/^[0-9a-f]{64}$/, { error: "must be 64 lower-case hex characters" });

/** One entry: exact header octets as a string, its chain hash, and what was not erased. */
export const EntryLine = z.strictObject({
  chain_hash: Hex32,
  content: JsonObject,
  header: z.string(),
});
export type EntryLine = z.infer<typeof EntryLine>;

/** An entry with its inclusion proof to the file's checkpoint. */
export const ProvenEntry = EntryLine.extend({
  index: z.int().nonnegative(),
  proof: z.array(Hex32),
});
export type ProvenEntry = z.infer<typeof ProvenEntry>;

export const ExportStart = z.strictObject({
  edge: z.array(Hex32),
  format: z.literal(EXPORT_FORMAT),
  from: z.int().nonnegative(),
  origin: z.string(),
  to: z.int().positive(),
  verifier_keys: z.array(z.string()),
});
export type ExportStart = z.infer<typeof ExportStart>;

export const ExportEnd = z.strictObject({
  checkpoint: z.string(),
  count: z.int().nonnegative(),
  erasures: z.array(ProvenEntry),
  proof: z.array(Hex32),
});
export type ExportEnd = z.infer<typeof ExportEnd>;

export const EvidenceBundle = z.strictObject({
  checkpoint: z.string(),
  entries: z.array(ProvenEntry).min(1),
  format: z.literal(EVIDENCE_FORMAT),
  origin: z.string(),
  verifier_keys: z.array(z.string()),
});
export type EvidenceBundle = z.infer<typeof EvidenceBundle>;
