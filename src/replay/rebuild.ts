/**
 * The request a live replay sends, reference §7: the recorded body itself where there is one, else
 * one made from the decision; with the overrides, and with a report of everything that differs.
 *
 * Order: `messages`, `tools`, `prompt`, `model` and `params` on the recorded body in its own format,
 * then the change of format and the model's rules, last the merge patch `overrides.body`.
 * Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { dropped, substituted, type Fidelity, type Note } from "./fidelity.ts";
import { mergePatch, objectAt, objectsAt, textAt, without } from "./json-read.ts";
import { applyModelRules, withoutThoughts } from "./model-rules.ts";
import { promptWords } from "./prompt.ts";
import { PARAMS, type Adapter, type Format } from "./provider.ts";
import { adapterOf, providerOf, type ProviderSpec } from "./providers/table.ts";
import { reconstruct } from "./reconstruct.ts";
import type { RecordedDecision } from "./recorded-decision.ts";
import { unreplayable } from "./replayable.ts";
import { verbatimOf, type RecordedCall } from "./verbatim.ts";

export interface PreparedRequest {
  readonly provider: ProviderSpec;
  readonly adapter: Adapter;
  readonly model: string;
  readonly body: JsonObject;
  /** Of the recorded call: a version or a beta the answer depends on. Never a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fidelity: Fidelity;
}

export type Rebuilt =
  | { readonly ok: true; readonly request: PreparedRequest }
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

/** Members that ask for another way of answering, not for another answer. */
const TRANSPORT: readonly string[] = ["stream", "stream_options", "background"];

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
  const recorded = verbatimOf(decision, overrides);
  const started =
    recorded === undefined
      ? startAnew(decision, overrides, provider)
      : startVerbatim(recorded, decision, overrides, provider);
  if (!started.ok)
    return { ok: false, kind: "invalid", path: "overrides.prompt", message: started.message };
  const { adapter, model, notes } = started;
  const patched = mergePatch(started.body, overrides["body"] ?? {});
  if (!isObject(patched))
    return { ok: false, kind: "invalid", path: "overrides.body", message: "must leave an object" };
  if (overrides["body"] !== undefined)
    notes.push(substituted("body", "overridden by a merge patch"));
  const body = forOneAnswer(patched, adapter.format, provider, notes);
  const reason = unreplayable(adapter, body);
  if (reason !== undefined) {
    const fidelity: Fidelity = {
      level: "not_replayable",
      notes: [...notes, dropped(reason.path, reason.message)],
    };
    return {
      ok: false,
      kind: "not_replayable",
      message: `${reason.path}: ${reason.message}`,
      fidelity,
    };
  }
  const named = (adapter.modelMember && textAt(body, adapter.modelMember)) ?? model;
  if (named === "")
    return {
      ok: false,
      kind: "invalid",
      path: "overrides.model.name",
      message: "the decision names no model; give one",
    };
  const level =
    recorded === undefined ? "reconstructed" : levelOf(notes, adapter.format === recorded.format);
  const headers = adapter.format === recorded?.format ? recorded.headers : {};
  return {
    ok: true,
    request: { provider, adapter, model: named, body, headers, fidelity: { level, notes } },
  };
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
): Started | { ok: false; message: string } {
  const [format] = provider.formats;
  const adapter = adapterOf(format);
  const effective = {
    input: objectAt(overrides, "input") ?? decision.input ?? {},
    model: effectiveModel(decision, overrides),
    prompt:
      decision.prompt === null && overrides["prompt"] === undefined
        ? null
        : { ...decision.prompt, ...objectAt(overrides, "prompt") },
    toolCalls: decision.tool_calls ?? [],
  };
  const made = reconstruct(effective, format);
  if (!made.ok) return made;
  const written = adapter.write(made.conversation);
  const notes: Note[] = [...made.notes, ...written.notes];
  const overridden = withMembers(written.body, adapter, overrides, notes);
  const target = { provider: provider.name, format, model: made.conversation.model };
  const ruled = applyModelRules(
    target,
    withParams(overridden, adapter, objectAt(overrides, "params"), "params", notes),
  );
  notes.push(...ruled.notes);
  return { ok: true, adapter, model: target.model, body: ruled.body, notes };
}

