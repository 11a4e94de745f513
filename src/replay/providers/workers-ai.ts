/**
 * Cloudflare Workers AI through its binding, reference §8.7: it is asked as Chat Completions are, the
 * model apart; some models answer like those, the others with `{response, tool_calls, usage}`.
 */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { dropped } from "../fidelity.ts";
import { objectAt, objectsAt, textAt, without } from "../json-read.ts";
import type { Reading } from "../outcome.ts";
import type { Adapter } from "../provider.ts";
import { readReply } from "../reply.ts";
import { chatAssembler } from "../streams/chat.ts";
import { openaiChat } from "./openai-chat.ts";
import { readChat } from "./openai-chat-read.ts";

/** Of what Chat Completions take. */
const NOT_TAKEN: readonly string[] = [
  "stop",
  "tool_choice",
  "parallel_tool_calls",
  "reasoning_effort",
];

// Pure, so that who only wants to know the providers (the SDK) need not carry the adapters.
export const workersAi: Adapter = /* @__PURE__ */ likeChat();

function likeChat(): Adapter {
  return {
    ...openaiChat,
    format: "workers-ai.run",
    path: (model) => `/run/${model}`,
    modelMember: undefined,
    param: (name) => (NOT_TAKEN.includes(name) ? undefined : [name]),
    parse(body, model) {
      const prompt = textAt(body, "prompt");
      const asked = prompt === undefined ? {} : { messages: [{ role: "user", content: prompt }] };
      const chat = { ...without(body, "prompt"), ...asked };
      const { conversation, notes } = openaiChat.parse(chat, model);
      return { conversation: { ...conversation, model }, notes };
    },
    write(conversation) {
      const { body, notes } = openaiChat.write(conversation);
      const there = NOT_TAKEN.filter((member) => body[member] !== undefined);
      const reason = "Workers AI has no such parameter";
      return {
        body: without(body, "model", ...there),
        notes: [...notes, ...there.map((member) => dropped(member, reason))],
      };
    },
    read: (reply) => readReply(reply, chatAssembler(), readAnswer),
  };
}

function readAnswer(body: JsonObject): Reading {
  const result = objectAt(body, "result") ?? body; // as the REST API wraps it
  return readChat(result["choices"] === undefined ? asChat(result) : result);
}

/** In the words of Chat Completions; a JSON mode answers with the value itself. */
function asChat(result: JsonObject): JsonObject {
  const { response, usage = null } = result;
  if (response === undefined) return result;
  const content = isObject(response) ? JSON.stringify(response) : response;
  const tool_calls = objectsAt(result, "tool_calls").map((call) =>
    isObject(call["function"]) ? call : { type: "function", function: call },
  );
  const message = { role: "assistant", content, tool_calls };
  const finish_reason = textAt(result, "finish_reason") ?? "stop";
  return { usage, choices: [{ index: 0, message, finish_reason }] };
}
