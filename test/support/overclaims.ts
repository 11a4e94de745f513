/** Words that no answer, page or document of ours may use of itself: evidence is not compliance. */
const OVERCLAIMS = [
  /\bcertified\b/i,
  /guarantees? compliance/i,
  /(?:AI Act|GDPR|HIPAA|SOC ?2) compliant/i,
  /tamper-?proof/i,
  /legally binding/i,
  /qualified ledger/i,
  /immutable audit/i,
  /fully compliant/i,
  /ensures? compliance/i,
];

/** Where a text says one of them to say that it is not said. */
const QUOTED = [/never "certified" or "tamper-proof"/g, /0\.1 prints? "COMPLIANT"/g];

export function overclaimsIn(text: string): string[] {
  const said = QUOTED.reduce((rest, quote) => rest.replaceAll(quote, ""), text);
  return OVERCLAIMS.flatMap((pattern) => pattern.exec(said)?.[0] ?? []);
}
