/**
 * The request a live replay sends, reference §7: the recorded body itself where there is one, else
 * one made from the decision; with the overrides, and with a report of everything that differs.
 *
 * Order (§7.2): the merge patch `overrides.body`; then `messages`, `tools`, `prompt`, `model` and
 * `params`, in the body's own format; then the change of format, and what the model takes. Of the
 * patch, members that the recorded format has no counterpart for are in the words of the new one.
 * Pure.
 */
import { isObject, type JsonObject } from "../lib/json.ts";
import { modelIn, withMembers, withParams, withPrompt } from "./apply-overrides.ts";
import { dropped, kept, substituted, type Fidelity, type Note } from "./fidelity.ts";
import { mergePatch, objectAt, objectsAt, textAt } from "./json-read.ts";
import { applyModelRules } from "./model-rules.ts";
import { levelOf, notKept, unstable, whole } from "./one-answer.ts";
import { mergedPrompt } from "./prompt.ts";
import type { Adapter } from "./provider.ts";
import { adapterOf, providerOf, type ProviderSpec } from "./providers/table.ts";
import { withoutIdleChoice } from "./providers/turns.ts";
import { reconstruct } from "./reconstruct.ts";
import type { RecordedDecision } from "./recorded-decision.ts";
import { unreplayable, type Reason } from "./replayable.ts";
import { withoutThoughts } from "./thoughts.ts";
import { recordedAnswer, unspokenFormat, verbatimOf, type RecordedCall } from "./verbatim.ts";

