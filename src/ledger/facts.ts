/** Reading facts: small text members of a header, DESIGN §3. Pure. */
import type { Header } from "./schema.ts";

/** A fact that is text; null where it is absent or something else. */
export function factText(header: Header, fact: string): string | null {
  const value = header.facts[fact];
  return typeof value === "string" ? value : null;
}
