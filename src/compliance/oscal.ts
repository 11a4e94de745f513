/**
 * The report as OSCAL assessment results (NIST, 1.2.2). OSCAL knows `satisfied` and `not-satisfied`
 * only, so the finer status stands in a namespaced property; here `satisfied` means that the evidence
 * objective is, not that the requirement is met.
 * Pure.
 */
import { sha256 } from "../ledger/hash.ts";
import { toHex, utf8 } from "../lib/bytes.ts";
import type { Metric } from "./metric.ts";
import type { RequirementResult } from "./evaluate.ts";
import type { Report } from "./report.ts";
import { NOTICE } from "./statements.ts";
import { FRAMEWORK_TITLES, type EvidenceStatus } from "./vocabulary.ts";

const VERSION = "1.2.2";
const NAMESPACE = "urn:loopgrid:oscal";

/** Those without a finding: nothing was found, hence nothing is satisfied or not. */
const WITHOUT_FINDING: ReadonlySet<EvidenceStatus> = new Set([
  "outside_ledger_scope",
  "not_assessed",
  "not_applicable",
]);

export function oscalOf(report: Report): object {
  const name = report.report_id ?? `preview ${report.generated_at} ${report.as_of}`;
  const uuid = (what: string): string => uuidOf(`${name} ${what}`);
  const mapping = uuid("mapping");
  const party = uuid("party");
  const judged = report.requirements.filter((item) => !WITHOUT_FINDING.has(item.evidence_status));
  const excluded = report.requirements.filter((item) => WITHOUT_FINDING.has(item.evidence_status));
  return {
    "assessment-results": {
      uuid: uuid("results"),
      metadata: {
        title: `LoopGrid evidence report${report.service_filter === null ? "" : `: ${report.service_filter}`}`,
        "last-modified": report.generated_at,
        version: report.schema_version,
        "oscal-version": VERSION,
        parties: [{ uuid: party, type: "organization", name: report.ledger.origin }],
        remarks: NOTICE,
      },
      "import-ap": { href: `#${mapping}` },
      results: [
        {
          uuid: uuid("result"),
          title: "Evidence held in the decision ledger",
          description: `State "satisfied" means that the evidence objective is satisfied. ${NOTICE}`,
          start: report.generated_at,
          props: [
            property("as-of", String(report.as_of ?? "none")),
            property("threshold-set", report.threshold_set.id),
            property("legal-baseline", report.legal_baseline["set"] ?? ""),
          ],
          "reviewed-controls": {
            "control-selections": [
              {
                ...controls("include-controls", judged),
                ...controls("exclude-controls", excluded),
              },
            ],
            remarks: excluded
              .map(({ id, evidence_status }) => `${id}: ${evidence_status}`)
              .join("; "),
          },
          observations: report.metrics.map((metric) => observation(metric, report, uuid)),
          ...(report.exceptions.length === 0
            ? {}
            : {
                risks: report.exceptions.map(({ code, message, severity }) => ({
                  uuid: uuid(`risk ${code}`),
                  title: code.replaceAll("_", " "),
                  description: message,
                  statement: message,
                  status: severity === "failure" ? "open" : "investigating",
                })),
              }),
          ...(judged.length === 0 ? {} : { findings: judged.map((item) => finding(item, uuid)) }),
        },
      ],
      "back-matter": {
        resources: [
          {
            uuid: mapping,
            title: "Requirement mapping of LoopGrid",
            description: report.requirements
              .map(
                ({ id, framework, citation }) =>
                  `${id}: ${FRAMEWORK_TITLES[framework]}, ${citation}`,
              )
              .join("\n"),
          },
        ],
      },
    },
  };
}

function controls(member: string, items: readonly RequirementResult[]): object {
  return items.length === 0
    ? {}
    : { [member]: items.map(({ id }) => ({ "control-id": tokenOf(id) })) };
}

function observation(metric: Metric, report: Report, uuid: (what: string) => string): object {
  const { id, name, population, recompute, value, numerator, denominator, ci95, unit } = metric;
  const numbers = { value, numerator, denominator, ci_low: ci95?.[0], ci_high: ci95?.[1] };
  const known = Object.entries(numbers).flatMap(([member, number]) =>
    typeof number === "number" ? [property(member, String(number))] : [],
  );
  return {
    uuid: uuid(`observation ${id}`),
    title: id,
    description: `${name}. Population: ${population}. Recompute: ${recompute}.`,
    props: [property("metric-id", id), property("unit", unit), ...known],
    methods: ["TEST"],
    types: ["finding"],
    collected: report.generated_at,
    expires: `${report.legal_baseline["stale_after"]}T00:00:00.000Z`,
  };
}

function finding(item: RequirementResult, uuid: (what: string) => string): object {
  const { id, evidence_status, meaning, citation, reasons, gaps, predicates, does_not_show } = item;
  const observations = [...new Set(predicates.map(({ metric }) => metric))];
  return {
    uuid: uuid(`finding ${id}`),
    title: `${id} ${citation}`,
    description: meaning,
    props: [
      property("evidence-status", evidence_status),
      property("applicability", item.applicability.state),
      property("basis", item.basis),
    ],
    target: {
      type: "objective-id",
      "target-id": tokenOf(id),
      status: {
        state: evidence_status === "evidence_present" ? "satisfied" : "not-satisfied",
        reason: evidence_status === "evidence_present" ? "pass" : "other",
        remarks: [
          ...reasons,
          ...gaps,
          ...does_not_show.map((what) => `does not show ${what}`),
        ].join("; "),
      },
    },
    "related-observations": observations.map((metric) => ({
      "observation-uuid": uuid(`observation ${metric}`),
    })),
  };
}

function property(name: string, value: string): object {
  return { name: name.replaceAll("_", "-"), ns: NAMESPACE, value };
}

/** An OSCAL token begins with a letter or `_` and holds no slash. */
function tokenOf(id: string): string {
  return id.toLowerCase().replaceAll(/[^a-z0-9._-]/g, "-");
}

/** From a hash, so that the same report has the same ids; marked version 5, for OSCAL takes 4 and 5 only. */
function uuidOf(name: string): string {
  const hex = toHex(sha256(utf8(`${NAMESPACE} ${name}`)));
  const variant = ((Number.parseInt(hex[16] ?? "0", 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}
