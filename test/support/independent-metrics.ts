/**
 * The numbers of a report counted again from a ledger export alone, by somebody who read the report's
 * own `recompute` sentences. No line is shared with src/.
 */

export interface ExportedHeader {
  readonly index: number;
  readonly kind: string;
  readonly id: string;
  readonly decision_id?: string;
  readonly recorded_at: string;
  readonly actor: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly commitments: Readonly<Record<string, string>>;
}

/** Headers of an export: its first and last lines hold none. */
export function headersIn(ndjson: string): ExportedHeader[] {
  return ndjson
    .trimEnd()
    .split("\n")
    .map((line): { header?: string } => JSON.parse(line))
    .flatMap(({ header }) => (header === undefined ? [] : [JSON.parse(header)]));
}

interface Counted {
  readonly numerator?: number;
  readonly denominator?: number;
  readonly value?: number | null;
}

/** @param service counts decisions of this service alone; undefined: of all */
export function recount(
  headers: readonly ExportedHeader[],
  service: string | undefined,
): Record<string, Counted> {
  const decisions = headers.filter(
    ({ kind, facts }) =>
      kind === "decision_recorded" && (service === undefined || facts["service_name"] === service),
  );
  const ids = new Set(decisions.map(({ id }) => id));
  const about = headers.filter(
    ({ decision_id = "", kind }) => ids.has(decision_id) && kind !== "decision_recorded",
  );
  const reviews = about.filter(
    ({ kind }) => kind === "correction_attached" || kind === "review_recorded",
  );
  const human = reviews.filter(({ facts }) => facts["reviewer_kind"] !== "service_account");
  const isFault = ({ kind, facts }: ExportedHeader): boolean =>
    kind === "correction_attached" ||
    ["override", "reverse", "not_used"].includes(String(facts["outcome"]));
  const reviewed = new Set(human.map(({ decision_id }) => decision_id));
  const faulty = new Set(human.filter(isFault).map(({ decision_id }) => decision_id));
  const share = (which: (header: ExportedHeader) => boolean): Counted => ({
    numerator: decisions.filter(which).length,
    denominator: decisions.length,
  });
  const has = (...facts: readonly string[]) =>
    share((header) =>
      facts.every((fact) => header.facts[fact] !== undefined && header.facts[fact] !== ""),
    );
  const configurations = new Set(
    decisions.map(({ facts }) =>
      JSON.stringify(
        ["service_name", "model_provider", "model_name", "model_version", "system_version"].map(
          (fact) => facts[fact] ?? null,
        ),
      ),
    ),
  );
  return {
    "M-LOG-01": share(({ facts }) => facts["capture_mode"] === "automatic"),
    "M-LOG-03": { value: 0, denominator: headers.length },
    "M-LOG-04": { value: missingNumbers(headers, decisions) },
    "M-LOG-05": has("started_at", "ended_at"),
    "M-ID-01": has("model_provider", "model_name"),
    "M-ID-02": share(
      ({ facts }) => facts["model_version"] !== undefined && facts["model_version"] !== "latest",
    ),
    "M-ID-03": share(({ commitments }) => commitments["prompt"] !== undefined),
    "M-ID-04": has("system_version"),
    "M-HO-01": { numerator: reviewed.size, denominator: decisions.length },
    "M-HO-02": {
      numerator: reviews.filter(
        ({ facts, actor }) =>
          facts["reviewer_auth"] === "authenticated" &&
          facts["reviewer_kind"] !== "service_account" &&
          actor !== "anonymous",
      ).length,
      denominator: reviews.length,
    },
    "M-HO-05": { numerator: human.filter(isFault).length, denominator: human.length },
    "M-ACC-01": { numerator: faulty.size, denominator: reviewed.size },
    "M-RPL-01": { value: about.filter(({ kind }) => kind === "replay_completed").length },
    "M-CHG-01": { value: configurations.size, denominator: decisions.length },
    "M-RET-02": { value: ageInDays(headers) },
    "M-EXP-01": has("decision_role", "model_provider", "model_name"),
  };
}

/** Numbers from 1 to each writer's largest that no entry has, of writers that recorded for the scope. */
function missingNumbers(
  headers: readonly ExportedHeader[],
  decisions: readonly ExportedHeader[],
): number | null {
  const writers = new Set(
    decisions.flatMap(({ facts }) =>
      facts["writer_seq"] === undefined ? [] : [facts["writer_id"]],
    ),
  );
  if (writers.size === 0) return null;
  let missing = 0;
  for (const writer of writers) {
    const seen = new Set<number>();
    for (const { facts } of headers)
      if (facts["writer_id"] === writer && typeof facts["writer_seq"] === "number")
        seen.add(facts["writer_seq"]);
    missing += Math.max(...seen) - seen.size;
  }
  return missing;
}

function ageInDays(headers: readonly ExportedHeader[]): number | null {
  const [first, last] = [headers[0], headers.at(-1)];
  if (first === undefined || last === undefined) return null;
  return Math.floor((Date.parse(last.recorded_at) - Date.parse(first.recorded_at)) / 86_400_000);
}
