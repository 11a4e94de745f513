/** What keeps a body from being sent again, reference §7.3. Pure. */
import type { JsonObject } from "../lib/json.ts";
import { objectsAt } from "./json-read.ts";
import type { Adapter } from "./provider.ts";

export interface Reason {
  readonly path: string;
  readonly message: string;
}

export function unreplayable(adapter: Adapter, body: JsonObject): Reason | undefined {
  const state = adapter.serverState(body);
  if (state !== undefined)
    return {
      path: state,
      message: "server_state: it stands for content that only the provider holds",
    };
  if (endsInCall(adapter, body)) {
    const before = objectsAt(body, adapter.messagesMember).length - 1;
    return {
      path: adapter.messagesMember,
      message: `unresolved_tool_call: it ends with a call to a tool that nobody answered; override messages with its answer, or with the first ${before}`,
    };
  }
  return undefined;
}

function endsInCall({ format, messagesMember }: Adapter, body: JsonObject): boolean {
  const last = objectsAt(body, messagesMember).at(-1);
  if (last === undefined) return false;
  switch (format) {
    case "openai.chat":
    case "workers-ai.run":
      return objectsAt(last, "tool_calls").length > 0;
    case "openai.responses":
      return last["type"] === "function_call";
    case "anthropic.messages":
      return (
        last["role"] === "assistant" &&
        objectsAt(last, "content").some(({ type }) => type === "tool_use")
      );
    case "google.generateContent":
      return (
        last["role"] === "model" &&
        objectsAt(last, "parts").some(({ functionCall }) => functionCall !== undefined)
      );
  }
}
