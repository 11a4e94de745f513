/**
 * Scopes: what a route does, and therefore what a credential must allow. Default deny: a credential
 * has the scopes it was given and no other, none implies another.
 */
import { z } from "zod";

/**
 * `record` appends decisions; `read` reads, lists, proves, verifies and reports; `review` flags and
 * corrects; `replay` spends money; `export` takes copies away and shares them; `erase` deletes
 * content and holds it; `admin` makes and revokes keys, opens ledgers and reads the access log.
 */
export const SCOPES = ["record", "read", "review", "replay", "export", "erase", "admin"] as const;
export const Scope = z.enum(SCOPES, { error: `must be one of ${SCOPES.join(", ")}` });
export type Scope = z.infer<typeof Scope>;

export const ALL_SCOPES: ReadonlySet<Scope> = new Set(SCOPES);

/** In the table's order, each once: one set of scopes has one spelling. */
export function sortedScopes(scopes: Iterable<Scope>): Scope[] {
  const given = new Set(scopes);
  return SCOPES.filter((scope) => given.has(scope));
}
