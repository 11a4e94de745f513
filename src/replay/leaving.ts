/**
 * Chat Completions of one provider sent to another, reference §8.6: the same format, but each has
 * members of its own that others refuse or, worse, ignore. Pure.
 */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { dropped, renamed, substituted, type Note } from "./fidelity.ts";
import { objectsAt, textAt, without } from "./json-read.ts";

interface Changed {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

const OPENAI =
  "store metadata service_tier safety_identifier user prompt_cache_key prompt_cache_options prompt_cache_retention verbosity prediction web_search_options modalities audio".split(
    " ",
  );
const SERVERS =
  "min_p repetition_penalty guided_json guided_regex guided_choice guided_grammar structured_outputs chat_template_kwargs".split(
    " ",
  );

/** Members that only the provider knows which they were recorded with. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  openai: OPENAI,
  azure: [...OPENAI, "data_sources"],
  mistral: ["safe_prompt", "prompt_mode", "document_image_limit", "document_page_limit"],
  groq: ["reasoning_format", "include_reasoning", "service_tier", "compound_custom"],
  openrouter: ["provider", "models", "route", "transforms", "plugins", "reasoning", "usage"],
  vllm: SERVERS,
  "openai-compatible": SERVERS,
};

export function leaving(body: JsonObject, from: string, to: string): Changed {
  const own = OWN[from] ?? [];
  const known = OWN[to] ?? [];
  const members = own.filter((name) => (body[name] ?? null) !== null && !known.includes(name));
  const notes = members.map((name) => dropped(name, `${from} has a word of its own for it`));
  const left = without(body, ...members);
  return from === "mistral" ? fromMistral(left, notes) : { body: left, notes };
}

function fromMistral(body: JsonObject, notes: Note[]): Changed {
  let changed = body;
  if (body["random_seed"] !== undefined) {
    notes.push(renamed("random_seed", "seed"));
    changed = { ...without(changed, "random_seed"), seed: body["random_seed"] };
  }
  if (body["tool_choice"] === "any") {
    notes.push(substituted("tool_choice", "required for any: what others say"));
    changed = { ...changed, tool_choice: "required" };
  }
  const images = withImages(changed, (image) =>
    typeof image === "string" ? { url: image } : undefined,
  );
  return { body: images.body, notes: [...notes, ...images.notes] };
}

/** Mistral takes an image as a string, and wants results to name their tool. */
export function toMistral(body: JsonObject): Changed {
  const images = withImages(body, (image) => (isObject(image) ? textAt(image, "url") : undefined));
  const names = new Map(
    objectsAt(images.body, "messages")
      .flatMap((message) => objectsAt(message, "tool_calls"))
      .map((call) => [call["id"] ?? null, isObject(call["function"]) ? call["function"] : {}]),
  );
  const notes = [...images.notes];
  const messages = objectsAt(images.body, "messages").map((message, i) => {
    const name = textAt(names.get(message["tool_call_id"] ?? ""), "name");
    if (message["role"] !== "tool" || message["name"] !== undefined || name === undefined)
      return message;
    notes.push(substituted(`messages.${i}.name`, "Mistral wants a result to name its tool"));
    return { ...message, name };
  });
  return notes.length === 0 ? { body, notes } : { body: { ...images.body, messages }, notes };
}

function withImages(
  body: JsonObject,
  written: (image: JsonValue | undefined) => JsonValue | undefined,
): Changed {
  const notes: Note[] = [];
  const messages = objectsAt(body, "messages").map((message, i) => {
    const { content } = message;
    if (!Array.isArray(content)) return message;
    const parts = content.map((part, n) => {
      const image = isObject(part) ? written(part["image_url"]) : undefined;
      if (image === undefined || !isObject(part)) return part;
      notes.push(substituted(`messages.${i}.content.${n}.image_url`, "written as it is there"));
      return { ...part, image_url: image };
    });
    return { ...message, content: parts };
  });
  return notes.length === 0 ? { body, notes } : { body: { ...body, messages }, notes };
}