export interface PreparedRequest {
  readonly provider: ProviderSpec;
  readonly adapter: Adapter;
  readonly model: string;
  readonly body: JsonObject;
  /** Of the recorded call: a version or a beta the answer depends on. Never a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fidelity: Fidelity;
}

export type Rebuilt = { readonly ok: true; readonly request: PreparedRequest } | Refused;

type Refused =
  /** The caller can mend it. */
  | {
      readonly ok: false;
      readonly kind: "invalid";
      readonly path: string;
      readonly message: string;
    }
  /** Nobody can. */
  | {
      readonly ok: false;
      readonly kind: "not_replayable";
      readonly message: string;
      readonly fidelity: Fidelity;
    };

/** The provider that would answer; undefined: none that is known here. */
export function effectiveProvider(
  decision: RecordedDecision,
  overrides: JsonObject,
): ProviderSpec | undefined {
  const recorded = verbatimOf(decision, overrides);
  const overridden = textAt(objectAt(overrides, "model"), "provider");
  return providerOf(
    effectiveModel(decision, overrides),
    overridden === undefined ? recorded?.endpoint : undefined,
    recorded?.format,
  );
}

function effectiveModel(decision: RecordedDecision, overrides: JsonObject): JsonObject {
  return { ...decision.model, ...objectAt(overrides, "model") };
}

export function rebuild(
  decision: RecordedDecision,
  given: JsonObject | null,
  provider: ProviderSpec,
): Rebuilt {
  const overrides = given ?? {};
  const unspoken = unspokenFormat(decision, overrides);
  if (unspoken !== undefined) return unreplayed(unspoken, []);
  const recorded = verbatimOf(decision, overrides);
  const started =
    recorded === undefined
      ? startAnew(decision, overrides, provider)
      : startVerbatim(recorded, decision, overrides, provider);
  if (!started.ok) return started;
  const { adapter, model, notes } = started;
  const body = notKept(started.body, adapter.format, provider, notes);
  const reason = unreplayable(adapter, body);
  if (reason !== undefined) return unreplayed(reason, notes);
  const named = modelIn(body, adapter) ?? model;
  if (named === "")
    return {
      ok: false,
      kind: "invalid",
      path: "overrides.model.name",
      message: "the decision names no model; give one",
    };
  notes.push(...unstable(body[adapter.messagesMember], adapter.messagesMember));
  const level =
    recorded === undefined ? "reconstructed" : levelOf(notes, adapter.format === recorded.format);
  const headers = adapter.format === recorded?.format ? recorded.headers : {};
  return {
    ok: true,
    request: { provider, adapter, model: named, body, headers, fidelity: { level, notes } },
  };
}

function unreplayed({ path, message }: Reason, notes: readonly Note[]): Refused {
  const fidelity: Fidelity = {
    level: "not_replayable",
    notes: [...notes, dropped(path, message)],
  };
  return { ok: false, kind: "not_replayable", message: `${path}: ${message}`, fidelity };
}

function invalid(path: string, message: string): Refused {
  return { ok: false, kind: "invalid", path, message };
}

interface Started {
  readonly ok: true;
  readonly adapter: Adapter;
  readonly model: string;
  readonly body: JsonObject;
  readonly notes: Note[];
}

function startAnew(
  decision: RecordedDecision,
  overrides: JsonObject,
  provider: ProviderSpec,
): Started | Refused {
  const [format] = provider.formats;
  const adapter = adapterOf(format);
  const input = objectAt(overrides, "input");
  const effective = {
    input: input ?? decision.input ?? {},
    model: effectiveModel(decision, overrides),
    prompt: mergedPrompt(decision.prompt, objectAt(overrides, "prompt")),
    toolCalls: decision.tool_calls ?? [],
  };
  const made = reconstruct(effective, format);
  if (!made.ok) return invalid("overrides.prompt", made.message);
  const settled = withoutIdleChoice(made.conversation);
  const written = adapter.write(settled.conversation);
  const notes: Note[] = input === undefined ? [] : [substituted("input", "overridden")];
  notes.push(...made.notes, ...settled.notes, ...written.notes);
  const patched = withPatch({ ...made.members, ...written.body }, overrides, notes);
  if (patched === undefined) return invalid("overrides.body", "must leave an object");
  const overridden = withMembers(patched, adapter, overrides, notes);
  const { model } = made.conversation;
  const target = { provider: provider.name, format, model: modelIn(overridden, adapter) ?? model };
  const params = objectAt(overrides, "params");
  const ruled = applyModelRules(target, withParams(overridden, adapter, params, "params", notes));
  notes.push(...ruled.notes);
  return { ok: true, adapter, model: target.model, body: whole(ruled.body, notes), notes };
}

function startVerbatim(
  recorded: RecordedCall,
  decision: RecordedDecision,
  overrides: JsonObject,
  provider: ProviderSpec,
): Started | Refused {
  const notes: Note[] = [];
  const own = adapterOf(recorded.format);
  if (overrides["input"] !== undefined) notes.push(substituted("input", "overridden"));
  const patched = withPatch(recorded.body, overrides, notes);
  if (patched === undefined) return invalid("overrides.body", "must leave an object");
  let body = withMembers(patched, own, overrides, notes);
  const prompt = objectAt(overrides, "prompt");
  if (prompt !== undefined) {
    const worded = withPrompt(body, own, decision.prompt, prompt, notes);
    if (!worded.ok) return invalid("overrides.prompt", worded.message);
    body = worded.body;
  }
  const before = recorded.model;
  const named = textAt(objectAt(overrides, "model"), "name");
  const model = named ?? modelIn(body, own) ?? before;
  const from = providerOf(decision.model, recorded.endpoint, recorded.format)?.name;
  if (model !== before) notes.push(substituted("model", "overridden"));
  if (named !== undefined && named !== before && own.modelMember !== undefined)
    body = { ...body, [own.modelMember]: named };
  const isSame = provider.formats.includes(recorded.format);
  const isElsewhere = model !== before || (from !== undefined && from !== provider.name);
  if (isSame && isElsewhere) {
    const clean = withoutThoughts(recorded.format, body, model);
    body = clean.body;
    notes.push(...clean.notes);
  }
  const modelParams = objectAt(objectAt(overrides, "model"), "parameters");
  const params = objectAt(overrides, "params");
  body = withParams(body, own, modelParams, "model.parameters", notes);
  body = whole(withParams(body, own, params, "params", notes), notes);
  // What only the provider's memory holds is gone with the format.
  const reason = unreplayable(own, body);
  if (reason !== undefined) return unreplayed(reason, notes);
  const adapter = isSame ? own : adapterOf(provider.formats[0]);
  if (!isSame) body = translated(body, { own, adapter, model }, overrides, notes);
  if (isElsewhere || modelParams !== undefined || params !== undefined) {
    const target = { provider: provider.name, from, format: adapter.format, model };
    const ruled = applyModelRules(target, body);
    notes.push(...ruled.notes);
    body = ruled.body;
  } else notes.push(...aliasNote(decision, model));
  return { ok: true, adapter, model, body, notes };
}

/** RFC 7396; undefined where it leaves no object. */
function withPatch(body: JsonObject, overrides: JsonObject, notes: Note[]): JsonObject | undefined {
  const patch = overrides["body"];
  if (patch === undefined) return body;
  const patched = mergePatch(body, patch);
  if (!isObject(patched)) return undefined;
  notes.push(substituted("body", "overridden by a merge patch"));
  return patched;
}

function translated(
  body: JsonObject,
  { own, adapter, model }: { own: Adapter; adapter: Adapter; model: string },
  overrides: JsonObject,
  notes: Note[],
): JsonObject {
  const parsed = own.parse(body, model);
  const settled = withoutIdleChoice(parsed.conversation);
  const written = adapter.write(settled.conversation);
  const patch = objectAt(overrides, "body") ?? {};
  const lost = parsed.notes.map(({ path }) => path);
  const foreign = Object.keys(patch).filter((name) => lost.includes(name) && patch[name] !== null);
  notes.push(
    substituted("format", `${adapter.format} for ${own.format}`),
    ...parsed.notes.filter(({ path }) => !foreign.includes(path)),
    ...settled.notes,
    ...written.notes,
  );
  const theirs = Object.fromEntries(foreign.map((name) => [name, patch[name] ?? null]));
  const patched = mergePatch(written.body, theirs);
  return isObject(patched) ? patched : written.body;
}

/** `gpt-4o` was one snapshot then and may be another now. */
function aliasNote(decision: RecordedDecision, model: string): Note[] {
  const served = recordedAnswer(decision)?.servedModel ?? model;
  if (served === model) return [];
  return [kept("model", "an alias: the model that answered then may not be the one behind it now")];
}

/** Whether the answer was asked to be JSON: then anything else is invalid. */
export function expectsJson(body: JsonObject): boolean {
  const formats = [
    objectAt(body, "response_format"),
    objectAt(objectAt(body, "text"), "format"),
    objectAt(objectAt(body, "output_config"), "format"),
  ];
  const mime = textAt(objectAt(body, "generationConfig"), "responseMimeType");
  return (
    mime === "application/json" ||
    formats.some((format) => (textAt(format, "type") ?? "").startsWith("json"))
  );
}

/** The calls a decision offers to compare with, whatever they are called. */
export function recordedCalls(decision: RecordedDecision): JsonObject[] {
  return [...(decision.tool_calls ?? objectsAt(decision.output ?? {}, "tool_calls"))];
}
