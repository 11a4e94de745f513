/**
 * From a request to a draft: canonical form, bounds, commitments (DESIGN §2, the Worker's part).
 * Pure: randomness for salts comes in.
 */
import { toHex, utf8 } from "../lib/bytes.ts";
import type { JsonObject, JsonValue } from "../lib/json.ts";
import { canonicalize } from "./canonical-json.ts";
import { captureFacts } from "./capture.ts";
import {
  canonicalFields,
  contentBytes,
  contentHashOf,
  SALT_BYTES,
  sealContent,
  type CanonicalFields,
  type EntryDraft,
} from "./entry.ts";
import { sha256 } from "./hash.ts";
import { CONTENT_BYTES_MAX } from "./limits.ts";
import type { DecisionCreate, EntryKind } from "./schema.ts";

/** The content of one entry is larger than CONTENT_BYTES_MAX. */
export class ContentTooLarge extends Error {
  override readonly name = "ContentTooLarge";
  constructor(bytes: number) {
    super(
      `content has ${bytes} octets in canonical form; an entry holds at most ${CONTENT_BYTES_MAX}`,
    );
  }
}

/** What was asked under a key. `path` without a credential prefix, `count` of entries it makes. */
export interface RequestFingerprint {
  readonly method: string;
  readonly path: string;
  readonly body_sha256: string;
  readonly count: number;
}

/** An idempotent request, DESIGN §2: its key's hash, and what was asked, committed with the first entry. */
export interface KeyedRequest {
  readonly requestKey: string;
  readonly fingerprint: RequestFingerprint;
}

export interface EntryInput {
  readonly kind: EntryKind;
  readonly id?: string;
  readonly decisionId?: string;
  readonly actor: string;
  readonly facts: JsonObject;
  readonly fields: Readonly<Record<string, JsonValue | undefined>>;
  readonly keyed?: KeyedRequest | undefined;
}

/** The same request, which turned out to make several entries: the first of them says how many. */
export function withCount(keyed: KeyedRequest, count: number): KeyedRequest {
  return { ...keyed, fingerprint: { ...keyed.fingerprint, count } };
}

export type Random = (bytes: number) => Uint8Array;

export function keyedRequest(
  idempotencyKey: string,
  request: { method: string; path: string; body: JsonValue; count: number },
): KeyedRequest {
  return {
    requestKey: toHex(sha256(utf8(idempotencyKey))),
    fingerprint: {
      method: request.method,
      path: request.path,
      body_sha256: toHex(sha256(utf8(canonicalize(request.body)))),
      count: request.count,
    },
  };
}

/** @throws ContentTooLarge */
export function draftEntry(input: EntryInput, random: Random): EntryDraft {
  return seal(input, canonicalFields(input.fields), random);
}

/** @throws ContentTooLarge */
export function draftDecision(
  create: DecisionCreate,
  actor: string,
  random: Random,
  keyed?: KeyedRequest,
): EntryDraft {
  const { service_name, decision_type, input, model, prompt, tool_calls, output, metadata } =
    create;
  const fields = { input, model, prompt, tool_calls, output, metadata };
  const canonical = canonicalFields(fields);
  const facts = decisionFacts(create);
  return {
    ...seal({ kind: "decision_recorded", actor, facts, fields, keyed }, canonical, random),
    contentHash: contentHashOf(canonical, service_name, decision_type),
  };
}

function seal(input: EntryInput, canonical: CanonicalFields, random: Random): EntryDraft {
  const { keyed } = input;
  requireContentFits(canonical); // a key must not make content too large that fits without one
  const fields = keyed
    ? { ...canonical, request: canonicalize({ ...keyed.fingerprint }) }
    : canonical;
  const { text, commitments } = sealContent(
    fields,
    random(Object.keys(fields).length * SALT_BYTES),
  );
  return {
    kind: input.kind,
    ...(input.id === undefined ? {} : { id: input.id }),
    ...(input.decisionId === undefined ? {} : { decisionId: input.decisionId }),
    actor: input.actor,
    facts: keyed ? { ...input.facts, request_key: keyed.requestKey } : input.facts,
    commitments,
    content: utf8(text),
    contentHash: null,
  };
}

/** A character is three octets at most: small content, which is nearly all, need not be encoded to be counted. */
function requireContentFits(fields: CanonicalFields): void {
  const characters = Object.values(fields).reduce((sum, value) => sum + value.length, 0);
  if (characters <= CONTENT_BYTES_MAX / 3) return;
  const bytes = contentBytes(fields);
  if (bytes > CONTENT_BYTES_MAX) throw new ContentTooLarge(bytes);
}

/** What lists filter by and reports count. Present where given (DESIGN §3). */
function decisionFacts(create: DecisionCreate): JsonObject {
  const { service_name, decision_type, model } = create;
  const facts: JsonObject = { service_name, decision_type };
  if (typeof model["provider"] === "string") facts["model_provider"] = model["provider"];
  if (typeof model["name"] === "string") facts["model_name"] = model["name"];
  const version = model["version"];
  if (typeof version === "string" && version.length <= MODEL_VERSION_LENGTH_MAX)
    facts["model_version"] = version;
  return { ...facts, ...captureFacts(create) };
}

/** A longer one is no version: it stays content alone, for 0.1 let clients send anything here. */
const MODEL_VERSION_LENGTH_MAX = 128;
