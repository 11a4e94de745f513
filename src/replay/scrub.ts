/** Takes what may be a credential out of a text that is kept. Pure. */

/** Shapes of the usual keys: vendors quote them, half masked, in their error messages. */
const KEY_SHAPES: readonly RegExp[] = [
  /\b(?:sk|pk|rk|gsk|xai|r8|hf|or|csk|fw|tgp|nvapi|pplx)[-_][A-Za-z0-9*_.-]{6,}/g,
  /\bAIza[A-Za-z0-9_*-]{10,}/g,
  /\bya29\.[A-Za-z0-9_.-]+/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+/g,
  /\bBearer\s+[A-Za-z0-9._~+/=*-]+/gi,
  /(?<=[?&](?:key|api_key|access_token)=)[^&\s"']+/gi,
];

export function scrub(text: string, key: string | undefined): string {
  const known = key === undefined || key === "" ? text : text.replaceAll(key, "[redacted]");
  return KEY_SHAPES.reduce((shown, shape) => shown.replaceAll(shape, "[redacted]"), known);
}
