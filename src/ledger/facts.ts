/** Reading facts: small members of a header, DESIGN §3. Pure. */
import * as z from "zod";
import type { Header } from "./schema.ts";

/** A fact that is text; null where it is absent or something else. */
export function factText(header: Header, fact: string): string | null {
  const value = header.facts[fact];
  return typeof value === "string" ? value : null;
}

const ErasedTargets = z.array(
  z.strictObject({ index: z.int().nonnegative(), fields: z.array(z.string()) }),
);

/** What a `content_erased` entry says it took; nothing for any other kind. */
export function erasedTargets(header: Header): z.infer<typeof ErasedTargets> {
  if (header.kind !== "content_erased") return [];
  const parsed = ErasedTargets.safeParse(header.facts["targets"]);
  return parsed.success ? parsed.data : [];
}
