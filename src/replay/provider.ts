/**
 * The port behind which every provider stands, reference "providers-and-replay" §8: an adapter knows
 * one wire format and is a set of pure functions. Keys, addresses and the network stay outside.
 */
import type { JsonObject, JsonValue } from "../lib/json.ts";
import type { Note } from "./fidelity.ts";
import type { Reading } from "./outcome.ts";

export const FORMATS = [
  "openai.chat",
  "openai.responses",
  "anthropic.messages",
  "google.generateContent",
  "workers-ai.run",
] as const;
export type Format = (typeof FORMATS)[number];

/** What came back: the status, the one header that matters here, and the body as text. */
export interface ProviderReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A message of a conversation, in words that every format has. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image"; readonly mediaType: string; readonly base64: string }
  | { readonly kind: "image_url"; readonly url: string }
  | {
      readonly kind: "tool_call";
      readonly id: string;
      readonly name: string;
      readonly arguments: JsonValue;
      /** As they were sent, where they were sent as text: numbers keep all of their digits. */
      readonly text?: string;
    }
  | {
      readonly kind: "tool_result";
      readonly id: string;
      readonly name: string;
      readonly content: JsonValue;
    };

export interface Message {
  readonly role: "user" | "assistant";
  readonly parts: readonly Part[];
}

export interface Tool {
  readonly name: string;
  readonly description: string | undefined;
  readonly parameters: JsonObject | undefined;
  readonly strict: boolean | undefined;
}

export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** Parameters by their OpenAI Chat names; what a format has no word for is dropped and named. */
export const PARAMS = [
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop",
  "seed",
  "presence_penalty",
  "frequency_penalty",
  "reasoning_effort",
  "parallel_tool_calls",
] as const;
export type Param = (typeof PARAMS)[number];
export type Params = { readonly [name in Param]?: JsonValue };

export interface JsonSchemaFormat {
  readonly name: string;
  readonly description: string | undefined;
  readonly schema: JsonObject;
  readonly strict: boolean | undefined;
}

/** A request without a provider's words: what one adapter parses, another can write. */
export interface Conversation {
  readonly model: string;
  readonly system: string | undefined;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | undefined;
  readonly params: Params;
  readonly output: "json_object" | JsonSchemaFormat | undefined;
}

export interface Written {
  readonly body: JsonObject;
  readonly notes: readonly Note[];
}

export interface Adapter {
  readonly format: Format;
  /** Behind the base URL. */
  path(model: string): string;
  /** Headers the format itself needs, credentials apart. */
  readonly headers: Readonly<Record<string, string>>;
  /** Members that are part of the address or of streaming, not of the question. */
  readonly messagesMember: string;
  /** The model named in a body; undefined where the format names it in the path. */
  readonly modelMember: "model" | undefined;
  /** Sets a parameter in a body of this format; undefined: there is no such parameter. */
  param(name: Param): readonly string[] | undefined;
  setSystem(body: JsonObject, system: string): JsonObject;
  /** What only the provider's memory holds: such a body cannot be sent again. */
  serverState(body: JsonObject): string | undefined;
  parse(body: JsonObject, model: string): { conversation: Conversation; notes: readonly Note[] };
  write(conversation: Conversation): Written;
  read(reply: ProviderReply): Reading;
}
