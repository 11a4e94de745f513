/** A provider on loopback that answers what it is told, and keeps what it was sent. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isObject, type JsonObject, type JsonValue } from "../../src/lib/json.ts";

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonObject;
}

export type Answering = (received: Received, response: ServerResponse, position: number) => void;

export interface RecordingServer {
  /** Without a trailing slash. */
  readonly url: string;
  /** Everything since the last `answer`. */
  readonly received: readonly Received[];
  /** From now on. */
  answer(answering: Answering): void;
  close(): Promise<void>;
}

export function answerJson(
  status: number,
  body: JsonValue,
  headers: Record<string, string> = {},
): Answering {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

export async function recordingServer(): Promise<RecordingServer> {
  let answering: Answering = answerJson(500, {});
  let received: Received[] = [];
  const server = createServer((request, response) => {
    const answer = async () => {
      const body = await bodyOf(request);
      const one = { path: request.url ?? "", headers: request.headers, body };
      received.push(one);
      answering(one, response, received.length);
    };
    answer().catch((error: unknown) => response.destroy(new Error(String(error))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get received() {
      return received;
    },
    answer(next) {
      answering = next;
      received = [];
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<JsonObject> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const body: JsonValue = text === "" ? {} : JSON.parse(text);
  return isObject(body) ? body : {};
}
