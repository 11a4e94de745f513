/**
 * What a model family takes, reference §7.3: a table of rules for bodies that are not sent as they
 * were recorded. A recorded request that worked is never "corrected".
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { dropped, renamed, substituted, type Note } from "./fidelity.ts";
import { objectAt, objectsAt, textAt, without } from "./json-read.ts";
import type { Format } from "./provider.ts";

export interface Target {
  readonly provider: string;
  readonly format: Format;
  readonly model: string;
}

interface Changed {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

interface Rule {
  readonly applies: (target: Target, body: JsonObject) => boolean;
  readonly apply: (body: JsonObject) => Changed;
}

const SAMPLING = ["temperature", "top_p", "top_k"] as const;

const RULES: readonly Rule[] = [
  {
    applies: ({ provider, format }) => isOpenAi(provider) && format === "openai.chat",
    apply: (body) => drop(body, ["top_k"], "OpenAI has no such parameter"),
  },
  {
    applies: ({ provider, model }, body) =>
      isOpenAi(provider) && isReasoning(model) && !mayBeSampled(model, body),
    apply: (body) =>
      drop(
        body,
        ["temperature", "top_p", "logprobs", "top_logprobs"],
        "reasoning models refuse it",
      ),
  },
  {
    applies: ({ provider, model }) => isOpenAi(provider) && isReasoning(model),
    apply: (body) =>
      drop(
        body,
        ["frequency_penalty", "presence_penalty", "logit_bias"],
        "reasoning models refuse it",
      ),
  },
  {
    applies: ({ provider, format, model }) =>
      isOpenAi(provider) && format === "openai.chat" && isReasoning(model),
    apply: (body) => {
      const limit = rename(body, "max_tokens", "max_completion_tokens");
      const roles = withRole(limit.body, "system", "developer");
      return { body: roles.body, notes: [...limit.notes, ...roles.notes] };
    },
  },
  {
    applies: ({ provider, format, model }) =>
      format === "openai.chat" && !(isOpenAi(provider) && isReasoning(model)),
    apply: (body) => withRole(body, "developer", "system"),
  },
  {
    applies: ({ format, model }, body) =>
      format === "anthropic.messages" && (refusesSampling(model) || isThinking(body)),
    apply: (body) =>
      drop(body, SAMPLING, "this Claude model refuses it, or refuses it while thinking"),
  },
  {
    applies: ({ provider }) => provider === "mistral",
    apply(body) {
      const seed = rename(body, "seed", "random_seed");
      const limit = rename(seed.body, "max_completion_tokens", "max_tokens");
      const notes = [...seed.notes, ...limit.notes];
      if (limit.body["tool_choice"] !== "required") return { body: limit.body, notes };
      notes.push(substituted("tool_choice", "Mistral says any for required"));
      return { body: { ...limit.body, tool_choice: "any" }, notes };
    },
  },
];

export function applyModelRules(target: Target, body: JsonObject): Changed {
  let changed: Changed = { body, notes: [] };
  for (const { applies, apply } of RULES) {
    if (!applies(target, changed.body)) continue;
    const next = apply(changed.body);
    changed = { body: next.body, notes: [...changed.notes, ...next.notes] };
  }
  return changed;
}

function isOpenAi(provider: string): boolean {
  return provider === "openai" || provider === "azure";
}

function isReasoning(model: string): boolean {
  return /^(o\d|gpt-([5-9]|\d\d))/.test(model) && !/-chat/.test(model);
}

/** From 5.1 on, a model that is told not to reason takes sampling parameters. */
function mayBeSampled(model: string, body: JsonObject): boolean {
  const effort = textAt(body, "reasoning_effort") ?? textAt(objectAt(body, "reasoning"), "effort");
  return /^gpt-(5\.[1-9]|[6-9]|\d\d)/.test(model) && effort === "none";
}

/** Opus since 4.7, everything since 5, and whatever is newer than this table. */
function refusesSampling(model: string): boolean {
  const [, family, major, minor] =
    /^claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/.exec(model) ?? [];
  if (family === undefined) return false;
  const version = Number(major) + Number(minor ?? 0) / 100;
  return family === "opus" ? version >= 4.07 : version >= 5;
}

function isThinking(body: JsonObject): boolean {
  const type = textAt(objectAt(body, "thinking"), "type");
  return type === "enabled" || type === "adaptive";
}

function drop(body: JsonObject, members: readonly string[], reason: string): Changed {
  const there = members.filter((member) => body[member] !== undefined);
  return { body: without(body, ...there), notes: there.map((member) => dropped(member, reason)) };
}

function rename(body: JsonObject, from: string, to: string): Changed {
  const value = body[from];
  if (value === undefined) return { body, notes: [] };
  return { body: { ...without(body, from), [to]: value }, notes: [renamed(from, to)] };
}

function withRole(body: JsonObject, from: string, to: string): Changed {
  const notes: Note[] = [];
  const messages = objectsAt(body, "messages").map((message, i) => {
    if (message["role"] !== from) return message;
    notes.push(substituted(`messages.${i}.role`, `${to} for ${from}: what this model takes`));
    return { ...message, role: to };
  });
  return notes.length === 0 ? { body, notes } : { body: { ...body, messages }, notes };
}

/** Of a body that goes to another model of the same format: thoughts and their signatures stay home. */
export function withoutThoughts(format: Format, body: JsonObject): Changed {
  const notes: Note[] = [];
  const reason = "what a model thought, with its signature, belongs to that model";
  const keep =
    (isThought: (block: JsonObject) => boolean, path: string) =>
    (block: JsonValue, i: number): boolean => {
      if (!isObject(block) || !isThought(block)) return true;
      notes.push(dropped(`${path}.${i}`, reason));
      return false;
    };
  const mapped = (member: string, blocks: string, isThought: (block: JsonObject) => boolean) =>
    objectsAt(body, member).map((message, i) => {
      const content = message[blocks];
      if (!Array.isArray(content)) return message;
      return { ...message, [blocks]: content.filter(keep(isThought, `${member}.${i}.${blocks}`)) };
    });
  switch (format) {
    case "openai.chat":
    case "workers-ai.run":
      return { body, notes };
    case "openai.responses": {
      const { input } = body;
      if (!Array.isArray(input)) return { body, notes };
      const kept = input.filter(keep(({ type }) => type === "reasoning", "input"));
      return { body: { ...body, input: kept }, notes };
    }
    case "anthropic.messages": {
      const messages = mapped("messages", "content", (block) =>
        (textAt(block, "type") ?? "").endsWith("thinking"),
      );
      return { body: { ...body, messages }, notes };
    }
    case "google.generateContent": {
      const contents = mapped("contents", "parts", ({ thought }) => thought === true);
      return { body: { ...body, contents }, notes };
    }
  }
}
