/** Records as they are sent: a body for each kind, told apart by `kind`; from the table of kinds. */
import { z } from "zod";
import type { EntryKind } from "../ledger/schema.ts";
import { reviewFacts, ReviewFacts } from "../ledger/reviewer.ts";
import type { JsonObject, JsonValue } from "../lib/json.ts";
import { KINDS, type RecordKind } from "./kinds.ts";

export const RECORD_KINDS: readonly RecordKind[] = keysOf(KINDS);

function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  const keys: Key[] = [];
  for (const key in table) keys.push(key);
  return keys;
}

/** Strict: a member that is misspelt would be a fact that is missing. */
function bodyOf(name: RecordKind) {
  const { about, facts, content, check } = KINDS[name];
  const decision: z.ZodRawShape = about === "decision" ? { decision_id: z.string() } : {};
  const members: z.ZodRawShape = { ...decision, ...facts, ...content };
  return z
    .strictObject({ kind: z.literal(name), ...members })
    .superRefine((record, context) => {
      const problem = check?.(record);
      if (problem !== undefined) context.addIssue({ code: "custom", ...problem });
    })
    .meta({ id: `Record_${name}` });
}

const [firstKind = "review", ...otherKinds] = RECORD_KINDS;

export const RecordCreate = z
  .discriminatedUnion("kind", [bodyOf(firstKind), ...otherKinds.map(bodyOf)], {
    error: `must be one of ${RECORD_KINDS.join(", ")}`,
  })
  .meta({
    id: "RecordCreate",
    example: {
      kind: "drill",
      drill: "halt",
      result: "passed",
      service_name: "support-agent",
      duration_ms: 4200,
    },
  });

/** A record as its entry holds it: facts apart from content. */
export interface RecordParts {
  readonly kind: RecordKind;
  readonly entryKind: EntryKind;
  readonly decisionId: string | undefined;
  readonly facts: JsonObject;
  readonly fields: JsonObject;
}

const ReviewMembers = z.object(ReviewFacts).partial();

/** @param record parsed by RecordCreate */
export function recordParts(kind: RecordKind, record: JsonObject): RecordParts {
  const spec = KINDS[kind];
  const members = (shape: z.ZodRawShape): JsonObject =>
    Object.fromEntries(
      Object.keys(shape).flatMap((member): [string, JsonValue][] => {
        const value = record[member];
        return value === undefined ? [] : [[member, value]];
      }),
    );
  const { reviewer, ...facts } = members(spec.facts);
  const decisionId = record["decision_id"];
  return {
    kind,
    entryKind: spec.entryKind,
    decisionId: typeof decisionId === "string" ? decisionId : undefined,
    facts:
      reviewer === undefined ? facts : { ...facts, ...reviewFacts(ReviewMembers.parse(record)) },
    fields: members(spec.content),
  };
}

/** The kind of record an entry is; undefined for entries of other routes. */
export function recordKindOf(entryKind: string): RecordKind | undefined {
  return RECORD_KINDS.find((kind) => KINDS[kind].entryKind === entryKind);
}
