/** What is changed of every body, reference §7.3: one whole answer, which nobody else keeps. Pure. */
import { isObject, type JsonObject, type JsonValue } from "../lib/json.ts";
import { dropped, kept, substituted, type Fidelity, type Note } from "./fidelity.ts";
import { without } from "./json-read.ts";
import type { Format } from "./provider.ts";
import type { ProviderSpec } from "./providers/table.ts";

/** Members that ask for another way of answering, not for another answer. */
const TRANSPORT: readonly string[] = ["stream", "stream_options", "background"];
/** Responses are kept unless it is said otherwise. */
const KEEPERS: readonly string[] = ["openai", "azure"];

export function whole(body: JsonObject, notes: Note[]): JsonObject {
  const there = TRANSPORT.filter((member) => body[member] !== undefined && body[member] !== false);
  notes.push(...there.map((member) => dropped(member, "a replay asks for one whole answer")));
  return without(body, ...there);
}

export function notKept(
  body: JsonObject,
  format: Format,
  provider: ProviderSpec,
  notes: Note[],
): JsonObject {
  const isDefault = format === "openai.responses" && KEEPERS.includes(provider.name);
  const { store } = body;
  if (store !== true && !(isDefault && store !== false)) return body;
  notes.push(substituted("store", "a replay leaves nothing with the provider"));
  return { ...body, store: false };
}

export function levelOf(notes: readonly Note[], isSameFormat: boolean): Fidelity["level"] {
  const differing = notes.filter(
    ({ action, reason }) => action !== "kept" && !reason.startsWith("overridden"),
  );
  if (differing.length === 0) return "exact";
  const isTransport = differing.every(({ path }) => path === "store" || TRANSPORT.includes(path));
  return isSameFormat && isTransport ? "equivalent" : "adapted";
}

const ADDRESSES: readonly string[] = "url image_url file_url file_uri fileUri".split(" ");
const FILES: readonly string[] = ["file_id", "fileId"];
/** What a tool was called with or answered is data, whatever its members are called. */
const DATA: readonly string[] = ["input", "args", "response", "arguments", "output"];

/** Addresses and files stand for content that may be another by now, or gone. */
export function unstable(value: JsonValue | undefined, path: string): Note[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => unstable(item, `${path}.${i}`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([member, inside]) => {
    const at = `${path}.${member}`;
    if (DATA.includes(member)) return [];
    if (typeof inside !== "string") return unstable(inside, at);
    const isRemote =
      FILES.includes(member) || (ADDRESSES.includes(member) && /^(https?|gs):/i.test(inside));
    return isRemote ? [kept(at, "unstable_reference: what it leads to may have changed")] : [];
  });
}
