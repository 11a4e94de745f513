/** Verifying an evidence bundle offline, DESIGN §5. Pure but for WebCrypto. */
import { toHex } from "../lib/bytes.ts";
import { EVIDENCE_FORMAT, EvidenceBundle } from "./documents.ts";
import { erasedTargets } from "./facts.ts";
import type { Finding } from "./fault.ts";
import type { VerifierKey } from "./note.ts";
import type { Header } from "./schema.ts";
import { statusFrom, type Verdict } from "./verdict.ts";
import { checkFileCheckpoint } from "./verify-checkpoint.ts";
import { checkProvenEntry } from "./verify-export.ts";
import { readLine } from "./verify-line.ts";

const LIMITS = [
  "It shows that these entries are in the ledger, not that there are no others about the decision: only a ledger export can.",
  "It shows what was recorded, not that it was true when it was recorded.",
];

export async function verifyEvidence(
  text: string,
  trusted: readonly VerifierKey[],
): Promise<Verdict> {
  const findings: Finding[] = [];
  const unproven: string[] = [];
  const bundle = readLine(EvidenceBundle, text);
  if (!bundle.ok) {
    if (bundle.readable) findings.push(mismatch(null, bundle.message));
    else unproven.push(`the file is unreadable: ${bundle.message}`);
    return verdict(findings, unproven);
  }
  const { origin, entries, checkpoint: note, verifier_keys } = bundle.value;
  const checked = await checkFileCheckpoint(note, origin, verifier_keys, trusted);
  findings.push(...checked.findings);
  unproven.push(...checked.unproven);
  if (checked.checkpoint === undefined) return verdict(findings, unproven, origin);
  const { size, rootHash } = checked.checkpoint;
  const ledger = origin.slice(origin.lastIndexOf("/") + 1);
  const headers: Header[] = [];
  const absent = new Map<number, Set<string>>();
  let after = -1;
  for (const entry of entries) {
    const {
      header,
      findings: wrong,
      absent: missing,
      proven,
    } = checkProvenEntry(entry, ledger, size, rootHash);
    findings.push(...wrong);
    if (!proven) {
      findings.push({
        index: entry.index,
        decisionId: null,
        fault: "root_mismatch",
        message: "the entry is not in the signed tree",
      });
    }
    if (entry.index <= after) findings.push(mismatch(entry.index, "the entries are not in order"));
    after = entry.index;
    if (header !== undefined) headers.push(header);
    if (missing.length > 0) absent.set(entry.index, new Set(missing));
  }
  findings.push(...checkStory(headers));
  const erased = explain(absent, headers);
  for (const [index, fields] of absent) {
    if (fields.size > 0)
      unproven.push(
        `entry ${index}: ${[...fields].join(", ")} absent, and no erasure in the file explains it`,
      );
  }
  return {
    ...verdict(findings, unproven, origin),
    size,
    rootHash: toHex(rootHash),
    entries: entries.length,
    erased,
  };
}

/** The bundle is about one decision: it begins with its recording; what is not about it erased part of it. */
function checkStory([first, ...rest]: readonly Header[]): Finding[] {
  if (first?.kind !== "decision_recorded") {
    return [
      mismatch(first?.index ?? null, "the bundle does not begin with the recording of a decision"),
    ];
  }
  const indexes = new Set([first.index, ...rest.map(({ index }) => index)]);
  return rest
    .filter((header) => header.decision_id !== first.decision_id)
    .filter((header) => !erasedTargets(header).some(({ index }) => indexes.has(index)))
    .map(({ index }) => mismatch(index, "the entry is about another decision"));
}

function explain(absent: ReadonlyMap<number, Set<string>>, headers: readonly Header[]): number {
  let erased = 0;
  for (const { index, fields } of headers.flatMap(erasedTargets)) {
    for (const field of fields) if (absent.get(index)?.delete(field)) erased++;
  }
  return erased;
}

function mismatch(index: number | null, message: string): Finding {
  return { index, decisionId: null, fault: "content_mismatch", message };
}

function verdict(
  findings: readonly Finding[],
  unproven: readonly string[],
  origin: string | null = null,
): Verdict {
  return {
    status: statusFrom(findings, unproven),
    format: EVIDENCE_FORMAT,
    origin,
    size: null,
    rootHash: null,
    entries: 0,
    erased: 0,
    findings,
    unproven,
    limits: LIMITS,
  };
}
