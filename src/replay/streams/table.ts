/** Which assembler puts a format's streams together. */
import type { Format } from "../provider.ts";
import type { Assembler } from "./assembler.ts";
import { chatAssembler } from "./chat.ts";
import { contentAssembler } from "./content.ts";
import { messageAssembler } from "./messages.ts";
import { responseAssembler } from "./responses.ts";

export function assemblerOf(format: Format): Assembler {
  switch (format) {
    case "openai.chat":
    case "workers-ai.run":
      return chatAssembler();
    case "openai.responses":
      return responseAssembler();
    case "anthropic.messages":
      return messageAssembler();
    case "google.generateContent":
      return contentAssembler();
  }
}
