/** Images inside a request: `data:` URLs and their parts. Pure. */
import type { Part } from "../provider.ts";

const DATA_URL = /^data:([^;,]+);base64,(.*)$/s;

export function parseDataUrl(url: string): Part | undefined {
  const [, mediaType, base64] = DATA_URL.exec(url) ?? [];
  if (mediaType === undefined || base64 === undefined) return undefined;
  return { kind: "image", mediaType, base64 };
}

export function dataUrl({ mediaType, base64 }: { mediaType: string; base64: string }): string {
  return `data:${mediaType};base64,${base64}`;
}
