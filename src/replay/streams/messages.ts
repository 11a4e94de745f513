/** Anthropic Messages, streamed: content blocks and their deltas become one message. Pure. */
import { isObject, type JsonObject } from "../../lib/json.ts";
import { numberAt, objectAt, objectsAt, parseJson, textAt } from "../json-read.ts";
import type { Assembler } from "./assembler.ts";

/** More blocks than any answer has; an index from outside must not make a list of holes. */
const BLOCKS_MAX = 10_000;

export function messageAssembler(): Assembler {
  let message: JsonObject | undefined;
  let error: JsonObject | undefined;
  let isComplete = false;
  const blocks: JsonObject[] = [];
  /** Arguments of a tool call come as JSON text in pieces. */
  const json = new Map<number, string>();
  return {
    push(event) {
      const index = Math.min(numberAt(event, "index") ?? 0, BLOCKS_MAX);
      const delta = objectAt(event, "delta") ?? {};
      switch (textAt(event, "type") ?? "") {
        case "message_start":
          message = objectAt(event, "message") ?? {};
          break;
        case "content_block_start":
          blocks[index] = objectAt(event, "content_block") ?? {};
          break;
        case "content_block_delta": {
          const partial = textAt(delta, "partial_json");
          if (partial === undefined) blocks[index] = withDelta(blocks[index] ?? {}, delta);
          else json.set(index, (json.get(index) ?? "") + partial);
          break;
        }
        case "message_delta": {
          // Usage is split over the first and the last events.
          const usage = { ...objectAt(message, "usage"), ...objectAt(event, "usage") };
          message = { ...message, ...delta, usage };
          break;
        }
        case "message_stop":
          isComplete = true;
          break;
        case "error":
          error = event;
          break;
        default:
      }
    },
    get isComplete() {
      return isComplete;
    },
    body() {
      if (message === undefined) return error;
      const content = blocks.filter(isObject).map((block, index) => {
        const text = json.get(index) ?? "";
        return text === "" ? block : { ...block, input: parseJson(text) ?? text };
      });
      return { ...message, content, ...error };
    },
  };
}

/** `text`, `thinking`, `signature`: the block's member of that name goes on. */
function withDelta(block: JsonObject, delta: JsonObject): JsonObject {
  const grown = { ...block };
  for (const [name, value] of Object.entries(delta)) {
    if (name === "type") continue;
    if (name === "citation") grown["citations"] = [...objectsAt(block, "citations"), value];
    else if (typeof value === "string") grown[name] = (textAt(block, name) ?? "") + value;
    else grown[name] = value;
  }
  return grown;
}
