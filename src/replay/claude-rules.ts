/** What Claude models take, reference §7.3; by their names, unknown ones as the newest known. Pure. */
import { isObject, type JsonObject } from "../lib/json.ts";
import { dropped, substituted, type Note } from "./fidelity.ts";
import { numberAt, objectAt, textAt, without } from "./json-read.ts";

interface Changed {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

/** The least that may be spent on thinking. */
const BUDGET_MIN = 1024;
const OLD_FAMILIES: readonly string[] = ["opus", "sonnet", "haiku", "instant"];

interface Claude {
  readonly family: string;
  /** 4.07 for 4-7. */
  readonly version: number;
}

function claudeOf(model: string): Claude | undefined {
  const [, family, major, minor] =
    /(?:^|[./@])claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model) ?? [];
  if (family === undefined) return undefined;
  return { family, version: Number(major) + Number(minor ?? 0) / 100 };
}

/** Opus since 4.7, everything since 5, and whatever is newer than this table. */
export function refusesSampling(model: string): boolean {
  const claude = claudeOf(model);
  if (claude === undefined) return false;
  const { family, version } = claude;
  if (!OLD_FAMILIES.includes(family)) return true;
  return family === "opus" ? version >= 4.07 : version >= 5;
}

/** Opus since 4.5, Sonnet since 4.6, and everything since 5. */
function takesEffort(model: string): boolean {
  const { family, version } = claudeOf(model) ?? { family: "", version: 0 };
  if (refusesSampling(model)) return true;
  return (family === "opus" && version >= 4.05) || (family === "sonnet" && version >= 4.06);
}

/** Adaptive thinking came with 4.6. */
function adapts(model: string): boolean {
  const { version } = claudeOf(model) ?? { version: 0 };
  return refusesSampling(model) || version >= 4.06;
}

export function isThinking(body: JsonObject): boolean {
  const type = textAt(objectAt(body, "thinking"), "type");
  return type === "enabled" || type === "adaptive";
}

/** Newer models think as they see fit, older ones within a budget that leaves room to answer. */
export function withThinking(model: string, body: JsonObject): Changed {
  const { thinking } = body;
  if (!isObject(thinking)) return { body, notes: [] };
  const type = textAt(thinking, "type");
  if (type === "adaptive" && !adapts(model))
    return {
      body: without(body, "thinking"),
      notes: [dropped("thinking", "this Claude model does not think adaptively")],
    };
  if (type !== "enabled") return { body, notes: [] };
  if (refusesSampling(model)) {
    const adaptive = { ...without(thinking, "budget_tokens"), type: "adaptive" };
    return {
      body: { ...body, thinking: adaptive },
      notes: [substituted("thinking", "adaptive for enabled: this Claude model takes no budget")],
    };
  }
  const notes: Note[] = [];
  const given = numberAt(thinking, "budget_tokens") ?? 0;
  const budget = Math.max(given, BUDGET_MIN);
  if (budget !== given)
    notes.push(substituted("thinking.budget_tokens", `the least there is is ${BUDGET_MIN}`));
  const limit = numberAt(body, "max_tokens") ?? 0;
  const isTooSmall = limit <= budget;
  if (isTooSmall)
    notes.push(substituted("max_tokens", "it must be more than what may be spent on thinking"));
  return {
    body: {
      ...body,
      thinking: { ...thinking, budget_tokens: budget },
      max_tokens: isTooSmall ? limit + budget : limit,
    },
    notes,
  };
}

export function withEffort(model: string, body: JsonObject): Changed {
  const config = objectAt(body, "output_config");
  if (config?.["effort"] === undefined || takesEffort(model)) return { body, notes: [] };
  const others = without(config, "effort");
  const rest = without(body, "output_config");
  return {
    body: Object.keys(others).length === 0 ? rest : { ...rest, output_config: others },
    notes: [dropped("output_config.effort", "this Claude model takes no effort")],
  };
}

export function clamped(body: JsonObject): Changed {
  const temperature = numberAt(body, "temperature");
  if (temperature === undefined || temperature <= 1) return { body, notes: [] };
  return {
    body: { ...body, temperature: 1 },
    notes: [substituted("temperature", "Messages takes 0 to 1")],
  };
}
