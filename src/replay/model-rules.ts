/**
 * What a model family takes, reference §7.3: a table of rules for bodies that are not sent as they
 * were recorded. A recorded request that worked is never "corrected".
 */
import type { JsonObject } from "../lib/json.ts";
import { clamped, isThinking, refusesSampling, withEffort, withThinking } from "./claude-rules.ts";
import { dropped, renamed, substituted, type Note } from "./fidelity.ts";
import { objectAt, objectsAt, textAt, without } from "./json-read.ts";
import { leaving, toMistral } from "./leaving.ts";
import type { Format } from "./provider.ts";

export interface Target {
  readonly provider: string;
  /** Whose request it was; undefined where none was recorded. */
  readonly from?: string | undefined;
  readonly format: Format;
  readonly model: string;
}

interface Changed {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

interface Rule {
  readonly applies: (target: Target, body: JsonObject) => boolean;
  readonly apply: (body: JsonObject, target: Target) => Changed;
}

const SAMPLING = ["temperature", "top_p", "top_k"] as const;

/** Compatible servers that know `max_completion_tokens`; everyone knows `max_tokens`. */
const COMPLETION_TOKENS: readonly string[] =
  "openai azure groq cerebras xai openrouter vllm openai-compatible".split(" ");

const RULES: readonly Rule[] = [
  {
    applies: ({ provider, from, format }) =>
      format === "openai.chat" && from !== undefined && from !== provider,
    apply: (body, { provider, from = "" }) => leaving(body, from, provider),
  },
  {
    applies: ({ provider, format }) => isOpenAi(provider) && format === "openai.chat",
    apply: (body) => drop(body, ["top_k"], "OpenAI has no such parameter"),
  },
  {
    applies: ({ provider, model }, body) =>
      isOpenAi(provider) && isReasoning(model) && !mayBeSampled(model, body),
    apply: (body) => drop(body, ["temperature", "top_p", "logprobs"], "reasoning models refuse it"),
  },
  {
    applies: ({ provider, model }) => isOpenAi(provider) && isReasoning(model),
    apply: (body) =>
      drop(
        body,
        ["top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias"],
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
    applies: ({ format }) => format === "anthropic.messages",
    apply(body, { model }) {
      const limited = clamped(body);
      const thinking = withThinking(model, limited.body);
      const effort = withEffort(model, thinking.body);
      return { body: effort.body, notes: [...limited.notes, ...thinking.notes, ...effort.notes] };
    },
  },
  {
    applies: ({ format, model }, body) =>
      format === "anthropic.messages" && (refusesSampling(model) || isThinking(body)),
    apply: (body) =>
      drop(body, SAMPLING, "this Claude model refuses it, or refuses it while thinking"),
  },
  {
    applies: ({ provider, format }) =>
      format === "openai.chat" && !COMPLETION_TOKENS.includes(provider),
    apply: (body) => rename(body, "max_completion_tokens", "max_tokens"),
  },
  {
    applies: ({ provider }) => provider === "mistral",
    apply(body) {
      const seed = rename(body, "seed", "random_seed");
      const written = toMistral(seed.body);
      const notes = [...seed.notes, ...written.notes];
      if (written.body["tool_choice"] !== "required") return { body: written.body, notes };
      notes.push(substituted("tool_choice", "Mistral says any for required"));
      return { body: { ...written.body, tool_choice: "any" }, notes };
    },
  },
];

export function applyModelRules(target: Target, body: JsonObject): Changed {
  let changed: Changed = { body, notes: [] };
  for (const { applies, apply } of RULES) {
    if (!applies(target, changed.body)) continue;
    const next = apply(changed.body, target);
    changed = { body: next.body, notes: [...changed.notes, ...next.notes] };
  }
  return changed;
}

function isOpenAi(provider: string): boolean {
  return provider === "openai" || provider === "azure";
}

function isReasoning(model: string): boolean {
  return /^(ft:)?(o\d|gpt-([5-9]|\d\d))/.test(model) && !/-chat/.test(model);
}

/** From 5.1 on, a model that is told not to reason takes sampling parameters. */
function mayBeSampled(model: string, body: JsonObject): boolean {
  const effort = textAt(body, "reasoning_effort") ?? textAt(objectAt(body, "reasoning"), "effort");
  return /^(ft:)?gpt-(5\.[1-9]|[6-9]|\d\d)/.test(model) && effort === "none";
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
