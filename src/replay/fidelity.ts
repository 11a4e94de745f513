/**
 * How true a replay's request is to the recorded one, reference §7.3: what was kept, renamed,
 * dropped, defaulted or substituted, and why. Notes name places, never values: they may be kept when
 * content is erased.
 */
import type { JsonObject } from "../lib/json.ts";

export const LEVELS = [
  "exact",
  "equivalent",
  "adapted",
  "reconstructed",
  "not_replayable",
] as const;
export type Level = (typeof LEVELS)[number];

export const ACTIONS = ["kept", "renamed", "dropped", "defaulted", "substituted"] as const;

export interface Note {
  readonly path: string;
  readonly action: (typeof ACTIONS)[number];
  readonly reason: string;
}

export interface Fidelity {
  readonly level: Level;
  readonly notes: readonly Note[];
}

export function dropped(path: string, reason: string): Note {
  return { path, action: "dropped", reason };
}

export function renamed(path: string, to: string): Note {
  return { path, action: "renamed", reason: `called ${to} there` };
}

export function substituted(path: string, reason: string): Note {
  return { path, action: "substituted", reason };
}

export function defaulted(path: string, reason: string): Note {
  return { path, action: "defaulted", reason };
}

/** As it was, with something to know about it. */
export function kept(path: string, reason: string): Note {
  return { path, action: "kept", reason };
}

/** Names every member that says something and is not among those that carry over. */
export function leftovers(
  object: JsonObject | undefined,
  known: readonly string[],
  path: string,
): Note[] {
  return Object.entries(object ?? {})
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .filter(([member]) => !known.includes(member))
    .map(([member]) =>
      dropped(path === "" ? member : `${path}.${member}`, "has no counterpart in the other format"),
    );
}