function startVerbatim(
  recorded: RecordedCall,
  decision: RecordedDecision,
  overrides: JsonObject,
  provider: ProviderSpec,
): Started | { ok: false; message: string } {
  const notes: Note[] = [];
  const own = adapterOf(recorded.format);
  const before = recorded.model;
  const model = textAt(objectAt(overrides, "model"), "name") ?? before;
  let body = withMembers(recorded.body, own, overrides, notes);
  const prompt = objectAt(overrides, "prompt");
  if (prompt !== undefined) {
    const words = promptWords(prompt);
    if (!words.ok) return words;
    const system = words.system ?? words.text;
    if (system !== undefined) body = own.setSystem(body, system);
    if (words.messages.length > 0) body = { ...body, [own.messagesMember]: [...words.messages] };
    notes.push(substituted("prompt", "overridden"));
  }
  if (model !== before) {
    notes.push(substituted("model", "overridden"));
    if (own.modelMember !== undefined) body = { ...body, [own.modelMember]: model };
    const clean = withoutThoughts(recorded.format, body);
    body = clean.body;
    notes.push(...clean.notes);
  }
  const modelParams = objectAt(objectAt(overrides, "model"), "parameters");
  body = withParams(body, own, modelParams, "model.parameters", notes);
  body = withParams(body, own, objectAt(overrides, "params"), "params", notes);
  const [preferred] = provider.formats;
  const isSame = provider.formats.includes(recorded.format);
  const adapter = isSame ? own : adapterOf(preferred);
  if (!isSame) {
    const parsed = own.parse(without(body, ...TRANSPORT), model);
    const written = adapter.write(parsed.conversation);
    notes.push(
      substituted("format", `${adapter.format} for ${own.format}`),
      ...parsed.notes,
      ...written.notes,
    );
    body = written.body;
  }
  const isAsRecorded =
    isSame && model === before && modelParams === undefined && overrides["params"] === undefined;
  const recordedProvider = providerOf(decision.model, recorded.endpoint, recorded.format);
  if (!isAsRecorded || recordedProvider?.name !== provider.name) {
    const ruled = applyModelRules({ provider: provider.name, format: adapter.format, model }, body);
    notes.push(...ruled.notes);
    body = ruled.body;
  }
  return { ok: true, adapter, model, body, notes };
}

/** Overrides of whole members, in the body's own format. */
function withMembers(
  body: JsonObject,
  adapter: Adapter,
  overrides: JsonObject,
  notes: Note[],
): JsonObject {
  const { messagesMember } = adapter;
  let changed = body;
  for (const [override, member] of [
    ["messages", messagesMember],
    ["tools", "tools"],
  ] as const) {
    const value = overrides[override];
    if (value === undefined) continue;
    notes.push(substituted(member, "overridden"));
    changed = value === null ? without(changed, member) : { ...changed, [member]: value };
  }
  return changed;
}

/** Parameters by their common names; any other name is a member of the body as it is. */
function withParams(
  body: JsonObject,
  adapter: Adapter,
  params: JsonObject | undefined,
  path: string,
  notes: Note[],
): JsonObject {
  let changed: JsonValue = body;
  for (const [name, value] of Object.entries(params ?? {})) {
    const common = PARAMS.find((param) => param === name);
    const place = common === undefined ? [name] : adapter.param(common);
    if (place === undefined) {
      notes.push(dropped(`${path}.${name}`, `${adapter.format} has no such parameter`));
      continue;
    }
    notes.push(substituted(place.join("."), "overridden"));
    // Both names at once are an error: the one in the body is the one that is set.
    const [first = name] = place;
    const member =
      first === "max_tokens" && body["max_completion_tokens"] !== undefined
        ? "max_completion_tokens"
        : first;
    const patch =
      place.length > 1 ? { [member]: { [place[1] ?? ""]: value } } : { [member]: value };
    changed = mergePatch(changed, patch);
  }
  return isObject(changed) ? changed : body;
}

/** One whole answer, which the provider does not keep. */
function forOneAnswer(
  body: JsonObject,
  format: Format,
  provider: ProviderSpec,
  notes: Note[],
): JsonObject {
  const there = TRANSPORT.filter((member) => body[member] !== undefined && body[member] !== false);
  notes.push(...there.map((member) => dropped(member, "a replay asks for one whole answer")));
  const whole = without(body, ...there);
  const keeps = format === "openai.responses" ? provider.name === "openai" : body["store"] === true;
  if (!keeps || body["store"] === false) return whole;
  notes.push(substituted("store", "a replay leaves nothing with the provider"));
  return { ...whole, store: false };
}

function levelOf(notes: readonly Note[], isSameFormat: boolean): Fidelity["level"] {
  const differing = notes.filter(({ reason }) => !reason.startsWith("overridden"));
  if (differing.length === 0) return "exact";
  const isTransport = differing.every(({ path }) => path === "store" || TRANSPORT.includes(path));
  return isSameFormat && isTransport ? "equivalent" : "adapted";
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
