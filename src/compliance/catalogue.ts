/** Every requirement there is, in the order of the report. */
import type { Requirement } from "./requirement.ts";
import { EU_AI_ACT } from "./requirements/eu-ai-act.ts";
import { GDPR } from "./requirements/gdpr.ts";
import { ISO_42001 } from "./requirements/iso-42001.ts";
import { NIST } from "./requirements/nist.ts";
import { UNITED_STATES } from "./requirements/united-states.ts";
import type { Framework } from "./vocabulary.ts";

const CATALOGUE: readonly Requirement[] = [
  ...EU_AI_ACT,
  ...GDPR,
  ...ISO_42001,
  ...NIST,
  ...UNITED_STATES,
];

export function requirementsOf(frameworks: ReadonlySet<Framework>): readonly Requirement[] {
  return CATALOGUE.filter(({ framework }) => frameworks.has(framework));
}
